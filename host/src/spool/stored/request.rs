//! A request and its fate, in the column `request.state`. Kept by the million, so the names are short.

use serde::{Deserialize, Serialize};

use super::envelope::{StoredRecipient, address, all, next_hop, peer};
use super::stored_words;
use super::waiting::StoredRecord;
use super::wants::StoredWants;
use crate::message::{
    Answer, Cause, Leg, LegState, MessageId, MessageType, Mode, NextHop, OpaqueId, Ordinal, Place, RecipientId,
    RepeatKey, ResponseState, Task, Timestamp, Todo, Transaction, WaitingRecord,
};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredRequest {
    #[serde(rename = "i")]
    id: u64,
    #[serde(rename = "k")]
    kind: StoredKind,
    #[serde(rename = "s")]
    source: String,
    #[serde(rename = "t")]
    transaction_id: String,
    #[serde(rename = "m")]
    message_id: String,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    answer_to: Option<String>,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    originator: Option<String>,
    #[serde(rename = "w", default)]
    wants: StoredWants,
    #[serde(rename = "p", default = "transparent")]
    mode: StoredMode,
    #[serde(rename = "r")]
    received_at: u64,
    #[serde(rename = "x")]
    forget_at: u64,
    #[serde(rename = "h")]
    repeat: u64,
    #[serde(rename = "b")]
    body: u128,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    like: Option<u64>,
    #[serde(rename = "l", default)]
    legs: Vec<StoredLeg>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    answer: Option<StoredAnswer>,
    #[serde(rename = "g", default, skip_serializing_if = "std::ops::Not::not")]
    again: bool,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    next: Option<StoredTask>,
    #[serde(rename = "z", default, skip_serializing_if = "is_zero")]
    revision: u64,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    records: Vec<StoredRecord>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Serialize, Deserialize)]
