//! Sends messages to another peer during some hours of the day (UTC).

use mm4_filter::{Fault, Plugin, Verdict, clock, edit, message};

pub struct RouteByTime;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    peer: String,
    /// The first hour.
    from: u64,
    /// The hour in which it is over. Smaller than `from`: over midnight.
    until: u64,
}

impl Plugin for RouteByTime {
    const NAME: &'static str = "route-by-time";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = Settings;

    fn configure() -> Result<Settings, String> {
        let settings: Settings = mm4_filter::config()?;
        match settings.from < 24 && settings.until < 24 {
            true => Ok(settings),
            false => Err("settings: from and until are hours, 0 to 23".into()),
        }
    }

    fn arrival(settings: &Settings) -> Result<Verdict, Fault> {
        let hour = clock::now() / 3_600_000 % 24;
        if !is_within(hour, settings.from, settings.until) {
            return Ok(Verdict::Pass);
        }
        let recipients = message::recipients();
        Ok(edit::verdict(
            recipients.iter().map(|it| edit::route(it.id, &settings.peer)).collect(),
        ))
    }
}

fn is_within(hour: u64, from: u64, until: u64) -> bool {
    match from <= until {
        true => (from..until).contains(&hour),
        false => hour >= from || hour < until,
    }
}

mm4_filter::export_plugin!(RouteByTime);

#[cfg(test)]
mod tests {
    use super::is_within;

    #[test]
    fn hours_go_over_midnight() {
        assert!(is_within(23, 22, 6) && is_within(5, 22, 6) && !is_within(6, 22, 6));
        assert!(is_within(8, 8, 18) && !is_within(18, 8, 18));
    }
}
