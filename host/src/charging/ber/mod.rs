//! Charging records as BER, by the tag tables of 3GPP TS 32.298, 5.1.4.
//!
//! - `layout`: which field has which tag in which record
//! - `values`: words as numbers, and what becomes of words that have none
//! - `tlv`: tags, lengths and values
//! - `encode`, `decode`: records to octets, and octets to what a person can read

mod decode;
mod encode;
mod layout;
#[cfg(test)]
mod tests;
mod tlv;
mod values;

pub use decode::{DecodeError, Decoded, decode, local_sequence_number};
pub use encode::encode;
