//! What the operator writes, and the check that turns it into [`Rules`].

use std::collections::BTreeSet;

use mm4_filter::Pattern;
use serde::Deserialize;
use serde_json::Value;

use crate::outside::{Otherwise, Scan, Service};
use crate::rules::{Action, By, Content, Counted, Ends, Rule, Rules, Threshold};
use crate::words::Words;

/// Longest name of a rule, in octets.
const NAME_MAX: usize = 64;

/// See docs/screen.md for each setting's meaning.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    pub rules: Vec<Value>,
    pub monitor: bool,
    pub mark_header: String,
    pub max_text: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            monitor: false,
            mark_header: "X-Screen".into(),
            max_text: 64 << 10,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleSettings {
    name: String,
    #[serde(default)]
    when: WhenSettings,
    #[serde(default)]
    except: ExceptSettings,
    flood: Option<FloodSettings>,
    duplicates: Option<DuplicatesSettings>,
    virus_scan: Option<ScanSettings>,
    service: Option<ServiceSettings>,
    then: Then,
    code: Option<u16>,
    text: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Then {
    Refuse,
    Hold,
    Discard,
    Mark,
    Count,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct WhenSettings {
    from_peers: Vec<String>,
    source_inside: Option<bool>,
    originators: Vec<String>,
    originators_in: Option<String>,
    recipients: Vec<String>,
    recipients_in: Option<String>,
    pairs_in: Option<String>,
    media_types: Vec<String>,
    part_larger_than: Option<u64>,
    message_larger_than: Option<u64>,
    words: Vec<String>,
    words_in: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct ExceptSettings {
    from_peers: Vec<String>,
    source_inside: Option<bool>,
    originators: Vec<String>,
    originators_in: Option<String>,
    recipients: Vec<String>,
    recipients_in: Option<String>,
    pairs_in: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FloodBy {
    #[default]
    Originator,
    Recipient,
    Pair,
    Peer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FloodSettings {
    #[serde(default)]
    by: FloodBy,
    more_than: u64,
    within: String,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DuplicatesBy {
    #[default]
    Content,
    Originator,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct DuplicatesSettings {
    #[serde(default)]
    by: DuplicatesBy,
    more_than: u64,
    within: String,
    #[serde(default)]
    min_size: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ScanSettings {
    scanner: String,
    #[serde(default)]
    unscanned: Otherwise,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ServiceSettings {
    url: String,
    verdicts: Vec<String>,
    #[serde(default)]
    unanswered: Otherwise,
}

impl From<ScanSettings> for Scan {
    fn from(set: ScanSettings) -> Self {
        Self {
            scanner: set.scanner,
            otherwise: set.unscanned,
        }
    }
}

impl ServiceSettings {
    fn check(self, problems: &mut Vec<String>) -> Service {
        if self.verdicts.is_empty() {
            problems.push("service.verdicts must name those that meet the rule, such as [\"spam\"]".into());
        }
        Service {
            url: self.url,
            verdicts: self.verdicts.iter().map(|verdict| verdict.to_lowercase()).collect(),
            otherwise: self.unanswered,
        }
    }
}

impl Settings {
    /// # Errors
    /// Every problem at once, separated by `; `, each with its rule, and with what would be right.
    pub fn check(self) -> Result<Rules, String> {
        let mut problems = Vec::new();
        let numbered = self.rules.into_iter().enumerate();
        let rules: Vec<Rule> = numbered
            .filter_map(|(at, item)| read(at + 1, item, &mut problems))
            .collect();
        let mut seen = BTreeSet::new();
        for rule in &rules {
            if !seen.insert(rule.name.as_str()) {
                problems.push(format!("rules holds the name {:?} twice", rule.name));
            }
        }
        if !is_header_name(&self.mark_header) {
            problems.push(format!(
                "mark-header is {:?}, but must be 1 to 76 letters, digits and hyphens",
                self.mark_header
            ));
        }
        if !(1..=8 << 20).contains(&self.max_text) {
            problems.push(format!(
                "max-text is {}, but must be 1 to {} octets",
                self.max_text,
                8 << 20
            ));
        }
        if !problems.is_empty() {
            return Err(format!("settings: {}", problems.join("; ")));
        }
        Ok(Rules {
            rules,
            monitor: self.monitor,
            mark_header: self.mark_header,
            max_text: self.max_text,
        })
    }
}

fn read(number: usize, item: Value, problems: &mut Vec<String>) -> Option<Rule> {
    let known = item.get("name").and_then(Value::as_str);
    let place = known.map_or_else(|| format!("rule {number}"), |name| format!("rule {name:?}"));
    let mut found = Vec::new();
    let rule = match serde_json::from_value::<RuleSettings>(item) {
        Ok(settings) => settings.check(&mut found),
        Err(error) => {
            found.push(error.to_string());
            None
        }
    };
    problems.extend(found.into_iter().map(|problem| format!("{place}: {problem}")));
    rule
}

impl RuleSettings {
    fn check(self, problems: &mut Vec<String>) -> Option<Rule> {
        let legal = |c: char| c.is_ascii_graphic() || c == ' ';
        if self.name.trim().is_empty() || self.name.len() > NAME_MAX || !self.name.chars().all(legal) {
            problems.push(format!(
                "name must be 1 to {NAME_MAX} visible ASCII characters and blanks: it is part of a header"
            ));
        }
        let action = self.action(problems);
        let counted = self.counted(problems);
        let scan = self.virus_scan.map(Scan::from);
        let service = self.service.map(|set| set.check(problems));
        let when = self.when;
        let words = (!when.words.is_empty()).then(|| Words::new(&when.words));
        let words = match words.transpose() {
            Ok(words) => words,
            Err(problem) => {
                problems.push(format!("when.words: {problem}"));
                None
            }
        };
        let content = Content {
            media_types: patterns(&when.media_types),
            part_larger_than: when.part_larger_than,
            message_larger_than: when.message_larger_than,
            words,
            words_in: when.words_in,
        };
        let when = Ends {
            from_peers: when.from_peers,
            source_inside: when.source_inside,
            originators: patterns(&when.originators),
            originators_in: when.originators_in,
            recipients: patterns(&when.recipients),
            recipients_in: when.recipients_in,
            pairs_in: when.pairs_in,
        };
        let except = self.except;
        let except = Ends {
            from_peers: except.from_peers,
            source_inside: except.source_inside,
            originators: patterns(&except.originators),
            originators_in: except.originators_in,
            recipients: patterns(&except.recipients),
            recipients_in: except.recipients_in,
            pairs_in: except.pairs_in,
        };
        let asks = scan.is_some() || service.is_some();
        if when.is_empty() && content.is_empty() && counted.is_none() && !asks && problems.is_empty() {
            problems.push("it matches every message: it needs when, flood, duplicates, virus-scan or service".into());
        }
        problems.is_empty().then_some(Rule {
            name: self.name,
            when,
            except,
            content,
            scan,
            service,
            counted,
            action,
        })
    }

    fn action(&self, problems: &mut Vec<String>) -> Action {
        if self.then != Then::Refuse && self.code.is_some() {
            problems.push("code is for then = \"refuse\"".into());
        }
        if matches!(self.then, Then::Mark | Then::Count) && self.text.is_some() {
            problems.push("text is for refuse, hold and discard".into());
        }
        let code = self.code.unwrap_or(554);
        if !(550..=554).contains(&code) {
            problems.push(format!("code is {code}, but must be 550 to 554"));
        }
        let text = match (&self.text, self.then) {
            (Some(text), _) => text.clone(),
            (None, Then::Refuse) => "the message is not taken: it was recognised as unwanted".into(),
            (None, _) => format!("rule {}", self.name),
        };
        if text.is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
            problems.push("text must be 1 to 200 octets without control characters".into());
        }
        match self.then {
            Then::Refuse => Action::Refuse { code, text },
            Then::Hold => Action::Hold(text),
            Then::Discard => Action::Discard(text),
            Then::Mark => Action::Mark,
            Then::Count => Action::Count,
        }
    }

    fn counted(&self, problems: &mut Vec<String>) -> Option<Counted> {
        let mut within = |text: &str| {
            duration(text).unwrap_or_else(|| {
                problems.push(format!(
                    "within is {text:?}, but must be a time from 1 s to 31 days, such as \"10 min\" or \"1 h\""
                ));
                1000
            })
        };
        let flood = self.flood.as_ref().map(|flood| Counted {
            by: match flood.by {
                FloodBy::Originator => By::Originator,
                FloodBy::Recipient => By::Recipient,
                FloodBy::Pair => By::Pair,
                FloodBy::Peer => By::Peer,
            },
            threshold: Threshold {
                more_than: flood.more_than,
                within: within(&flood.within),
            },
            min_size: 0,
        });
        let duplicates = self.duplicates.as_ref().map(|duplicates| Counted {
            by: match duplicates.by {
                DuplicatesBy::Content => By::Content,
                DuplicatesBy::Originator => By::ContentOfOriginator,
            },
            threshold: Threshold {
                more_than: duplicates.more_than,
                within: within(&duplicates.within),
            },
            min_size: duplicates.min_size,
        });
        if flood.is_some() && duplicates.is_some() {
            problems.push("it has flood and duplicates; write a rule for each".into());
        }
        flood.or(duplicates)
    }
}

fn patterns(texts: &[String]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::new(text)).collect()
}

fn is_header_name(text: &str) -> bool {
    (1..=76).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

/// `"10 min"` in milliseconds.
fn duration(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "day" | "days" => 86_400_000,
        _ => return None,
    };
    let time = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (1_000..=31 * 86_400_000).contains(&time).then_some(time)
}

#[cfg(test)]
mod tests;
