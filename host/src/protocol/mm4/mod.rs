//! MM4 (TS 23.140, 6.6 and 8.4) at the byte: an index over received bytes, edits of it, and bytes again.
//!
//! - [`read()`] indexes a received message: fields, leaves of the MIME structure, and what stands between them
//! - [`apply()`] makes a new index in which the edits of a plug-in are done; what they do not name keeps its bytes
//! - [`serialise()`] turns an index into a rope, in which received octets are ranges and not copies
//! - [`decode_part`] undoes a part's transfer encoding, for those who look inside
//! - [`Pdu`] reads what the header says, field by field; [`MessageType::of`](crate::message::MessageType::of) its type
//! - [`originators()`] says whom a message claims to be from, in every field that somebody may read so
//! - [`Cause`] says in MM4's words why a request failed
//! - [`response`], [`delivery_report`] and [`bounce()`] write what the relay says in its own name; [`amend()`] what it changes
//! - [`delivery_status`] reads the bounces of others (RFC 3464)
//! - [`repeat_key`] and [`body_digest`] tell a request that comes again
//! - [`seven_bit()`] makes a message fit for a next hop without 8BITMIME (RFC 6152)
//! - [`received_line`] and [`loop_evidence`] write and read the trace (RFC 5321, 4.4 and 6.3)
//!
//! **Tolerance.** What a real peer leaves out (Date, MIME-Version, Content-Type, Subject, the empty line before an
//! empty body) is not missed. Refused is only what nobody could relay safely or answer: see [`read()`].
//!
//! **Cost.** Everything is linear in the size of the message and free of recursion. Bodies are searched for
//! delimiters, never decoded.

mod addresses;
mod amend;
mod apply;
mod body;
mod bounce;
mod compose;
mod contents;
mod dates;
mod entity;
mod fold;
pub mod headers;
mod index;
mod kind;
mod lines;
mod mailboxes;
mod notification;
mod originators;
mod param;
mod part_edits;
mod pdu;
mod read;
mod received;
mod repeats;
mod scan;
mod serialise;
mod seven_bit;
mod single;
mod status;
mod untyped;
mod unverified;
mod values;
mod words;

#[cfg(test)]
mod apply_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod quirk_tests;
#[cfg(test)]
mod samples;

pub use amend::{Amendment, amend};
pub use apply::apply;
pub use body::{decode_part, part_header};
pub use bounce::{Bounce, FailedRecipient, bounce};
pub use compose::{Author, Body, DeliveryReport, Response, delivery_report, response};
pub use dates::{Date, Expiry, Zone};
pub use headers::{MESSAGE_ID, MESSAGE_TYPE, TRANSACTION_ID};
pub use notification::{Action, DeliveryStatus, RecipientStatus, Returned, delivery_status};
pub use originators::{ORIGINATOR_FIELDS, Originators, exchange_originators, originators};
pub use pdu::{Pdu, PreviouslySent};
pub use read::{read, read_header, read_parts};
pub use received::{loop_evidence, received_line};
pub use repeats::{body_digest, octets_digest, repeat_key, salted};
pub use serialise::serialise;
pub use seven_bit::seven_bit;
pub use single::contradicted;
pub use status::Cause;
pub use untyped::without_types;
pub use values::{MessageClass, MmStatus, Priority, ReadStatus, RequestStatus, StatusExtension, Version, Visibility};

/// How much structure one message may have. Every limit protects time or memory; none is near what MMS needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the message's header, and of each part's. Mail security in the path adds some kilobytes.
    pub header_octets: u64,
    /// Fields in the message's header.
    pub fields: u32,
    /// Multiparts and messages inside one another, the outermost multipart counted.
    pub nesting: u32,
    /// Leaves of the MIME structure.
    pub parts: u32,
    /// Messages with an `X-Mms-Message-Type` that TS 23.140 does not name.
    pub unknown_types: Foreign,
    /// Delivery status notifications (RFC 3464), which have no `X-Mms-Message-Type`: see [`delivery_status`].
    pub notifications: Foreign,
    /// Any other mail without `X-Mms-Message-Type`.
    pub untyped: Foreign,
}

/// What becomes of messages that are not one of the six.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Foreign {
    #[default]
    Refuse,
    /// They are read as [`MessageType::Other`](crate::message::MessageType), and need no IDs.
    Pass,
}

impl Limits {
    /// For what a relay has taken before, under whatever limits stood then: they only keep it readable. Whether it may
    /// be taken is no question any more, so it is not refused for its type either.
    pub fn of_taken() -> Self {
        Self {
            header_octets: u64::MAX,
            fields: u32::MAX,
            // The most that the configuration can allow.
            nesting: 1_000,
            parts: u32::MAX,
            unknown_types: Foreign::Pass,
            notifications: Foreign::Pass,
            untyped: Foreign::Pass,
        }
    }
}

/// What a relay has whose configuration says nothing: `[limits]` begins with these.
impl Default for Limits {
    fn default() -> Self {
        Self {
            header_octets: 100 * 1024,
            fields: 1_000,
            nesting: 100,
            parts: 1_000,
            unknown_types: Foreign::Refuse,
            notifications: Foreign::Refuse,
            untyped: Foreign::Refuse,
        }
    }
}
