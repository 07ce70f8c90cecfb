//! Addresses as the other side expects them: rules as data, tried in their order, or without rules the standard steps. Runs
//! on arrival, before routing. docs/address-rewrite.md is for those who write the rules.
//!
//! # The standard steps
//!
//! They are what is done without `rules`, and what a rule with `standard = true` does:
//!
//! 1. A recipient that is a listed short code of its network becomes its address, and that is all. A listed code is never
//!    taken for a number.
//! 2. A telephone number becomes `+E164/TYPE=PLMN`. What is not a valid E.164 number afterwards (7 to 15 digits), or has an address
//!    type other than PLMN, keeps its spelling.
//! 3. A recipient with an E.164 number is looked up in the portability table: key `+15555550199`, value a domain, or
//!    `mnc002.mcc310` for `mms.mnc002.mcc310.gprs`. A hit is final. A value that is neither is logged and ignored.
//! 4. A domain that `domains` lists is replaced, compared without regard to case.
//!
//! # What holds for rules and steps
//!
//! Only of `MM4_forward.REQ` are recipients changed. A report or a response goes to the address that was asked from, as it was:
//! whoever asked would not know it again otherwise.
//!
//! The originator's number is never looked up: the domain that a message came from stays, unless it is renamed. And it is
//! not masked for `X-Mms-Sender-Visibility: Hide`: hiding it is the recipient's Relay/Server's business, and reports need the
//! address.
//!
//! Headers change only where the old address stood in them; that is the relay's business.

use mm4_filter::{
    Edit, Fault, MessageType, Plugin, Recipient, Refusal, Verdict, edit, granted, log, message, numbering, tables,
};
use rules::{Action, Block, LookUp, Made, Message, Rules, World};
use standard::ported_domain;

pub mod plan;
pub mod rules;
pub mod settings;
pub mod spelled;
pub mod standard;

pub struct AddressRewrite;

impl Plugin for AddressRewrite {
    const NAME: &'static str = "address-rewrite";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = Rules;

    fn configure() -> Result<Rules, String> {
        let rules = mm4_filter::config::<settings::Settings>()?.check()?;
        check_grants(&rules)?;
        if rules.named {
            rules.rules.iter().for_each(|rule| log::rule(&rule.name));
        }
        Ok(rules)
    }

    fn arrival(rules: &Rules) -> Result<Verdict, Fault> {
        Pass::of(rules).run()
    }
}

/// What the settings need must be there, and is said now and not at the first message.
fn check_grants(rules: &Rules) -> Result<(), String> {
    let tables = rules.tables();
    let needs_numbering = rules.rules.iter().any(|rule| rule.action == Action::PortedByNumbering);
    for (grant, needed, why) in [
        ("log", true, "it says there what it could not use"),
        ("tables", !tables.is_empty(), "the settings name a table"),
        (
            "numbering",
            needs_numbering,
            "a rule has portability = { by = \"numbering\" }",
        ),
    ] {
        if needed && !granted(grant) {
            return Err(format!(
                "settings: add {grant:?} to the plug-in's grants, because {why}"
            ));
        }
    }
    let missing: Vec<String> = tables
        .into_iter()
        .filter_map(|table| {
            tables::lookup(table, "")
                .err()
                .map(|fault| rules::unusable(table, &fault))
        })
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!("settings: {}", missing.join("; "))),
    }
}

/// One message's way through the rules.
struct Pass<'a> {
    rules: &'a Rules,
    edits: Vec<Edit>,
}

impl<'a> Pass<'a> {
    fn of(rules: &'a Rules) -> Self {
        let edits = Vec::new();
        Self { rules, edits }
    }

    fn run(mut self) -> Result<Verdict, Fault> {
        let summary = message::current();
        let mut message = Message {
            source: &summary.source,
            source_inside: summary.source_inside,
            originator: None,
        };
        let originator = message::originator().map(|address| address.text);
        let mut rewritten = None;
        if let Some(address) = &originator {
            message.originator = Some(address);
            let made = self.rules.originator(&message, address, &Relay)?;
            self.note(&made);
            if let Some(Block::Refuse { code, text } | Block::Drop { code, text }) = made.block {
                return Ok(Verdict::Refuse(Refusal { code, text }));
            }
            rewritten = made.address;
        }
        if let Some(address) = &rewritten {
            self.edits.push(edit::set_originator(address));
            message.originator = Some(address);
        }
        if summary.message_type == MessageType::ForwardRequest
            && let Some(refusal) = self.recipients(&message, message::recipients())?
        {
            return Ok(Verdict::Refuse(refusal));
        }
        Ok(mm4_filter::verdict(self.edits))
    }

    /// The refusal of the whole message, if that is what they come to.
    fn recipients(&mut self, message: &Message, recipients: Vec<Recipient>) -> Result<Option<Refusal>, Fault> {
        let mut left = recipients.len();
        for Recipient { id, address } in recipients {
            let made = self.rules.recipient(message, &address.text, &Relay)?;
            self.note(&made);
            match made.block {
                Some(Block::Refuse { code, text }) => return Ok(Some(Refusal { code, text })),
                Some(Block::Drop { code, text }) => {
                    left -= 1;
                    if left == 0 {
                        return Ok(Some(Refusal { code, text }));
                    }
                    log::write(log::Level::Info, &format!("recipient {id} is dropped: {text}"));
                    self.edits.push(edit::drop_recipient(id));
                    continue;
                }
                None => {}
            }
            self.edits
                .extend(made.address.map(|address| edit::set_recipient(id, address)));
            self.edits.extend(made.route.map(|peer| edit::route(id, peer)));
        }
        Ok(None)
    }

    fn note(&self, made: &Made) {
        if self.rules.named {
            made.rules.iter().for_each(|&at| log::rule(&self.rules.rules[at].name));
        }
    }
}

/// The relay itself.
struct Relay;

impl World for Relay {
    fn look_up(&self, of: &LookUp, key: &str) -> Result<Option<String>, Fault> {
        match of.by_prefix {
            false => tables::lookup(&of.table, key),
            true => Ok(tables::lookup_prefix(&of.table, key)?.map(|(_, value)| value)),
        }
    }

    fn network(&self, number: &str) -> Result<Option<String>, Fault> {
        let Some(network) = numbering::lookup(number)? else {
            return Ok(None);
        };
        let by_codes = || {
            let (mcc, mnc) = network.id.as_deref()?.split_once('-')?;
            ported_domain(&format!("mnc{mnc}.mcc{mcc}"))
        };
        Ok(network.domain.clone().or_else(by_codes))
    }

    fn warn(&self, text: &str) {
        log::write(log::Level::Warn, text);
    }
}

mm4_filter::export_plugin!(AddressRewrite);
