//! What the operator writes, and the check that turns it into [`Rules`].

use std::collections::{BTreeMap, BTreeSet};

mod rule;

use mm4_filter::address::is_domain;
use serde::Deserialize;
use serde_json::Value;

use crate::plan::{BareNumbers, Plan, Plans};
use crate::rules::{Action, Rule, Rules, When, Who};
use crate::spelled::{is_whole_address, plain};
use crate::standard::{Code, Codes, Meaning, Standard};

/// See the crate's documentation for each setting's meaning.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    pub country_code: Option<String>,
    pub national_prefix: Option<String>,
    pub international_prefixes: Vec<String>,
    pub bare_numbers: BareNumbers,
    pub portability_table: Option<String>,
    pub domains: BTreeMap<String, String>,
    pub own_domains: Vec<String>,
    pub short_codes: BTreeMap<String, String>,
    /// Numbering plans of peers, each whole: nothing of the default plan is added.
    pub peers: BTreeMap<String, PlanSettings>,
    /// Each is read by itself, so that what is wrong is said with its name.
    pub rules: Vec<Value>,
}

/// How telephone numbers are written in the messages of one peer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PlanSettings {
    pub country_code: Option<String>,
    pub national_prefix: Option<String>,
    pub international_prefixes: Vec<String>,
    pub bare_numbers: BareNumbers,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            country_code: None,
            national_prefix: None,
            // ITU-T E.164: the recommended international prefix.
            international_prefixes: vec!["00".into()],
            bare_numbers: BareNumbers::International,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let plan = PlanSettings::default();
        Self {
            country_code: plan.country_code,
            national_prefix: plan.national_prefix,
            international_prefixes: plan.international_prefixes,
            bare_numbers: plan.bare_numbers,
            portability_table: None,
            domains: BTreeMap::new(),
            own_domains: Vec::new(),
            short_codes: BTreeMap::new(),
            peers: BTreeMap::new(),
            rules: Vec::new(),
        }
    }
}

impl Settings {
    /// # Errors
    /// Every problem at once, separated by `; `, each with its setting, value and expected form.
    pub fn check(mut self) -> Result<Rules, String> {
        let mut problems = Vec::new();
        let default = PlanSettings {
            country_code: self.country_code.take(),
            national_prefix: self.national_prefix.take(),
            international_prefixes: std::mem::take(&mut self.international_prefixes),
            bare_numbers: self.bare_numbers,
        };
        default.check("", &mut problems);
        for (peer, plan) in &self.peers {
            plan.check(&format!("peers.{peer}."), &mut problems);
        }
        self.check_domains(&mut problems);
        self.check_short_codes(&mut problems);
        if self.portability_table.as_deref() == Some("") {
            problems.push("portability-table is empty, but must name a table of the relay's configuration".into());
        }
        let named = !self.rules.is_empty();
        let rules = self.checked_rules(&mut problems);
        if !problems.is_empty() {
            return Err(format!("settings: {}", problems.join("; ")));
        }
        Ok(Rules {
            plans: Plans {
                default: default.into(),
                peers: self.peers.into_iter().map(|(peer, plan)| (peer, plan.into())).collect(),
            },
            standard: Standard {
                portability_table: self.portability_table,
                domains: self
                    .domains
                    .into_iter()
                    .map(|(from, to)| (from.to_ascii_lowercase(), to))
                    .collect(),
                codes: Codes {
                    own_domains: self.own_domains.iter().map(|domain| plain(domain)).collect(),
                    listed: self
                        .short_codes
                        .iter()
                        .map(|(code, to)| (read_code(code), read_meaning(to)))
                        .collect(),
                },
            },
            rules,
            named,
        })
    }

