//! `[routing]`: the order of the steps that find a recipient's next hop, and their sources.

use std::net::SocketAddr;
use std::time::Duration;

use super::Table;
use super::file::{Read, Section};
use super::forms::{digits, domain, duration};
use super::name_servers;
use super::problem::one_of;

/// `[routing]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// `order`. Default: all steps in the order of [`Step`]; those without a source do nothing.
    pub order: Vec<Step>,
    /// `subscribers`: a table from number to the name of a relay-server or peer.
    pub subscribers: Option<String>,
    /// `portability`: a table from number to a network's id, a domain, or the name of a peer.
    pub portability: Option<String>,
    /// `[routing.enum]`. Absent: DNS is not queried.
    pub numbering: Option<Numbering>,
    pub dialling: Dialling,
}

/// How numbers are dialled where our subscribers are. It decides which spellings of an originator count as one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialling {
    /// `country-code`. Absent: no number is read as a national one.
    pub country_code: Option<String>,
    /// `national-prefix`. Default `0`.
    pub national_prefix: String,
    /// `international-prefixes`. Default `00`.
    pub international_prefixes: Vec<String>,
}

/// A step of `order`, in the default order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Domain,
    Subscribers,
    Portability,
    Ranges,
    MccMnc,
    Enum,
}

/// `[routing.enum]`: querying DNS for the network of a number (RFC 6116, RFC 4355).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// `suffix`: the domain that contains the numbers. Default `e164.arpa`.
    pub suffix: String,
    /// `servers`: name servers. Empty: `name-servers` of `[relay]`, or those of the system.
    pub servers: Vec<SocketAddr>,
    /// `time-out`: for one look-up with its retries. Default 2 s: a sender waits at RCPT, and others behind it.
    pub time_out: Duration,
    /// `keep-at-least`: the shortest time for which an answer is cached, whatever its TTL. Default 10 s.
    pub keep_at_least: Duration,
    /// `keep-at-most`: the longest such time. Default 1 h: numbers are ported within hours.
    pub keep_at_most: Duration,

    pub on_failure: OnFailure,
}

/// `on-failure`: what becomes of a recipient when DNS does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// 451: the sender tries again.
    Defer,
    /// The next step of the order decides.
    Next,
}

const STEPS: [(&str, Step); 6] = [
    ("domain", Step::Domain),
    ("subscribers", Step::Subscribers),
    ("portability", Step::Portability),
    ("ranges", Step::Ranges),
    ("mcc-mnc", Step::MccMnc),
    ("enum", Step::Enum),
];

impl Default for Routing {
    fn default() -> Self {
        Self {
            order: STEPS.map(|(_, step)| step).to_vec(),
            subscribers: None,
            portability: None,
            numbering: None,
            dialling: Dialling::default(),
        }
    }
}

impl Default for Dialling {
    fn default() -> Self {
        Self {
            country_code: None,
            national_prefix: "0".to_owned(),
            international_prefixes: vec!["00".to_owned()],
        }
    }
}

impl Dialling {
    fn read(s: &mut Section<'_>) -> Self {
        let default = Self::default();
        let country_code = s.optional("country-code", |value| {
            let read = digits(1..=3)(value)?;
            match read.starts_with('0') {
                true => Err("1 to 3 digits that do not begin with 0 (ITU-T E.164)".to_owned()),
                false => Ok(read),
            }
        });
        let international_prefixes = s.list("international-prefixes", digits(1..=6));
        Self {
            country_code,
            national_prefix: s
                .optional("national-prefix", digits(1..=5))
                .unwrap_or(default.national_prefix),
            international_prefixes: match s.has("international-prefixes") {
                true => international_prefixes,
                false => default.international_prefixes,
            },
        }
    }
}

impl Routing {
    /// Reads the section. `tables` are those of the file.
    pub(super) fn read(s: &mut Section<'_>, tables: &[Table]) -> Self {
        let mut seen = Vec::new();
        let order = s.list("order", |value| {
            let name = value.as_str().unwrap_or_default();
            let step = STEPS.iter().find(|(known, _)| *known == name);
            let names = STEPS.map(|(name, _)| name);
            let (_, step) = step.ok_or_else(|| format!("a step: {}", one_of(name, &names)))?;
            if seen.contains(step) {
                return Err("a step that is listed only once".to_owned());
            }
            seen.push(*step);
            Ok(*step)
        });
        let ordered = s.has_items("order");
        if s.has("order") && !ordered {
            s.refuse("order", "at least one step");
        }
        let mut named = |key| {
            s.optional(key, |value| {
                let name = value.as_str().unwrap_or_default();
                let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
                match names.contains(&name) {
                    true => Ok(name.to_owned()),
                    false => Err(format!("the name of a table: {}", one_of(name, &names))),
                }
            })
        };
        let (subscribers, portability) = (named("subscribers"), named("portability"));
        let numbering = match s.has("enum") {
            true => Some(s.section("enum", Numbering::read)),
            false => None,
        };
        let read = Self {
            order: if ordered { order } else { Self::default().order },
            subscribers,
            portability,
            numbering,
            dialling: Dialling::read(s),
        };
        if ordered {
            read.refuse_idle_steps(s);
        }
        read
    }

    /// A step that is named must have a source, and a configured source must be used by a step.
    fn refuse_idle_steps(&self, s: &mut Section<'_>) {
        let needs = [
            (Step::Subscribers, "subscribers", self.subscribers.is_some()),
            (Step::Portability, "portability", self.portability.is_some()),
            (Step::Enum, "enum", self.numbering.is_some()),
        ];
        for (step, key, there) in needs {
            match (self.order.contains(&step), there) {
                (true, false) if !s.has(key) => {
                    s.refuse(key, format!("a value, because order names the step {key}"));
                }
                (false, true) => s.refuse("order", format!("the step {key} too, because {key} is set")),
                _ => {}
            }
        }
    }
}

impl Numbering {
    fn read(s: &mut Section<'_>) -> Self {
        let time = |low: Duration, high: Duration| duration(low..=high);
        let (second, day) = (Duration::from_secs(1), Duration::from_secs(86_400));
        let read = Self {
            suffix: s.optional("suffix", domain).unwrap_or_else(|| "e164.arpa".to_owned()),
            servers: name_servers::read(s, "servers", "then those of [relay] are asked"),
            time_out: s
                .optional("time-out", time(Duration::from_millis(50), 30 * second))
                .unwrap_or(2 * second),
            keep_at_least: s.optional("keep-at-least", time(second, day)).unwrap_or(10 * second),
            keep_at_most: s.optional("keep-at-most", time(second, day)).unwrap_or(3600 * second),
            on_failure: s.optional("on-failure", on_failure).unwrap_or(OnFailure::Defer),
        };
        if read.keep_at_least > read.keep_at_most {
            match s.has("keep-at-least") {
                true => s.refuse(
                    "keep-at-least",
                    "a time not above keep-at-most, which is 1 h unless it is set",
                ),
                false => s.refuse(
                    "keep-at-most",
                    "a time not below keep-at-least, which is 10 s unless it is set",
                ),
            }
        }
        read
    }
}

fn on_failure(value: &toml::de::DeValue<'_>) -> Read<OnFailure> {
    match value.as_str() {
        Some("defer") => Ok(OnFailure::Defer),
        Some("next") => Ok(OnFailure::Next),
        _ => Err("defer or next".to_owned()),
    }
}
