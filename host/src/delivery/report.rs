//! What is told when the fate of recipients is decided, and to whom.

use crate::message::{Append, End, KvWrite, Outgoing, RecipientEnd, RecipientId, Timestamp, TransactionChange};
use crate::protocol::smtp::Enhanced;
use crate::spool::{BoxFuture, NewEvent};

/// The fate of recipients of one outgoing message, decided together. Those still waiting are in neither list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryReport {
    /// Recipients, by id, that the next hop took.
    pub delivered: Vec<RecipientId>,
    /// Recipients that are given up.
    pub failed: Vec<FailedRecipient>,
    /// The host that answered, or was last tried; `None` when none was tried.
    pub host: Option<String>,
    /// The deciding reply, or the first of several; `None` when there was none: the message is too old, say.
    pub code: Option<u16>,
    pub enhanced: Option<Enhanced>,
    /// The reply's text, or our own words when there was no reply. One line.
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
    /// The recipients whose end this is, each with its end.
    pub fn ends(&self) -> Vec<RecipientEnd> {
        let delivered = self.delivered.iter().map(|id| (*id, End::Delivered));
        let failed = self.failed.iter().map(|failed| match failed.ended {
            Ended::Refused => (failed.id, End::Refused),
            Ended::GivenUp | Ended::Expired => (failed.id, End::Expired),
        });
        let ends = delivered.chain(failed);
        ends.map(|(recipient, end)| RecipientEnd { recipient, end }).collect()
    }
}

/// Why recipients are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// For good, by the next hop or because the message cannot be sent as it is.
    Refused,
    /// It took too long.
    GivenUp,
    /// The message was of no use any more.
    Expired,
}

/// What a decided fate causes; recorded with it, or not at all.
#[derive(Clone, Debug, Default)]
pub struct Caused {
    pub appends: Vec<Append>,
    pub kv: Vec<KvWrite>,
    pub event: Option<NewEvent>,
    /// What it means to the request that the message carried.
    pub changes: Vec<TransactionChange>,
    /// A failure ends the message, and is not kept for an operator: it was an answer, and nobody answers an answer.
    pub drops: bool,
}

/// Who is told: the outcome plug-ins, behind the pipeline, and the request that the message carried.
pub trait OutcomeSink: Send + Sync + 'static {
    /// Called once for each decided fate, before it is recorded. After a crash between the two, the message is sent
    /// again, and the call made again: what is caused counts only once it is recorded.
    fn decide<'a>(&'a self, outgoing: &'a Outgoing, report: &'a DeliveryReport) -> BoxFuture<'a, Caused>;
}
