//! Screens messages by rules: floods, repeated content, blocked end points and pairs, media types, sizes and words.
//! Runs on arrival, on `MM4_forward.REQ`. docs/screen.md is for those who write the rules.
//!
//! A rule has conditions, which must all hold, and an action: refuse, hold, discard, mark by a header field, or only
//! count. Rules are tried in their order; the first that refuses, holds or discards is the last one tried.
//!
//! Counts are durable values of the relay, written in the commit of the message; concurrent messages and crashes lose
//! none. A message that is refused or held is not counted, because nothing of it is committed.

use mm4_filter::{
    AddressExt, Fault, HeaderField, MessageType, PartExt, Plugin, Refusal, Verdict, edit, granted, http, kv, log,
    message, metrics, scan, tables, text,
};

use counter::{Checksum, Place, Seen};
use rules::{Action, Judged, Message, Part, Rules, World};

pub mod counter;
pub mod outside;
pub mod rules;
pub mod settings;
pub mod words;

pub struct Screen;

/// The state that `configure` leaves to every call.
pub struct State {
    rules: Rules,
    /// Whether the plug-in counts its rules' matches in the relay's metrics.
    has_metrics: bool,
}

impl Plugin for Screen {
    const NAME: &'static str = "screen";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = State;

    /// Reports and responses are not screened: they reach no user as content.
    fn message_types() -> Vec<MessageType> {
        vec![MessageType::ForwardRequest]
    }

    fn configure() -> Result<State, String> {
        let rules = mm4_filter::config::<settings::Settings>()?.check()?;
        check_grants(&rules)?;
        rules.rules.iter().for_each(|rule| log::rule(&rule.name));
        Ok(State {
            rules,
            has_metrics: granted("metrics"),
        })
    }

    fn arrival(state: &State) -> Result<Verdict, Fault> {
        let message = received();
        let judged = state.rules.judge(&message, &Relay { parts: &message.parts })?;
        state.tell(&judged)?;
        Ok(state.verdict(judged))
    }
}

/// Checks that the tables, scanners and services that the settings name exist, so that an error appears at load time
/// and not at the first message.
fn check_grants(rules: &Rules) -> Result<(), String> {
    let tables = rules.tables();
    let counts = rules.rules.iter().any(|rule| rule.counted.is_some());
    let asks = rules.rules.iter().any(|rule| rule.service.is_some());
    let scans = rules.rules.iter().any(|rule| rule.scan.is_some());
    for (grant, needed, why) in [
        ("log", true, "it names its rules there"),
        ("tables", !tables.is_empty(), "a rule names a table"),
        ("kv", counts, "a rule has flood or duplicates"),
        ("scan", scans, "a rule has virus-scan"),
        ("http", asks, "a rule has service"),
    ] {
        if needed && !granted(grant) {
            return Err(format!(
                "settings: add {grant:?} to the plug-in's grants, because {why}"
            ));
        }
    }
    let missing: Vec<String> = tables
        .into_iter()
        .filter(|table| tables::lookup(table, "").is_err())
        .map(|table| format!("no table {table:?} is configured"))
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!("settings: {}", missing.join("; "))),
    }
}

fn received() -> Message {
    let summary = message::current();
    let part = |part: mm4_filter::Part| Part {
        id: part.id,
        media_type: part.media_type,
        size: part.encoded_size,
    };
    Message {
        source: summary.source,
        source_inside: summary.source_inside,
        originator: message::originator()
            .map(|address| address.end_point())
            .unwrap_or_default(),
        recipients: message::recipients().iter().map(|to| to.address.end_point()).collect(),
        size: summary.size,
        received_at: summary.received_at,
        parts: message::parts().into_iter().map(part).collect(),
    }
}

impl State {
    /// Names the rules that the message met in the plug-in's log line, and counts them.
    fn tell(&self, judged: &Judged) -> Result<(), Fault> {
        for &at in &judged.met {
            let name = &self.rules.rules[at].name;
            log::rule(name);
            if self.has_metrics {
                metrics::count(&metric(name), 1)?;
            }
        }
        Ok(())
    }

