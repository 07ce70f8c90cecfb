//! The services that plug-ins get from the relay besides the message: tables, their durable values, the time, random
//! numbers, the networks of telephone numbers, services outside the relay, the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mm4relay_engine::{
    AskedOf, BoxFuture, Fault, HttpRequest, HttpResponse, Level, Network, Outside, Services, Subject, Table,
};
use sha2::{Digest, Sha256};

use crate::clock::SharedClock;

/// The tables of one configuration, by name.
pub type TableSet = HashMap<String, Arc<dyn Table>>;

/// The source of committed values: the spool, or nothing in samples.
pub trait KvSource: Send + Sync + 'static {
    fn get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>>;
}

/// A source without values.
pub struct NoValues;

impl KvSource for NoValues {
    fn get<'a>(&'a self, _plugin: &'a str, _key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        Box::pin(async { Ok(None) })
    }
}

/// The source for the network of a telephone number: the relay's routing, or nothing in samples.
pub trait Numbering: Send + Sync + 'static {
    /// `number` is `+` and 1 to 15 digits. The error says why there is no answer.
    fn network<'a>(&'a self, number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>>;
}

/// A source that knows no network.
pub struct NoNumbers;

impl Numbering for NoNumbers {
    fn network<'a>(&'a self, _number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        Box::pin(async { Ok(None) })
    }
}

/// No service outside: nothing leaves the relay where plug-ins are only tried.
pub struct NobodyOutside;

impl Outside for NobodyOutside {
    fn scan<'a>(
        &'a self,
        scanner: &'a str,
        _subject: &'a dyn Subject,
        _part: u32,
    ) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        let text = format!("scanner {scanner:?} is not asked here: nothing leaves the relay while a plug-in is tried");
        Box::pin(async move { Err(Fault::Unavailable(text)) })
    }

    fn service(&self, _plugin: &str, request: &HttpRequest) -> Result<String, Fault> {
        Ok(host_of(&request.url).to_owned())
    }

    fn fetch<'a>(
        &'a self,
        _plugin: &'a str,
        service: &'a str,
        _request: HttpRequest,
        _before: AskedOf,
    ) -> BoxFuture<'a, Result<HttpResponse, Fault>> {
        let text = format!("{service:?} is not asked here: nothing leaves the relay while a plug-in is tried");
        Box::pin(async move { Err(Fault::Unavailable(text)) })
    }
}

/// The name of a service that the configuration does not name.
pub(crate) fn host_of(url: &str) -> &str {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    host.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Seeds for the random numbers of calls. They derive from one secret, which is drawn once and kept in memory only.
pub struct Seeds {
    secret: [u8; 32],
    given: AtomicU64,
}

/// The system provided no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers, and plug-ins need a secret to make theirs of")]
pub struct NoSecret;

impl Seeds {
    pub fn new() -> Result<Self, NoSecret> {
        let secret = ring::rand::generate(&ring::rand::SystemRandom::new()).map_err(|_| NoSecret)?;
        Ok(Self {
            secret: secret.expose(),
            given: AtomicU64::new(0),
        })
    }

    /// The next seed.
    fn next(&self) -> [u8; 32] {
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let hash = Sha256::new()
            .chain_update(self.secret)
            .chain_update(number.to_le_bytes());
        hash.finalize().into()
    }
}

pub struct PluginServices {
    /// The tables of one generation. A reload makes new services for the new chain, so a message never sees two
    /// generations.
    pub tables: TableSet,
    pub kv: Arc<dyn KvSource>,
    pub clock: SharedClock,
    pub numbering: Arc<dyn Numbering>,
    pub outside: Arc<dyn Outside>,
    pub seeds: Seeds,
}

impl Services for PluginServices {
    fn now_ms(&self) -> u64 {
        self.clock.now().0
    }

    fn table(&self, name: &str) -> Option<Arc<dyn Table>> {
        self.tables.get(name).cloned()
    }

    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        self.kv.get(plugin, key)
    }

    fn random_seed(&self) -> [u8; 32] {
        self.seeds.next()
    }

    fn network<'a>(&'a self, number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        self.numbering.network(number)
    }

    fn outside(&self) -> &dyn Outside {
        &*self.outside
    }

    fn log(&self, plugin: &str, message: &str, level: Level, text: &str) {
        match level {
            Level::Debug => tracing::debug!(plugin, message, "{text}"),
            Level::Info => tracing::info!(plugin, message, event = "plugin-says", "{text}"),
            Level::Warn => tracing::warn!(plugin, message, event = "plugin-says", "{text}"),
            Level::Error => tracing::error!(plugin, message, event = "plugin-says", "{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seed_comes_twice_and_no_secret_either() {
        let (a, b) = (Seeds::new().unwrap(), Seeds::new().unwrap());
        let seeds = [a.next(), a.next(), b.next(), b.next()];
        for (at, seed) in seeds.iter().enumerate() {
            assert!(!seeds[..at].contains(seed));
        }
    }
}
