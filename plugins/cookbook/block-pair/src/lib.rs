//! Refuses messages between two numbers that a table lists as a pair: `+15555550100 +15555550199`.

use mm4_filter::{AddressExt, Fault, Plugin, Refusal, Verdict, edit, message, tables};

pub struct BlockPair;

impl Plugin for BlockPair {
    const NAME: &'static str = "block-pair";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = ();

    fn configure() -> Result<(), String> {
        Ok(())
    }

    fn arrival(_: &()) -> Result<Verdict, Fault> {
        let sender = message::originator();
        let Some(from) = sender.as_ref().and_then(|sender| sender.e164()) else {
            return Ok(Verdict::Pass);
        };
        let recipients = message::recipients();
        let mut blocked = Vec::new();
        for recipient in &recipients {
            let to = recipient.address.e164().unwrap_or_default();
            if tables::lookup("blocked-pairs", &format!("{from} {to}"))?.is_some() {
                blocked.push(recipient.id);
            }
        }
        if blocked.len() == recipients.len() {
            let text = "the recipient takes no messages from this sender".into();
            return Ok(Verdict::Refuse(Refusal { code: 550, text }));
        }
        Ok(edit::verdict(blocked.into_iter().map(edit::drop_recipient).collect()))
    }
}

mm4_filter::export_plugin!(BlockPair);
