//! Bounces (RFC 3464): finding the request that a bounce returns, and the changes to it.

use super::meaning::{Heard, Meaning, is_ours};
use super::{Speakers, Transactions, status};
use crate::message::{
    Message, MessageType, MmsAddress, Ordinal, PeerName, Recipient, RecipientId, Transaction, TransactionChange,
    TransactionKey,
};
use crate::protocol::mm4::{self, Action, DeliveryStatus, RecipientStatus, Returned};
use crate::spool::SpoolError;

impl Transactions {
    /// The meaning of a message that is neither request nor response: it may be a bounce.
    pub(super) async fn foreign(&self, message: &Message, speakers: &Speakers) -> Result<Meaning, SpoolError> {
        let status = mm4::delivery_status(message, &mm4::Limits::default());
        let Some(status) = status.map_err(|error| SpoolError::Unfit(error.to_string()))? else {
            return Ok(Meaning::Nothing);
        };
        let mut changes = Vec::new();
        for speaker in speakers.iter() {
            changes = self.bounced(speaker, &status).await?;
            if !changes.is_empty() {
                break;
            }
        }
        if changes.is_empty()
            && let Some(unasked) = self.unasked_bounce(&status.returned, speakers).await?
        {
            return Ok(Meaning::Unasked(unasked));
        }
        let ours = |recipient: &Recipient| is_ours(&self.terms.load(), &recipient.address);
        let why = match changes.first() {
            Some(change) => format!("a bounce of message {}", change.id),
            None if message.envelope.recipients.iter().all(ours) => "a bounce of nothing that is known here".into(),
            None => return Ok(Meaning::Nothing),
        };
        Ok(Meaning::Heard(Heard {
            changes,
            why,
            what: None,
        }))
    }

    /// The changes to the request that a bounce returns.
    async fn bounced(&self, peer: &PeerName, status: &DeliveryStatus) -> Result<Vec<TransactionChange>, SpoolError> {
        let Some((of, ordinal)) = self.returned(peer, &status.returned).await? else {
            return Ok(Vec::new());
        };
        let Some(leg) = of.leg(ordinal) else {
            return Ok(Vec::new());
        };
        let at = self.clock.now();
        let why = |failed: &RecipientStatus| {
            let named = |recipient: &&Recipient| {
                let names = [&failed.address, &failed.original];
                names
                    .iter()
                    .any(|name| name.as_ref().is_some_and(|name| same_user(name, &recipient.address)))
            };
            let named: Vec<RecipientId> = leg.recipients.iter().filter(named).map(|r| r.id).collect();
            // A bounce that names no known recipient concerns all of them.
            let recipients = match named.is_empty() {
                true => leg.recipients.iter().map(|r| r.id).collect(),
                false => named,
            };
            (recipients, status::of_bounce(failed, at))
        };
        let failed = status
            .recipients
            .iter()
            .filter(|failed| failed.action == Action::Failed);
        let changes = status::refused(ordinal, failed.map(why)).into_iter();
        Ok(changes.map(|change| TransactionChange { id: of.id, change }).collect())
    }

    /// The request that a bounce returns, and the legs concerned: by the transaction ID with which the bouncing peer
    /// was asked, else by the message ID.
    async fn returned(
        &self,
        peer: &PeerName,
        returned: &Returned,
    ) -> Result<Option<(Transaction, Ordinal)>, SpoolError> {
        if let Some(id) = &returned.transaction_id {
            let transaction_id = id.bare();
            let key = TransactionKey::Asked {
                peer: peer.clone(),
                kind: returned.kind.unwrap_or(MessageType::ForwardRequest),
                transaction_id: transaction_id.clone(),
            };
            let found = self.requests.find(&key).await?;
            let leg = found
                .iter()
                .find_map(|of| Some((of, of.leg_asked(peer, &transaction_id)?.ordinal()?)));
            if let Some((of, ordinal)) = leg {
                return Ok(Some((of.clone(), ordinal)));
            }
        }
        let Some(id) = &returned.message_id else {
            return Ok(None);
        };
        let key = TransactionKey::Message { message_id: id.bare() };
        let found = self.requests.find(&key).await?;
        let of_peer = found.into_iter().find_map(|of| {
            let leg = of.asked_legs().find(|(_, asked)| *asked == peer)?.0.ordinal()?;
            Some((of, leg))
        });
        Ok(of_peer)
    }
}

fn same_user(one: &MmsAddress, other: &MmsAddress) -> bool {
    one.user().eq_ignore_ascii_case(other.user())
}
