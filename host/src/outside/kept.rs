//! Idle connections to scanners and services.
//!
//! Each scanner and each service has its own, and a reload makes them anew: a connection never serves another plug-in,
//! another address, another certificate or other secrets than those that it was opened with.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::lock;

/// How long an idle connection is used again. Servers close theirs, mostly after 5 s or more, and one that is being
/// closed would be useless.
const IDLE: Duration = Duration::from_secs(4);

/// The oldest first.
pub(super) struct Kept<C>(Arc<Mutex<Shelf<C>>>);

struct Shelf<C> {
    idle: VecDeque<(C, Instant)>,
    most: usize,
    /// A task closes old connections.
    is_swept: bool,
}

impl<C: Send + 'static> Kept<C> {
    /// `most` is the number of connections in use at the same time.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Shelf {
            idle: VecDeque::new(),
            most,
            is_swept: false,
        })))
    }

    /// The connection that was used last; older ones may time out.
    pub fn take(&self) -> Option<C> {
        let mut shelf = lock(&self.0);
        shelf.drop_old();
        shelf.idle.pop_back().map(|(connection, _)| connection)
    }

    /// Keeps a connection, if there is room.
    pub fn keep(&self, connection: C) {
        let mut shelf = lock(&self.0);
        if shelf.idle.len() >= shelf.most {
            return;
        }
        shelf.idle.push_back((connection, Instant::now()));
        if std::mem::replace(&mut shelf.is_swept, true) {
            return;
        }
        let shelf = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(IDLE).await;
                let Some(shelf) = shelf.upgrade() else { return };
                let mut shelf = lock(&shelf);
                shelf.drop_old();
                if shelf.idle.is_empty() {
                    shelf.is_swept = false;
                    return;
                }
            }
        });
    }
}

impl<C> Shelf<C> {
    fn drop_old(&mut self) {
        while self.idle.front().is_some_and(|(_, since)| since.elapsed() >= IDLE) {
            self.idle.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_last_one_is_used_again_and_what_nobody_uses_is_closed() {
        let kept = Kept::new(2);
        let open = Arc::new(());
        for _ in 0..3 {
            kept.keep(Arc::clone(&open));
        }
        assert_eq!(Arc::strong_count(&open), 3, "no more than there may be");
        drop(kept.take());
        assert_eq!(Arc::strong_count(&open), 2);
        tokio::time::sleep(2 * IDLE).await;
        assert_eq!(Arc::strong_count(&open), 1, "closed, though nobody has asked");
        assert!(kept.take().is_none());
        kept.keep(Arc::clone(&open));
        tokio::time::sleep(2 * IDLE).await;
        assert_eq!(Arc::strong_count(&open), 1, "the second time too");
        kept.keep(Arc::clone(&open));
        drop(kept);
        assert_eq!(Arc::strong_count(&open), 1, "and with whoever they belong to");
    }
}
