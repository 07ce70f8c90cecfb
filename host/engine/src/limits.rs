//! What a plug-in may ask for, and how much of it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::breaker::BreakerOptions;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// An import that the configuration must name before a plug-in may have it.
///
/// `message`, `types` and `config` need no grant: without them there is no plug-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// Look-up tables of the host.
    Tables,
    /// Lines in the relay's log.
    Log,
    /// The time, through the contract and through WASI.
    Clock,
    /// Durable values, in the plug-in's own namespace.
    Kv,
    /// Charging records.
    Charging,
    /// Random numbers, through the contract and through WASI.
    Random,
    /// Counters and histograms of its own.
    Metrics,
    /// The networks that serve telephone numbers.
    Numbering,
    /// Scanners of parts, by name.
    Scan,
    /// Services outside, over HTTP.
    Http,
}

impl Grant {
    /// Every grant there is, in the order of the documentation.
    pub const ALL: [Grant; 10] = [
        Grant::Tables,
        Grant::Log,
        Grant::Clock,
        Grant::Kv,
        Grant::Charging,
        Grant::Random,
        Grant::Metrics,
        Grant::Numbering,
        Grant::Scan,
        Grant::Http,
    ];

    /// Their words, in the same order.
    pub const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut place = 0;
        while place < names.len() {
            names[place] = Self::ALL[place].as_str();
            place += 1;
        }
        names
    };

    /// The word in the configuration, which is also the name of the interface in `wit/`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Grant::Tables => "tables",
            Grant::Log => "log",
            Grant::Clock => "clock",
            Grant::Kv => "kv",
            Grant::Charging => "charging",
            Grant::Random => "random",
            Grant::Metrics => "metrics",
            Grant::Numbering => "numbering",
            Grant::Scan => "scan",
            Grant::Http => "http",
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Grant {
    type Err = UnknownGrant;

    fn from_str(text: &str) -> Result<Self, UnknownGrant> {
        Self::ALL
            .into_iter()
            .find(|grant| grant.as_str() == text)
            .ok_or_else(|| UnknownGrant(text.to_owned()))
    }
}

/// A word that is no [`Grant`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no grant; there are {names}", names = Grant::NAMES.join(", "))]
pub struct UnknownGrant(pub String);

/// How much one plug-in may use. All but `metrics`, `breaker`, and those that bound its load (`configure_time`,
/// `component_bytes`, `compile_time`, `compile_memory`) hold for each call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Octets of linear memory, all memories together. Default 128 MiB: decoding an image of 12 megapixels takes about
    /// 100 MB. Never above [`EngineOptions::max_memory_bytes`](crate::EngineOptions::max_memory_bytes).
    pub memory_bytes: usize,
    /// Wall time for any call, however small the message. Default 250 ms: the sending peer is waiting, and rewriting
    /// headers takes well under one.
    pub time: Duration,
    /// Wall time in addition, for each MiB of the message. Default 1 s: scaling a photograph of 1 MiB takes about half.
    pub time_per_mib: Duration,
    /// Octets that one call of a host function, or the answer of `process`, may carry out of the sandbox. Default
    /// 8 MiB: the host copies them before it can look at them, so this bounds its memory.
    pub host_call_bytes: usize,
    /// Octets in all body writers of a call together. Default 16 MiB: several times the largest message that
    /// operators exchange.
    pub output_bytes: u64,
    /// Handles (body writers, WASI streams) open at the same time. Default 1,000; each costs the host a few hundred
    /// octets.
    pub handles: usize,
    /// Lines written to the log. Default 100: further ones are counted, and the count is logged.
    pub log_lines: u32,
    /// Charging records. Default 100, as `wit/host.wit` says.
    pub charging_records: usize,
    /// Octets of keys and values that wait to be committed. Default 1 MiB.
    pub kv_bytes: usize,
    /// Different names among its own counters and histograms, for as long as this version is loaded. Default 100: each
    /// becomes a series of whatever collects them.
    pub metrics: usize,
    /// How often it may fail in a row before it is left alone for a while.
    pub breaker: BreakerOptions,
    /// Wall time for `describe` and `configure` together, once per load. Default 10 s: building a table of a million
    /// rows takes about one.
    pub configure_time: Duration,
    /// Size of the component's file. Default 64 MiB: one that carries a whole Python has 20.
    pub component_bytes: u64,
    /// Time on a core for compiling it, in whole seconds, once for each of the two forms that a load compiles. Default
    /// 60 s: a whole Python takes about 10. By the clock it may take ten times as long, since it waits for everybody
    /// else. Holds where a [`CompilerProcess`](crate::CompilerProcess) compiles.
    pub compile_time: Duration,
    /// Octets of address space for compiling it. Default 1 GiB: a whole Python takes about a third of it. Holds where a
    /// [`CompilerProcess`](crate::CompilerProcess) compiles.
    pub compile_memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_bytes: 128 * MIB,
            time: Duration::from_millis(250),
            time_per_mib: Duration::from_secs(1),
            host_call_bytes: 8 * MIB,
            output_bytes: 16 * MIB as u64,
            handles: 1_000,
            log_lines: 100,
            charging_records: 100,
            kv_bytes: MIB,
            metrics: 100,
            breaker: BreakerOptions::default(),
            configure_time: Duration::from_secs(10),
            component_bytes: 64 * MIB as u64,
            compile_time: Duration::from_secs(60),
            compile_memory: 1024 * MIB as u64,
        }
    }
}

impl Limits {
    /// The wall time for one call with a message of `size` octets. Saturates instead of overflowing.
    pub fn budget(&self, size: u64) -> Duration {
        let nanos = self.time_per_mib.as_nanos().saturating_mul(size.into()) / MIB as u128;
        let extra = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.time.saturating_add(extra)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grant_reads_back_what_it_prints() {
        for grant in Grant::ALL {
            assert_eq!(grant.to_string().parse(), Ok(grant));
        }
    }

    #[test]
    fn an_unknown_grant_is_refused_by_name() {
        let refusal = "network".parse::<Grant>().unwrap_err();
        assert!(refusal.to_string().contains("\"network\""), "{refusal}");
    }

    #[test]
    fn the_budget_grows_with_the_message() {
        let limits = Limits {
            time: Duration::from_millis(10),
            time_per_mib: Duration::from_millis(100),
            ..Limits::default()
        };
        assert_eq!(limits.budget(0), Duration::from_millis(10));
        assert_eq!(limits.budget(3 * 512 * 1024), Duration::from_millis(160));
    }

    #[test]
    fn an_absurd_size_does_not_overflow_the_budget() {
        assert!(Limits::default().budget(u64::MAX) > Duration::from_secs(1 << 30));
    }
}
