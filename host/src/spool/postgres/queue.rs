//! What the writer has been asked, until it is answered.

use tokio::sync::oneshot;

use super::errand::Errand;
use super::parcel::Reply;
use super::shared::Heard;
use super::wanted::{Found, Wanted};
use crate::spool::model::Work;
use crate::spool::{Leased, SpoolError};

/// Work in one batch, at the most, and octets of messages.
const MOST: usize = 128;
const MOST_OCTETS: u64 = 8 << 20;

/// What was asked, and whoever waits.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) errands: Vec<Errand>,
    pub(super) leases: Vec<(Wanted, usize, Reply<Found>)>,
    pub(super) beats: Vec<Heard>,
    pub(super) closes: Option<oneshot::Sender<()>>,
    pub(super) octets: u64,
}

impl Queue {
    pub(super) fn has_room(&self) -> bool {
        self.closes.is_none() && self.errands.len() + self.leases.len() < MOST && self.octets < MOST_OCTETS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errands.is_empty() && self.leases.is_empty() && self.beats.is_empty()
    }

    pub(super) fn works(&self) -> impl Iterator<Item = &Work> {
        self.errands.iter().map(|errand| &*errand.work)
    }

    /// Leaves out what nobody waits for any more.
    pub(super) fn keep_what_is_wanted(&mut self) {
        self.errands.retain(Errand::is_wanted);
        self.leases.retain(|(.., reply)| !reply.is_closed());
    }

    /// To be asked immediately before the commit is sent. False: some of it was called off meanwhile.
    pub(super) fn may_be_sent(&self) -> bool {
        // Each is asked: whoever was not called off cannot be from now on.
        self.errands.iter().filter(|errand| !errand.may_be_sent()).count() == 0
    }

    /// The database has said that the commit is not there.
    pub(super) fn is_out(&self) {
        self.errands.iter().for_each(Errand::is_out);
    }

    pub(super) fn fail(self, error: &SpoolError) {
        for errand in self.errands {
            let error = match (&*errand.work, error) {
                (Work::Record(outcome), SpoolError::Lapsed) => SpoolError::NotOurs(Leased::Outgoing(outcome.id)),
                (_, error) => error.clone(),
            };
            errand.answer(Err(error));
        }
        for (.., reply) in self.leases {
            let _ = reply.send(Err(error.clone()));
        }
        for reply in self.beats {
            let _ = reply.send(Err(error.clone()));
        }
    }
}
