//! Counts messages and octets of each peer and day: durably, for `mm4relay kv list`, and as metrics for the whole.

use mm4_filter::{Fault, Plugin, Verdict, kv, message, metrics};

pub struct CountByPeer;

impl Plugin for CountByPeer {
    const NAME: &'static str = "count-by-peer";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = ();

    fn configure() -> Result<(), String> {
        Ok(())
    }

    fn arrival(_: &()) -> Result<Verdict, Fault> {
        let it = message::current();
        // Days since 1970-01-01: messages tell when they came, so this needs no clock.
        let day = it.received_at / 86_400_000;
        kv::increment(&format!("{day} {} messages", it.source), 1)?;
        kv::increment(
            &format!("{day} {} octets", it.source),
            i64::try_from(it.size).unwrap_or(i64::MAX),
        )?;
        metrics::observe("message_octets", it.size as f64)?;
        Ok(Verdict::Pass)
    }
}

mm4_filter::export_plugin!(CountByPeer);
