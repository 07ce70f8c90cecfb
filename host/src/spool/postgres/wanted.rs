//! What relays ask for to work on, and what is found.

use crate::message::{Outgoing, PeerName, Timestamp, Transaction};
use crate::spool::{Leased, PendingEvent, Unfinished};

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Due {
        peer: PeerName,
        now: Timestamp,
    },
    Overdue {
        peer: PeerName,
        now: Timestamp,
        aged: Timestamp,
    },
    Unfinished {
        now: Timestamp,
    },
    Requests {
        now: Timestamp,
    },
    Events {
        now: Timestamp,
    },
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) outgoing: Vec<Outgoing>,
    pub(super) unfinished: Vec<Unfinished>,
    pub(super) requests: Vec<Transaction>,
    pub(super) events: Vec<PendingEvent>,
}

impl Found {
    pub(super) fn leased(&self) -> Vec<Leased> {
        let outgoing = self.outgoing.iter().map(|of| Leased::Outgoing(of.id));
        let unfinished = self.unfinished.iter().map(|of| Leased::Unfinished(of.incoming.id));
        let requests = self.requests.iter().map(|of| Leased::Request(of.id));
        let events = self.events.iter().map(|of| Leased::Event(of.id));
        outgoing.chain(unfinished).chain(requests).chain(events).collect()
    }
}
