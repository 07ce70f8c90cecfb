//! A message's journey as a line of time: what `trace` says in JSON, put into words.

use serde::Deserialize;
use serde_json::Value;

use super::words::{grouped, octets};

/// A request with everything that happened to it.
pub(super) struct Journey {
    pub title: String,
    pub facts: Vec<(&'static str, String)>,
    pub destinations: Vec<Destination>,
    pub happened: Vec<Happened>,
    pub records: Vec<String>,
    /// Ids of what of it is in the queue.
    pub queue: Vec<String>,
}

pub(super) struct Destination {
    pub peer: String,
    pub to: String,
    pub state: String,
    pub asked_with: String,
    pub repeats: u64,
}

pub(super) struct Happened {
    pub at: String,
    pub what: String,
    /// `good`, `bad`, `person`, or nothing.
    pub mood: &'static str,
    pub lines: Vec<String>,
    pub plugins: Vec<Called>,
}

/// A plug-in that was called.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Called {
    pub plugin: String,
    pub occasion: String,
    pub did: Vec<String>,
    pub micros: u64,
}

/// A message that was refused at the end of its data.
#[derive(Deserialize)]
pub(super) struct Refusal {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub peer: String,
    #[serde(default)]
    pub remote: String,
    #[serde(default)]
    pub helo: String,
    #[serde(default)]
    pub from: String,
    #[serde(default)]
    pub to: Vec<String>,
    #[serde(default)]
    pub reply: String,
    #[serde(default)]
    pub reason: String,
}

/// As `trace` writes them; what is not there is empty.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Event {
    at: String,
    event: String,
    relay_id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Option<String>,
    status_text: Option<String>,
    source: String,
    remote: String,
    helo: String,
    octets: u64,
    from: Option<String>,
    to: Vec<String>,
    plug_ins: Vec<Called>,
    destinations: Vec<Sent>,
    held: Option<String>,
    held_by: Vec<Holder>,
    reason: String,
    due: Option<String>,
    id: Option<String>,
    became: String,
    reply: Option<String>,
    who: String,
    did: String,
    changes: Vec<String>,
    charging_records: Option<(u64, u64)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sent {
    ordinal: u64,
    peer: String,
    given_up: Option<String>,
}

#[derive(Deserialize)]
struct Holder {
    plugin: String,
    reason: String,
}

fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_default().to_owned()
}

fn all(of: &Value, name: &str) -> Vec<Value> {
    of[name].as_array().cloned().unwrap_or_default()
}

impl Journey {
    pub fn of(request: &Value) -> Self {
        let records = all(request, "charging").into_iter();
        let records = records.map(|record| {
            let (number, kind, plugin) = (
                &record["sequence"],
                text(&record, "record-type"),
                text(&record, "plugin"),
            );
            format!("{number}: {kind}, by {plugin}")
        });
        let events = all(request, "history").into_iter();
        let events = events.filter_map(|event| serde_json::from_value::<Event>(event).ok());
        Self {
            title: format!("{} from {}", text(request, "type"), text(request, "source")),
            facts: facts(request),
            destinations: all(request, "destinations").iter().map(Destination::of).collect(),
            happened: events.map(Happened::of).collect(),
            records: records.collect(),
            queue: all(request, "queue").iter().map(|entry| text(entry, "id")).collect(),
        }
    }
}

