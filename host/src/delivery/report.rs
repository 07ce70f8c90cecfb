//! Reports of decided fates, and who receives them.

use crate::message::{Append, End, KvWrite, Outgoing, RecipientEnd, RecipientId, Timestamp, TransactionChange};
use crate::protocol::smtp::Enhanced;
use crate::spool::{BoxFuture, NewEvent};

/// The fate of recipients of one outgoing message, decided together. Recipients that still wait are in neither list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryReport {
    /// The recipients that the next hop took.
    pub delivered: Vec<RecipientId>,
    /// The recipients that are given up.
    pub failed: Vec<FailedRecipient>,
    /// The host that answered, or was tried last; `None` when none was tried.
    pub host: Option<String>,
    /// The deciding reply, or the first of several; `None` when no reply decided, for example because the message was
    /// too old.
    pub code: Option<u16>,
    pub enhanced: Option<Enhanced>,
    /// The text of the reply, or the relay's own words when there was none. One line.
    pub text: String,
    /// Attempts so far, this one included.
    pub attempts: u32,
    pub decided_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRecipient {
    pub id: RecipientId,
    pub code: Option<u16>,
    pub enhanced: Option<Enhanced>,
    pub text: String,
    pub ended: Ended,
}

impl DeliveryReport {
    /// The recipients whose end this report is. Those of a request that is sent again were delivered before, and stay so,
    /// whatever becomes of the repeat.
    pub fn ends_of(&self, outgoing: &Outgoing) -> Vec<RecipientEnd> {
        let delivered = self.delivered.iter().map(|id| (*id, End::Delivered));
        let end = |ended| {
            if outgoing.repeats == 0 {
                return ended;
            }
            End::Delivered
        };
        let failed = self.failed.iter().map(|failed| match failed.ended {
            Ended::Refused => (failed.id, end(End::Refused)),
            Ended::GivenUp | Ended::Expired => (failed.id, end(End::Expired)),
        });
        let ends = delivered.chain(failed);
        ends.map(|(recipient, end)| RecipientEnd { recipient, end }).collect()
    }
}

/// Why recipients are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Refused for good by the next hop, or impossible to send as it is.
    Refused,
    /// Delivery took too long.
    GivenUp,
    /// The message expired.
    Expired,
}

/// What a decided fate causes. It is recorded together with the fate, or not at all.
#[derive(Clone, Debug, Default)]
pub struct Caused {
    pub appends: Vec<Append>,
    pub kv: Vec<KvWrite>,
    pub event: Option<NewEvent>,
    /// The changes to the transaction of the message.
    pub changes: Vec<TransactionChange>,
    /// The failure ends the message without keeping it for an operator: it was an answer, which is never answered, or a
    /// repeat of what the next hop had taken.
    pub drops: bool,
}

/// Receives decided fates: outcome plug-ins behind the pipeline, and the transaction of the message.
pub trait OutcomeSink: Send + Sync + 'static {
    /// Called once for each decided fate, before it is recorded. After a crash between the two, the message is sent
    /// again and this is called again, so what it causes counts only once it is recorded.
    fn decide<'a>(&'a self, outgoing: &'a Outgoing, report: &'a DeliveryReport) -> BoxFuture<'a, Caused>;
}
