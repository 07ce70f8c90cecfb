//! The log of a running relay, by `[log]`.

use crate::config::{Log, LogFormat, LogTo};
use crate::telemetry::{Outlet, Settings, follow};

/// # Errors
/// The outlet cannot be written to. Then the log stays where it was.
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

/// Applies `[log]` while the relay runs. If the new outlet does not work, the log stays where it is, and says so.
pub(super) fn log_anew(log: &Log) {
    if let Err(error) = log_as(log) {
        tracing::error!(
            event = "log-not-opened",
            "the log stays where it is: where [log] says it goes cannot be written to: {error}"
        );
    }
}
