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
/// Names move to other addresses, and certificates expire. A connection is trusted for this long after it was opened.
const LIFE: Duration = Duration::from_secs(60);

/// The least recently used first.
pub(super) struct Kept<C>(Arc<Mutex<Shelf<C>>>);

/// A connection, and when it was opened.
pub(super) struct Opened<C> {
    pub connection: C,
    since: Instant,
}

impl<C> Opened<C> {
    pub fn now(connection: C) -> Self {
        let since = Instant::now();
        Self { connection, since }
    }
}

struct Shelf<C> {
    /// With the time of the last use.
    idle: VecDeque<(Opened<C>, Instant)>,
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
    pub fn take(&self) -> Option<Opened<C>> {
        let mut shelf = lock(&self.0);
        shelf.drop_old();
        shelf.idle.pop_back().map(|(open, _)| open)
    }

    /// Keeps a connection, if there is room and it is not too old.
    pub fn keep(&self, open: Opened<C>) {
        let mut shelf = lock(&self.0);
        if shelf.idle.len() >= shelf.most || open.since.elapsed() >= LIFE {
            return;
        }
        shelf.idle.push_back((open, Instant::now()));
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
        let one = || Opened::now(Arc::clone(&open));
        for _ in 0..3 {
            kept.keep(one());
        }
        assert_eq!(Arc::strong_count(&open), 3, "no more than there may be");
        drop(kept.take());
        assert_eq!(Arc::strong_count(&open), 2);
        tokio::time::sleep(2 * IDLE).await;
        assert_eq!(Arc::strong_count(&open), 1, "closed, though nobody has asked");
        assert!(kept.take().is_none());
        kept.keep(one());
        tokio::time::sleep(2 * IDLE).await;
        assert_eq!(Arc::strong_count(&open), 1, "the second time too");
        kept.keep(one());
        drop(kept);
        assert_eq!(Arc::strong_count(&open), 1, "and with whoever they belong to");
    }
    #[tokio::test(start_paused = true)]
    async fn however_often_it_is_used_one_is_not_kept_for_ever() {
        let kept = Kept::new(1);
        let began = Instant::now();
        kept.keep(Opened::now(()));
        while let Some(open) = kept.take() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            kept.keep(open);
        }
        assert_eq!(began.elapsed(), LIFE);
    }
}
