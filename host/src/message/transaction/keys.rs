//! By what a transaction is found: by its next hops' responses, by copies of it, by reports, and by operators.

use super::{RepeatKey, Transaction};
use crate::message::{BareId, MessageType, MmsAddress, OpaqueId, PeerName};

/// A key under which the spool finds a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TransactionKey {
    /// What a response brings: the peer that it comes from, the request's type, the transaction ID.
    Asked {
        peer: PeerName,
        kind: MessageType,
        transaction_id: BareId,
    },
    /// A repeated request brings this one: see [`RepeatKey`].
    Repeat(RepeatKey),
    /// What a report, or an operator, brings: the message ID, whoever sent it.
    Message { message_id: BareId },
    /// What an operator brings: the transaction ID as received, where no next hop was asked with it.
    Received { transaction_id: BareId },
    /// What a report or response brings at `RCPT`, before it is known to be one: the peer that was asked, and what stands
    /// before the `@` of an address that may have no route, in lower case: of an originator that is no international number,
    /// of an originator system in another domain than its peer's sender.
    Originator { peer: PeerName, local_part: String },
}

/// Digits of `+` and a number that is taken for a subscriber's; shorter ones are codes that somebody wrote a `+` before.
const SUBSCRIBER_DIGITS: usize = 9;

impl TransactionKey {
    /// By what a message is found that this originator sent, and that `peer` was asked to take.
    pub fn originator(peer: &PeerName, originator: &MmsAddress) -> Self {
        Self::Originator {
            peer: peer.clone(),
            local_part: originator.user().to_ascii_lowercase(),
        }
    }
}

impl Transaction {
    /// Everything that it must be found by. A change can add keys, and takes none away.
    pub fn keys(&self) -> Vec<TransactionKey> {
        let asked = self.asked_legs();
        let unasked = asked.clone().all(|(leg, _)| leg.transaction_id.is_some());
        let received = unasked.then(|| TransactionKey::Received {
            transaction_id: self.transaction_id.bare(),
        });
        let unroutable = [self.unroutable_originator(), self.unroutable_system()];
        let sent = asked.clone().flat_map(|(_, peer)| {
            let addresses = unroutable.iter().flatten();
            addresses.map(|address| TransactionKey::originator(peer, address))
        });
        let sent: Vec<_> = sent.collect();
        let asked = asked.map(|(leg, peer)| self.asked(peer, leg.transaction_id.as_ref()));
        let message_id = self.message_id.bare();
        let others = [
            TransactionKey::Repeat(self.repeat),
            TransactionKey::Message { message_id },
        ];
        asked.chain(others).chain(received).chain(sent).collect()
    }

    /// Where a response goes, unless that is in the domain of the envelope's sender: there is a route to that one.
    fn unroutable_system(&self) -> Option<MmsAddress> {
        let sender = self.sender.as_ref().and_then(MmsAddress::domain).unwrap_or_default();
        let elsewhere = |system: &&MmsAddress| {
            system
                .domain()
                .is_some_and(|domain| !domain.eq_ignore_ascii_case(sender))
        };
        self.answer_to
            .as_ref()
            .filter(|_| self.wants.response)
            .filter(elsewhere)
            .cloned()
    }

    /// The originator of a message, unless it is an international number.
    fn unroutable_originator(&self) -> Option<MmsAddress> {
        let from = self
            .originator
            .as_deref()
            .filter(|_| self.kind == MessageType::ForwardRequest)?;
        let inner = from
            .rsplit_once('<')
            .map_or(from, |(_, rest)| rest.split('>').next().unwrap_or_default());
        let address = MmsAddress::new(inner.trim()).ok()?;
        let is_number = address.user().starts_with('+') && address.user().len() > SUBSCRIBER_DIGITS;
        Some(address).filter(|_| !is_number)
    }

    /// What a response from `peer` to this transaction ID brings; `None` is the received one.
    pub fn asked(&self, peer: &PeerName, transaction_id: Option<&OpaqueId>) -> TransactionKey {
        TransactionKey::Asked {
            peer: peer.clone(),
            kind: self.kind,
            transaction_id: transaction_id.unwrap_or(&self.transaction_id).bare(),
        }
    }
}
