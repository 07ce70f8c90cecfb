//! Why the relay does not take a recipient or a message. One table turns these into SMTP replies: `intake/replies.rs`.

/// Who is at fault, for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The sending peer.
    Peer,
    /// A plug-in.
    Plugin,
    /// This relay, its configuration, its disk.
    Relay,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{remote} is not the address of a configured peer")]
    UnknownClient { remote: String },
    /// `what` is `messages`, `octets` or `connections`.
    #[error("more {what} in a time than its section allows")]
    TooFast { what: &'static str },
    /// The address of the client does not prove which peer it is, or not for this peer.
    #[error("who it is has not been proved: {what}")]
    NotProven { what: &'static str },
    #[error("sender {sender} is not one that this peer may use")]
    SenderNotAllowed { sender: String },
    /// The peer must prove for whom it speaks, and the originator of this message can be read in several ways.
    #[error("{field} names an originator that cannot be understood: {why}")]
    UnclearOriginator { field: &'static str, why: &'static str },
    #[error("no route to {recipient}: its domain is no peer's, and neither a route nor a plug-in took it")]
    NoRoute { recipient: String },
    #[error("{recipient} is another network's, and neither the sending peer nor that network's has hub = true")]
    ThirdParty { recipient: String },
    /// All Relay/Servers that serve the number's range are draining.
    #[error("no relay-server takes new messages for {recipient} now")]
    NobodyServes { recipient: String },
    /// ENUM was queried, and did not answer.
    #[error("the network of {recipient} is not known now: {reason}")]
    Numbering { recipient: String, reason: String },
    #[error("address {text:?} cannot be read: {reason}")]
    BadAddress { text: String, reason: String },
    #[error("more than {limit} recipients in one message")]
    TooManyRecipients { limit: u32 },
    #[error("the message is larger than {limit} octets")]
    TooLarge { limit: u64 },
    #[error("the header is larger than {limit} octets")]
    HeaderTooLarge { limit: u64 },
    #[error("a line is longer than {limit} octets")]
    LineTooLong { limit: u64 },
    #[error("a bare CR or LF in the message: lines end in CRLF (RFC 5321, 2.3.8)")]
    BareLineEnd,
    #[error("a NUL octet in the message (RFC 5321, 4.5.2; RFC 5322, 3.5)")]
    NulOctet,
    #[error("MIME parts are nested deeper than {limit}")]
    NestedTooDeep { limit: u32 },
    #[error("the message has no header")]
    NoHeader,
    #[error("header line {line} cannot be read: {reason}")]
    BadHeader { line: u32, reason: String },
    #[error("not an MM4 message: it has no X-Mms-Message-Type")]
    NotMm4,
    /// A field that may stand once, and on which a decision depends, says two things: see `mm4::contradicted`.
    #[error("it has two {header} fields, which say different things")]
    Contradiction { header: &'static str },
    #[error("X-Mms-Message-Type {name:?} is not a message type of TS 23.140, 8.4.4")]
    UnknownMessageType { name: String },
    #[error("{message_type} without {header}")]
    MissingHeader {
        message_type: &'static str,
        header: &'static str,
    },
    #[error("the MIME structure is broken: {reason}")]
    BrokenMime { reason: String },
    #[error("loop: {evidence}")]
    Loop { evidence: String },
    /// A response, report or bounce of a peer that was not asked for it: see `transactions::Unasked`.
    #[error("{kind} answers {about}, a request that was not asked of this peer")]
    NotAsked {
        kind: &'static str,
        about: super::MessageId,
    },
    /// A plug-in's verdict. `code` is 550 to 554.
    #[error("refused by {plugin}: {text}")]
    ByPlugin { plugin: String, code: u16, text: String },
    /// A plug-in failed, and its `on-failure` is `refuse`.
    #[error("plug-in {plugin} failed ({reason}), and its on-failure is refuse")]
    PluginFailed { plugin: String, reason: String },
    /// A plug-in failed, and its `on-failure` is `defer`.
    #[error("plug-in {plugin} failed ({reason}); the sender keeps the message")]
    Deferred { plugin: String, reason: String },
    #[error("the spool did not take the message: {reason}")]
    Storage { reason: String },
    /// Refused at MAIL: what is left on the spool's disk is reserved for the messages that are already there.
    #[error("the spool's disk is nearly full, or cannot be written")]
    NoSpace,
    /// A write or a flush of the spool failed. The spool must be opened anew before anybody knows whether the message
    /// was stored.
    #[error("the spool's disk failed: nothing is taken until the spool has been opened anew")]
    StoreFailed,
    /// A store that relays share cannot be written at this moment. Nothing was kept.
    #[error("the shared store cannot be written: nothing is taken until it can")]
    StoreAway,
    /// A store that relays share has not said whether it has the message. It may be there, once.
    #[error("the shared store has not said in time whether it has the message")]
    Unsettled,
    #[error("the relay is stopping")]
    Stopping,
}

impl Refusal {
    /// Whether the same message may succeed later: 4xx, and the sender keeps it.
    pub fn is_temporary(&self) -> bool {
        self.class().0
    }

    pub fn blame(&self) -> Blame {
        self.class().1
    }

    /// The one table: whether a refusal is temporary, and who is at fault. It has no wildcard, so that the compiler
    /// asks about each new refusal.
    fn class(&self) -> (bool, Blame) {
        match self {
            Self::UnknownClient { .. }
            | Self::NotProven { .. }
            | Self::SenderNotAllowed { .. }
            | Self::UnclearOriginator { .. }
            | Self::NotAsked { .. }
            | Self::NoRoute { .. }
            | Self::ThirdParty { .. }
            | Self::BadAddress { .. }
            | Self::TooLarge { .. }
            | Self::HeaderTooLarge { .. }
            | Self::LineTooLong { .. }
            | Self::BareLineEnd
            | Self::NulOctet
            | Self::NestedTooDeep { .. }
            | Self::NoHeader
            | Self::BadHeader { .. }
            | Self::NotMm4
            | Self::Contradiction { .. }
            | Self::UnknownMessageType { .. }
            | Self::MissingHeader { .. }
            | Self::BrokenMime { .. }
            | Self::Loop { .. } => (false, Blame::Peer),
            // The sender sends to the remaining recipients in another transaction (RFC 5321, 4.5.3.1.10).
            Self::TooManyRecipients { .. } | Self::TooFast { .. } => (true, Blame::Peer),
            Self::ByPlugin { .. } | Self::PluginFailed { .. } => (false, Blame::Plugin),
            Self::Deferred { .. } => (true, Blame::Plugin),
            Self::NobodyServes { .. }
            | Self::Numbering { .. }
            | Self::Storage { .. }
            | Self::NoSpace
            | Self::StoreFailed
            | Self::StoreAway
            | Self::Unsettled
            | Self::Stopping => (true, Blame::Relay),
        }
    }
}
