//! What became of a commit that the database has not answered, or has warned of: asked until it is known.

use std::time::Duration;

use tokio::time::timeout;

use super::connect::Link;
use super::life::{self, Life};
use super::writer::{PAUSE, Writer};
use crate::spool::SpoolError;

impl Writer {
    /// Whether the batch that was committed last is in the store. Goes on until the store has said so.
    pub(super) async fn settle(&mut self) -> Result<bool, SpoolError> {
        let Some(life) = self.life else {
            return Ok(false);
        };
        let patience = self.shared.patience.store;
        let mut attempt = 0;
        loop {
            attempt += 1;
            match timeout(patience, self.settle_once(&life, attempt)).await {
                Ok(Ok((link, settled))) => {
                    self.link = Some(link);
                    let is_in = settled.last_batch > life.last_batch;
                    self.life = Some(settled);
                    tracing::info!(
                        event = "commit-known",
                        is_in,
                        "the store has said what became of the commit"
                    );
                    return Ok(is_in);
                }
                Ok(Err(error @ (SpoolError::Lapsed | SpoolError::WentBack { .. }))) => return Err(error),
                Ok(Err(error)) => self.shared.health.fails(&error),
                Err(_) => self.shared.health.fails(&silent(patience)),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn settle_once(&self, life: &Life, attempt: i64) -> Result<(Link, Life), SpoolError> {
        let link = self.shared.access.connect("writes").await?;
        let Some(settled) = life::settle(&link, life, attempt, &self.shared.time).await? else {
            let silent = self.shared.health.silence();
            return Err(life::why_not(&link, life, silent).await?);
        };
        match link.is_in_doubt() {
            // That commit may be as unknown as the other.
            true => Err(SpoolError::Away("the database cancels waits for its standby".into())),
            false => Ok((link, settled)),
        }
    }
}

fn silent(patience: Duration) -> SpoolError {
    SpoolError::Away(format!("the database has not answered for {} s", patience.as_secs()))
}
