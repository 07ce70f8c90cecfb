//! How often the chain has deferred each message that its sender keeps sending.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use crate::message::Message;
use crate::protocol::mm4;

/// Messages in one generation. Two generations are kept, at some 24 octets a message: under 4 MB in all. A message is
/// forgotten when so many others were deferred since it was last seen.
const GENERATION: usize = 32_768;

/// Counts deferrals in memory. After a restart counting begins anew; the worst consequence is that a message waits
/// longer in its sender's queue.
pub struct Deferrals {
    hold_after: u32,
    /// The key for hashing messages. Should two messages share a hash, of 65,536 of them, the second would be held
    /// early.
    hasher: RandomState,
    counts: Mutex<Generations>,
}

/// What becomes of a message that the chain has deferred.
#[derive(Debug, PartialEq, Eq)]
pub enum Deferred {
    /// Its sender keeps it and tries again.
    Again,
    /// It has been deferred so often that it is to be held.
    TooOften { times: u32 },
}

/// Counts that were used lately, and older ones. Every use moves a count to the young generation; when that is full,
/// the old one is forgotten.
#[derive(Default)]
struct Generations {
    young: HashMap<u64, u32>,
    old: HashMap<u64, u32>,
}

impl Deferrals {
    /// `hold_after` is the deferral at which a message is held, counted from 1.
    pub fn new(hold_after: u32) -> Self {
        Self {
            hold_after,
            hasher: RandomState::new(),
            counts: Mutex::default(),
        }
    }

    /// Counts one more deferral of a message as it was received. Forgets a message that is to be held, because it does
    /// not come again.
    pub fn count(&self, message: &Message) -> Deferred {
        let key = self.key(message);
        // The counts are consistent even after a panic of another holder.
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let times = counts.take(key).saturating_add(1);
        if times >= self.hold_after {
            return Deferred::TooOften { times };
        }
        counts.put(key, times);
        Deferred::Again
    }

    /// A hash of what makes two messages the same: the peer, the type, the identifiers, and the recipients in any
    /// order. Their bytes may differ, because a peer may stamp each attempt.
    fn key(&self, message: &Message) -> u64 {
        let pdu = mm4::Pdu::of(&message.header);
        let mut recipients: Vec<&str> = message.envelope.recipients.iter().map(|r| r.address.as_str()).collect();
        recipients.sort_unstable();
        self.hasher.hash_one((
            message.origin.source.as_str(),
            message.kind,
            pdu.message_id().map(|id| id.bare()),
            pdu.transaction_id().map(|id| id.bare()),
            recipients,
        ))
    }
}

impl Generations {
    /// Removes the count of a message and returns it; 0 for an unknown message.
    fn take(&mut self, key: u64) -> u32 {
        let young = self.young.remove(&key);
        young.or_else(|| self.old.remove(&key)).unwrap_or(0)
    }

    fn put(&mut self, key: u64, count: u32) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{
        Content, Envelope, Incoming, MessageId, MmsAddress, Origin, PeerName, Recipient, RecipientId, Timestamp,
    };

    fn message(peer: &str, id: &str, to: &[&str]) -> Message {
        let header = format!(
            "From: +15555550100/TYPE=PLMN\r\nTo: +15555550199/TYPE=PLMN\r\nX-Mms-3GPP-MMS-Version: 6.5.0\r\n\
             X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: {id}\r\nX-Mms-Message-ID: {id}\r\n\
             X-Mms-Originator-System: system@mms.a.example\r\n\r\nhello\r\n"
        );
        let recipient = |(id, address): (u32, &&str)| Recipient {
            id: RecipientId(id),
            address: MmsAddress::new(address).unwrap(),
        };
        let incoming = Incoming {
            id: MessageId(1),
            origin: Origin {
                source: PeerName::new(peer).unwrap().into(),
                remote: ([127, 0, 0, 1], 2525).into(),
                helo: "mms.a.example".into(),
                protocol: crate::message::Protocol::Esmtp,
                received_at: Timestamp(0),
            },
            envelope: Envelope {
                sender: None,
                recipients: (1..).zip(to).map(recipient).collect(),
            },
            content: Content::from_bytes(header),
        };
        mm4::read(incoming, &mm4::Limits::default()).unwrap()
    }

    const B: &str = "+15555550199/TYPE=PLMN@mms.b.example";
    const C: &str = "+15555550198/TYPE=PLMN@mms.c.example";

    #[test]
    fn the_last_deferral_of_the_allowed_number_holds_the_message_and_forgets_it() {
        let deferrals = Deferrals::new(3);
        let message = message("a", "\"1@a.example\"", &[B]);
        for _ in 0..2 {
            assert_eq!(deferrals.count(&message), Deferred::Again);
            assert_eq!(deferrals.count(&message), Deferred::Again);
            assert_eq!(deferrals.count(&message), Deferred::TooOften { times: 3 });
        }
        assert_eq!(Deferrals::new(1).count(&message), Deferred::TooOften { times: 1 });
    }

    #[test]
    fn the_same_message_is_known_by_peer_identifiers_and_recipients() {
        let key = |deferrals: &Deferrals, peer, id, to: &[&str]| deferrals.key(&message(peer, id, to));
        let deferrals = Deferrals::new(2);
        let one = key(&deferrals, "a", "\"1@a.example\"", &[B, C]);
        assert_eq!(one, key(&deferrals, "a", "\"1@a.example\"", &[C, B]), "another order");
        assert_eq!(one, key(&deferrals, "a", "1@a.example", &[B, C]), "without quotes");
        assert_ne!(one, key(&deferrals, "b", "\"1@a.example\"", &[B, C]), "another peer");
        assert_ne!(one, key(&deferrals, "a", "\"2@a.example\"", &[B, C]), "another message");
        assert_ne!(one, key(&deferrals, "a", "\"1@a.example\"", &[B]), "fewer recipients");
    }

    #[test]
    fn memory_is_bounded_and_what_was_touched_lately_is_known_longest() {
        let mut counts = Generations::default();
        counts.put(u64::MAX, 7);
        for key in 0..10 * GENERATION as u64 {
            counts.put(key, 1);
            let count = counts.take(u64::MAX);
            assert_eq!(count, 7, "after {key} others");
            counts.put(u64::MAX, count);
            assert!(counts.young.len() + counts.old.len() <= 2 * GENERATION + 1);
        }
        assert_eq!(counts.take(0), 0, "nobody has asked for it since");
    }
}
