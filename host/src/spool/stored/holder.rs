//! Who holds a message, in the column `message.holders` and in histories; whom an operator released it past, in
//! `message.past`.

use serde::{Deserialize, Serialize};

use super::envelope::peer;
use super::stored_words;
use crate::message::{HoldRule, Holder};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredHolder {
    #[serde(rename = "plugin")]
    plugin: String,
    #[serde(rename = "rule")]
    rule: StoredRule,
    #[serde(rename = "to", default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(rename = "reason")]
    reason: String,
}

stored_words! {
    StoredRule is HoldRule {
        Verdict = "verdict",
        Failure = "failure",
        Deferrals = "deferrals",
    }
}

impl From<&Holder> for StoredHolder {
    fn from(plain: &Holder) -> Self {
        let Holder {
            plugin,
            rule,
            to,
            reason,
        } = plain;
        Self {
            plugin: plugin.clone(),
            rule: (*rule).into(),
            to: to.as_ref().map(ToString::to_string),
            reason: reason.clone(),
        }
    }
}

impl TryFrom<StoredHolder> for Holder {
    type Error = String;

    fn try_from(stored: StoredHolder) -> Result<Self, String> {
        Ok(Self {
            plugin: stored.plugin,
            rule: stored.rule.into(),
            to: stored.to.as_deref().map(peer).transpose()?,
            reason: stored.reason,
        })
    }
}
