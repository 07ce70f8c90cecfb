//! What a plug-in under test did.

use std::collections::BTreeMap;

use super::bodies::body_of;
use super::state::State;
use crate::charging::ChargingRecord;
use crate::http::Request;
use crate::log::Level;
use crate::{Edit, Fault, Verdict};

/// What one call came to.
#[derive(Debug)]
pub struct Called {
    /// What the handler returned.
    pub verdict: Result<Verdict, Fault>,
    /// The lines that it logged.
    pub log: Vec<(Level, String)>,
    /// The rules that it named, each once.
    pub rules: Vec<String>,
    /// Its durable values after the call. The relay keeps them if the handler returned a verdict.
    pub values: BTreeMap<String, Vec<u8>>,
    /// Its charging records, each with the fields that `emit_with` added.
    pub records: Vec<(ChargingRecord, Vec<(String, String)>)>,
    /// Its counters.
    pub counters: BTreeMap<String, u64>,
    /// What it put into histograms, in order.
    pub observed: Vec<(String, f64)>,
    /// What it asked of services, in order.
    pub asked: Vec<Request>,
}

impl Called {
    pub(super) fn of(verdict: Result<Verdict, Fault>, state: State) -> Self {
        Self {
            verdict,
            log: state.log,
            rules: state.rules,
            values: state.values,
            records: state.records,
            counters: state.counters,
            observed: state.observed,
            asked: state.asked,
        }
    }

    /// A value as text; `None` when there is none.
    pub fn value(&self, key: &str) -> Option<String> {
        let value = self.values.get(key)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// A line for each edit: `set X-Name: value`, `drop recipient 1`. Empty for a pass.
    ///
    /// # Panics
    /// When the verdict is another one, or a fault.
    pub fn edits(&self) -> Vec<String> {
        match &self.verdict {
            Ok(Verdict::Pass) => Vec::new(),
            Ok(Verdict::Edit(edits)) => edits.iter().map(line).collect(),
            Ok(other) => panic!("edits were expected, and it said {other:?}"),
            Err(fault) => panic!("edits were expected, and it failed: {fault}"),
        }
    }
}

fn line(edit: &Edit) -> String {
    let named = |name: &Option<String>| name.as_ref().map(|name| format!(", name {name}")).unwrap_or_default();
    match edit {
        Edit::SetHeader(field) => format!("set {}: {}", field.name, field.value),
        Edit::RemoveHeader(name) => format!("remove {name}"),
        Edit::SetOriginator(address) => format!("originator {address}"),
        Edit::SetRecipient(to) => format!("recipient {} -> {}", to.id, to.address),
        Edit::AddRecipient(address) => format!("add recipient {address}"),
        Edit::DropRecipient(id) => format!("drop recipient {id}"),
        Edit::Route(route) => format!("route {} to {}", route.recipient, route.peer),
        Edit::ReplacePart(part) => {
            let (media_type, body) = body_of(&part.body);
            let name = named(&part.name);
            format!("replace part {} by {media_type}, {} octets{name}", part.id, body.len())
        }
        Edit::RemovePart(id) => format!("remove part {id}"),
        Edit::AddPart(part) => {
            let (media_type, body) = body_of(&part.body);
            let name = named(&part.name);
            format!("add part {media_type}, {} octets{name}", body.len())
        }
    }
}
