//! Recording what a plug-in asked of its host in one call, with the answers.
//!
//! A [`Tape`] stands between a plug-in and its services and records; a [`Player`](crate::rehearsal::player::Player)
//! takes the place of the services and answers from the record. Look-ups and values are found by the question, in any
//! order; times are given in the recorded order. A player never invents an answer: a question that was not recorded is
//! passed on to live services where there are any, and otherwise counted as unanswered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use mm4relay_engine::{
    AskedOf, BoxFuture, Fault, HeaderField, HttpRequest, HttpResponse, Level, Network, Outside, Services, Subject,
    Table, digest,
};
use serde::{Deserialize, Serialize};

use crate::sync::lock;

/// How many answers are recorded in one call. No sensible plug-in asks more about a message.
pub(crate) const ANSWERS_MAX: usize = 10_000;
/// Octets of all questions and answers of one call.
const OCTETS_MAX: usize = 1 << 20;

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "asked")]
pub enum Answer {
    Now {
        at: u64,
    },
    NoTable {
        table: String,
    },
    Lookup {
        table: String,
        key: String,
        value: Option<String>,
    },
    LookupPrefix {
        table: String,
        text: String,
        row: Option<(String, String)>,
    },
    KvGet {
        key: String,
        value: Result<Option<Vec<u8>>, String>,
    },
    Seed {
        seed: [u8; 32],
    },
    Network {
        number: String,
        network: Result<Option<Network>, String>,
    },
    Scan {
        scanner: String,
        part: u32,
        found: Result<Option<String>, Fault>,
    },
    Fetch {
        /// The question in short: see [`fetched`].
        request: String,
        /// The service's name, if it has one.
        service: Option<String>,
        response: Result<Response, Fault>,
    },
}

/// The answer of a service outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<HeaderField>,
    pub body: Vec<u8>,
}

impl From<HttpResponse> for Response {
    fn from(it: HttpResponse) -> Self {
        Self {
            status: it.status,
            headers: it.headers,
            body: it.body.into(),
        }
    }
}

impl From<Response> for HttpResponse {
    fn from(it: Response) -> Self {
        Self {
            status: it.status,
            headers: it.headers,
            body: it.body.into(),
        }
    }
}

/// A question to a service outside in short: method, URL, and a digest of the rest. The same question has the same
/// text.
pub fn fetched(request: &HttpRequest) -> String {
    let mut rest = Vec::new();
    for field in &request.headers {
        rest.extend_from_slice(format!("{}: {}\n", field.name, field.value).as_bytes());
    }
    rest.push(b'\n');
    rest.extend_from_slice(&request.body);
    format!("{} {} {}", request.method, request.url, &digest(&rest)[..16])
}

/// Everything that one call asked, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub answers: Vec<Answer>,
    /// The call asked more than was recorded.
    #[serde(default)]
    pub cut: bool,
}

/// Services that record the questions and answers.
#[derive(Clone)]
pub struct Tape {
    inner: Arc<dyn Services>,
    written: Arc<Written>,
}

#[derive(Default)]
struct Written {
    asked: Mutex<(Asked, usize)>,
    /// Recording has ended.
    closed: AtomicBool,
}

impl Answer {
    fn octets(&self) -> usize {
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        16 + match self {
            Self::Now { .. } => 0,
            Self::Seed { seed } => seed.len(),
            // Names of networks and domains are short.
            Self::Network { number, .. } => number.len() + 256,
            Self::NoTable { table } => table.len(),
            // Names of findings and faults are short.
            Self::Scan { scanner, .. } => scanner.len() + 256,
            Self::Fetch { request, response, .. } => {
                let headers = |it: &Response| {
                    it.headers
                        .iter()
                        .map(|it| it.name.len() + it.value.len())
                        .sum::<usize>()
                };
                request.len() + response.as_ref().map_or(256, |it| headers(it) + it.body.len())
            }
            Self::Lookup { table, key, value } => table.len() + key.len() + of(value),
            Self::LookupPrefix { table, text, row } => {
                table.len() + text.len() + row.as_ref().map_or(0, |(key, value)| key.len() + value.len())
            }
            Self::KvGet { key, value } => {
                key.len()
                    + match value {
                        Ok(value) => value.as_ref().map_or(0, Vec::len),
                        Err(text) => text.len(),
                    }
            }
        }
    }
}

