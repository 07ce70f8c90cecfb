//! MM4 (TS 23.140, 6.6 and 8.4) at the byte: an index over received bytes, edits of it, and bytes again.
//!
//! - [`read`] indexes a received message: fields, leaves of the MIME structure, and what stands between them
//! - [`apply`] makes a new index in which the edits of a plug-in are done; what they do not name keeps its bytes
//! - [`serialise`] turns an index into a rope, in which received octets are ranges and not copies
//! - [`decode_part`] undoes a part's transfer encoding, for those who look inside
//! - [`seven_bit`] makes a message fit for a next hop without 8BITMIME (RFC 6152)
//! - [`received_line`] and [`loop_evidence`] write and read the trace (RFC 5321, 4.4 and 6.3)
//!
//! **Tolerance.** What a real peer leaves out (Date, MIME-Version, Content-Type, Subject, the empty line before an
//! empty body) is not missed. Refused is only what nobody could relay safely or answer: see [`read`].
//!
//! **Cost.** Everything is linear in the size of the message and free of recursion. Bodies are searched for
//! delimiters, never decoded.

mod addresses;
mod apply;
mod body;
mod entity;
mod fold;
pub mod headers;
mod index;
mod param;
mod part_edits;
mod read;
mod received;
mod scan;
mod serialise;
mod seven_bit;

#[cfg(test)]
mod apply_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod samples;

pub use apply::apply;
pub use body::decode_part;
pub use headers::{MESSAGE_ID, MESSAGE_TYPE, TRANSACTION_ID};
pub use read::{read, read_header};
pub use received::{loop_evidence, received_line};
pub use serialise::serialise;
pub use seven_bit::seven_bit;

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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_octets: 100 * 1024,
            fields: 1_000,
            nesting: 16,
            parts: 1_000,
        }
    }
}
