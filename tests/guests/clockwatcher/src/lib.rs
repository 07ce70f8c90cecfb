//! Asks the time through its standard library only, and therefore loads without the grant `clock`.

wit_bindgen::generate!({ path: "../../../wit", world: "filter", generate_all });

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use exports::mm4::filter::plugin::{Description, Guest, Occasions};
use mm4::filter::types::{Fault, Occasion, Verdict};

struct Clockwatcher;

impl Guest for Clockwatcher {
    fn describe() -> Description {
        Description {
            name: "clockwatcher".into(),
            version: "1".into(),
            occasions: Occasions::all(),
            message_types: vec![],
            media_types: vec![],
        }
    }

    fn configure() -> Result<(), String> {
        Ok(())
    }

    fn process(_: Occasion) -> Result<Verdict, Fault> {
        let started = Instant::now();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |it| it.as_millis());
        // Enough calls for any clock that runs.
        let runs = (0..100_000).any(|_| started.elapsed() > Duration::ZERO);
        Ok(Verdict::Hold(format!(
            "{now} ms, {}",
            if runs { "running" } else { "stopped" }
        )))
    }
}

export!(Clockwatcher);