impl Tape {
    /// Begins to record the questions to `inner`.
    pub fn over(inner: Arc<dyn Services>) -> Self {
        Self {
            inner,
            written: Arc::default(),
        }
    }

    /// Ends recording, and returns the record. Later questions are answered as before.
    pub fn close(&self) -> Asked {
        self.written.closed.store(true, Ordering::Relaxed);
        std::mem::take(&mut lock(&self.written.asked).0)
    }
}

impl Written {
    fn write(&self, answer: impl FnOnce() -> Answer) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        let mut asked = lock(&self.asked);
        if asked.0.cut {
            return;
        }
        let answer = answer();
        asked.1 += answer.octets();
        match asked.0.answers.len() < ANSWERS_MAX && asked.1 <= OCTETS_MAX {
            true => asked.0.answers.push(answer),
            false => asked.0.cut = true,
        }
    }
}

impl Services for Tape {
    fn now_ms(&self) -> u64 {
        let at = self.inner.now_ms();
        self.written.write(|| Answer::Now { at });
        at
    }

    fn table(&self, name: &str) -> Option<Arc<dyn Table>> {
        let table = self.inner.table(name);
        if self.written.closed.load(Ordering::Relaxed) {
            return table;
        }
        let Some(inner) = table else {
            self.written.write(|| Answer::NoTable { table: name.to_owned() });
            return None;
        };
        Some(Arc::new(TapedTable {
            name: name.to_owned(),
            inner,
            written: Arc::clone(&self.written),
        }))
    }

    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        Box::pin(async move {
            let value = self.inner.kv_get(plugin, key).await;
            self.written.write(|| Answer::KvGet {
                key: key.to_owned(),
                value: value.clone(),
            });
            value
        })
    }

    fn random_seed(&self) -> [u8; 32] {
        let seed = self.inner.random_seed();
        self.written.write(|| Answer::Seed { seed });
        seed
    }

    fn network<'a>(&'a self, number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        Box::pin(async move {
            let network = self.inner.network(number).await;
            self.written.write(|| Answer::Network {
                number: number.to_owned(),
                network: network.clone(),
            });
            network
        })
    }

    fn outside(&self) -> &dyn Outside {
        self
    }

    fn log(&self, plugin: &str, message: &str, level: Level, text: &str) {
        self.inner.log(plugin, message, level, text);
    }
}

impl Outside for Tape {
    fn tells_time(&self) -> bool {
        self.inner.outside().tells_time()
    }

    fn scan<'a>(
        &'a self,
        scanner: &'a str,
        subject: &'a dyn Subject,
        part: u32,
    ) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async move {
            let found = self.inner.outside().scan(scanner, subject, part).await;
            self.written.write(|| Answer::Scan {
                scanner: scanner.to_owned(),
                part,
                found: found.clone(),
            });
            found
        })
    }

    fn service(&self, plugin: &str, request: &HttpRequest) -> Result<String, Fault> {
        let service = self.inner.outside().service(plugin, request);
        if let Err(fault) = &service {
            self.written.write(|| Answer::Fetch {
                request: fetched(request),
                service: None,
                response: Err(fault.clone()),
            });
        }
        service
    }

    fn fetch<'a>(
        &'a self,
        plugin: &'a str,
        service: &'a str,
        request: HttpRequest,
        before: AskedOf,
    ) -> BoxFuture<'a, Result<HttpResponse, Fault>> {
        Box::pin(async move {
            let asked = fetched(&request);
            let response = self.inner.outside().fetch(plugin, service, request, before).await;
            self.written.write(|| Answer::Fetch {
                request: asked,
                service: Some(service.to_owned()),
                response: response.clone().map(Into::into),
            });
            response
        })
    }
}

struct TapedTable {
    name: String,
    inner: Arc<dyn Table>,
    written: Arc<Written>,
}

impl Table for TapedTable {
    fn lookup(&self, key: &str) -> Option<&str> {
        let value = self.inner.lookup(key);
        self.written.write(|| Answer::Lookup {
            table: self.name.clone(),
            key: key.to_owned(),
            value: value.map(str::to_owned),
        });
        value
    }

    fn lookup_prefix(&self, text: &str) -> Option<(&str, &str)> {
        let row = self.inner.lookup_prefix(text);
        self.written.write(|| Answer::LookupPrefix {
            table: self.name.clone(),
            text: text.to_owned(),
            row: row.map(|(key, value)| (key.to_owned(), value.to_owned())),
        });
        row
    }
}
