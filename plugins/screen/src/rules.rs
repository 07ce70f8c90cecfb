//! Which rule a message meets, and what is done with the message. Nothing in this file knows the relay: rules ask a
//! [`World`].

#[cfg(test)]
mod tests;

use mm4_filter::{Fault, Pattern};
use serde_json::Value;

use crate::counter::{Place, Seen};
use crate::outside::{Said, Scan, Service};
use crate::words::{Words, normalised, words};

/// The largest number of words of a message that are looked up in tables.
const WORDS_MAX: usize = 2_000;

/// The settings after they were checked.
#[derive(Debug)]
pub struct Rules {
    pub rules: Vec<Rule>,
    /// Every rule only counts, whatever its action.
    pub monitor: bool,
    pub mark_header: String,
    /// The longest text that is read, in octets.
    pub max_text: u64,
}

/// Conditions that must all hold, and what is done then.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    pub when: Ends,
    /// Exceptions: messages that the rule neither meets nor counts.
    pub except: Ends,
    pub content: Content,
    pub scan: Option<Scan>,
    pub service: Option<Service>,
    pub counted: Option<Counted>,
    pub action: Action,
}

/// Originator and recipient. A list matches when one of its items does; an empty list matches everything.
#[derive(Debug, Default)]
pub struct Ends {
    pub from_peers: Vec<String>,
    pub source_inside: Option<bool>,
    pub originators: Vec<Pattern>,
    pub originators_in: Option<String>,
    pub recipients: Vec<Pattern>,
    pub recipients_in: Option<String>,
    pub pairs_in: Option<String>,
}

/// Conditions on the content.
#[derive(Debug, Default)]
pub struct Content {
    pub media_types: Vec<Pattern>,
    pub part_larger_than: Option<u64>,
    pub message_larger_than: Option<u64>,
    pub words: Option<Words>,
    pub words_in: Option<String>,
}

/// The condition on the rate.
#[derive(Debug)]
pub struct Counted {
    pub by: By,
    pub threshold: Threshold,
    /// The smallest content that is counted as repeated, in octets.
    pub min_size: u64,
}

/// The key of the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Originator,
    Recipient,
    Pair,
    Peer,
    Content,
    ContentOfOriginator,
}

#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    pub more_than: u64,
    /// Milliseconds.
    pub within: u64,
}

/// What becomes of a message that meets a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Refuse { code: u16, text: String },
    Hold(String),
    Discard(String),
    Mark,
    Count,
}

/// A part, as far as rules look at it.
#[derive(Clone, Debug)]
pub struct Part {
    pub id: u32,
    pub media_type: String,
    /// Octets, encoded.
    pub size: u64,
}

/// The message, as far as rules look at it.
#[derive(Clone, Debug)]
pub struct Message {
    pub source: String,
    pub source_inside: bool,
    /// The end point; empty for the null sender.
    pub originator: String,
    pub recipients: Vec<String>,
    pub size: u64,
    /// Milliseconds since 1970.
    pub received_at: u64,
    pub parts: Vec<Part>,
}

/// What rules ask of the relay.
pub trait World {
    /// # Errors
    /// No such table exists, or it is not available now.
    fn is_listed(&self, table: &str, key: &str) -> Result<bool, Fault>;
    /// The text of a part; `None` when it is longer than `max` octets, or no text.
    ///
    /// # Errors
    /// The relay cannot read it now.
    fn text(&self, part: u32, max: u64) -> Result<Option<String>, Fault>;
    /// The digest of all parts but the presentation, and their size in octets.
    ///
    /// # Errors
    /// The relay cannot read it now.
    fn checksum(&self) -> Result<(String, u64), Fault>;
    /// The parts that scanners may look into, including those that the plug-in may not read.
    fn scannable(&self) -> Vec<u32>;
    /// What the scanner `scanner` finds in a part; `None` also for a part that cannot be decoded.
    ///
    /// # Errors
    /// The scanner gave no answer.
    fn scan(&self, scanner: &str, part: u32) -> Result<Option<String>, Fault>;
    /// The verdict of a service about a request.
    ///
    /// # Errors
    /// The service gave no verdict.
    fn ask(&self, url: &str, question: &Value) -> Result<String, Fault>;
    /// # Errors
    /// The store did not answer.
    fn seen(&self, place: &Place) -> Result<Seen, Fault>;
    /// Adds one to the counter; writes `base` if it is given.
    ///
    /// # Errors
    /// The store did not answer, or a limit of the plug-in's values is reached.
    fn count(&self, place: &Place, base: Option<String>) -> Result<(), Fault>;
}

