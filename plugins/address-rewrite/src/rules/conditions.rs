//! When a rule applies to an address: what is named must all hold, and of the items of a list one is enough.

use mm4_filter::{Fault, Pattern};
use serde::Deserialize;

use crate::plan::Plan;
use crate::spelled::{Kind, Parts, plain};

use super::{LookUp, Message, World};

/// Kinds of addresses, as an operator names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressKind {
    /// A telephone number, in whatever spelling.
    Number,
    /// Up to six digits.
    ShortCode,
    /// A name of letters and digits.
    Alphanumeric,
    /// A mailbox: it has a domain, and is none of the above.
    Email,
    /// Everything else.
    Other,
}

/// A table of pairs, with keys `ORIGINATOR>RECIPIENT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairTable(pub String);

/// Empty lists, and `None`, hold for everything.
#[derive(Debug, Default)]
pub struct When {
    pub from_peers: Vec<String>,
    pub source_inside: Option<bool>,
    pub kinds: Vec<AddressKind>,
    pub users: Vec<Pattern>,
    /// An empty one is for addresses without a domain.
    pub domains: Vec<Pattern>,
    pub min_digits: Option<usize>,
    pub max_digits: Option<usize>,
    pub originators: Vec<Pattern>,
    pub in_table: Option<String>,
    pub not_in_table: Option<String>,
    pub pair_in_table: Option<PairTable>,
    pub pair_not_in_table: Option<PairTable>,
}

impl When {
    /// Whether everything holds. Tables are asked last.
    ///
    /// # Errors
    /// Those of `world`.
    pub fn holds(
        &self,
        message: &Message,
        address: &Parts,
        is_recipient: bool,
        plan: &Plan,
        world: &impl World,
    ) -> Result<bool, Fault> {
        let here = (self.from_peers.is_empty() || self.from_peers.iter().any(|peer| peer == message.source))
            && self.source_inside.is_none_or(|inside| inside == message.source_inside)
            && (self.kinds.is_empty() || self.kinds.contains(&AddressKind::of(address)))
            && matches_user(&self.users, address, plan)
            && self.has_such_domain(address)
            && self.has_so_many_digits(address)
            && match message.originator {
                _ if self.originators.is_empty() => true,
                Some(originator) => matches_user(&self.originators, &Parts::of(originator), plan),
                None => false,
            };
        Ok(here && self.tables_agree(message, address, is_recipient, plan, world)?)
    }

    /// Every table that it asks.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        let single = [&self.in_table, &self.not_in_table].into_iter().flatten();
        let pairs = [&self.pair_in_table, &self.pair_not_in_table].into_iter().flatten();
        single
            .map(String::as_str)
            .chain(pairs.map(|PairTable(table)| table.as_str()))
    }

    /// Whether it asks for a pair, or for who the originator is.
    pub fn needs_a_recipient(&self) -> bool {
        self.pair_in_table.is_some() || self.pair_not_in_table.is_some()
    }

    fn has_such_domain(&self, address: &Parts) -> bool {
        let domain = address.domain.map(plain).unwrap_or_default();
        self.domains.is_empty() || self.domains.iter().any(|pattern| pattern.matches(&domain))
    }

    fn has_so_many_digits(&self, address: &Parts) -> bool {
        if self.min_digits.is_none() && self.max_digits.is_none() {
            return true;
        }
        let digits = address.user.trim_start_matches('+').len();
        address.kind != Kind::Other
            && self.min_digits.is_none_or(|min| digits >= min)
            && self.max_digits.is_none_or(|max| digits <= max)
    }

    fn tables_agree(
        &self,
        message: &Message,
        address: &Parts,
        is_recipient: bool,
        plan: &Plan,
        world: &impl World,
    ) -> Result<bool, Fault> {
        for (table, wanted) in [(&self.in_table, true), (&self.not_in_table, false)] {
            if let Some(table) = table
                && listed(table, &address.end_point(plan), world)? != wanted
            {
                return Ok(false);
            }
        }
        for (table, wanted) in [(&self.pair_in_table, true), (&self.pair_not_in_table, false)] {
            if let Some(PairTable(table)) = table
                && is_recipient
                && pair_is_listed(table, message, address, plan, world)? != wanted
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl AddressKind {
    fn of(address: &Parts) -> Self {
        match address.kind {
            Kind::Number => Self::Number,
            Kind::ShortCode => Self::ShortCode,
            Kind::Other if address.is_alphanumeric() && !is_mail_domain(address.domain) => Self::Alphanumeric,
            Kind::Other if address.domain.is_some() => Self::Email,
            Kind::Other => Self::Other,
        }
    }
}

/// An MMS network's domain begins with `mms.` or belongs to GRX: names there are not mailboxes.
fn is_mail_domain(domain: Option<&str>) -> bool {
    domain.is_some_and(|domain| {
        let domain = plain(domain);
        !domain.starts_with("mms.") && !domain.ends_with(".gprs")
    })
}

/// As it is written, and as the number in E.164 that it is.
fn matches_user(patterns: &[Pattern], address: &Parts, plan: &Plan) -> bool {
    if patterns.is_empty() {
        return true;
    }
    let end_point = address.end_point(plan);
    patterns
        .iter()
        .any(|pattern| pattern.matches(address.user) || pattern.matches(&end_point))
}

fn listed(table: &str, key: &str, world: &impl World) -> Result<bool, Fault> {
    let of = LookUp {
        table: table.to_owned(),
        by_prefix: false,
    };
    Ok(world.look_up(&of, key)?.is_some())
}

/// `*` stands for everybody on either side. The null sender is an empty name.
fn pair_is_listed(
    table: &str,
    message: &Message,
    recipient: &Parts,
    plan: &Plan,
    world: &impl World,
) -> Result<bool, Fault> {
    let from = message
        .originator
        .map(|originator| Parts::of(originator).end_point(plan));
    let (from, to) = (from.unwrap_or_default(), recipient.end_point(plan));
    for key in [format!("{from}>{to}"), format!("{from}>*"), format!("*>{to}")] {
        if listed(table, &key, world)? {
            return Ok(true);
        }
    }
    Ok(false)
}
