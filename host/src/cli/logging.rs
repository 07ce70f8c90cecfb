//! Where a running relay logs to, as `[log]` says.

use crate::config::{Log, LogFormat, LogTo};
use crate::telemetry::{Outlet, Settings, follow};

/// # Errors
/// The place cannot be written to. Then it is logged as before.
pub(super) fn log_as(log: &Log) -> std::io::Result<()> {
    follow(&Settings {
        level: log.level.clone(),
        json: log.format == LogFormat::Json,
        to: match &log.to {
            LogTo::Stderr => Outlet::Stderr,
            LogTo::Syslog => Outlet::Syslog,
            LogTo::File(file) => Outlet::File(file.clone()),
        },
    })
}

/// The same while the relay runs: where the log cannot go elsewhere, it stays, and says so.
pub(super) fn log_anew(log: &Log) {
    if let Err(error) = log_as(log) {
        tracing::error!(
            event = "log-not-opened",
            "the log stays where it is: where [log] says it goes cannot be written to: {error}"
        );
    }
}
