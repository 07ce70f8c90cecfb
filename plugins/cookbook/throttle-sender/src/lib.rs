//! At most so many messages of one sender in an hour; the others are refused.

use mm4_filter::{AddressExt, Fault, Plugin, Refusal, Verdict, kv, message};

pub struct ThrottleSender;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    an_hour: u64,
}

impl Plugin for ThrottleSender {
    const NAME: &'static str = "throttle-sender";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = Settings;

    fn configure() -> Result<Settings, String> {
        mm4_filter::config()
    }

    fn arrival(settings: &Settings) -> Result<Verdict, Fault> {
        let sender = message::originator();
        let Some(number) = sender.as_ref().and_then(|sender| sender.e164()) else {
            return Ok(Verdict::Pass);
        };
        let hour = message::current().received_at / 3_600_000;
        // One value for each sender, "HOUR COUNT": what is past needs no cleaning up.
        let value = kv::get(number)?.unwrap_or_default();
        let value = String::from_utf8_lossy(&value);
        let sent = match value.split_once(' ') {
            Some((of, count)) if of == hour.to_string() => count.parse().unwrap_or(0),
            _ => 0,
        };
        if sent >= settings.an_hour {
            let text = format!("more than {} messages in an hour", settings.an_hour);
            return Ok(Verdict::Refuse(Refusal { code: 554, text }));
        }
        kv::set(number, format!("{hour} {}", sent + 1).as_bytes())?;
        Ok(Verdict::Pass)
    }
}

mm4_filter::export_plugin!(ThrottleSender);
