//! Requests and their responses: who asked whom, what came back, and who must be told what (TS 23.140, 8.4.1 to 8.4.3).
//!
//! A request that passes the relay is stored as a [`Transaction`], committed with the message itself. Later messages
//! are matched with it:
//!
//! - [`meaning`] decides what an arriving message is to open requests: a new request, a copy of one, the response to
//!   one, a report that must find its originator
//! - [`bounced`] finds the request that a bounce returns
//! - [`unasked`] detects an answer from a peer that was not asked
//! - [`onward`] decides how a request goes to each of its next hops: under which transaction ID, in whose name, and
//!   whether it has been there too often
//! - [`status`] expresses a failure as a response
//! - [`telling`] writes the relay's own messages
//! - [`counts`] counts events for the metrics
//!
//! Nothing here sends or commits: the relay does, and the decisions of this room are committed with the message. So a
//! crash leaves a request that is still open, or its answer, once.
//!
//! **One response, once.** Two answers to one request could arise only from two looks at it that both found it
//! unanswered. So every answer is committed together with the state on which it was based
//! ([`Expect`](crate::spool::Expect)): the second of two is declined, and looks again. That holds across several relays
//! on one store. [`Transactions::alone`] already keeps the two apart within one relay, which saves the second journey.
//! The spool also detects two copies of a request that arrive together.

mod bounced;
mod counts;
mod meaning;
mod onward;
mod status;
mod telling;
mod terms;
mod unasked;

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, OwnedMutexGuard};

pub use counts::{Answers, Counts, Noted, Repeat, Response, Told, What};
pub use meaning::{Heard, Meaning, Question, Reply, Way, expiry};
pub use onward::{Hop, Onward, amended};
pub use status::{Ending, of_delivery, of_refusal, refused};
pub use telling::{Deed, Looked, Written, header};
pub use terms::{Profile, Terms};
pub use unasked::{Speakers, Unasked};

use crate::clock::SharedClock;
use crate::message::{Answered, Header, MessageType, MmsAddress, NextHop, PeerName, Rope, Transaction, TransactionKey};
use crate::protocol::mm4;
use crate::spool::{Inbox, Requests};

/// How many transactions can be held alone at the same time: more than the spool commits together.
const DESKS: usize = 256;

/// The header of a message; read on another thread when it has to come from a disk.
///
/// # Errors
/// It cannot be read.
pub async fn read_header(rope: Rope) -> io::Result<Header> {
    if rope.content.is_in_memory() {
        return mm4::read_header(&rope);
    }
    let reading = tokio::task::spawn_blocking(move || mm4::read_header(&rope));
    reading.await.map_err(io::Error::other).flatten()
}

/// Decides about requests. It holds the terms, and access to the stored requests.
pub struct Transactions {
    requests: Arc<dyn Requests>,
    inbox: Arc<dyn Inbox>,
    clock: SharedClock,
    /// Replaced as a whole when the configuration is reloaded.
    terms: ArcSwap<Terms>,
    desks: Vec<Arc<Mutex<()>>>,
    hasher: RandomState,
    /// True in a test that switches [`alone`](Self::alone) off.
    #[cfg(test)]
    open: std::sync::atomic::AtomicBool,
    pub counts: Counts,
}

/// While this guard is held, no other task of this relay answers the same request.
pub type Alone = OwnedMutexGuard<()>;

impl Transactions {
    pub fn new(requests: Arc<dyn Requests>, inbox: Arc<dyn Inbox>, clock: SharedClock, terms: Terms) -> Self {
        Self {
            requests,
            inbox,
            clock,
            terms: ArcSwap::from_pointee(terms),
            desks: (0..DESKS).map(|_| Arc::default()).collect(),
            hasher: RandomState::new(),
            #[cfg(test)]
            open: Default::default(),
            counts: Counts::default(),
        }
    }

    /// Replaces the terms. An open request keeps the mode with which it was opened.
    pub fn agree(&self, terms: Terms) {
        self.terms.store(Arc::new(terms));
    }

    /// Whether mail to this address is for the relay itself, which finds the way for responses, reports and bounces.
    pub fn is_for_the_system(&self, address: &MmsAddress) -> bool {
        self.terms.load().system.read(address).is_some()
    }

    /// How long the peer may take to respond.
    pub fn response_within(&self, next_hop: &NextHop) -> Duration {
        let profile = next_hop.peer().map(|peer| self.terms.load().peer(peer));
        profile.unwrap_or_default().response_within
    }

    /// The request that a response from `answering` to `asking` answers; `None` when it is not known, or the message is
    /// no response. The header is that of the outgoing response.
    pub async fn answered(&self, header: &Header, answering: &PeerName, asking: &PeerName) -> Option<Answered> {
        let kind = MessageType::of(header)?.request()?;
        let transaction_id = mm4::Pdu::of(header).transaction_id()?.bare();
        // If the request was sent onward under another transaction ID, the response has the original one again by now.
        let keys = [
            TransactionKey::Asked {
                peer: answering.clone(),
                kind,
                transaction_id: transaction_id.clone(),
            },
            TransactionKey::Received { transaction_id },
        ];
        for key in keys {
            let found = self.requests.find(&key).await.unwrap_or_default();
            let is_it = |of: &&Transaction| {
                of.kind == kind && of.source == *asking && of.legs.iter().any(|leg| leg.peer() == Some(answering))
            };
            if let Some(of) = found.iter().find(is_it) {
                return Some(of.answered());
            }
        }
        None
    }

    /// Switches [`alone`](Self::alone) off, so that only the store keeps two answers apart.
    #[cfg(test)]
    pub(crate) fn open_desks(&self) {
        self.open.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// A guard to hold from the look at a transaction to the commit of its answer. Transactions share these locks by
    /// hash, and a task waits no longer than one journey takes.
    pub async fn alone(&self, key: &TransactionKey) -> Alone {
        #[cfg(test)]
        if self.open.load(std::sync::atomic::Ordering::Relaxed) {
            return Arc::<Mutex<()>>::default().lock_owned().await;
        }
        let desk = self.hasher.hash_one(key) as usize % DESKS;
        Arc::clone(&self.desks[desk]).lock_owned().await
    }
}
