//! Puts a notice behind what a message says: into its last text, or as a text of its own with a slide that shows it.

use mm4_filter::{Fault, Plugin, Verdict, append_text, edit};

pub struct LegalNotice;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    notice: String,
}

impl Plugin for LegalNotice {
    const NAME: &'static str = "legal-notice";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = Settings;

    fn configure() -> Result<Settings, String> {
        mm4_filter::config()
    }

    fn arrival(settings: &Settings) -> Result<Verdict, Fault> {
        // A single picture has no place for a text; it passes as it is.
        Ok(edit::verdict(append_text(&settings.notice)?.unwrap_or_default()))
    }
}

mm4_filter::export_plugin!(LegalNotice);

#[cfg(test)]
mod tests {
    use super::*;
    use mm4_filter::testing::{Message, Relay};

    #[test]
    fn a_message_that_is_one_text_gets_the_notice_behind_it() {
        let message = Message::forward("+15555550100", "+15555550199").text("Hello");
        let did = Relay::new(message)
            .settings(r#"{"notice": "No liability."}"#)
            .arrival::<LegalNotice>();
        assert_eq!(did.edits(), ["replace part 1 by text/plain; charset=utf-8, 22 octets"]);
    }
}
