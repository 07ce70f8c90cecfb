//! A spool that loses mail, for a test of a test: the crash test must detect a relay that acknowledges too early.
//!
//! Only a spool can make a receipt, so this one consists of two. The receipt comes from a spool that is thrown away;
//! the relay's own spool gets the message later.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mm4relay::message::{Content, MessageId, Timestamp};
use mm4relay::spool::{
    self, Acceptance, BoxFuture, Finish, Inbox, Leased, Leases, Options, Receipt, Room, Space, Spool, SpoolError,
    Unfinished,
};

/// Gives out receipts for messages that are not in the relay's spool yet.
pub struct Careless {
    honest: Arc<dyn Inbox>,
    thrown_away: Arc<dyn Spool>,
}

/// How much later the relay's spool gets a message.
const BEHIND: Duration = Duration::from_millis(20);

impl Careless {
    /// Wraps `honest`. The folder `beside` is emptied: it holds the spool that is thrown away.
    ///
    /// # Errors
    /// The folder cannot be emptied, or cannot hold a spool.
    pub fn new(honest: Arc<dyn Inbox>, beside: &Path, options: Options) -> anyhow::Result<Self> {
        if beside.exists() {
            std::fs::remove_dir_all(beside)?;
        }
        let thrown_away = spool::open(beside, options)?;
        Ok(Self { honest, thrown_away })
    }
}

impl Space for Careless {
    fn room(&self) -> Room {
        self.honest.room()
    }
}

impl Leases for Careless {
    fn give_back(&self, leased: Leased) {
        self.honest.give_back(leased);
    }

    fn renew(&self) -> BoxFuture<'_, Result<(), SpoolError>> {
        self.honest.renew()
    }
}

impl Inbox for Careless {
    fn next_id(&self) -> MessageId {
        self.honest.next_id()
    }

    fn commit(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Receipt, SpoolError>> {
        let (honest, too_late) = (Arc::clone(&self.honest), acceptance.clone());
        tokio::spawn(async move {
            tokio::time::sleep(BEHIND).await;
            honest.commit(too_late).await
        });
        self.thrown_away.commit(acceptance)
    }

    fn unfinished(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Unfinished>, SpoolError>> {
        self.honest.unfinished(now, limit)
    }

    fn finish(&self, id: MessageId, finish: Finish) -> BoxFuture<'_, Result<(), SpoolError>> {
        self.honest.finish(id, finish)
    }

    fn received(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, SpoolError>> {
        self.honest.received(id)
    }
}
