//! Notifications to the service manager, by systemd's protocol (sd_notify(3)): that the relay accepts messages,
//! reloads, stops, and is alive. Without a service manager they have no effect.
//!
//! A start compiles plug-ins, and a drain waits for next hops: both can take minutes. Meanwhile the service manager is
//! asked for more time again and again, so that `TimeoutStartSec=` and `TimeoutStopSec=` need not be guessed.

use std::time::Duration;

use sd_notify::NotifyState;

/// How often more time is requested, and how much each time.
const ASK_EVERY: Duration = Duration::from_secs(10);
const MORE_TIME: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
pub(super) struct Supervisor {
    /// The service manager ends the relay when it hears nothing for so long.
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// By the environment: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn of_environment() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled(),
        }
    }

    /// Notifies that the relay accepts messages.
    pub fn ready(self) {
        tell(&[NotifyState::Ready, NotifyState::Status("takes messages")]);
    }

    pub fn reloading(self) {
        let mut states = vec![
            NotifyState::Reloading,
            NotifyState::Status("reads its configuration again"),
        ];
        // Required by Type=notify-reload of newer service managers.
        states.extend(NotifyState::monotonic_usec_now());
        tell(&states);
    }

    pub fn stopping(self) {
        tell(&[
            NotifyState::Stopping,
            NotifyState::Status("finishes the work under way, and takes no more messages"),
        ]);
    }

    /// Notifies that the relay is alive, while this is polled: a relay whose tasks no longer run falls silent.
    pub async fn keep_living(self) {
        let Some(watchdog) = self.watchdog else {
            return std::future::pending().await;
        };
        loop {
            tell(&[NotifyState::Watchdog]);
            // sd_watchdog_enabled(3) advises half of it; a third tolerates a late one.
            tokio::time::sleep(watchdog / 3).await;
        }
    }

    /// Like [`keep_living`](Self::keep_living), and requests more time.
    pub async fn keep_patient(self) {
        let asking = async {
            loop {
                tell(&[NotifyState::ExtendTimeoutUsec(MORE_TIME.as_micros() as u32)]);
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        tokio::join!(asking, self.keep_living());
    }
}

/// Errors are ignored: a service manager that does not listen is no problem of the relay.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager was not told: {error}");
    }
}
