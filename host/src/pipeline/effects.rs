//! What plug-ins ask for besides edits.

use mm4relay_engine::{self as engine, Occasion, Plugin};

use crate::message::{Append, KvWrite, Step, StreamName};

/// What plug-ins asked for besides edits, to be committed with the message.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    pub appends: Vec<Append>,
    pub kv: Vec<KvWrite>,
    /// Values that plug-ins counted for their own metrics. They have been counted already and are not committed;
    /// observers see them here.
    pub measures: Vec<engine::Measure>,
    /// The rules of their settings that took part in decisions, for observers.
    pub rules: Vec<String>,
    /// What plug-ins used of the message, for observers.
    pub used: engine::Used,
    pub journey: Vec<Step>,
}

impl Effects {
    pub(super) fn take(
        &mut self,
        plugin: &Plugin,
        occasion: &Occasion,
        judgement: engine::Judgement,
        did: Vec<String>,
    ) {
        let occasion = match occasion {
            Occasion::Departure(destination) => format!("departure to {}", destination.peer),
            Occasion::Arrival => "arrival".into(),
            Occasion::Outcome(_) => "outcome".into(),
        };
        let micros = u64::try_from(judgement.spent.time.as_micros()).unwrap_or(u64::MAX);
        self.journey.push(Step {
            plugin: plugin.name().to_owned(),
            occasion,
            did,
            micros,
            body_octets_read: judgement.spent.body_bytes_read,
        });
        self.keep(plugin, judgement);
    }

    /// Drops what plug-ins asked for, and keeps the description of what they did.
    pub fn forget_requests(&mut self) {
        self.appends.clear();
        self.kv.clear();
    }

    /// Adds what another run asked for.
    pub fn add(&mut self, more: Effects) {
        self.appends.extend(more.appends);
        self.kv.extend(more.kv);
        self.measures.extend(more.measures);
        self.rules.extend(more.rules);
        self.used.add(&more.used);
        self.journey.extend(more.journey);
    }

    /// Adds the records and values of a successful call.
    pub(super) fn keep(&mut self, plugin: &Plugin, judgement: engine::Judgement) {
        let name = plugin.name();
        let version = &plugin.description().version;
        for record in &judgement.records {
            let when_answered = record.when_answered;
            // Serialising plain strings and numbers cannot fail; if it did, the record must not vanish silently.
            let record = serde_json::to_value(record).unwrap_or_else(|error| format!("unencodable: {error}").into());
            self.appends.push(Append {
                stream: StreamName::CHARGING,
                plugin: name.to_owned(),
                version: version.clone(),
                record,
                when_answered,
            });
        }
        self.measures.extend(judgement.measures);
        self.rules.extend(judgement.rules);
        self.used.add(&judgement.used);
        self.kv.extend(judgement.kv.into_iter().map(|write| match write {
            engine::KvWrite::Set { key, value } => KvWrite::Set {
                plugin: name.to_owned(),
                key,
                value,
            },
            engine::KvWrite::Delete { key } => KvWrite::Delete {
                plugin: name.to_owned(),
                key,
            },
            engine::KvWrite::Increment { key, by } => KvWrite::Increment {
                plugin: name.to_owned(),
                key,
                by,
            },
        }));
    }
}
