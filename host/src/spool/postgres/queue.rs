//! What the writer has been asked, until it is answered.

use tokio::sync::oneshot;

use super::shared::Reply;
use super::wanted::{Found, Wanted};
use crate::spool::model::{Made, Work};
use crate::spool::{Leased, SpoolError};

/// Work in one batch, at the most, and octets of messages.
const MOST: usize = 128;
const MOST_OCTETS: u64 = 8 << 20;

/// What was asked, and whoever waits.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) works: Vec<(Box<Work>, Reply<Made>)>,
    pub(super) leases: Vec<(Wanted, usize, Reply<Found>)>,
    pub(super) beats: Vec<Reply<()>>,
    pub(super) closes: Option<oneshot::Sender<()>>,
    pub(super) octets: u64,
}

impl Queue {
    pub(super) fn has_room(&self) -> bool {
        self.closes.is_none() && self.works.len() + self.leases.len() < MOST && self.octets < MOST_OCTETS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.works.is_empty() && self.leases.is_empty() && self.beats.is_empty()
    }

    pub(super) fn fail(self, error: &SpoolError) {
        for (work, reply) in self.works {
            let error = match (&*work, error) {
                (Work::Record(outcome), SpoolError::Lapsed) => SpoolError::NotOurs(Leased::Outgoing(outcome.id)),
                (_, error) => error.clone(),
            };
            let _ = reply.send(Err(error));
        }
        for (.., reply) in self.leases {
            let _ = reply.send(Err(error.clone()));
        }
        for reply in self.beats {
            let _ = reply.send(Err(error.clone()));
        }
    }
}
