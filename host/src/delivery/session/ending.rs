//! How a transaction goes on, or ends, when it does not come to an answer.

use crate::delivery::client::ClientError;
use crate::delivery::fate::{Answer, Fate};
use crate::message::Recipient;

/// How far the envelope came.
pub(super) enum Begun<'a> {
    /// Nobody is left to send to.
    Refused(Vec<Fate>),
    /// The server waits for the message.
    Open {
        refused: Vec<Fate>,
        accepted: Vec<&'a Recipient>,
    },
}

/// A transaction that ended without an answer. The session is of no more use.
#[derive(Debug)]
pub(in crate::delivery) enum Failure {
    /// The server has not taken the message: the end of data was not sent, or was answered with 421.
    Lost { how: How, answer: Answer },
    /// The end of data was sent, and nobody knows.
    Unknown { reason: String },
}

/// How a session was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum How {
    /// The server hung up, or cannot be understood.
    Gone,
    /// It did not answer in time.
    Silent,
    /// It takes nothing now, from whomever it comes: 421.
    Closing,
    /// It was used before, and was gone when this transaction began: that says nothing about the message.
    Stale,
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let how = match error {
            ClientError::Timeout { .. } => How::Silent,
            _ => How::Gone,
        };
        let answer = Answer::ours(error.to_string());
        Self::Lost { how, answer }
    }
}
