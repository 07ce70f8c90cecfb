//! Requests and their answers: who asked whom, what came back, and who is to be told what (TS 23.140, 8.4.1 to 8.4.3).
//!
//! A request that passes the relay is remembered as a [`Transaction`], committed with the
//! message itself. Whatever is heard of it later finds it again:
//!
//! - [`meaning`] says what an arriving message is to those that are open: a new request, a copy of one, the response to
//!   one, a report that has to find its originator
//! - [`bounced`] finds the request that a bounce returns
//! - [`unasked`] finds out that an answer comes from somebody who was not asked
//! - [`onward`] says how a request goes to each of its next hops: under which transaction ID, in whose name, and whether
//!   it has been there too often
//! - [`status`] puts what went wrong into the words of a response
//! - [`telling`] writes what the relay has to say itself
//! - [`counts`] counts what has happened, for the metrics
//!
//! Nothing here sends or commits: the relay does, and what this room decided is committed with it. So a crash leaves
//! either a question that is still open, or its answer, once.
//!
//! **One response, once.** Two answers to one request could only come of two looks at it that both found it unanswered. So
//! whatever answers a request is committed with what it was decided by ([`Expect`](crate::spool::Expect)): of two, the
//! second is declined, and looks again. That holds over several relays on one store. [`Transactions::alone`] keeps the two
//! apart in one relay already, which saves the second journey. That two copies of a request arrive together is found out by
//! the spool too.

mod bounced;
mod counts;
mod meaning;
mod onward;
mod status;
mod telling;
mod terms;
mod unasked;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, OwnedMutexGuard};

pub use counts::{Answers, Counts, Noted, Repeat, Response, Told, What};
pub use meaning::{Heard, Meaning, Question, Reply, Way, expiry};
pub use onward::{Hop, Onward, dressed};
pub use status::{Ending, of_delivery, of_refusal, refused};
pub use telling::{Deed, Looked, Written, header};
pub use terms::{Profile, Terms};
pub use unasked::{Speakers, Unasked};

use crate::clock::SharedClock;
use crate::message::{Answered, Header, MessageType, MmsAddress, NextHop, PeerName, Transaction, TransactionKey};
use crate::protocol::mm4;
use crate::spool::{Inbox, Requests};

/// How many transactions can be held alone at the same time: more than the spool commits together.
const DESKS: usize = 256;

/// The rules, and what they need to look things up.
pub struct Transactions {
    requests: Arc<dyn Requests>,
    inbox: Arc<dyn Inbox>,
    clock: SharedClock,
    /// Replaced as a whole when the configuration is reloaded.
    terms: ArcSwap<Terms>,
    desks: Vec<Arc<Mutex<()>>>,
    hasher: RandomState,
    /// Counters that nobody has to wait for.
    #[cfg(test)]
    open: std::sync::atomic::AtomicBool,
    pub counts: Counts,
}

/// While this is held, no other task of this relay answers the same request.
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

    /// Puts other terms in the place of the present ones. A request that is open keeps the mode that it was opened with.
    pub fn agree(&self, terms: Terms) {
        self.terms.store(Arc::new(terms));
    }

    /// Whether mail to this address is for the relay itself: responses, reports and bounces that it finds the way for.
    pub fn is_for_the_system(&self, address: &MmsAddress) -> bool {
        self.terms.load().system.read(address).is_some()
    }

    /// How long the peer may take to respond.
    pub fn response_within(&self, next_hop: &NextHop) -> Duration {
        let profile = next_hop.peer().map(|peer| self.terms.load().peer(peer));
        profile.unwrap_or_default().response_within
    }

    /// The request that a response answers which goes from `answering` to `asking`; `None` when it is not known, or when the
    /// message is no response. The header is that of the response as it goes out.
    pub async fn answered(&self, header: &Header, answering: &PeerName, asking: &PeerName) -> Option<Answered> {
        let kind = MessageType::of(header)?.request()?;
        let transaction_id = mm4::Pdu::of(header).transaction_id()?.bare();
        // Where the request was asked onward under another transaction ID, the response has the original one again by now.
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

    /// From now on [`alone`](Self::alone) keeps nobody apart: the store has to.
    #[cfg(test)]
    pub(crate) fn open_desks(&self) {
        self.open.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// To be held from the look at a transaction to the commit of what answers it. Others share the desk by chance, and
    /// wait for no longer than one journey takes.
    pub async fn alone(&self, key: &TransactionKey) -> Alone {
        #[cfg(test)]
        if self.open.load(std::sync::atomic::Ordering::Relaxed) {
            return Arc::<Mutex<()>>::default().lock_owned().await;
        }
        let desk = self.hasher.hash_one(key) as usize % DESKS;
        Arc::clone(&self.desks[desk]).lock_owned().await
    }
}
