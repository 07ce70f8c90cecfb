//! A spool that lies, for a test of the tests: the crash harness must catch a relay that acknowledges too early.
//!
//! Reached only by a hidden flag of `mm4relay run`, which says so loudly.

use std::sync::Arc;
use std::time::Duration;

use super::{Acceptance, BoxFuture, Finish, Inbox, Receipt, Room, Space, SpoolError, Unfinished};
use crate::message::{Content, MessageId, Timestamp};

/// Gives out receipts for what is not on disk yet.
pub struct Careless(pub Arc<dyn Inbox>);

/// How far the disk stays behind the word given.
const BEHIND: Duration = Duration::from_millis(20);

impl Space for Careless {
    fn room(&self) -> Room {
        self.0.room()
    }
}

impl Inbox for Careless {
    fn next_id(&self) -> MessageId {
        self.0.next_id()
    }

    fn commit(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Receipt, SpoolError>> {
        let id = acceptance.id;
        let honest = Arc::clone(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(BEHIND).await;
            honest.commit(acceptance).await
        });
        Box::pin(async move { Ok(Receipt { id }) })
    }

    fn unfinished<'a>(
        &'a self,
        now: Timestamp,
        limit: usize,
        except: &'a [MessageId],
    ) -> BoxFuture<'a, Result<Vec<Unfinished>, SpoolError>> {
        self.0.unfinished(now, limit, except)
    }

    fn finish(&self, id: MessageId, finish: Finish) -> BoxFuture<'_, Result<(), SpoolError>> {
        self.0.finish(id, finish)
    }

    fn received(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, SpoolError>> {
        self.0.received(id)
    }
}
