//! Gives recipients that are short codes the whole address that a table has for them.

use mm4_filter::{AddressKind, Fault, Plugin, Verdict, edit, message, tables};

pub struct TranslateShortCode;

impl Plugin for TranslateShortCode {
    const NAME: &'static str = "translate-short-code";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = ();

    fn configure() -> Result<(), String> {
        Ok(())
    }

    fn arrival(_: &()) -> Result<Verdict, Fault> {
        let mut edits = Vec::new();
        for recipient in message::recipients() {
            if recipient.address.kind == AddressKind::ShortCode
                && let Some(address) = tables::lookup("short-codes", &recipient.address.user)?
            {
                edits.push(edit::set_recipient(recipient.id, address));
            }
        }
        Ok(edit::verdict(edits))
    }
}

mm4_filter::export_plugin!(TranslateShortCode);