/// The outcome of all rules for one message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// The rules that the message met, by index.
    pub met: Vec<usize>,
    /// Those of them that mark the message, by index.
    pub marks: Vec<usize>,
    /// The action of the first rule that refuses, holds or discards.
    pub end: Option<Action>,
}

impl Rules {
    /// Every table that the rules name, each once.
    pub fn tables(&self) -> Vec<&str> {
        let mut tables: Vec<&str> = Vec::new();
        for rule in &self.rules {
            tables.extend(rule.content.words_in.as_deref());
            for ends in [&rule.when, &rule.except] {
                let named = [&ends.originators_in, &ends.recipients_in, &ends.pairs_in];
                tables.extend(named.into_iter().flatten().map(String::as_str));
            }
        }
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// # Errors
    /// Those of `world`.
    pub fn judge(&self, message: &Message, world: &impl World) -> Result<Judged, Fault> {
        let mut judged = Judged::default();
        let mut read = Read::default();
        for (at, rule) in self.rules.iter().enumerate() {
            if !rule.holds(message, self.max_text, &mut read, world)? {
                continue;
            }
            judged.met.push(at);
            match &rule.action {
                Action::Count => {}
                _ if self.monitor => {}
                Action::Mark => judged.marks.push(at),
                end => {
                    judged.end = Some(end.clone());
                    break;
                }
            }
        }
        Ok(judged)
    }
}

/// Contents of the message already read, so that no two rules read the same.
#[derive(Default)]
struct Read {
    texts: Option<Vec<String>>,
    checksum: Option<(String, u64)>,
    said: Said,
}

impl Rule {
    /// Checks the cheapest conditions first. The rate comes last, because it counts the message, and only a message
    /// that meets all other conditions may be counted. Scanners and services come after the conditions that need no
    /// network.
    fn holds(&self, message: &Message, max_text: u64, read: &mut Read, world: &impl World) -> Result<bool, Fault> {
        if !self.when.hold(message, world)?
            || (!self.except.is_empty() && self.except.hold(message, world)?)
            || !self.content.holds(message, max_text, read, world)?
        {
            return Ok(false);
        }
        if let Some(scan) = &self.scan
            && !scan.is_met(&mut read.said, world)?
        {
            return Ok(false);
        }
        if let Some(service) = &self.service
            && !service.is_met(message, &mut read.said, world)?
        {
            return Ok(false);
        }
        match &self.counted {
            None => Ok(true),
            Some(counted) => counted.is_exceeded(&self.name, message, read, world),
        }
    }
}

impl Ends {
    pub fn is_empty(&self) -> bool {
        self.from_peers.is_empty()
            && self.source_inside.is_none()
            && self.originators.is_empty()
            && self.recipients.is_empty()
            && [&self.originators_in, &self.recipients_in, &self.pairs_in]
                .into_iter()
                .all(Option::is_none)
    }

    fn hold(&self, message: &Message, world: &impl World) -> Result<bool, Fault> {
        let matches = |patterns: &[Pattern], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(text))
        };
        let here = (self.from_peers.is_empty() || self.from_peers.contains(&message.source))
            && self.source_inside.is_none_or(|inside| inside == message.source_inside)
            && matches(&self.originators, &message.originator)
            && (self.recipients.is_empty() || message.recipients.iter().any(|to| matches(&self.recipients, to)));
        if !here {
            return Ok(false);
        }
        if let Some(table) = &self.originators_in
            && !world.is_listed(table, &message.originator)?
        {
            return Ok(false);
        }
        if let Some(table) = &self.recipients_in
            && !any(&message.recipients, |to| world.is_listed(table, to))?
        {
            return Ok(false);
        }
        match &self.pairs_in {
            None => Ok(true),
            Some(table) => any(&message.recipients, |to| {
                let from = &message.originator;
                any(
                    &[format!("{from}>{to}"), format!("{from}>*"), format!("*>{to}")],
                    |key| world.is_listed(table, key),
                )
            }),
        }
    }
}

