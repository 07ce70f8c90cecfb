//! Addresses as the other side expects them: numbers in E.164 with `/TYPE=PLMN`, ported numbers in the domain of the network
//! that serves them now, domains renamed, short codes spelled out. Runs on arrival, before routing.
//!
//! # Settings
//!
//! ```toml
//! [settings]
//! country-code = "49"                       # 1 to 3 digits; needed for the two settings below
//! national-prefix = "0"                     # what stands before a national number; default: none
//! international-prefixes = ["00"]           # what stands before a country code in place of "+"; default: ["00"]
//! bare-numbers = "international"            # digits with no prefix at all: "international" (only the "+" is
//!                                           # missing), "national", or "keep"; default: "international"
//! portability-table = "portability"         # a host table; default: no look-up
//!
//! [settings.domains]                        # domain before -> domain after, for every address
//! "mms.old.example" = "mms.new.example"
//!
//! [settings.short-codes]                    # 1 to 15 digits of one network -> whole address, for recipients
//! "12345" = "+15555550142/TYPE=PLMN@mms.vasp.example"       # ours: in `own-domains`, or without a domain
//! "12345@mms.b.example" = "vote@mms.b.example"              # that of another network
//! "12345678@mms.b.example" = "keep"                         # a code, and no number that lost its "+"
//! ```
//!
//! Beside them stands `own-domains = ["mms.own.example"]`: where a code without a domain in `short-codes` is the one that is
//! meant; default: none, so that it is meant only where an address has no domain.
//!
//! # What happens to an address, in this order
//!
//! 1. A recipient that is a listed short code of its network becomes its address, and that is all. A listed code is never
//!    taken for a number.
//! 2. A telephone number becomes `+E164/TYPE=PLMN`. What is not a valid E.164 number afterwards (7 to 15 digits), or has an address
//!    type other than PLMN, keeps its spelling.
//! 3. A recipient with an E.164 number is looked up in the portability table: key `+15555550199`, value a domain, or
//!    `mnc002.mcc310` for `mms.mnc002.mcc310.gprs`. A hit is final. A value that is neither is logged and ignored.
//! 4. A domain that `domains` lists is replaced, compared without regard to case.
//!
//! Only of `MM4_forward.REQ` are recipients changed. A report or a response goes to the address that was asked from, as it was:
//! whoever asked would not know it again otherwise.
//!
//! The originator's number is never looked up: the domain that a message came from stays, unless `domains` renames it.
//! Headers change only where the old address stood in them; that is the relay's business.

use mm4_filter::{Address, AddressExt, AddressKind, Fault, MessageType, Plugin, Verdict, edit, log, message, tables};
use rules::{Kind, Parts, Rules};

pub mod rules;
pub mod settings;

pub struct AddressRewrite;

impl Plugin for AddressRewrite {
    const NAME: &'static str = "address-rewrite";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = Rules;

    fn configure() -> Result<Rules, String> {
        mm4_filter::config::<settings::Settings>()?.check()
    }

    fn arrival(rules: &Rules) -> Result<Verdict, Fault> {
        let mut edits = Vec::new();
        if let Some(sender) = message::originator()
            && let Some(address) = rules.originator(&parts(&sender))
        {
            edits.push(edit::set_originator(address));
        }
        let is_request = message::current().message_type == MessageType::ForwardRequest;
        for recipient in message::recipients().into_iter().filter(|_| is_request) {
            let change = rules.recipient(&parts(&recipient.address), |table, number| {
                let row = tables::lookup(table, number)?;
                let domain = row.as_deref().and_then(rules::ported_domain);
                if let (Some(value), None) = (&row, &domain) {
                    log::write(
                        log::Level::Warn,
                        &format!("table {table}: {value:?} is neither a domain nor mncNNN.mccNNN"),
                    );
                }
                Ok::<_, Fault>(domain)
            })?;
            if let Some(address) = change {
                edits.push(edit::set_recipient(recipient.id, address));
            }
        }
        Ok(mm4_filter::verdict(edits))
    }
}

fn parts(address: &Address) -> Parts<'_> {
    Parts {
        text: &address.text,
        kind: match address.kind {
            AddressKind::Number if address.may_be_plmn() => Kind::Number,
            AddressKind::ShortCode => Kind::ShortCode,
            _ => Kind::Other,
        },
        user: &address.user,
        domain: address.domain.as_deref(),
    }
}

mm4_filter::export_plugin!(AddressRewrite);
