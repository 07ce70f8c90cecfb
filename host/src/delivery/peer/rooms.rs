//! How many recipients each host takes in one transaction, as learnt from its replies.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::lock;

/// How long that is remembered: the host may take more later.
const KNOWN_FOR: Duration = Duration::from_secs(3600);

/// By host: the number of recipients, and when it was learnt.
#[derive(Default)]
pub(super) struct Rooms(Mutex<HashMap<String, (usize, Instant)>>);

impl Rooms {
    pub fn of(&self, host: &str) -> Option<usize> {
        let rooms = lock(&self.0);
        let (room, since) = rooms.get(host)?;
        (since.elapsed() < KNOWN_FOR).then_some(*room)
    }

    /// Records the number. Returns true when it is new.
    pub fn learn(&self, host: &str, room: usize) -> bool {
        let before = lock(&self.0).insert(host.to_owned(), (room, Instant::now()));
        before.is_none_or(|(before, _)| before != room)
    }

    pub fn forget_all(&self) {
        lock(&self.0).clear();
    }
}
