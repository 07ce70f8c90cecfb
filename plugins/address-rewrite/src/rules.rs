//! Rules: what is done to which address, tried in their order. Nothing here knows of the relay; what rules ask of it, they
//! ask a [`World`].

mod conditions;
#[cfg(test)]
mod tests;

use mm4_filter::address::plmn;
use mm4_filter::{Fault, FaultExt};

use crate::plan::{Plan, Plans};
use crate::spelled::{Parts, is_address, is_whole_address};
use crate::standard::{Standard, ported_domain};

pub use conditions::{AddressKind, PairTable, When};

/// Everything that the settings say.
#[derive(Debug, Default)]
pub struct Rules {
    pub plans: Plans,
    pub standard: Standard,
    /// One that does the standard steps, where the settings have none.
    pub rules: Vec<Rule>,
    /// Whether the settings name rules. Without, nobody is told which rule did something.
    pub named: bool,
}

/// One step for one address.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    pub who: Who,
    pub when: When,
    pub action: Action,
    /// An address that it matched is not shown to the rules behind it.
    pub stop: bool,
}

/// Whose address a rule is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    Originator,
    #[default]
    Recipients,
    Both,
}

/// What is done to an address that matches.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Nothing: it is the exception to rules behind it.
    Keep,
    Standard,
    Form(Form),
    /// This address takes its place.
    Set(String),
    /// Another beginning of what stands before `/TYPE=` and `@`.
    Prefix {
        from: String,
        to: String,
    },
    Domain(String),
    /// The value of a table's row takes its place.
    LookUp(LookUp),
    PortedByTable(LookUp),
    PortedByNumbering,
    /// To a peer, whatever routing says.
    Route(String),
    Block(Block),
}

/// A look-up in a host table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUp {
    pub table: String,
    /// The longest key that is a beginning of the end point; otherwise the same key.
    pub by_prefix: bool,
}

/// How a telephone number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `+E164/TYPE=PLMN`.
    International,
    /// With the trunk prefix, a number of the plan's country; others stay.
    National,
    /// As somebody in the plan's country dials it.
    Dialled,
}

/// How a blocked address ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// The message is refused for all its recipients.
    Refuse { code: u16, text: String },
    /// This recipient is dropped; when none is left, the message is refused so.
    Drop { code: u16, text: String },
}

/// What rules ask of the relay.
pub trait World {
    /// # Errors
    /// There is no such table, or it is not there now.
    fn look_up(&self, of: &LookUp, key: &str) -> Result<Option<String>, Fault>;
    /// The domain of the network that serves a number.
    ///
    /// # Errors
    /// The answer did not come.
    fn network(&self, number: &str) -> Result<Option<String>, Fault>;
    /// Something that an operator should put right.
    fn warn(&self, text: &str);
}

/// The message, as far as rules look at it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub source: &'a str,
    pub source_inside: bool,
    /// As the rules before have left it.
    pub originator: Option<&'a str>,
}

/// What rules made of one address.
#[derive(Debug, Default, PartialEq)]
pub struct Made {
    /// The new address, where it is another one.
    pub address: Option<String>,
    pub route: Option<String>,
    pub block: Option<Block>,
    /// The rules that had a part in it: by their place.
    pub rules: Vec<usize>,
}

