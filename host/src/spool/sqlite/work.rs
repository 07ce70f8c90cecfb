//! The requests to the one writing thread.

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
    /// A write of an operator or a reader of a stream.
    Operate(Operation),
    /// Forget some transactions whose time is over.
    Forget,
    /// Forget some movements of messages that came before this one.
    ForgetMovements(MessageId),
    /// Find out whether writing is possible.
    Probe {
        /// The last write failed: shorten the log first.
        shorten: bool,
    },
    /// Finish earlier requests, and stop.
    Close,
}

/// A change to the database. It may be called more than once before the commit.
pub(super) struct Operation(pub Box<OperationOn>);

type OperationOn = dyn Fn(&Connection) -> Result<(), SpoolError> + Send + Sync;