    fn verdict(&self, judged: Judged) -> Verdict {
        match judged.end {
            Some(Action::Refuse { code, text }) => Verdict::Refuse(Refusal { code, text }),
            Some(Action::Hold(text)) => Verdict::Hold(text),
            Some(Action::Discard(text)) => Verdict::Discard(text),
            Some(Action::Mark | Action::Count) | None if judged.marks.is_empty() => Verdict::Pass,
            Some(Action::Mark | Action::Count) | None => {
                let names: Vec<_> = judged
                    .marks
                    .iter()
                    .map(|&at| self.rules.rules[at].name.as_str())
                    .collect();
                Verdict::Edit(vec![edit::set_header(&self.rules.mark_header, names.join(", "))])
            }
        }
    }
}

/// The name of a counter: `met_` and the rule's name in small letters, digits in a row cut to four.
fn metric(rule: &str) -> String {
    let mut name = String::from("met_");
    let mut digits = 0;
    for c in rule.chars().take(60) {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        match c {
            _ if digits > 4 => {}
            _ if c.is_ascii_alphanumeric() => name.push(c.to_ascii_lowercase()),
            _ => name.push('_'),
        }
    }
    name
}

/// [`World`] as the relay provides it.
struct Relay<'a> {
    parts: &'a [Part],
}

impl Relay<'_> {
    fn part(&self, id: u32) -> Option<mm4_filter::Part> {
        message::parts().into_iter().find(|part| part.id == id)
    }
}

/// A part that cannot be decoded has no text to look at.
fn unless_unreadable<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Fault::Invalid(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

impl World for Relay<'_> {
    fn is_listed(&self, table: &str, key: &str) -> Result<bool, Fault> {
        Ok(tables::lookup(table, key)?.is_some())
    }

    fn text(&self, id: u32, max: u64) -> Result<Option<String>, Fault> {
        match self.part(id) {
            Some(part) => Ok(unless_unreadable(text::of_part(&part, max))?.flatten()),
            None => Ok(None),
        }
    }

    fn checksum(&self) -> Result<(String, u64), Fault> {
        let mut sum = Checksum::default();
        let mut octets = 0;
        for part in self
            .parts
            .iter()
            .filter(|part| !part.media_type.starts_with("application/smil"))
        {
            let Some(part) = self.part(part.id) else { continue };
            sum.begin_part(&part.media_type, part.encoded_size);
            for piece in part.reader() {
                let Some(piece) = unless_unreadable(piece)? else { break };
                octets += piece.len() as u64;
                sum.add(&piece);
            }
        }
        Ok((sum.finish(), octets))
    }

    fn scannable(&self) -> Vec<u32> {
        scan::parts()
    }

    fn scan(&self, scanner: &str, part: u32) -> Result<Option<String>, Fault> {
        // `Invalid` has three causes: a scanner that is not configured, a part that this plug-in may not read, and a
        // part that cannot be decoded. Only the last is "nothing found".
        let cannot_be_read =
            || self.part(part).is_some() && matches!(message::read_part(part, 0, 1), Err(Fault::Invalid(_)));
        match scan::part(part, scanner) {
            Err(Fault::Invalid(_)) if cannot_be_read() => Ok(None),
            found => found,
        }
    }

    fn ask(&self, url: &str, question: &serde_json::Value) -> Result<String, Fault> {
        let answer = http::fetch(&http::Request {
            method: "POST".into(),
            url: url.into(),
            headers: vec![HeaderField {
                name: "Content-Type".into(),
                value: "application/json".into(),
            }],
            body: question.to_string().into_bytes(),
        })?;
        outside::verdict(answer.status, &answer.body)
    }

    fn seen(&self, place: &Place) -> Result<Seen, Fault> {
        let (count, base) = (kv::get(&place.count)?, kv::get(&place.base)?);
        Ok(Seen::read(count.as_deref(), base.as_deref()))
    }

    fn count(&self, place: &Place, base: Option<String>) -> Result<(), Fault> {
        if let Some(base) = base {
            kv::set(&place.base, base.as_bytes())?;
        }
        kv::increment(&place.count, 1)
    }
}

mm4_filter::export_plugin!(Screen);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_rule_becomes_a_legal_name_of_a_counter() {
        assert_eq!(metric("Flood, by originator"), "met_flood__by_originator");
        assert_eq!(metric("1555555 x"), "met_1555_x");
        assert!(metric(&"x".repeat(64)).len() <= 64);
    }
}