    /// Without rules, the standard steps are the only one.
    fn checked_rules(&mut self, problems: &mut Vec<String>) -> Vec<Rule> {
        if self.rules.is_empty() {
            return vec![Rule {
                name: "standard".into(),
                who: Who::Both,
                when: When::default(),
                action: Action::Standard,
                stop: false,
            }];
        }
        let items = std::mem::take(&mut self.rules).into_iter().enumerate();
        let before = problems.len();
        let rules: Vec<Rule> = items
            .filter_map(|(at, item)| rule::read(at + 1, item, problems))
            .collect();
        let mut seen = BTreeSet::new();
        for rule in &rules {
            if !seen.insert(rule.name.as_str()) {
                problems.push(format!("rules holds the name {:?} twice", rule.name));
            }
        }
        let has_standard = rules.iter().any(|rule| rule.action == Action::Standard);
        let of_standard = [
            ("portability-table", self.portability_table.is_some()),
            ("domains", !self.domains.is_empty()),
            ("short-codes", !self.short_codes.is_empty()),
        ];
        for (key, _) in of_standard.iter().filter(|(_, is_set)| *is_set) {
            if !has_standard && problems.len() == before {
                problems.push(format!("{key} has no effect, because no rule has standard = true"));
            }
        }
        rules
    }

    fn check_domains(&self, problems: &mut Vec<String>) {
        let mut seen = BTreeMap::new();
        for (from, to) in &self.domains {
            for domain in [from, to] {
                if !is_domain(domain) {
                    problems.push(format!("domains holds {domain:?}, which is not a domain name"));
                }
            }
            if let Some(other) = seen.insert(from.to_ascii_lowercase(), from) {
                problems.push(format!(
                    "domains holds {other:?} and {from:?}, which are the same domain"
                ));
            }
        }
    }

    fn check_short_codes(&self, problems: &mut Vec<String>) {
        for domain in &self.own_domains {
            if !is_domain(&plain(domain)) {
                problems.push(format!("own-domains holds {domain:?}, which is not a domain name"));
            }
        }
        let mut seen = BTreeMap::new();
        for (code, address) in &self.short_codes {
            let (digits, domain) = read_code(code);
            if !is_digits(&digits, 1, 15) || domain.is_some_and(|domain| !is_domain(&domain)) {
                problems.push(format!(
                    "short-codes holds the code {code:?}, but a short code is 1 to 15 digits, of ours, or behind them @ and the \
                     domain of its network"
                ));
            }
            if address != KEEP && !is_whole_address(address) {
                problems.push(format!(
                    "short-codes maps {code:?} to {address:?}, but must map to a whole address such as \
                     \"+15555550142/TYPE=PLMN@mms.vasp.example\", or to \"keep\""
                ));
            }
            if let Some(other) = seen.insert(read_code(code), code) {
                problems.push(format!(
                    "short-codes holds {other:?} and {code:?}, which are the same code"
                ));
            }
        }
    }
}

/// In place of an address: the code stays, and is no number.
const KEEP: &str = "keep";

fn read_code(text: &str) -> Code {
    match text.split_once('@') {
        Some((digits, domain)) => (digits.to_owned(), Some(plain(domain))),
        None => (text.to_owned(), None),
    }
}

fn read_meaning(text: &str) -> Meaning {
    match text {
        KEEP => Meaning::Keep,
        address => Meaning::Address(address.to_owned()),
    }
}

