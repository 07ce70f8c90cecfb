//! The street: carries messages through the rooms. [`assembly`](crate::assembly) builds everything here, and this room
//! knows nothing of configuration files.
//!
//! [`carry`] is the journey of one message, in one function; a [`run`] is one instance of it, and [`gathered`] makes
//! one acceptance of the results for all destinations. The rest of this room is around the journey:
//!
//! - [`intake_handler`] and [`homes`]: answers to intake before there is a message
//! - [`rights`]: who may speak as whom
//! - [`face`] and [`quirks`]: what other operators see of the inside, and habits of peers
//! - [`finish`]: messages whose journey is made from the spool
//! - [`deferrals`]: messages that plug-ins defer again and again
//! - [`open_requests`]: what a message means to open requests
//! - [`own_messages`]: responses, reports and bounces of the relay itself
//! - [`plugin_outcomes`], [`stored_outcome`] and [`stored_header`]: telling plug-ins of outcomes
//! - [`directory`]: peers and numbers
//! - [`clocks`]: the comparison of the system's clock with the relay's

pub(crate) mod callers;
mod carry;
mod clocks;
mod components;
pub(crate) mod counts;
pub(crate) mod deferrals;
pub(crate) mod directory;
mod face;
mod finish;
mod gathered;
pub(crate) mod homes;
pub(crate) mod intake_handler;
pub(crate) mod logins;
mod open_requests;
mod own_messages;
pub(crate) mod plugin_outcomes;
pub(crate) mod quirks;
pub(crate) mod rates;
mod rights;
mod run;
pub(crate) mod sender;
mod stored_header;
mod stored_outcome;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::clock::{SharedClock, SteadyClock};
use crate::delivery::Delivery;
use crate::message::{Content, Incoming, MmsAddress, Source};
use crate::outside::Gates;
use crate::protocol::mm4;
use crate::spool::{Acceptance, Facets, Refusals};
use crate::transactions::Transactions;
use crate::versions::Catalogue;

use self::callers::Callers;
use self::counts::Counts;
use self::deferrals::Deferrals;
use self::homes::Homes;
use self::logins::Guesses;
use self::rates::Sent;

pub use directory::Directory;

/// Everything that the journey of a message needs.
pub struct Relay {
    /// Our host name, for `Received` and for the detection of loops.
    pub(crate) name: String,
    pub(crate) hop_limit: u32,
    /// How many `Received` fields with our own name a message may have.
    pub(crate) pass_limit: u32,
    pub(crate) limits: mm4::Limits,
    /// Replaced as a whole when the configuration is reloaded.
    pub(crate) directory: ArcSwap<Directory>,
    pub(crate) deferrals: Deferrals,
    pub(crate) homes: Homes,
    /// How much each peer has sent lately.
    pub(crate) sent: Sent,
    pub(crate) callers: Arc<Callers>,
    /// Wrong logins of clients.
    pub(crate) guesses: Guesses,
    /// Wakes `keep_finishing`: a message may have become unfinished.
    pub(crate) unfinished: Notify,
    pub(crate) transactions: Arc<Transactions>,
    /// Wakes `keep_telling`: a commit may have made a response, a report or a bounce due.
    pub(crate) news: Arc<Notify>,
    /// Wakes the tasks that depend on the configuration, after a reload.
    pub(crate) reloaded: Notify,
    pub(crate) catalogue: Arc<Catalogue>,
    /// The gates in front of services outside that plug-ins use.
    pub(crate) gates: Arc<Gates>,
    pub(crate) store: Facets,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) clock: SharedClock,
    /// The same clock, as a type that can be compared with the system's.
    pub(crate) steady: Arc<SteadyClock>,
    pub(crate) counts: Arc<Counts>,
    /// Refused messages, as far as they are recorded.
    pub(crate) refusals: Refusals,
    /// Memory for messages that come from a disk: see [`ROOM_BLOCKS`].
    pub(crate) room: Semaphore,
    pub(crate) observer: Arc<dyn Observer>,
}

/// Large messages are read into memory to be carried. All of them together get 64 MiB, in blocks of 64 KiB; further
/// ones wait, and their senders with them.
const ROOM_BLOCK: u64 = 64 << 10;
pub(crate) const ROOM_BLOCKS: u32 = 1024;

/// How often `replace_directory` checks whether the old directory is unused.
const LOOK: Duration = Duration::from_millis(50);
const MAX_LOOKS: u32 = 12_000;

/// Watches accepted messages, for the demo. Must not block.
pub trait Observer: Send + Sync + 'static {
    /// Called when everything that a message causes is known, before the commit.
    fn accepted(&self, _acceptance: &Acceptance) {}
}

/// An observer that does nothing.
pub struct NoObserver;

impl Observer for NoObserver {}

impl Relay {
    /// Puts a new directory in place, which the next look-up sees. The old one is freed when nobody uses it any more,
    /// in a thread that serves nobody: freeing a million rows takes a while.
    pub(crate) fn replace_directory(&self, directory: Arc<Directory>) {
        let old = self.directory.swap(directory);
        tokio::spawn(async move {
            let mut looks = 0;
            // Services of old plug-ins may hold the directory longer; then it is freed together with them.
            while Arc::strong_count(&old) > 1 && looks < MAX_LOOKS {
                tokio::time::sleep(LOOK).await;
                looks += 1;
            }
            tokio::task::spawn_blocking(move || drop(old));
        });
    }

    /// Queries DNS for what routing needs to know about this recipient.
    async fn ask_for(&self, source: &Source, address: &MmsAddress) {
        let asked = self.directory.load().to_be_asked(source.peer(), address);
        if let Some((numbering, number)) = asked {
            numbering.ask(&number).await;
        }
    }

    fn mm4_limits(&self, incoming: &Incoming) -> mm4::Limits {
        let directory = self.directory.load();
        let sender = incoming
            .origin
            .source
            .peer()
            .and_then(|peer| directory.senders.get(peer));
        let is_letter = directory.is_for_postmaster(&incoming.envelope);
        let pass = |passes: bool| match passes {
            true => mm4::Foreign::Pass,
            false => mm4::Foreign::Refuse,
        };
        // Bounces are accepted, and carried like other mail when they match no request.
        mm4::Limits {
            notifications: mm4::Foreign::Pass,
            unknown_types: pass(is_letter || sender.is_some_and(|sender| sender.unknown_types_pass)),
            untyped: pass(is_letter),
            ..self.limits
        }
    }

    /// Waits for memory for a message whose bytes come from a disk, and reserves it for reading and editing. A message
    /// in memory counts against intake's budget, and needs nothing here.
    async fn room_for(&self, content: &Content) -> Option<SemaphorePermit<'_>> {
        if content.is_in_memory() {
            return None;
        }
        let blocks = u32::try_from(content.size().div_ceil(ROOM_BLOCK)).unwrap_or(u32::MAX);
        self.room.acquire_many(blocks.clamp(1, ROOM_BLOCKS)).await.ok()
    }
}
