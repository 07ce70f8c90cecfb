//! Transactions that end without an answer.

use crate::delivery::client::ClientError;
use crate::delivery::fate::{Answer, Fate};
use crate::message::Recipient;

/// How far the envelope came.
pub(super) enum Begun<'a> {
    /// Every recipient was refused.
    Refused(Vec<Fate>),
    /// The server waits for the message.
    Open {
        refused: Vec<Fate>,
        accepted: Vec<&'a Recipient>,
    },
}

/// Why a transaction ended without an answer. The session is of no further use.
#[derive(Debug)]
pub(in crate::delivery) enum Failure {
    /// The server has not taken the message: the end of data was not sent, or was answered with 421.
    Lost { how: How, answer: Answer },
    /// The end of data was sent, and no answer came.
    Unknown { reason: String },
    /// The end of data was not sent: another relay may have the message by now.
    NotOurs,
}

/// How a session was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum How {
    /// The server hung up, or sent something that is no reply.
    Gone,
    /// The server did not answer in time.
    Silent,
    /// The server takes no mail at present: 421.
    Closing,
    /// The connection had been used before and was gone when this transaction began, which says nothing about the
    /// message.
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