/// Whether `is_so` returns true for one item; the items after it are not asked about.
fn any<T, E>(items: &[T], mut is_so: impl FnMut(&T) -> Result<bool, E>) -> Result<bool, E> {
    for item in items {
        if is_so(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Content {
    pub fn is_empty(&self) -> bool {
        self.media_types.is_empty()
            && self.part_larger_than.is_none()
            && self.message_larger_than.is_none()
            && self.words.is_none()
            && self.words_in.is_none()
    }

    fn holds(&self, message: &Message, max_text: u64, read: &mut Read, world: &impl World) -> Result<bool, Fault> {
        let of_a_part = !self.media_types.is_empty() || self.part_larger_than.is_some();
        // Type and size must match on the same part.
        let is_such = |part: &Part| {
            (self.media_types.is_empty() || self.media_types.iter().any(|range| range.matches(&part.media_type)))
                && self.part_larger_than.is_none_or(|size| part.size > size)
        };
        if self.message_larger_than.is_some_and(|size| message.size <= size)
            || (of_a_part && !message.parts.iter().any(is_such))
        {
            return Ok(false);
        }
        if self.words.is_none() && self.words_in.is_none() {
            return Ok(true);
        }
        let texts = read.texts(message, max_text, world)?;
        if let Some(wanted) = &self.words
            && !texts.iter().any(|text| wanted.are_in(text))
        {
            return Ok(false);
        }
        match &self.words_in {
            None => Ok(true),
            Some(table) => any(texts, |text| {
                let words: Vec<&str> = words(text, WORDS_MAX).into_iter().collect();
                any(&words, |word| world.is_listed(table, word))
            }),
        }
    }
}

impl Read {
    /// All texts of the message, normalised for comparison.
    fn texts(&mut self, message: &Message, max: u64, world: &impl World) -> Result<&[String], Fault> {
        if self.texts.is_none() {
            let mut texts = Vec::new();
            for part in message.parts.iter().filter(|part| part.media_type.starts_with("text/")) {
                texts.extend(world.text(part.id, max)?.map(|text| normalised(&text)));
            }
            self.texts = Some(texts);
        }
        Ok(self.texts.as_deref().unwrap_or_default())
    }

    fn checksum(&mut self, world: &impl World) -> Result<(String, u64), Fault> {
        if self.checksum.is_none() {
            self.checksum = Some(world.checksum()?);
        }
        Ok(self.checksum.clone().unwrap_or_default())
    }
}

impl Counted {
    fn is_exceeded(&self, rule: &str, message: &Message, read: &mut Read, world: &impl World) -> Result<bool, Fault> {
        let Threshold { more_than, within } = self.threshold;
        let now = message.received_at;
        let mut exceeded = false;
        for what in self.what(message, read, world)? {
            let place = Place::of(rule, &what);
            let (seen, is_new) = world.seen(&place)?.at(now, within);
            world.count(&place, is_new.then(|| seen.base()))?;
            exceeded |= seen.within(now, within) >= more_than;
        }
        Ok(exceeded)
    }

    fn what(&self, message: &Message, read: &mut Read, world: &impl World) -> Result<Vec<String>, Fault> {
        let from = &message.originator;
        Ok(match self.by {
            By::Originator => vec![from.clone()],
            By::Peer => vec![message.source.clone()],
            By::Recipient => message.recipients.clone(),
            By::Pair => message.recipients.iter().map(|to| format!("{from}>{to}")).collect(),
            By::Content | By::ContentOfOriginator => {
                let (checksum, size) = read.checksum(world)?;
                match self.by {
                    _ if size < self.min_size.max(1) => Vec::new(),
                    By::ContentOfOriginator => vec![format!("{from} {checksum}")],
                    _ => vec![checksum],
                }
            }
        })
    }
}
