//! The part of a transaction that concerns one next hop: where it leads, how far it has come, and what was answered.

use crate::message::{NextHop, OpaqueId, Ordinal, PeerName, Recipient, RecipientId, Timestamp};

/// One next hop of a request, or recipients whose fate was decided without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    pub at: Place,
    /// The transaction ID that it was asked with; `None`: the received one.
    pub transaction_id: Option<OpaqueId>,
    pub recipients: Vec<Recipient>,
    pub state: LegState,
    /// How often it was asked again.
    pub repeats: u32,
    /// Recipients whose failure the asking peer knows of, or cannot be told.
    pub told: Vec<RecipientId>,
}

/// Where a leg leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// This peer is asked, or would have been, in the outgoing message with this ordinal.
    Destination { ordinal: Ordinal, peer: PeerName },
    /// Nothing leads to these recipients. What would have been sent is in the outgoing message with this ordinal, which was
    /// given up at once.
    Unroutable { ordinal: Ordinal },
    /// Nobody is asked, or no longer for these recipients.
    Aside(NextHop),
}

/// How far a leg has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegState {
    /// In the spool.
    Waiting,
    /// The next hop said 250.
    Delivered { at: Timestamp },
    /// The next hop sent its response; or the relay answers in its place, because it holds or discards the message.
    Answered { answer: Answer },
    /// It will not be delivered.
    Failed { answer: Answer, cause: Cause },
    /// No response came in time.
    TimedOut { at: Timestamp },
}

/// A status, as a response carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `X-Mms-Request-Status-Code`, as received or as the relay writes it.
    pub status: String,
    /// `X-Mms-Status-Text`.
    pub text: Option<String>,
    pub at: Timestamp,
    /// The host of the next hop that said so, `name:port`; `None` where nobody outside said it, or an earlier version did
    /// not keep it.
    pub host: Option<String>,
}

/// Why recipients did not get a request: what a delivery report says of them, and whether a bounce is in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The next hop refused it for good, in its session or by a bounce.
    Refused,
    /// The next hop could not be reached, or did not take it, for too long.
    Unreachable,
    /// Its `X-Mms-Expiry` came first.
    Expired,
    /// There is no next hop.
    NoRoute,
    /// A plug-in, or a check of the relay, refused it.
    Rejected,
    /// The next hop took it, and answered with an error.
    AnsweredNo,
    /// The next hop took it, and never answered.
    NoAnswer,
}

impl Leg {
    /// The peer that is asked in it.
    pub fn asked(&self) -> Option<&PeerName> {
        match &self.at {
            Place::Destination { peer, .. } => Some(peer),
            Place::Unroutable { .. } | Place::Aside(_) => None,
        }
    }

    /// That of the outgoing message.
    pub fn ordinal(&self) -> Option<Ordinal> {
        match self.at {
            Place::Destination { ordinal, .. } | Place::Unroutable { ordinal } => Some(ordinal),
            Place::Aside(_) => None,
        }
    }

    /// Where its recipients go, or would have gone.
    pub fn next_hop(&self) -> NextHop {
        match &self.at {
            Place::Destination { peer, .. } => NextHop::Peer(peer.clone()),
            Place::Unroutable { .. } => NextHop::Nowhere,
            Place::Aside(next_hop) => next_hop.clone(),
        }
    }

    /// The peer among its [next hop](Self::next_hop).
    pub fn peer(&self) -> Option<&PeerName> {
        match &self.at {
            Place::Destination { peer, .. } => Some(peer),
            Place::Unroutable { .. } => None,
            Place::Aside(next_hop) => next_hop.peer(),
        }
    }

    /// Recipients whose fate is decided without asking a next hop: held, discarded, refused.
    pub fn aside(next_hop: NextHop, recipients: Vec<Recipient>, state: LegState) -> Self {
        Self::new(Place::Aside(next_hop), recipients, state)
    }

    pub fn new(at: Place, recipients: Vec<Recipient>, state: LegState) -> Self {
        Self {
            at,
            transaction_id: None,
            recipients,
            state,
            repeats: 0,
            told: Vec::new(),
        }
    }
}

impl Cause {
    /// Whether a bounce is in place: it tells of mail that was not delivered, not of what a far end says of a message.
    pub fn is_of_transport(self) -> bool {
        matches!(self, Self::Refused | Self::Unreachable | Self::Expired | Self::NoRoute)
    }
}

impl Answer {
    /// The status of a request that was accepted (TS 23.140, 8.4.1).
    pub const OK: &'static str = "Ok";
    /// One peer was seen to write the number of TS 32.298 instead.
    pub const OK_AS_A_NUMBER: &'static str = "0";

    pub fn ok(at: Timestamp) -> Self {
        Self {
            status: Self::OK.into(),
            text: None,
            at,
            host: None,
        }
    }

    /// Whether the request was accepted, as `RequestStatus::read` reads it: peers differ in case, and some put blanks,
    /// quotes and hyphens in.
    pub fn is_ok(&self) -> bool {
        let noise = |c: &char| c.is_ascii_whitespace() || matches!(c, '"' | '-' | '_');
        let plain: String = self.status.chars().filter(|c| !noise(c)).collect();
        [Self::OK, Self::OK_AS_A_NUMBER]
            .iter()
            .any(|ok| plain.eq_ignore_ascii_case(ok))
    }
}
