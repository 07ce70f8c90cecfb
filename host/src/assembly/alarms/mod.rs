//! The alarms of a running relay: examines the rooms again and again, and reports what is raised and cleared.

mod counts;
mod signs;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use super::certificates::towards_service;
use super::charging_files::ChargingFiles;
use super::metrics::Life;
use super::tables::Current;
use crate::alarms::webhook::{Webhook, read_secret};
use crate::alarms::{Alarm, AlarmChange, Board, Severity};
use crate::clock::rfc3339;
use crate::config::AlarmWebhook;
use crate::control::alarms::RaisedAlarm;
use crate::message::Masked;
use crate::outside::{WebOrigin, exchange};
use crate::relay::Relay;
use crate::spool::Spool;
use crate::sync::lock;
use crate::vitals::{Standing, Vitals};
use signs::Looker;

/// How often the rooms are examined.
const LOOK: Duration = Duration::from_secs(2);

/// The most notifications that wait for the webhook; further ones are only logged.
const MOST: usize = 1000;

/// The raised alarms.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    board: Mutex<Board>,
}

/// The rooms that are examined.
#[derive(Clone)]
pub(super) struct Seen {
    pub relay: Arc<Relay>,
    pub database: Arc<dyn Spool>,
    pub life: Life,
    pub files: Option<Arc<ChargingFiles>>,
    pub current: Arc<AsyncMutex<Current>>,
}

impl Alarms {
    /// The raised alarms, the most severe first, with numbers masked.
    pub fn raised(&self) -> Vec<Alarm> {
        lock(&self.board).raised()
    }

    /// The same for operators, with the name of this relay among those that share a store.
    pub fn shown(&self, relay: Option<&str>) -> Vec<RaisedAlarm> {
        let shown = |alarm: Alarm| RaisedAlarm {
            alarm: alarm.kind.as_str().to_owned(),
            about: alarm.about.clone(),
            severity: alarm.severity().as_str().to_owned(),
            since: alarm.since.into(),
            remedy: alarm.kind.remedy().to_owned(),
            said: alarm.said,
            relay: relay.map(str::to_owned),
        };
        self.raised().into_iter().map(shown).collect()
    }

    /// Examines the rooms, and informs the log and the webhook, while the tasks live.
    pub(super) fn watch(self: &Arc<Self>, seen: &Seen, vitals: &Arc<Vitals>) -> [Standing; 2] {
        let (give, take) = mpsc::channel(MOST);
        let (alarms, looked_at) = (Arc::clone(self), seen.clone());
        let watching = vitals.keep("alarms", move || {
            let (alarms, give, seen) = (Arc::clone(&alarms), give.clone(), looked_at.clone());
            async move { alarms.keep_looking(seen, give).await }
        });
        let take = Arc::new(AsyncMutex::new(take));
        let (current, name) = (Arc::clone(&seen.current), seen.relay.name.clone());
        let sending = vitals.keep("webhook of alarms", move || {
            keep_sending(Arc::clone(&take), Arc::clone(&current), name.clone())
        });
        [watching, sending]
    }

    async fn keep_looking(&self, seen: Seen, give: mpsc::Sender<Value>) {
        let mut looker = Looker::new(seen);
        loop {
            let now = looker.now();
            let (mut signs, calm) = looker.look().await;
            // Texts of peers and plug-ins may contain subscribers' numbers.
            signs
                .iter_mut()
                .for_each(|sign| sign.said = Masked(&sign.said).to_string());
            let changes = lock(&self.board).look(now, calm, signs);
            for change in changes {
                tell(&change);
                if give.try_send(told(&change, now)).is_err() {
                    tracing::warn!(
                        event = "alarm-not-sent",
                        "too many alarms wait for the webhook: this one is not sent"
                    );
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn tell(change: &AlarmChange) {
    match change {
        AlarmChange::Raised(alarm) => {
            let (name, said, remedy) = (alarm.name(), &alarm.said, alarm.kind.remedy());
            match alarm.severity() {
                Severity::Critical => {
                    tracing::error!(alarm = name, remedy, event = "alarm-raised", "alarm: {said}");
                }
                Severity::Warning => tracing::warn!(alarm = name, remedy, event = "alarm-raised", "alarm: {said}"),
            }
        }
        AlarmChange::Cleared(alarm) => {
            tracing::info!(alarm = alarm.name(), event = "alarm-cleared", "the alarm is over");
        }
    }
}

/// The notification for the webhook.
fn told(change: &AlarmChange, now: crate::message::Timestamp) -> Value {
    let (what, alarm) = match change {
        AlarmChange::Raised(alarm) => ("raised", alarm),
        AlarmChange::Cleared(alarm) => ("cleared", alarm),
    };
    json!({
        "what": what,
        "alarm": alarm.kind.as_str(),
        "about": alarm.about,
        "severity": alarm.severity().as_str(),
        "since": rfc3339(alarm.since),
        "at": rfc3339(now),
        "said": alarm.said,
        "remedy": alarm.kind.remedy(),
    })
}

async fn send(to: &AlarmWebhook, secret: Option<Vec<u8>>, news: &Value) -> Result<(), String> {
    /// Of an answer, which nobody reads.
    const MOST_ANSWERED: usize = 1 << 20;
    let origin = WebOrigin::of(&to.url)?;
    // Read each time: certificates change, and alarms are rare.
    let tls = to.is_tls().then(|| towards_service(&to.ca, None)).transpose();
    let tls = tls.map_err(|error| format!("{error:#}"))?.map(Arc::new);
    let hook = Webhook {
        to: to.url.authority().map(ToString::to_string).unwrap_or_default(),
        path: to
            .url
            .path_and_query()
            .map_or_else(|| "/".to_owned(), ToString::to_string),
        secret,
    };
    let (origin, tls) = (&origin, tls.as_ref());
    let post = |request| async move {
        let answer = exchange(origin, tls, request, MOST_ANSWERED).await;
        answer.map(|answer| answer.status)
    };
    hook.send(news.to_string().as_bytes(), post).await
}

/// Sends the notifications in order, each until it is accepted.
async fn keep_sending(take: Arc<AsyncMutex<mpsc::Receiver<Value>>>, current: Arc<AsyncMutex<Current>>, relay: String) {
    let mut take = take.lock().await;
    while let Some(mut news) = take.recv().await {
        let alarms = current.lock().await.config.alarms.clone();
        let Some(to) = alarms.webhook else { continue };
        let secret = alarms.webhook_secret_file.as_deref().map(read_secret).transpose();
        let sent = match secret {
            Err(why) => Err(why),
            Ok(secret) => {
                news["relay"] = relay.clone().into();
                send(&to, secret, &news).await
            }
        };
        if let Err(why) = sent {
            tracing::warn!(event = "alarm-not-sent", "the webhook did not take an alarm: {why}");
        }
    }
    // No further alarms come.
    std::future::pending().await
}