fn facts(request: &Value) -> Vec<(&'static str, String)> {
    let wants = [
        ("response", "a response"),
        ("delivery-report", "a delivery report"),
        ("read-reply", "a read-reply report"),
    ];
    let wants = wants
        .iter()
        .filter(|(name, _)| request["wants"][*name] == Value::Bool(true));
    let wants: Vec<&str> = wants.map(|(_, what)| *what).collect();
    let answer = &request["answer"];
    let answer = match answer.is_object() {
        true => format!(
            "{} {} at {}",
            text(answer, "status"),
            text(answer, "text"),
            text(answer, "at")
        ),
        false => "nothing yet".to_owned(),
    };
    let next = &request["next"];
    let next = match next.is_object() {
        true => format!("{} at {}", text(next, "what"), text(next, "due")),
        false => String::new(),
    };
    let all = [
        ("the relay's id", text(request, "relay-id")),
        ("message ID", text(request, "message-id")),
        ("transaction ID", text(request, "transaction-id")),
        ("received", text(request, "received-at")),
        (
            "asked for",
            if wants.is_empty() {
                "nothing".to_owned()
            } else {
                wants.join(", ")
            },
        ),
        ("was answered", answer),
        ("handled", text(request, "mode")),
        ("what comes next", next),
        ("same IDs as, and another body", text(request, "raised-like")),
        ("known until", text(request, "forgotten-at")),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

impl Destination {
    fn of(value: &Value) -> Self {
        let to: Vec<String> = all(value, "recipients")
            .iter()
            .filter_map(|to| to.as_str().map(str::to_owned))
            .collect();
        Self {
            peer: text(value, "peer"),
            to: to.join(", "),
            state: text(value, "state"),
            asked_with: text(value, "transaction-id"),
            repeats: value["repeats"].as_u64().unwrap_or_default(),
        }
    }
}

impl Happened {
    fn of(of: Event) -> Self {
        let due = of
            .due
            .as_ref()
            .map_or_else(String::new, |due| format!("; again at {due}"));
        let id = of.id.clone().unwrap_or_default();
        let (what, mood) = match of.event.as_str() {
            "accepted" => (format!("accepted {} from {}", of.relay_id, of.source), ""),
            "finished" => (format!("{} is through its plug-ins", of.relay_id), ""),
            "later" => (format!("not through its plug-ins: {}{due}", of.reason), "bad"),
            "refused" => (format!("refused after it was accepted: {}", of.reason), "bad"),
            "outcome" => {
                let mood = if of.became == "delivered" { "good" } else { "bad" };
                let reply = of.reply.as_ref().map_or_else(String::new, |reply| format!(": {reply}"));
                (format!("{} {id}{reply}{due}", of.became), mood)
            }
            "outcome-taken" => (format!("the plug-ins have taken the outcome of {id}"), ""),
            "operator" => (format!("{}: {} {id}", of.who, of.did), "person"),
            // Changes come one by one, below.
            "changed" => ("what is known of it has changed".to_owned(), ""),
            other => (other.to_owned(), ""),
        };
        Self {
            at: of.at.clone(),
            what,
            mood,
            lines: of.lines(),
            plugins: of.plug_ins,
        }
    }
}

impl Event {
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.remote.is_empty() {
            let size = octets(self.octets);
            lines.push(format!("from {} (said {}), {size}", self.remote, self.helo));
            let says = self.kind.iter().chain(&self.status).chain(&self.status_text);
            let says: Vec<&str> = says.map(String::as_str).collect();
            lines.push(says.join(" "));
            lines.push(format!("MAIL FROM:<{}>", self.from.as_deref().unwrap_or_default()));
            lines.extend(self.to.iter().map(|to| format!("RCPT TO:<{to}>")));
        }
        for sent in &self.destinations {
            let given_up = sent
                .given_up
                .as_ref()
                .map_or_else(String::new, |why| format!(", given up: {why}"));
            lines.push(format!(
                "to {} as {}-{}{given_up}",
                sent.peer, self.relay_id, sent.ordinal
            ));
        }
        lines.extend(self.held.iter().map(|why| format!("stays as received: {why}")));
        let holders = self.held_by.iter();
        lines.extend(holders.map(|holder| format!("held by {}: {}", holder.plugin, holder.reason)));
        lines.extend(self.changes.iter().cloned());
        match self.charging_records {
            Some((first, last)) if first == last => lines.push(format!("charging record {}", grouped(first))),
            Some((first, last)) => lines.push(format!("charging records {} to {}", grouped(first), grouped(last))),
            None => {}
        }
        lines.retain(|line| !line.is_empty());
        lines
    }
}

impl Refusal {
    pub fn of(value: &Value) -> Self {
        let nothing = |_| Self {
            id: String::new(),
            peer: String::new(),
            remote: String::new(),
            helo: String::new(),
            from: String::new(),
            to: Vec::new(),
            reply: String::new(),
            reason: String::new(),
        };
        serde_json::from_value(value.clone()).unwrap_or_else(nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_event_of_a_trace_becomes_a_step_with_what_plug_ins_did() {
        let journey = Journey::of(&json!({
            "relay-id": "001K0TA9BWMH8", "type": "MM4_forward.REQ", "source": "operator-a",
            "wants": {"response": true},
            "history": [
                {"at": "2026-11-21T10:00:00.000Z", "event": "accepted", "relay-id": "001K0TA9BWMH8", "source": "operator-a",
                 "remote": "192.0.2.1:4000", "helo": "a.example", "octets": 1500, "from": null, "to": ["+15555550199"],
                 "type": "MM4_forward.REQ", "status": null, "status-text": null,
                 "plug-ins": [{"plugin": "p", "occasion": "arrival", "did": ["edited"], "micros": 7, "body_octets_read": 0}],
                 "destinations": [{"ordinal": 1, "peer": "operator-b", "given-up": null}], "held": null, "held-by": [],
                 "changes": [], "charging-records": [3, 4]},
                {"at": "2026-11-21T10:00:01.000Z", "event": "outcome", "id": "001K0TA9BWMH8-1", "became": "deferred",
                 "reply": "451 later", "due": "2026-11-21T10:01:00.000Z", "changes": []},
            ],
        }));
        assert_eq!(journey.happened.len(), 2, "none is passed over");
        assert_eq!(journey.happened[0].plugins[0].did, ["edited"]);
        assert!(
            journey.happened[0]
                .lines
                .contains(&"to operator-b as 001K0TA9BWMH8-1".to_owned())
        );
        assert_eq!(
            (journey.happened[1].what.as_str(), journey.happened[1].mood),
            (
                "deferred 001K0TA9BWMH8-1: 451 later; again at 2026-11-21T10:01:00.000Z",
                "bad"
            )
        );
    }
}
