//! What the one thread that writes is asked to do.

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::message::{MessageId, TransactionChange};
use crate::spool::{Acceptance, Expect, Finish, Outcome, Settlement, SpoolError};

pub(super) struct Request {
    pub work: Work,
    pub reply: oneshot::Sender<Result<(), SpoolError>>,
}

pub(super) enum Work {
    Accept(Box<Acceptance>),
    Record(Box<Outcome>),
    Settle(u64, Settlement),
    Finish(MessageId, Box<Finish>),
    Change(Vec<TransactionChange>, Vec<Expect>),
    /// What an operator or a reader of a stream writes.
    Operate(Operation),
    /// Forget some transactions whose time is over.
    Forget,
    /// Forget some movements of messages that came before this one.
    ForgetMovements(MessageId),
    /// Find out whether anything can be written.
    Probe {
        /// The last write failed: make the log short before.
        shorten: bool,
    },
    /// Finish what has been asked, and stop.
    Close,
}

/// A change to the database. It may be made more than once before it is committed.
pub(super) struct Operation(pub Box<OperationOn>);

type OperationOn = dyn Fn(&Connection) -> Result<(), SpoolError> + Send + Sync;
