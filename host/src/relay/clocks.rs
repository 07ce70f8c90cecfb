//! Comparison of the system's clock with the relay's, once a second, and a log line when they part.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::Relay;
use crate::clock::Look;

const EVERY: Duration = Duration::from_secs(1);

impl Relay {
    /// Compares the clocks until it is aborted.
    pub(crate) async fn keep_comparing_clocks(self: Arc<Self>) {
        loop {
            tell(self.steady.look());
            tokio::time::sleep(EVERY).await;
        }
    }
}

fn tell(look: Look) {
    match look {
        Look::Same => {}
        Look::Jumped(millis) => {
            let away = Duration::from_millis(millis.unsigned_abs());
            let way = if millis < 0 { "back" } else { "ahead" };
            warn!(
                seconds = away.as_secs(),
                way,
                event = "clock-jumped",
                "the system's clock has jumped: the relay goes on by its own, and no message is touched; a restart takes \
                 the system's time over"
            );
        }
        Look::Agrees => info!(
            event = "clock-agrees",
            "the system's clock agrees with the relay's again"
        ),
    }
}
