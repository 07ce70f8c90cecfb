//! `[alarms]`: when a condition raises an alarm, and where alarms are sent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Uri;
use toml::de::DeValue;

use super::file::{Read, Section};
use super::forms::{count, duration, text};
use super::service::AUTHORITIES;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarms {
    /// `peer-down`: none of a peer's hosts has talked to the relay for this long. Default 5 min: a restart is over by
    /// then.
    pub peer_down: Duration,
    /// `calm`: a condition must have been well for this long before its alarm is cleared. Default 1 min.
    pub calm: Duration,
    /// `queue-age`: the age of a message that still waits for its delivery. Default 1 h.
    pub queue_age: Duration,
    /// `deferral-rate`: the percentage of a peer's attempts within five minutes that were deferred, from 20 attempts
    /// on. Default 50.
    pub deferral_rate: u32,
    /// `dead-letters`: messages within an hour whose failure nobody can be notified of. Default 1.
    pub dead_letters: u32,
    /// `responses-missing`: overdue responses of one peer within a quarter of an hour. Default 10.
    pub responses_missing: u32,
    /// `table-age`: the age of a table's file. Default: the age of tables raises no alarm.
    pub table_age: Option<Duration>,
    /// `webhook`: the URL to which raised and cleared alarms are sent. Default: none.
    pub webhook: Option<AlarmWebhook>,
    /// `webhook-secret-file`: the file with the secret that signs them.
    pub webhook_secret_file: Option<PathBuf>,
}

/// The URL of the operator's own program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmWebhook {
    /// Scheme, host, port, path and query.
    pub url: Uri,
    /// `webhook-ca`: PEM file with those who vouch for it, with https. Default: the system's public authorities.
    pub ca: PathBuf,
}

impl AlarmWebhook {
    pub fn is_tls(&self) -> bool {
        self.url.scheme_str() == Some("https")
    }
}

impl Default for Alarms {
    fn default() -> Self {
        Self {
            peer_down: 5 * MINUTE,
            calm: MINUTE,
            queue_age: HOUR,
            deferral_rate: 50,
            dead_letters: 1,
            responses_missing: 10,
            table_age: None,
            webhook: None,
            webhook_secret_file: None,
        }
    }
}

impl Alarms {
    pub(super) fn read(s: &mut Section<'_>, base: &Path) -> Self {
        const SECRET: &str = "the path of a file with the secret, such as \"webhook.secret\"";
        const CA: &str = "the path of a PEM file with authorities, such as \"tls/alarms.pem\"";
        let default = Self::default();
        let ca = s.optional("webhook-ca", text(CA));
        let read = Self {
            peer_down: s
                .optional("peer-down", duration(SECOND..=DAY))
                .unwrap_or(default.peer_down),
            calm: s.optional("calm", duration(SECOND..=HOUR)).unwrap_or(default.calm),
            queue_age: s
                .optional("queue-age", duration(SECOND..=30 * DAY))
                .unwrap_or(default.queue_age),
            deferral_rate: s
                .optional("deferral-rate", count(1..=100))
                .unwrap_or(default.deferral_rate),
            dead_letters: s
                .optional("dead-letters", count(1..=1_000_000))
                .unwrap_or(default.dead_letters),
            responses_missing: s
                .optional("responses-missing", count(1..=1_000_000))
                .unwrap_or(default.responses_missing),
            table_age: s.optional("table-age", duration(MINUTE..=800 * DAY)),
            webhook: s.optional("webhook", webhook).map(|url| AlarmWebhook {
                url,
                ca: ca.map_or_else(|| PathBuf::from(AUTHORITIES), |ca| base.join(ca)),
            }),
            webhook_secret_file: s
                .optional("webhook-secret-file", text(SECRET))
                .map(|file| base.join(file)),
        };
        if read.webhook.is_none() && read.webhook_secret_file.is_some() {
            s.refuse("webhook-secret-file", "a webhook beside it");
        }
        if s.has("webhook-ca") && !read.webhook.as_ref().is_some_and(AlarmWebhook::is_tls) {
            s.refuse("webhook-ca", "a webhook with https:// beside it");
        }
        read
    }
}

/// `http://HOST[:PORT]/PATH`, or with https.
fn webhook(value: &DeValue<'_>) -> Read<Uri> {
    let read = || {
        let url: Uri = value.as_str()?.parse().ok()?;
        let is_web = matches!(url.scheme_str(), Some("http" | "https"));
        let authority = url.authority()?.as_str();
        (is_web && !authority.is_empty() && !authority.contains('@')).then_some(url)
    };
    read().ok_or_else(|| "an address such as \"https://alarms.example/mm4relay\"".to_owned())
}
