//! The hashes under which requests are found.

use sha2::{Digest, Sha256};

use crate::message::TransactionKey;

/// The hash of a key in the table `lookup`. `salt` is the spool's own, in `counter`, so that nobody outside can choose
/// keys that share a hash. Public for programs that fill a spool directly, for measurements.
pub fn hash(salt: i64, key: &TransactionKey) -> i64 {
    let mut digest = Sha256::new();
    digest.update(salt.to_le_bytes());
    match key {
        TransactionKey::Asked {
            peer,
            kind,
            transaction_id,
        } => {
            // A peer's name has no NUL, so the parts cannot run into one another.
            for text in ["asked", peer.as_str(), kind.name()] {
                digest.update(text);
                digest.update([0]);
            }
            digest.update(transaction_id.as_text());
        }
        TransactionKey::Repeat(number) => {
            digest.update(b"repeat\0");
            digest.update(number.0.to_le_bytes());
        }
        TransactionKey::Message { message_id } => {
            digest.update(b"message\0");
            digest.update(message_id.as_text());
        }
        TransactionKey::Received { transaction_id } => {
            digest.update(b"received\0");
            digest.update(transaction_id.as_text());
        }
        TransactionKey::Originator { peer, local_part } => {
            for text in ["originator", peer.as_str()] {
                digest.update(text);
                digest.update([0]);
            }
            digest.update(local_part);
        }
    }
    let mut first = [0; 8];
    first.copy_from_slice(&digest.finalize()[..8]);
    i64::from_le_bytes(first)
}
