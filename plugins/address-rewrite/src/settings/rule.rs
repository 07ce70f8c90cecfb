//! One item of `rules`, as an operator writes it, and the check that turns it into a [`Rule`].

use mm4_filter::Pattern;
use mm4_filter::address::is_domain;
use serde::Deserialize;
use serde_json::Value;

use crate::rules::{Action, AddressKind, Block, Form, LookUp, PairTable, Rule, When, Who};
use crate::spelled::{is_address, is_whole_address};

/// Longest name of a rule, in octets.
const NAME_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RuleSettings {
    pub name: String,
    #[serde(default, rename = "for")]
    who: Who,
    #[serde(default)]
    when: WhenSettings,
    #[serde(default)]
    stop: bool,
    standard: Option<bool>,
    form: Option<Form>,
    set: Option<String>,
    prefix: Option<Prefix>,
    domain: Option<String>,
    look_up: Option<LookUpSettings>,
    portability: Option<Portability>,
    route: Option<String>,
    block: Option<BlockSettings>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct WhenSettings {
    from_peers: Vec<String>,
    source_inside: Option<bool>,
    kinds: Vec<AddressKind>,
    users: Vec<String>,
    domains: Vec<String>,
    min_digits: Option<usize>,
    max_digits: Option<usize>,
    originators: Vec<String>,
    in_table: Option<String>,
    not_in_table: Option<String>,
    pair_in_table: Option<String>,
    pair_not_in_table: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prefix {
    from: String,
    to: String,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Match {
    #[default]
    Exact,
    Longest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LookUpSettings {
    table: String,
    #[serde(default, rename = "match")]
    how: Match,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum By {
    Numbering,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Portability {
    table: Option<String>,
    #[serde(default, rename = "match")]
    how: Match,
    by: Option<By>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    #[default]
    Refuse,
    Drop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BlockSettings {
    how: How,
    code: u16,
    text: String,
}

impl Default for BlockSettings {
    fn default() -> Self {
        Self {
            how: How::Refuse,
            code: 550,
            text: "this recipient does not take messages of this sender".into(),
        }
    }
}

/// Reads and checks the item at place `number`, counted from 1. Every problem is said with the rule that has it.
pub fn read(number: usize, item: Value, problems: &mut Vec<String>) -> Option<Rule> {
    let known = item.get("name").and_then(Value::as_str);
    let place = known.map_or_else(|| format!("rule {number}"), |name| format!("rule {name:?}"));
    let settings: RuleSettings = match serde_json::from_value(item) {
        Ok(settings) => settings,
        Err(error) => {
            problems.push(format!("{place}: {error}"));
            return None;
        }
    };
    let mut found = Vec::new();
    let rule = settings.check(&mut found);
    problems.extend(found.into_iter().map(|problem| format!("{place}: {problem}")));
    rule
}

impl RuleSettings {
    fn check(self, problems: &mut Vec<String>) -> Option<Rule> {
        if self.name.is_empty() || self.name.len() > NAME_MAX || self.name.chars().any(char::is_control) {
            problems.push(format!(
                "name must be 1 to {NAME_MAX} octets without control characters"
            ));
        }
        let (who, stop, name) = (self.who, self.stop, self.name.clone());
        let when = checked_when(self.when, problems);
        if who != Who::Recipients && when.needs_a_recipient() {
            problems.push("pairs are of an originator and a recipient: for = \"recipients\" is what fits them".into());
        }
        let mut actions = Vec::new();
        let mut add = |key: &'static str, action: Option<Action>| actions.extend(action.map(|action| (key, action)));
        add("standard", self.standard.filter(|on| *on).map(|_| Action::Standard));
        add("form", self.form.map(Action::Form));
        add("set", self.set.map(Action::Set));
        add(
            "prefix",
            self.prefix.map(|Prefix { from, to }| Action::Prefix { from, to }),
        );
        add("domain", self.domain.map(Action::Domain));
        add("look-up", self.look_up.map(|of| Action::LookUp(of.into())));
        add("portability", self.portability.and_then(|by| by.check(problems)));
        add("route", self.route.map(Action::Route));
        add("block", self.block.map(|block| Action::Block(block.check(problems))));
        if actions.len() > 1 {
            let keys: Vec<_> = actions.iter().map(|(key, _)| *key).collect();
            problems.push(format!("it does {}; write a rule for each", keys.join(" and ")));
        }
        let action = match actions.into_iter().next() {
            Some((_, action)) => action,
            None if stop => Action::Keep,
            None => {
                problems.push(
                    "it does nothing: it needs one of standard, form, set, prefix, domain, look-up, portability, route, \
                     block, or stop = true"
                        .into(),
                );
                Action::Keep
            }
        };
        check_action(&action, who, problems);
        problems.is_empty().then_some(Rule {
            name,
            who,
            when,
            action,
            stop,
        })
    }
}

fn check_action(action: &Action, who: Who, problems: &mut Vec<String>) {
    let mut problem = |text: String| problems.push(text);
    match action {
        Action::Set(address) if !is_whole_address(address) => problem(format!(
            "set is {address:?}, but must be a whole address such as \"+15555550142/TYPE=PLMN@mms.vasp.example\""
        )),
        Action::Prefix { from, to } if !(to.is_empty() || is_address(to)) || from.is_empty() => problem(format!(
            "prefix is from {from:?} to {to:?}, but from must not be empty, and to must be visible ASCII"
        )),
        Action::Domain(domain) if !is_domain(domain) => {
            problem(format!("domain is {domain:?}, which is not a domain name"));
        }
        Action::LookUp(of) | Action::PortedByTable(of) if of.table.is_empty() => {
            problem("table is empty, but must name a table of the relay's configuration".into());
        }
        Action::Route(_) | Action::PortedByTable(_) | Action::PortedByNumbering | Action::LookUp(_)
            if who != Who::Recipients =>
        {
            problem("only recipients are routed, ported and looked up: leave out `for`".into());
        }
        Action::Route(peer) if peer.is_empty() => problem("route is empty, but must name a peer".into()),
        _ => {}
    }
}

fn checked_when(settings: WhenSettings, problems: &mut Vec<String>) -> When {
    let patterns = |texts: Vec<String>| texts.iter().map(|text| Pattern::new(text)).collect();
    if let (Some(min), Some(max)) = (settings.min_digits, settings.max_digits)
        && min > max
    {
        problems.push(format!("min-digits is {min}, which is above max-digits, {max}"));
    }
    let tables = [
        ("in-table", &settings.in_table),
        ("not-in-table", &settings.not_in_table),
        ("pair-in-table", &settings.pair_in_table),
        ("pair-not-in-table", &settings.pair_not_in_table),
    ];
    for (key, table) in tables {
        if table.as_deref() == Some("") {
            problems.push(format!(
                "{key} is empty, but must name a table of the relay's configuration"
            ));
        }
    }
    When {
        from_peers: settings.from_peers,
        source_inside: settings.source_inside,
        kinds: settings.kinds,
        users: patterns(settings.users),
        domains: patterns(settings.domains),
        min_digits: settings.min_digits,
        max_digits: settings.max_digits,
        originators: patterns(settings.originators),
        in_table: settings.in_table,
        not_in_table: settings.not_in_table,
        pair_in_table: settings.pair_in_table.map(PairTable),
        pair_not_in_table: settings.pair_not_in_table.map(PairTable),
    }
}

impl From<LookUpSettings> for LookUp {
    fn from(settings: LookUpSettings) -> Self {
        Self {
            table: settings.table,
            by_prefix: settings.how == Match::Longest,
        }
    }
}

impl Portability {
    fn check(self, problems: &mut Vec<String>) -> Option<Action> {
        match (self.table, self.by) {
            (Some(table), None) => Some(Action::PortedByTable(LookUp {
                table,
                by_prefix: self.how == Match::Longest,
            })),
            (None, Some(By::Numbering)) => Some(Action::PortedByNumbering),
            _ => {
                problems.push("portability is either { table = \"NAME\" } or { by = \"numbering\" }".into());
                Some(Action::PortedByNumbering)
            }
        }
    }
}

impl BlockSettings {
    fn check(self, problems: &mut Vec<String>) -> Block {
        let Self { how, code, text } = self;
        if !(550..=554).contains(&code) {
            problems.push(format!("block.code is {code}, but must be 550 to 554"));
        }
        if text.is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
            problems.push("block.text must be 1 to 200 octets without control characters".into());
        }
        match how {
            How::Refuse => Block::Refuse { code, text },
            How::Drop => Block::Drop { code, text },
        }
    }
}
