//! A leg, the part of a transaction that concerns one next hop: where it leads, its state, and the answer.

use crate::message::{NextHop, OpaqueId, Ordinal, PeerName, Recipient, RecipientId, Timestamp};

/// One next hop of a request, or recipients whose fate was decided without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    pub at: Place,
    /// The transaction ID that the next hop was asked with; `None`: the received one.
    pub transaction_id: Option<OpaqueId>,
    pub recipients: Vec<Recipient>,
    pub state: LegState,
    /// How often the relay has asked this next hop again.
    pub repeats: u32,
    /// Recipients whose failure the asking peer was told of, or cannot be told of.
    pub told: Vec<RecipientId>,
}

/// Where a leg leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// This peer is asked, or would have been, in the outgoing message with this ordinal.
    Destination { ordinal: Ordinal, peer: PeerName },
    /// These recipients have no route. The outgoing message with this ordinal stands for what would have been sent, and
    /// was given up at once.
    Unroutable { ordinal: Ordinal },
    /// No next hop was asked for these recipients, or it no longer counts for them.
    Aside(NextHop),
}

/// The state of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegState {
    /// The outgoing message is in the spool.
    Waiting,
    /// The next hop said 250.
    Delivered { at: Timestamp },
    /// The next hop sent its response; or the relay answers in its place, because the message is held or was discarded.
    Answered { answer: Answer },
    /// The message will not be delivered.
    Failed { answer: Answer, cause: Cause },
    /// No response came in time.
    TimedOut { at: Timestamp },
}

/// The status that a response carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `X-Mms-Request-Status-Code`, as received or as the relay writes it.
    pub status: String,
    /// `X-Mms-Status-Text`.
    pub text: Option<String>,
    pub at: Timestamp,
    /// The host of the next hop that gave the answer, `name:port`. `None` when nobody outside gave it, or an earlier
    /// version stored it.
    pub host: Option<String>,
}

/// Why recipients did not get a request. It decides what a delivery report says of them, and whether a bounce is
/// appropriate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The next hop refused it for good, in its session or by a bounce.
    Refused,
    /// The next hop could not be reached, or did not take it, for too long.
    Unreachable,
    /// Its `X-Mms-Expiry` passed first.
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
    /// The peer that this leg asks.
    pub fn asked(&self) -> Option<&PeerName> {
        match &self.at {
            Place::Destination { peer, .. } => Some(peer),
            Place::Unroutable { .. } | Place::Aside(_) => None,
        }
    }

    /// The ordinal of the outgoing message.
    pub fn ordinal(&self) -> Option<Ordinal> {
        match self.at {
            Place::Destination { ordinal, .. } | Place::Unroutable { ordinal } => Some(ordinal),
            Place::Aside(_) => None,
        }
    }

    /// Where the recipients of this leg go, or would have gone.
    pub fn next_hop(&self) -> NextHop {
        match &self.at {
            Place::Destination { peer, .. } => NextHop::Peer(peer.clone()),
            Place::Unroutable { .. } => NextHop::Nowhere,
            Place::Aside(next_hop) => next_hop.clone(),
        }
    }

    /// The peer of the [next hop](Self::next_hop), if it is one.
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
    /// Whether a bounce is appropriate: it reports mail that was not delivered, and not what a far end says of a
    /// message that it took.
    pub fn is_of_transport(self) -> bool {
        matches!(self, Self::Refused | Self::Unreachable | Self::Expired | Self::NoRoute)
    }
}

impl Answer {
    /// The status for an accepted request (TS 23.140, 8.4.1).
    pub const OK: &'static str = "Ok";
    /// One peer was seen to send this number of TS 32.298 instead.
    pub const OK_AS_A_NUMBER: &'static str = "0";

    pub fn ok(at: Timestamp) -> Self {
        Self {
            status: Self::OK.into(),
            text: None,
            at,
            host: None,
        }
    }

    /// Whether the request was accepted. `RequestStatus::read` reads the status: peers differ in case, and some add
    /// blanks, quotes and hyphens.
    pub fn is_ok(&self) -> bool {
        let noise = |c: &char| c.is_ascii_whitespace() || matches!(c, '"' | '-' | '_');
        let plain: String = self.status.chars().filter(|c| !noise(c)).collect();
        [Self::OK, Self::OK_AS_A_NUMBER]
            .iter()
            .any(|ok| plain.eq_ignore_ascii_case(ok))
    }
}
