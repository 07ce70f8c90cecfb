//! What a request asked for.

use serde::{Deserialize, Serialize};

use crate::message::Wants;

#[derive(Default, Serialize, Deserialize)]
pub(super) struct StoredWants {
    #[serde(rename = "r", default, skip_serializing_if = "std::ops::Not::not")]
    response: bool,
    #[serde(rename = "d", default, skip_serializing_if = "std::ops::Not::not")]
    delivery_report: bool,
    #[serde(rename = "l", default, skip_serializing_if = "std::ops::Not::not")]
    read_reply: bool,
}

impl From<Wants> for StoredWants {
    fn from(plain: Wants) -> Self {
        let Wants {
            response,
            delivery_report,
            read_reply,
        } = plain;
        Self {
            response,
            delivery_report,
            read_reply,
        }
    }
}

impl From<StoredWants> for Wants {
    fn from(stored: StoredWants) -> Self {
        Self {
            response: stored.response,
            delivery_report: stored.delivery_report,
            read_reply: stored.read_reply,
        }
    }
}
