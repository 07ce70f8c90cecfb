//! The street: builds the rooms, carries messages through them, and drains them.
//!
//! [`carry`] is the journey of one message, in one function. The rest of this room is what is around it: what intake
//! asks before there is a message ([`doors`]), messages whose journey is made from the spool ([`finish`]), those that
//! plug-ins defer again and again ([`deferrals`]), telling plug-ins of outcomes ([`outcomes`]), and starting, reloading
//! and stopping the whole ([`start`]).

mod carry;
mod chain;
mod deferrals;
mod doors;
mod finish;
mod gathered;
mod numbers;
mod outcomes;
mod start;
mod tables;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::clock::SharedClock;
use crate::delivery::Delivery;
use crate::message::{Content, PeerName};
use crate::pipeline::{Catalogue, Destination};
use crate::protocol::mm4;
use crate::routing::Routing;
use crate::spool::{Acceptance, Spool};

use self::deferrals::Deferrals;

pub use chain::check as check_plugins;
pub use start::{Running, Setup};

/// Everything that a message needs on its way.
pub struct Relay {
    /// Our host name: in `Received`, and what loops are recognised by.
    name: String,
    hop_limit: u32,
    limits: mm4::Limits,
    /// Replaced as a whole when the configuration is reloaded.
    routing: ArcSwap<Routing>,
    /// What each peer can take, as departure plug-ins are told.
    peers: HashMap<PeerName, Destination>,
    /// How long each peer may have to wait for the answer to its end of data.
    answer_within: HashMap<PeerName, Duration>,
    deferrals: Deferrals,
    /// Told when a message has become unfinished.
    unfinished: Notify,
    catalogue: Arc<Catalogue>,
    spool: Arc<dyn Spool>,
    delivery: Arc<Delivery>,
    clock: SharedClock,
    /// Memory for messages that are not in memory: see [`ROOM_BLOCKS`].
    room: Semaphore,
    observer: Arc<dyn Observer>,
}

/// Large messages come into memory to be read and adapted. All of them together get 64 MiB, in blocks of 64 KiB; the
/// others wait, and their senders with them.
const ROOM_BLOCK: u64 = 64 << 10;
const ROOM_BLOCKS: u32 = 1024;

/// Looks on: the demo does. Must not block.
pub trait Observer: Send + Sync + 'static {
    /// Called when everything that a message causes is known, before it is committed.
    fn accepted(&self, _acceptance: &Acceptance) {}
}

/// Nobody looks on.
pub struct Nobody;

impl Observer for Nobody {}

impl Relay {
    fn mm4_limits(&self) -> mm4::Limits {
        self.limits
    }

    /// Waits until there is room for a message whose bytes are not in memory, and takes it: reading and adapting it
    /// will. Small messages have been counted by intake, and need nothing here.
    async fn room_for(&self, content: &Content) -> Option<SemaphorePermit<'_>> {
        if content.is_in_memory() {
            return None;
        }
        let blocks = u32::try_from(content.size().div_ceil(ROOM_BLOCK)).unwrap_or(u32::MAX);
        self.room.acquire_many(blocks.clamp(1, ROOM_BLOCKS)).await.ok()
    }
}
