//! MM4 (TS 23.140, 6.6 and 8.4) at the byte level: an index over received bytes, edits of it, and bytes again.
//!
//! - [`read()`] indexes a received message: fields, leaves of the MIME structure, and the octets between them
//! - [`apply()`] makes a new index with the edits of a plug-in; parts and fields that no edit names keep their bytes
//! - [`serialise()`] turns an index into a rope, in which received octets are ranges and not copies
//! - [`decode_part`] undoes the transfer encoding of a part
//! - [`Pdu`] reads the header field by field; [`MessageType::of`](crate::message::MessageType::of) reads its type
//! - [`originators()`] lists all addresses that a reader may take for the originator
//! - [`Cause`] maps reasons of failure to the statuses of MM4
//! - [`response`], [`delivery_report`] and [`bounce()`] write messages in the relay's own name; [`amend()`] writes
//!   single fields
//! - [`delivery_status`] reads the bounces of others (RFC 3464)
//! - [`repeat_key`] and [`body_digest`] recognise a request that comes again
//! - [`seven_bit()`] converts a message for a next hop without 8BITMIME (RFC 6152)
//! - [`received_line`] and [`loop_evidence`] write and read the trace (RFC 5321, 4.4 and 6.3)
//!
//! **Tolerance.** What real peers leave out (Date, MIME-Version, Content-Type, Subject, the empty line before an empty
//! body) is not required. Refused is only what nobody could relay safely or answer: see [`read()`].
//!
//! **Cost.** Everything is linear in the size of the message, without recursion. Bodies are searched for delimiters,
//! and never decoded.

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
pub use read::{read, read_header, read_parts, sizes};
pub use received::{loop_evidence, received_line};
pub use repeats::{body_digest, octets_digest, repeat_key, salted};
pub use serialise::serialise;
pub use seven_bit::seven_bit;
pub use single::contradicted;
pub use status::Cause;
pub use untyped::without_types;
pub use values::{MessageClass, MmStatus, Priority, ReadStatus, RequestStatus, StatusExtension, Version, Visibility};

/// How much structure one message may have. Every limit protects time or memory, and none is near what MMS needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the message's header, and of each part's. Mail security on the way adds some kilobytes.
    pub header_octets: u64,
    /// Fields in the message's header.
    pub fields: u32,
    /// The depth of nested multiparts and messages, the outermost multipart included.
    pub nesting: u32,
    /// The number of leaves of the MIME structure.
    pub parts: u32,
    /// Messages with an `X-Mms-Message-Type` that TS 23.140 does not name.
    pub unknown_types: Foreign,
    /// Delivery status notifications (RFC 3464), which have no `X-Mms-Message-Type`: see [`delivery_status`].
    pub notifications: Foreign,
    /// Any other mail without `X-Mms-Message-Type`.
    pub untyped: Foreign,
}

/// What becomes of messages that are none of the six.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Foreign {
    #[default]
    Refuse,
    /// They are read as [`MessageType::Other`](crate::message::MessageType), and need no IDs.
    Pass,
}

impl Limits {
    /// For messages that a relay has accepted earlier, under other limits: these only keep them readable. Such a
    /// message is not refused for its type either.
    pub fn of_taken() -> Self {
        Self {
            header_octets: u64::MAX,
            fields: u32::MAX,
            // The most that the configuration allows.
            nesting: 1_000,
            parts: u32::MAX,
            unknown_types: Foreign::Pass,
            notifications: Foreign::Pass,
            untyped: Foreign::Pass,
        }
    }
}

/// The limits when the configuration says nothing; `[limits]` starts from them.
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
