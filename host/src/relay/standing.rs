//! How the relay stands, in a file in the spool's folder: for `queue list`, which is another process.
//!
//! What is in the spool waits or has failed. What happens at this moment (which peer is down, since when, who said what,
//! which attempt has come how far) is in the memory of the running relay, and nothing hangs on it: so it is not committed,
//! but written beside the database whenever it changes, at most once a second. The same look compares the clocks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tracing::{info, warn};

use super::Relay;
use crate::clock::{Look, rfc3339_seconds as time};
use crate::delivery::{PeerStanding, RunningAttempt};

/// In the spool's folder.
const FILE: &str = "standing.json";

const EVERY: Duration = Duration::from_secs(1);

impl Relay {
    /// Writes the file and looks at the clocks until it is aborted.
    pub(crate) async fn keep_standing(self: Arc<Self>, folder: PathBuf) {
        let mut written = Value::Null;
        loop {
            tell(self.steady.look());
            let peers: Vec<Value> = self.delivery.standings().iter().filter_map(peer).collect();
            let now = json!({"pid": std::process::id(), "clock-offset-ms": self.steady.offset(), "peers": peers});
            if now != written {
                let (file, text) = (folder.clone(), now.to_string());
                // Best effort: on a full disk, what is in the spool is still shown.
                let done = tokio::task::spawn_blocking(move || write(&file, &text)).await;
                if matches!(done, Ok(Ok(()))) {
                    written = now;
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// What the relay that runs on the spool in `folder` has written last; `None` when none runs.
pub fn read(folder: &Path) -> Option<Value> {
    let text = std::fs::read(folder.join(FILE)).ok()?;
    let standing: Value = serde_json::from_slice(&text).ok()?;
    // After a crash the file is left behind.
    let process = Path::new("/proc").join(standing["pid"].as_u64()?.to_string());
    process.exists().then_some(standing)
}

/// The relay runs no more.
pub(crate) fn forget(folder: &Path) {
    let _ = std::fs::remove_file(folder.join(FILE));
}

fn write(folder: &Path, text: &str) -> io::Result<()> {
    let aside = folder.join(format!("{FILE}.new"));
    std::fs::write(&aside, text)?;
    std::fs::rename(aside, folder.join(FILE))
}

/// `None` where there is nothing to say.
fn peer(standing: &PeerStanding) -> Option<Value> {
    let PeerStanding {
        peer,
        down,
        hosts_down,
        running,
    } = standing;
    if down.is_none() && hosts_down.is_empty() && running.is_empty() {
        return None;
    }
    let down = down
        .as_ref()
        .map(|down| json!({"since": time(down.since), "said": down.said, "again": down.again.map(time)}));
    let hosts = hosts_down.iter();
    let hosts = hosts.map(|host| json!({"host": host.host, "since": time(host.since), "said": host.said}));
    let hosts: Vec<Value> = hosts.collect();
    let running: Vec<Value> = running.iter().map(attempt).collect();
    Some(json!({"peer": peer.as_str(), "down": down, "hosts-down": hosts, "running": running}))
}

fn attempt(running: &RunningAttempt) -> Value {
    json!({
        "id": running.id,
        "since": time(running.since),
        "host": running.host,
        "waits-for": running.waits_for,
        "waits-since": time(running.waits_since),
    })
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
