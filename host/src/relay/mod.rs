//! The street: carries messages through the rooms. What is here was built by [`assembly`](crate::assembly), and knows
//! nothing of configuration files.
//!
//! [`carry`] is the journey of one message, in one function, and a [`run`] is one of them; [`gathered`] makes one acceptance of what its destinations
//! came to. The rest of this room is what is around the journey: what intake
//! asks before there is a message ([`intake_handler`], [`homes`]), who may speak as whom ([`rights`]), what of the inside
//! is seen outside ([`face`], [`quirks`]), messages whose journey is made from the spool ([`finish`]), those that
//! plug-ins defer again and again ([`deferrals`]), what a message means to open requests ([`open_requests`]), what the
//! relay says itself ([`own_messages`]), telling plug-ins of outcomes ([`plugin_outcomes`], [`stored_outcome`]), what is
//! known of peers and numbers ([`directory`]), and how the system's clock agrees with the relay's ([`clocks`]).

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

/// Everything that a message needs on its way.
pub struct Relay {
    /// Our host name: in `Received`, and what loops are recognised by.
    pub(crate) name: String,
    pub(crate) hop_limit: u32,
    /// How often a message may have passed here before.
    pub(crate) pass_limit: u32,
    pub(crate) limits: mm4::Limits,
    /// Replaced as a whole when the configuration is reloaded.
    pub(crate) directory: ArcSwap<Directory>,
    pub(crate) deferrals: Deferrals,
    pub(crate) homes: Homes,
    /// What peers have sent lately.
    pub(crate) sent: Sent,
    pub(crate) callers: Arc<Callers>,
    /// Wrong logins.
    pub(crate) guesses: Guesses,
    /// Wakes `keep_finishing`: a message may have become unfinished.
    pub(crate) unfinished: Notify,
    pub(crate) transactions: Arc<Transactions>,
    /// Wakes `keep_telling`: a commit may have made a response, a report or a bounce due.
    pub(crate) news: Arc<Notify>,
    /// Told when the configuration has been reloaded.
    pub(crate) reloaded: Notify,
    pub(crate) catalogue: Arc<Catalogue>,
    /// In front of those outside whom plug-ins ask.
    pub(crate) gates: Arc<Gates>,
    pub(crate) store: Facets,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) clock: SharedClock,
    /// The same, as one that can be compared with the system's.
    pub(crate) steady: Arc<SteadyClock>,
    pub(crate) counts: Arc<Counts>,
    /// What is known of refused messages.
    pub(crate) refusals: Refusals,
    /// Memory for messages that are not in memory: see [`ROOM_BLOCKS`].
    pub(crate) room: Semaphore,
    pub(crate) observer: Arc<dyn Observer>,
}

/// Large messages come into memory to be read and adapted. All of them together get 64 MiB, in blocks of 64 KiB; the
/// others wait, and their senders with them.
const ROOM_BLOCK: u64 = 64 << 10;
pub(crate) const ROOM_BLOCKS: u32 = 1024;

/// How often it is asked whether somebody still uses an old directory.
const LOOK: Duration = Duration::from_millis(50);
const MAX_LOOKS: u32 = 12_000;

/// Looks on: the demo does. Must not block.
pub trait Observer: Send + Sync + 'static {
    /// Called when everything that a message causes is known, before it is committed.
    fn accepted(&self, _acceptance: &Acceptance) {}
}

/// Nobody looks on.
pub struct Nobody;

impl Observer for Nobody {}

impl Relay {
    /// The next look-up sees this one. The old one goes when nobody looks into it any more, on a thread that serves nobody:
    /// freeing a million rows takes a while.
    pub(crate) fn replace_directory(&self, directory: Arc<Directory>) {
        let old = self.directory.swap(directory);
        tokio::spawn(async move {
            let mut looks = 0;
            // The services of old plug-ins may keep it; then it goes with them.
            while Arc::strong_count(&old) > 1 && looks < MAX_LOOKS {
                tokio::time::sleep(LOOK).await;
                looks += 1;
            }
            tokio::task::spawn_blocking(move || drop(old));
        });
    }

    /// Asks DNS for what has to be known before this recipient can be routed.
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
        // Bounces are recognised, and carried where they are nobody's.
        mm4::Limits {
            notifications: mm4::Foreign::Pass,
            unknown_types: pass(is_letter || sender.is_some_and(|sender| sender.unknown_types_pass)),
            untyped: pass(is_letter),
            ..self.limits
        }
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