struct StoredLeg {
    #[serde(rename = "o")]
    ordinal: u32,
    #[serde(rename = "p")]
    peer: String,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    #[serde(rename = "r")]
    recipients: Vec<StoredRecipient>,
    #[serde(rename = "s")]
    state: StoredState,
    #[serde(rename = "n", default)]
    repeats: u32,
    #[serde(rename = "k", default, skip_serializing_if = "Vec::is_empty")]
    told: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
enum StoredState {
    #[serde(rename = "Waiting")]
    Waiting,
    #[serde(rename = "Delivered")]
    Delivered {
        #[serde(rename = "at")]
        at: u64,
    },
    #[serde(rename = "Answered")]
    Answered {
        #[serde(rename = "answer")]
        answer: StoredAnswer,
    },
    #[serde(rename = "Failed")]
    Failed {
        #[serde(rename = "answer")]
        answer: StoredAnswer,
        #[serde(rename = "cause")]
        cause: StoredCause,
    },
    #[serde(rename = "TimedOut")]
    TimedOut {
        #[serde(rename = "at")]
        at: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct StoredAnswer {
    #[serde(rename = "s")]
    status: String,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(rename = "a")]
    at: u64,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredTask {
    #[serde(rename = "d")]
    due: u64,
    #[serde(rename = "w")]
    what: StoredTodo,
}

stored_words! {
    /// Also in the columns `kind`.
    StoredKind is MessageType {
        ForwardRequest = "ForwardRequest",
        ForwardResponse = "ForwardResponse",
        DeliveryReportRequest = "DeliveryReportRequest",
        DeliveryReportResponse = "DeliveryReportResponse",
        ReadReplyReportRequest = "ReadReplyReportRequest",
        ReadReplyReportResponse = "ReadReplyReportResponse",
        Other = "Other",
    }
}

stored_words! {
    StoredMode is Mode {
        Transparent = "Transparent",
        PreAcknowledge = "PreAcknowledge",
    }
}

stored_words! {
    StoredCause is Cause {
        Refused = "Refused",
        Unreachable = "Unreachable",
        Expired = "Expired",
        NoRoute = "NoRoute",
        Rejected = "Rejected",
        AnsweredNo = "AnsweredNo",
        NoAnswer = "NoAnswer",
    }
}

stored_words! {
    StoredTodo is Todo {
        Tell = "Tell",
        Await = "Await",
    }
}

fn transparent() -> StoredMode {
    StoredMode::Transparent
}

impl From<&Transaction> for StoredRequest {
    fn from(plain: &Transaction) -> Self {
        let Transaction {
            id,
            kind,
            source,
            transaction_id,
            message_id,
            version,
            answer_to,
            sender,
            originator,
            wants,
            mode,
            received_at,
            forget_at,
            repeat,
            body,
            like,
            legs,
            response,
            revision,
            next,
            records,
        } = plain;
        Self {
            id: id.0,
            kind: (*kind).into(),
            source: source.to_string(),
            transaction_id: transaction_id.as_text().to_owned(),
            message_id: message_id.as_text().to_owned(),
            version: version.clone(),
            answer_to: answer_to.as_ref().map(ToString::to_string),
            sender: sender.as_ref().map(ToString::to_string),
            originator: originator.clone(),
            wants: (*wants).into(),
            mode: (*mode).into(),
            received_at: received_at.0,
            forget_at: forget_at.0,
            repeat: repeat.0,
            body: *body,
            like: like.map(|id| id.0),
            legs: legs.iter().map(StoredLeg::from).collect(),
            answer: response.answer().map(StoredAnswer::from),
            again: matches!(response, ResponseState::DueAgain(_)),
            revision: *revision,
            next: next.map(StoredTask::from),
            records: records.iter().map(StoredRecord::from).collect(),
        }
    }
}

impl TryFrom<StoredRequest> for Transaction {
    type Error = String;

    fn try_from(stored: StoredRequest) -> Result<Self, String> {
        Ok(Self {
            id: MessageId(stored.id),
            kind: stored.kind.into(),
            source: peer(&stored.source)?,
            transaction_id: OpaqueId::from_text(stored.transaction_id),
            message_id: OpaqueId::from_text(stored.message_id),
            version: stored.version,
            answer_to: stored.answer_to.map(address).transpose()?,
            sender: stored.sender.map(address).transpose()?,
            originator: stored.originator,
            wants: stored.wants.into(),
            mode: stored.mode.into(),
            received_at: Timestamp(stored.received_at),
            forget_at: Timestamp(stored.forget_at),
            repeat: RepeatKey(stored.repeat),
            body: stored.body,
            like: stored.like.map(MessageId),
            legs: all(stored.legs)?,
            response: match (stored.answer.map(Answer::from), stored.again) {
                (None, _) => ResponseState::NotSent,
                (Some(answer), false) => ResponseState::Sent(answer),
                (Some(answer), true) => ResponseState::DueAgain(answer),
            },
            revision: stored.revision,
            next: stored.next.map(Task::from),
            records: stored.records.into_iter().map(WaitingRecord::from).collect(),
        })
    }
}

impl From<&Leg> for StoredLeg {
    fn from(plain: &Leg) -> Self {
        let Leg {
            at: _,
            transaction_id,
            recipients,
            state,
            repeats,
            told,
        } = plain;
        Self {
            ordinal: plain.ordinal().map_or(0, Ordinal::get),
            peer: plain.next_hop().to_string(),
            transaction_id: transaction_id.as_ref().map(|id| id.as_text().to_owned()),
            recipients: recipients.iter().map(StoredRecipient::from).collect(),
            state: state.into(),
            repeats: *repeats,
            told: told.iter().map(|id| id.0).collect(),
        }
    }
}

impl TryFrom<StoredLeg> for Leg {
    type Error = String;

    fn try_from(stored: StoredLeg) -> Result<Self, String> {
        Ok(Self {
            at: match (Ordinal::new(stored.ordinal), next_hop(&stored.peer)?) {
                (Some(ordinal), NextHop::Peer(peer)) => Place::Destination { ordinal, peer },
                (Some(ordinal), NextHop::Nowhere) => Place::Unroutable { ordinal },
                (None, next_hop) => Place::Aside(next_hop),
            },
            transaction_id: stored.transaction_id.map(OpaqueId::from_text),
            recipients: all(stored.recipients)?,
            state: stored.state.into(),
            repeats: stored.repeats,
            told: stored.told.into_iter().map(RecipientId).collect(),
        })
    }
}

impl From<&LegState> for StoredState {
    fn from(plain: &LegState) -> Self {
        match plain {
            LegState::Waiting => Self::Waiting,
            LegState::Delivered { at } => Self::Delivered { at: at.0 },
            LegState::Answered { answer } => Self::Answered { answer: answer.into() },
            LegState::Failed { answer, cause } => Self::Failed {
                answer: answer.into(),
                cause: (*cause).into(),
            },
            LegState::TimedOut { at } => Self::TimedOut { at: at.0 },
        }
    }
}

impl From<StoredState> for LegState {
    fn from(stored: StoredState) -> Self {
        match stored {
            StoredState::Waiting => Self::Waiting,
            StoredState::Delivered { at } => Self::Delivered { at: Timestamp(at) },
            StoredState::Answered { answer } => Self::Answered { answer: answer.into() },
            StoredState::Failed { answer, cause } => Self::Failed {
                answer: answer.into(),
                cause: cause.into(),
            },
            StoredState::TimedOut { at } => Self::TimedOut { at: Timestamp(at) },
        }
    }
}

impl From<&Answer> for StoredAnswer {
    fn from(plain: &Answer) -> Self {
        let Answer { status, text, at, host } = plain;
        Self {
            status: status.clone(),
            text: text.clone(),
            at: at.0,
            host: host.clone(),
        }
    }
}

impl From<StoredAnswer> for Answer {
    fn from(stored: StoredAnswer) -> Self {
        Self {
            status: stored.status,
            text: stored.text,
            at: Timestamp(stored.at),
            host: stored.host,
        }
    }
}

impl From<Task> for StoredTask {
    fn from(plain: Task) -> Self {
        let Task { due, what } = plain;
        Self {
            due: due.0,
            what: what.into(),
        }
    }
}

impl From<StoredTask> for Task {
    fn from(stored: StoredTask) -> Self {
        Self {
            due: Timestamp(stored.due),
            what: stored.what.into(),
        }
    }
}
