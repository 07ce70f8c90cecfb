//! How long the relay waits for a peer, and at which rate both send.

use std::time::Duration;

use toml::de::DeValue;

use super::{DAY, HOUR, MINUTE};
use crate::config::file::{Read, Section};
use crate::config::forms::{duration, rate as octets};
use crate::message::{Rate, Timeouts};

/// `retry`: the pauses before a deferred message is tried again are 1, 2, 5, 10, 20 and 40 times `first`, and then
/// always `longest`; none exceeds `longest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Default 1 min: a subscriber is waiting, and most failures are restarts.
    pub first: Duration,
    /// Default 1 h: a peer that has been away for long is tried no more often.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: MINUTE,
            longest: HOUR,
        }
    }
}

impl Retry {
    /// The pauses after the first failure, the second, and so on; the last one repeats.
    pub fn steps(&self) -> Vec<Duration> {
        let growing = [1, 2, 5, 10, 20, 40].map(|factor| (self.first * factor).min(self.longest));
        growing.into_iter().chain([self.longest]).collect()
    }

    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let default = Self::default();
        let pause = || duration(Duration::from_millis(1)..=DAY);
        let retry = Self {
            first: s.optional("first", pause()).unwrap_or(default.first),
            longest: s.optional("longest", pause()).unwrap_or(default.longest),
        };
        if retry.first > retry.longest {
            match s.has("first") {
                true => s.refuse("first", "a time not above longest, which is 1 h unless it is set"),
                false => s.refuse("longest", "a time not below first, which is 1 min unless it is set"),
            }
        }
        retry
    }
}

/// The rates at which the peer may send to us, each independent of the others. Default: no limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sends {
    /// `messages-from`: further messages are refused for the moment.
    pub messages: Option<Rate>,
    /// `octets-from`: octets of messages a second.
    pub octets: Option<u64>,
    /// `connections-from`.
    pub connections: Option<Rate>,
}

impl Sends {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        Self {
            messages: s.optional("messages-from", rate),
            octets: s.optional("octets-from", octets(1 << 10..=1 << 40)),
            connections: s.optional("connections-from", rate),
        }
    }
}

pub(super) fn timeouts(s: &mut Section<'_>) -> Timeouts {
    let default = Timeouts::default();
    let wait = || duration(Duration::from_millis(1)..=HOUR);
    Timeouts {
        connect: s.optional("connect", wait()).unwrap_or(default.connect),
        greeting: s.optional("greeting", wait()).unwrap_or(default.greeting),
        command: s.optional("command", wait()).unwrap_or(default.command),
        data: s.optional("data", wait()).unwrap_or(default.data),
        block: s.optional("block", wait()).unwrap_or(default.block),
        end_of_data: s.optional("end-of-data", wait()).unwrap_or(default.end_of_data),
    }
}

/// So many messages a second or a minute: `20/s`.
pub(super) fn rate(value: &DeValue<'_>) -> Read<Rate> {
    let text = value.as_str().unwrap_or_default();
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_stay_there() {
        let minutes = |retry: Retry| retry.steps().iter().map(|step| step.as_secs() / 60).collect::<Vec<_>>();
        assert_eq!(minutes(Retry::default()), [1, 2, 5, 10, 20, 40, 60]);
        let short = Retry {
            first: 2 * MINUTE,
            longest: 15 * MINUTE,
        };
        assert_eq!(minutes(short), [2, 4, 10, 15, 15, 15, 15]);
    }

    #[test]
    fn a_rate_has_a_number_and_a_time() {
        let read = |text: &str| rate(&DeValue::String(text.into()));
        for (text, messages, seconds) in [
            ("20/s", 20, 1),
            ("600 / min", 600, 60),
            ("1/min", 1, 60),
            ("100000/s", 100_000, 1),
        ] {
            let per = Duration::from_secs(seconds);
            assert_eq!(read(text), Ok(Rate { messages, per }), "{text}");
        }
        for text in ["", "20", "0/s", "100001/s", "1/h", "-1/s", "1.5/s", "/s"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