fn is_digits(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl PlanSettings {
    /// `place` stands before each key.
    fn check(&self, place: &str, problems: &mut Vec<String>) {
        if let Some(code) = &self.country_code
            && (!is_digits(code, 1, 3) || code.starts_with('0'))
        {
            problems.push(format!(
                "{place}country-code is {code:?}, but must be 1 to 3 digits that do not begin with 0"
            ));
        }
        if let Some(prefix) = &self.national_prefix
            && !is_digits(prefix, 1, 5)
        {
            problems.push(format!(
                "{place}national-prefix is {prefix:?}, but must be 1 to 5 digits, or left out"
            ));
        }
        for prefix in &self.international_prefixes {
            if !is_digits(prefix, 1, 6) {
                problems.push(format!(
                    "{place}international-prefixes holds {prefix:?}, but each must be 1 to 6 digits"
                ));
            }
        }
        if self.country_code.is_none() {
            if self.national_prefix.is_some() {
                problems.push(format!("{place}national-prefix needs country-code beside it"));
            }
            if self.bare_numbers == BareNumbers::National {
                problems.push(format!(
                    "{place}bare-numbers = \"national\" needs country-code beside it"
                ));
            }
        }
    }
}

impl From<PlanSettings> for Plan {
    fn from(settings: PlanSettings) -> Self {
        Self {
            country_code: settings.country_code,
            national_prefix: settings.national_prefix.unwrap_or_default(),
            international_prefixes: settings.international_prefixes,
            bare_numbers: settings.bare_numbers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check().expect_err("these settings are wrong")
    }

    #[test]
    fn no_settings_at_all_are_legal() {
        assert!(Settings::default().check().is_ok());
    }

    #[test]
    fn a_country_code_is_one_to_three_digits_that_do_not_begin_with_zero() {
        for wrong in ["", "+1", "0", "049", "1234"] {
            let error = problems(|settings| settings.country_code = Some(wrong.into()));
            assert!(
                error.contains("country-code") && error.contains(&format!("{wrong:?}")),
                "{error}"
            );
        }
    }

    #[test]
    fn national_numbers_need_a_country_code() {
        assert!(problems(|settings| settings.national_prefix = Some("0".into())).contains("needs country-code"));
        assert!(problems(|settings| settings.bare_numbers = BareNumbers::National).contains("needs country-code"));
    }

    #[test]
    fn an_empty_prefix_would_match_everything_and_is_refused() {
        assert!(
            problems(|settings| settings.international_prefixes = vec![String::new()])
                .contains("international-prefixes")
        );
        let error = problems(|settings| {
            settings.country_code = Some("49".into());
            settings.national_prefix = Some(String::new());
        });
        assert!(error.contains("national-prefix"), "{error}");
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let error = problems(|settings| {
            settings.country_code = Some("x".into());
            settings.domains.insert("a b".into(), "b.example".into());
            settings.short_codes.insert("12345".into(), "nobody".into());
            settings.portability_table = Some(String::new());
        });
        for name in ["country-code", "domains", "short-codes", "portability-table"] {
            assert!(error.contains(name), "{name} is missing in: {error}");
        }
    }

    #[test]
    fn a_domain_that_is_listed_twice_in_different_case_is_refused() {
        let error = problems(|settings| {
            settings.domains.insert("A.example".into(), "b.example".into());
            settings.domains.insert("a.example".into(), "c.example".into());
        });
        assert!(error.contains("same domain"), "{error}");
    }

    #[test]
    fn a_code_has_at_most_one_meaning_in_each_network() {
        let error = problems(|settings| {
            settings.short_codes.insert("7788@A.example".into(), "keep".into());
            settings
                .short_codes
                .insert("7788@a.example".into(), "x@a.example".into());
            settings.short_codes.insert("7788".into(), "keep".into());
        });
        assert!(
            error.contains("same code") && error.matches("7788").count() == 2,
            "{error}"
        );
        for wrong in ["", "+7788", "news", "7788@", "7788@a b", "1234567890123456"] {
            let error = problems(|settings| {
                settings.short_codes.insert(wrong.into(), "keep".into());
            });
            assert!(error.contains("a short code is 1 to 15 digits"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_short_code_must_map_to_an_address_that_may_go_on_the_wire() {
        for wrong in ["a b@c.example", "<a@b.example>", "@b.example", "a@", "a\r\n@b.example"] {
            assert!(!is_whole_address(wrong), "{wrong:?}");
        }
        assert!(is_whole_address("+15555550142/TYPE=PLMN@mms.vasp.example"));
    }
}
