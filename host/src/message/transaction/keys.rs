//! The keys under which a transaction is found: by responses of its next hops, by copies, by reports, and by operators.

use super::{RepeatKey, Transaction};
use crate::message::{BareId, MessageType, MmsAddress, OpaqueId, PeerName};

/// A key under which the spool finds a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TransactionKey {
    /// From a response: the peer that sent it, the request's type, and the transaction ID.
    Asked {
        peer: PeerName,
        kind: MessageType,
        transaction_id: BareId,
    },
    /// From a repeated request: see [`RepeatKey`].
    Repeat(RepeatKey),
    /// From a report, or an operator: the message ID, whichever peer sent the message.
    Message { message_id: BareId },
    /// From an operator: the transaction ID as received, where no next hop was asked with it.
    Received { transaction_id: BareId },
    /// From a report or response at `RCPT`, before the relay knows which it is: the peer that was asked, and the local
    /// part, in lower case, of an address that may have no route. That is the address of an originator that is no
    /// international number, or of an originator system in another domain than its peer's sender.
    Originator { peer: PeerName, local_part: String },
}

/// A `+` and at least so many digits is a subscriber's number; shorter ones are codes that somebody wrote a `+` before.
const SUBSCRIBER_DIGITS: usize = 9;

impl TransactionKey {
    /// The key under which messages of this originator are found that `peer` was asked to take.
    pub fn originator(peer: &PeerName, originator: &MmsAddress) -> Self {
        Self::Originator {
            peer: peer.clone(),
            local_part: originator.user().to_ascii_lowercase(),
        }
    }
}

impl Transaction {
    /// All keys of this transaction. A change can add keys, and never removes one.
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

    /// The address for responses, unless it is in the domain of the envelope sender, to which there is a route.
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

    /// The originator's address, unless it is an international number.
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

    /// The key that a response from `peer` to this transaction ID has; `None` stands for the received transaction ID.
    pub fn asked(&self, peer: &PeerName, transaction_id: Option<&OpaqueId>) -> TransactionKey {
        TransactionKey::Asked {
            peer: peer.clone(),
            kind: self.kind,
            transaction_id: transaction_id.unwrap_or(&self.transaction_id).bare(),
        }
    }
}
