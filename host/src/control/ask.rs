//! What a verb is.

use std::future::Future;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Desk, Problem, Role, Who};

/// One thing that can be asked of a relay: a value of this type is the question, with everything that it needs.
pub trait Ask: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    type Answer: Serialize + DeserializeOwned + JsonSchema + Send + 'static;

    /// The word for it: in the audit and in the OpenAPI document. Stays as it is for good.
    const NAME: &'static str;
    /// One line for people.
    const ABOUT: &'static str;
    const METHOD: Method;
    /// Fields in braces are in the path; the others are the query, or the body of a verb that changes something.
    const PATH: &'static str;
    /// Changes nothing, although the question is too long for anything but a body.
    const ONLY_LOOKS: bool = false;
    /// The least role that may.
    const ROLE: Role = Role::Viewer;
    /// That somebody looked is in the audit too: messages are not for everybody.
    const LOOKS_ARE_NOTED: bool = false;
    /// There is nothing in the answer but what subscribers sent: it is for those only who see numbers whole.
    const REVEALS: bool = false;
    /// What the entries of the queue are called that a change was made to: the field of the answer with their number.
    const COUNTS: &'static str = "changed";

    /// What one question may be long, in octets: thousands of ids.
    const MOST_OCTETS: usize = 1 << 20;

    /// What the audit is told of the question to a change.
    ///
    /// # Errors
    /// Never, for what was read from JSON.
    fn noted_question(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    /// What the audit is told of the answer to a change.
    fn noted(answer: &Self::Answer) -> Value {
        serde_json::to_value(answer).unwrap_or_default()
    }

    fn answer(self, desk: &Desk, who: &Who) -> impl Future<Output = Result<Self::Answer, Problem>> + Send;
}

/// Of HTTP, and whether something changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Looks, and changes nothing.
    Get,
    /// Changes something, and is in the audit.
    Post,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// The names of the fields that stand in a path: `{id}`.
pub(super) fn fields_in(path: &str) -> impl Iterator<Item = &str> {
    let segments = path.split('/');
    segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}
