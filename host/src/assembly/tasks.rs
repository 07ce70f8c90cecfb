//! The standing tasks of a relay, which run beside the messages under way.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use tokio::sync::Mutex;

use super::certificates::Certificates;
use super::charging_files::ChargingFiles;
use super::noted::Notes;
use super::tables::Current;
use crate::relay::Relay;
use crate::spool::{LEASE, Leases, Spool, SpoolError};
use crate::versions::Watched;
use crate::vitals::{Standing, Vitals};

/// Begins the tasks that need only the rooms.
pub(super) async fn begin(
    vitals: &Arc<Vitals>,
    relay: &Arc<Relay>,
    database: &Arc<dyn Spool>,
    charging_files: Option<&Arc<ChargingFiles>>,
) -> anyhow::Result<Vec<Standing>> {
    let notes = Notes::of(relay, database);
    let told = move |came_to| notes.files("plugin-load", came_to);
    let watch = relay.catalogue.watch(vitals, told).await;
    let mut standing = vec![watch.context("the folders of the plug-ins cannot be watched")?];
    let (finishing, telling) = (Arc::clone(relay), Arc::clone(relay));
    standing.push(vitals.keep("unfinished messages", move || Arc::clone(&finishing).keep_finishing()));
    standing.push(vitals.keep("transactions", move || Arc::clone(&telling).keep_telling()));
    standing.push(watch_writer(vitals, database));
    standing.push(keep_leases(vitals, Arc::clone(database) as Arc<dyn Leases>));
    if let Some(files) = charging_files.cloned() {
        standing.push(vitals.keep("charging files", move || Arc::clone(&files).keep_writing()));
    }
    let comparing = Arc::clone(relay);
    standing.push(vitals.keep("clocks", move || Arc::clone(&comparing).keep_comparing_clocks()));
    Ok(standing)
}

/// Begins the tasks that watch the configuration's files.
pub(super) fn keep_current(
    vitals: &Arc<Vitals>,
    relay: &Arc<Relay>,
    watched: Watched,
    current: &Arc<Mutex<Current>>,
    notes: Notes,
) -> [Standing; 2] {
    let looked_at = Arc::clone(current);
    let certificates = vitals.keep("dates of certificates", move || {
        keep_looking_at_certificates(Arc::clone(&looked_at))
    });
    [keep_tables(vitals, relay, watched, (current, notes)), certificates]
}

/// Renews the relay's leases again and again. When that has failed for too long, other relays may send what this one is
/// sending, so the process ends.
pub(crate) fn keep_leases(vitals: &Arc<Vitals>, database: Arc<dyn Leases>) -> Standing {
    let watched = Arc::clone(vitals);
    vitals.keep("leases", move || {
        let (vitals, database) = (Arc::clone(&watched), Arc::clone(&database));
        async move {
            loop {
                tokio::time::sleep(LEASE / 12).await;
                match database.renew().await {
                    Ok(()) => {}
                    Err(error @ SpoolError::Lapsed) => {
                        vitals.fail(error.to_string());
                        return std::future::pending().await;
                    }
                    Err(error) => {
                        tracing::warn!(
                            event = "lease-not-renewed",
                            "the spool was not told that this relay lives: {error}"
                        );
                    }
                }
            }
        }
    })
}

/// Ends the process when the thread that writes the spool is gone: nothing works without it, and it cannot be
/// restarted.
fn watch_writer(vitals: &Arc<Vitals>, database: &Arc<dyn Spool>) -> Standing {
    const LOOK: Duration = Duration::from_secs(1);
    let (watched, database) = (Arc::clone(vitals), Arc::clone(database));
    vitals.keep("watch of the spool", move || {
        let (vitals, database) = (Arc::clone(&watched), Arc::clone(&database));
        async move {
            while !database.is_closed() {
                tokio::time::sleep(LOOK).await;
            }
            vitals.fail("the thread that writes the spool has ended".into());
            std::future::pending().await
        }
    })
}

fn keep_tables(
    vitals: &Arc<Vitals>,
    relay: &Arc<Relay>,
    watched: Watched,
    (current, notes): (&Arc<Mutex<Current>>, Notes),
) -> Standing {
    let (relay, current) = (Arc::clone(relay), Arc::clone(current));
    let first = std::sync::Mutex::new(Some(watched));
    vitals.keep("tables", move || {
        let watched = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (relay, current, notes) = (Arc::clone(&relay), Arc::clone(&current), notes.clone());
        async move {
            match watched.map_or_else(Watched::new, Ok) {
                Ok(watched) => relay.keep_tables(watched, current, notes).await,
                Err(error) => tracing::error!(
                    event = "tables-not-watched",
                    "the folders of the tables cannot be watched: {error}"
                ),
            }
        }
    })
}

/// Logs twice a day which certificates are about to expire, or have expired, because no other event would show it.
async fn keep_looking_at_certificates(current: Arc<Mutex<Current>>) {
    const EVERY: Duration = Duration::from_secs(12 * 60 * 60);
    loop {
        tokio::time::sleep(EVERY).await;
        let current = current.lock().await;
        let (config, mut found) = (current.config.clone(), current.found.blank());
        drop(current);
        let looking = tokio::task::spawn_blocking(move || {
            Certificates::load(&config, &mut found, SystemTime::now());
            found.log();
        });
        if let Err(error) = looking.await {
            tracing::error!(
                event = "certificates-not-read",
                "certificates cannot be looked at: {error}"
            );
        }
    }
}
