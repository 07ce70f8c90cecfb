//! Charging records as BER, by the tag tables of 3GPP TS 32.298, 5.1.4.
//!
//! - `layout`: the tags of the fields in each record
//! - `values`: words as numbers, and the treatment of words without one
//! - `tlv`: tags, lengths and values
//! - `encode`, `decode`: records to octets, and octets to a readable form

mod decode;
mod encode;
mod layout;
#[cfg(test)]
mod tests;
mod tlv;
mod values;

pub use decode::{DecodeError, Decoded, decode, local_sequence_number};
pub use encode::encode;