impl Rules {
    /// Every table that they ask, each once.
    pub fn tables(&self) -> Vec<&str> {
        let asks_standard = self.rules.iter().any(|rule| rule.action == Action::Standard);
        let of_standard = self.standard.portability_table.as_deref().filter(|_| asks_standard);
        let of_actions = self.rules.iter().filter_map(|rule| match &rule.action {
            Action::LookUp(of) | Action::PortedByTable(of) => Some(of.table.as_str()),
            _ => None,
        });
        let of_conditions = self.rules.iter().flat_map(|rule| rule.when.tables());
        let mut tables: Vec<_> = of_standard.into_iter().chain(of_actions).chain(of_conditions).collect();
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// What becomes of the originator.
    ///
    /// # Errors
    /// Those of `world`.
    pub fn originator(&self, message: &Message, address: &str, world: &impl World) -> Result<Made, Fault> {
        self.run(false, message, address, world)
    }

    /// What becomes of a recipient of an `MM4_forward.REQ`.
    ///
    /// # Errors
    /// Those of `world`.
    pub fn recipient(&self, message: &Message, address: &str, world: &impl World) -> Result<Made, Fault> {
        self.run(true, message, address, world)
    }

    fn run(&self, is_recipient: bool, message: &Message, address: &str, world: &impl World) -> Result<Made, Fault> {
        let plan = self.plans.of(message.source);
        let mut made = Made::default();
        let mut now = address.to_owned();
        for (at, rule) in self.rules.iter().enumerate() {
            if !rule.who.includes(is_recipient)
                || !rule.when.holds(message, &Parts::of(&now), is_recipient, plan, world)?
            {
                continue;
            }
            let before = (now.clone(), made.route.clone());
            match &rule.action {
                Action::Route(peer) => made.route = Some(peer.clone()),
                Action::Block(block) => made.block = Some(block.clone()),
                action => {
                    let parts = Parts::of(&now);
                    if let Some(address) = self.changed(action, &parts, is_recipient, plan, world)? {
                        match is_address(&address) {
                            true => now = address,
                            false => world.warn(&format!("rule {}: it makes no legal address", rule.name)),
                        }
                    }
                }
            }
            let did = before != (now.clone(), made.route.clone()) || made.block.is_some();
            if did || rule.action == Action::Keep {
                made.rules.push(at);
            }
            if rule.stop || made.block.is_some() {
                break;
            }
        }
        made.address = (now != address).then_some(now);
        Ok(made)
    }

    fn changed(
        &self,
        action: &Action,
        parts: &Parts,
        is_recipient: bool,
        plan: &Plan,
        world: &impl World,
    ) -> Result<Option<String>, Fault> {
        Ok(match action {
            Action::Keep | Action::Route(_) | Action::Block(_) => None,
            Action::Standard => self.standard(parts, is_recipient, plan, world)?,
            Action::Form(form) => form.of(parts, plan),
            Action::Set(address) => Some(address.clone()),
            Action::Prefix { from, to } => parts
                .user
                .strip_prefix(from.as_str())
                .map(|rest| parts.with_user(&format!("{to}{rest}"))),
            Action::Domain(domain) => Some(parts.with_domain(domain)),
            Action::LookUp(of) => {
                let found = world.look_up(of, &parts.end_point(plan))?;
                let (legal, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|value| is_whole_address(value));
                if !other.is_empty() {
                    world.warn(&format!("table {}: a row's value is no whole address", of.table));
                }
                legal.into_iter().next()
            }
            Action::PortedByTable(of) => match parts.number(plan) {
                Some(number) => ported(of, &number, world)?.map(|domain| plmn(&number, Some(&domain))),
                None => None,
            },
            Action::PortedByNumbering => match parts.number(plan) {
                Some(number) => world.network(&number)?.map(|domain| plmn(&number, Some(&domain))),
                None => None,
            },
        })
    }

    fn standard(
        &self,
        parts: &Parts,
        is_recipient: bool,
        plan: &Plan,
        world: &impl World,
    ) -> Result<Option<String>, Fault> {
        match is_recipient {
            false => Ok(self.standard.originator(plan, parts)),
            true => self.standard.recipient(plan, parts, |table, number| {
                let of = LookUp {
                    table: table.to_owned(),
                    by_prefix: false,
                };
                ported(&of, number, world)
            }),
        }
    }
}

impl Who {
    pub fn includes(self, is_recipient: bool) -> bool {
        match self {
            Self::Both => true,
            Self::Originator => !is_recipient,
            Self::Recipients => is_recipient,
        }
    }
}

impl Form {
    fn of(self, parts: &Parts, plan: &Plan) -> Option<String> {
        let number = parts.number(plan)?;
        match self {
            Self::International => Some(plmn(&number, parts.domain)),
            Self::National => plan.national(&number).map(|user| parts.with_user(&user)),
            Self::Dialled => plan.dialled(&number).map(|user| parts.with_user(&user)),
        }
    }
}

/// The domain that a number was ported to. A row that is none is said, and ignored.
fn ported(of: &LookUp, number: &str, world: &impl World) -> Result<Option<String>, Fault> {
    let row = world.look_up(of, number)?;
    let domain = row.as_deref().and_then(ported_domain);
    if let (Some(value), None) = (&row, &domain) {
        world.warn(&format!(
            "table {}: {value:?} is neither a domain nor mncNNN.mccNNN",
            of.table
        ));
    }
    Ok(domain)
}

/// Why a table cannot be used, for an operator.
pub fn unusable(table: &str, fault: &Fault) -> String {
    format!("table {table:?}: {}", fault.explained())
}
