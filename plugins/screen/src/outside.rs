//! What services outside the relay answer about a message: a virus scanner about its parts (`virus-scan`), a policy
//! service about originator and recipients (`service`). The relay makes the connections; the plug-in only asks the
//! relay.

use std::collections::BTreeMap;

use mm4_filter::Fault;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::rules::{Message, World};

/// A rule's scanner.
#[derive(Debug)]
pub struct Scan {
    /// `[[scanner]]` of that name in the relay's configuration.
    pub scanner: String,
    pub otherwise: Otherwise,
}

/// A rule's service.
#[derive(Debug)]
pub struct Service {
    /// The base URL. A `[[plugin.service]]` of the relay's configuration must allow it, with the method `POST`.
    pub url: String,
    /// The verdicts that meet the rule, in small letters.
    pub verdicts: Vec<String>,
    pub otherwise: Otherwise,
}

/// What a rule decides when the scanner or the service did not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// The plug-in fails, and its `on-failure` decides.
    #[default]
    Fail,
    /// The rule is not met.
    Pass,
    /// The rule is met.
    Meet,
}

impl Otherwise {
    fn or<T>(self, said: &Result<T, Fault>, meets: impl Fn(&T) -> bool) -> Result<bool, Fault> {
        match (said, self) {
            (Ok(said), _) => Ok(meets(said)),
            (Err(_), Otherwise::Pass) => Ok(false),
            (Err(_), Otherwise::Meet) => Ok(true),
            (Err(fault), Otherwise::Fail) => Err(fault.clone()),
        }
    }
}

/// Answers already received for this message, so that no scanner or service is asked the same question twice.
#[derive(Default)]
pub struct Said {
    /// Whether a scanner found something.
    found: BTreeMap<String, Result<bool, Fault>>,
    verdicts: BTreeMap<String, Result<String, Fault>>,
}

impl Scan {
    /// # Errors
    /// The message cannot be scanned, and `otherwise` makes that a failure.
    pub fn is_met(&self, said: &mut Said, world: &impl World) -> Result<bool, Fault> {
        let found = said.found.entry(self.scanner.clone());
        let found = found.or_insert_with(|| self.finds(world));
        self.otherwise.or(found, |found| *found)
    }

    /// Whether the scanner found something in any part. A finding counts even when another part could not be scanned.
    fn finds(&self, world: &impl World) -> Result<bool, Fault> {
        let mut unscanned = None;
        for part in world.scannable() {
            match world.scan(&self.scanner, part) {
                Ok(Some(_)) => return Ok(true),
                Ok(None) => {}
                Err(fault) => drop(unscanned.get_or_insert(fault)),
            }
        }
        unscanned.map_or(Ok(false), Err)
    }
}

impl Service {
    /// # Errors
    /// The service gave no usable answer, and `otherwise` makes that a failure.
    pub fn is_met(&self, message: &Message, said: &mut Said, world: &impl World) -> Result<bool, Fault> {
        let verdict = said.verdicts.entry(self.url.clone());
        let verdict = verdict.or_insert_with(|| world.ask(&self.url, &question(message)));
        self.otherwise.or(verdict, |verdict| self.verdicts.contains(verdict))
    }
}

/// The request to the service: the envelope and no content.
fn question(message: &Message) -> Value {
    let media_types: Vec<_> = message.parts.iter().map(|part| &part.media_type).collect();
    json!({
        "peer": message.source,
        "originator": message.originator,
        "recipients": message.recipients,
        "size": message.size,
        "media-types": media_types,
    })
}

/// The verdict of an answer, in lower case: the field `verdict` of a JSON object, or else the whole body.
///
/// # Errors
/// The status is not 200, or the body contains no verdict.
pub fn verdict(status: u16, body: &[u8]) -> Result<String, Fault> {
    if status != 200 {
        return Err(Fault::Unavailable(format!("the service answers with status {status}")));
    }
    let verdict = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(fields)) => fields.get("verdict").and_then(Value::as_str).map(str::to_owned),
        Ok(Value::String(text)) => Some(text),
        _ => std::str::from_utf8(body).ok().map(str::to_owned),
    };
    let verdict = verdict
        .map(|text| text.trim().to_lowercase())
        .filter(|text| !text.is_empty());
    verdict.ok_or_else(|| Fault::Unavailable("the service's answer holds no verdict".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_a_field_or_all_of_the_answer() {
        for body in ["{\"verdict\": \"Spam\", \"score\": 9}", "spam\n", "\"SPAM\""] {
            assert_eq!(verdict(200, body.as_bytes()).as_deref(), Ok("spam"), "{body}");
        }
        for (status, body) in [(204, ""), (200, ""), (200, "{}"), (503, "spam"), (302, "spam")] {
            assert!(
                matches!(verdict(status, body.as_bytes()), Err(Fault::Unavailable(_))),
                "{status} {body}"
            );
        }
    }
}
