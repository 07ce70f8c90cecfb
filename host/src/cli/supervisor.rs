//! What a service manager is told, by systemd's protocol (sd_notify(3)): that the relay takes messages, reads its
//! configuration again, stops, and that it still lives. Where there is no service manager, nobody is told anything.
//!
//! A start compiles plug-ins, and a drain waits for next hops: both can take minutes. While they last, the service manager
//! is asked for more time again and again, so that `TimeoutStartSec=` and `TimeoutStopSec=` need not be guessed.

use std::time::Duration;

use sd_notify::NotifyState;

/// How often more time is asked for, and how much each time.
const ASK_EVERY: Duration = Duration::from_secs(10);
const MORE_TIME: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
pub(super) struct Supervisor {
    /// The service manager ends the relay when it hears nothing for so long.
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// As the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn of_environment() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled(),
        }
    }

    /// The relay takes messages.
    pub fn ready(self) {
        tell(&[NotifyState::Ready, NotifyState::Status("takes messages")]);
    }

    pub fn reloading(self) {
        let mut states = vec![
            NotifyState::Reloading,
            NotifyState::Status("reads its configuration again"),
        ];
        // Asked for by Type=notify-reload, which newer service managers have.
        states.extend(NotifyState::monotonic_usec_now());
        tell(&states);
    }

    pub fn stopping(self) {
        tell(&[
            NotifyState::Stopping,
            NotifyState::Status("finishes what is under way, and takes no more messages"),
        ]);
    }

    /// Says that the relay lives, for as long as this is polled: a relay whose tasks are not run any more is silent.
    pub async fn keep_living(self) {
        let Some(watchdog) = self.watchdog else {
            return std::future::pending().await;
        };
        loop {
            tell(&[NotifyState::Watchdog]);
            // Half of it is what sd_watchdog_enabled(3) advises; a third bears one that comes late.
            tokio::time::sleep(watchdog / 3).await;
        }
    }

    /// The same, and asks for more time, for as long as this is polled.
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

/// A service manager that does not listen is none of the relay's troubles.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager was not told: {error}");
    }
}
