//! The audit grows no older than somebody wants it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::tables::Current;
use crate::relay::Relay;
use crate::spool::Spool;
use crate::vitals::{Standing, Vitals};

/// Between two looks, at the most: an entry may live for so much longer.
const LOOK: Duration = Duration::from_secs(3600);

pub(super) fn keep(
    vitals: &Arc<Vitals>,
    (relay, database): (&Arc<Relay>, &Arc<dyn Spool>),
    current: &Arc<Mutex<Current>>,
) -> Standing {
    let (relay, database, current) = (Arc::clone(relay), Arc::clone(database), Arc::clone(current));
    vitals.keep("age of the audit", move || {
        keep_removing(Arc::clone(&relay), Arc::clone(&database), Arc::clone(&current))
    })
}

async fn keep_removing(relay: Arc<Relay>, database: Arc<dyn Spool>, current: Arc<Mutex<Current>>) {
    loop {
        let keep = current.lock().await.config.audit.keep;
        if let Some(keep) = keep {
            let (before, store) = (relay.clock.now().minus(keep), Arc::clone(&database));
            let removed = tokio::task::spawn_blocking(move || store.forget_noted(before)).await;
            match removed {
                Ok(Ok(0)) => {}
                Ok(Ok(removed)) => {
                    tracing::info!(
                        removed,
                        event = "audit-purged",
                        "entries of the audit are removed for their age"
                    );
                }
                Ok(Err(error)) => {
                    tracing::warn!(event = "audit-not-purged", "the audit cannot be made smaller: {error}");
                }
                Err(error) => tracing::error!(event = "audit-not-purged", "a bug: {error}"),
            }
        }
        tokio::time::sleep(keep.unwrap_or(LOOK).min(LOOK)).await;
    }
}
