//! Sends a copy of each message to an archive: one envelope recipient more, and no header changes.

use mm4_filter::{Fault, MessageType, Plugin, Verdict, edit, message};

pub struct MirrorToArchive;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    archive: String,
}

impl Plugin for MirrorToArchive {
    const NAME: &'static str = "mirror-to-archive";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = Settings;

    /// No reports and no responses.
    fn message_types() -> Vec<MessageType> {
        vec![MessageType::ForwardRequest]
    }

    fn configure() -> Result<Settings, String> {
        mm4_filter::config()
    }

    fn arrival(settings: &Settings) -> Result<Verdict, Fault> {
        let is_there = message::recipients()
            .iter()
            .any(|it| it.address.text == settings.archive);
        Ok(match is_there {
            true => Verdict::Pass,
            false => Verdict::Edit(vec![edit::add_recipient(&settings.archive)]),
        })
    }
}

mm4_filter::export_plugin!(MirrorToArchive);
