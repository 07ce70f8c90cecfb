//! Services that answer from a recording.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use mm4relay_engine::{
    AskedOf, BoxFuture, Fault, HttpRequest, HttpResponse, Level, Network, Outside, Services, Subject, Table,
};

use crate::pipeline::tape::{Answer, Asked, fetched};
use crate::sync::lock;

/// Services that answer from a recording.
pub struct Player {
    /// The recorded questions about rows and values, as text, with their answers.
    answers: HashMap<Question, Answer>,
    times: Mutex<VecDeque<u64>>,
    /// A call asks for its seed at most once.
    seed: Option<[u8; 32]>,
    tables: BTreeMap<String, bool>,
    /// Answers what the recording does not.
    otherwise: Option<Arc<dyn Services>>,
    unanswered: Arc<Mutex<Vec<String>>>,
}

#[derive(PartialEq, Eq, Hash)]
enum Question {
    Lookup(String, String),
    LookupPrefix(String, String),
    KvGet(String),
    Network(String),
    Scan(String, u32),
    Fetch(String),
}

impl Answer {
    fn question(&self) -> Option<Question> {
        Some(match self {
            Self::Now { .. } | Self::NoTable { .. } | Self::Seed { .. } => return None,
            Self::Fetch { request, .. } => Question::Fetch(request.clone()),
            Self::Scan { scanner, part, .. } => Question::Scan(scanner.clone(), *part),
            Self::Network { number, .. } => Question::Network(number.clone()),
            Self::Lookup { table, key, .. } => Question::Lookup(table.clone(), key.clone()),
            Self::LookupPrefix { table, text, .. } => Question::LookupPrefix(table.clone(), text.clone()),
            Self::KvGet { key, .. } => Question::KvGet(key.clone()),
        })
    }
}

impl Player {
    /// Answers from `asked`; other questions go to `otherwise`, or have no answer.
    pub fn of(asked: &Asked, otherwise: Option<Arc<dyn Services>>) -> Self {
        let mut player = Self {
            answers: HashMap::new(),
            times: Mutex::default(),
            seed: None,
            tables: BTreeMap::new(),
            otherwise,
            unanswered: Arc::default(),
        };
        let mut times = VecDeque::new();
        for answer in &asked.answers {
            match answer {
                Answer::Now { at } => times.push_back(*at),
                Answer::Seed { seed } => player.seed = Some(*seed),
                Answer::NoTable { table } => drop(player.tables.insert(table.clone(), false)),
                Answer::Lookup { table, .. } | Answer::LookupPrefix { table, .. } => {
                    player.tables.insert(table.clone(), true);
                }
                Answer::KvGet { .. } | Answer::Network { .. } | Answer::Scan { .. } | Answer::Fetch { .. } => {}
            }
            if let Some(question) = answer.question() {
                player.answers.insert(question, answer.clone());
            }
        }
        player.times = Mutex::new(times);
        player
    }

    /// The questions without an answer since the last call of this method.
    pub fn unanswered(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.unanswered))
    }

    fn miss(&self, question: String) {
        lock(&self.unanswered).push(question);
    }
}

impl Services for Player {
    fn now_ms(&self) -> u64 {
        let mut times = lock(&self.times);
        match (times.pop_front(), &self.otherwise) {
            (Some(at), _) => at,
            (None, Some(live)) => live.now_ms(),
            (None, None) => {
                self.miss("clock.now".to_owned());
                0
            }
        }
    }

    fn table(&self, name: &str) -> Option<Arc<dyn Table>> {
        let live = self.otherwise.as_ref().and_then(|live| live.table(name));
        match self.tables.get(name) {
            Some(false) => None,
            None if self.otherwise.is_some() => live,
            // The recording shows neither whether the table exists nor what is in it.
            known => {
                if known.is_none() {
                    self.miss(format!("tables: {name:?}"));
                }
                let of_it = |answer: &&Answer| match answer {
                    Answer::Lookup { table, .. } | Answer::LookupPrefix { table, .. } => table == name,
                    _ => false,
                };
                let mut played = PlayedTable {
                    name: name.to_owned(),
                    values: HashMap::new(),
                    rows: HashMap::new(),
                    live,
                    unanswered: Arc::clone(&self.unanswered),
                };
                for answer in self.answers.values().filter(of_it) {
                    match answer.clone() {
                        Answer::Lookup { key, value, .. } => drop(played.values.insert(key, value)),
                        Answer::LookupPrefix { text, row, .. } => drop(played.rows.insert(text, row)),
                        _ => {}
                    }
                }
                Some(Arc::new(played))
            }
        }
    }

    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        Box::pin(async move {
            if let Some(Answer::KvGet { value, .. }) = self.answers.get(&Question::KvGet(key.to_owned())) {
                return value.clone();
            }
            if let Some(live) = &self.otherwise {
                return live.kv_get(plugin, key).await;
            }
            self.miss(format!("kv.get({key:?})"));
            Err("the recording has no answer".to_owned())
        })
    }

    fn random_seed(&self) -> [u8; 32] {
        match (self.seed, &self.otherwise) {
            (Some(seed), _) => seed,
            (None, Some(live)) => live.random_seed(),
            (None, None) => {
                self.miss("random".to_owned());
                [0; 32]
            }
        }
    }

    fn network<'a>(&'a self, number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        Box::pin(async move {
            if let Some(Answer::Network { network, .. }) = self.answers.get(&Question::Network(number.to_owned())) {
                return network.clone();
            }
            if let Some(live) = &self.otherwise {
                return live.network(number).await;
            }
            self.miss(format!("numbering.lookup({number:?})"));
            Err("the recording has no answer".to_owned())
        })
    }

    fn outside(&self) -> &dyn Outside {
        self
    }

    /// The lines do not belong into the log of live traffic.
    fn log(&self, plugin: &str, message: &str, level: Level, text: &str) {
        tracing::debug!(plugin, message, ?level, "replayed: {text}");
    }
}

impl Outside for Player {
    fn tells_time(&self) -> bool {
        false
    }

    fn scan<'a>(
        &'a self,
        scanner: &'a str,
        subject: &'a dyn Subject,
        part: u32,
    ) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async move {
            if let Some(Answer::Scan { found, .. }) = self.answers.get(&Question::Scan(scanner.to_owned(), part)) {
                return found.clone();
            }
            if let Some(live) = &self.otherwise {
                return live.outside().scan(scanner, subject, part).await;
            }
            self.miss(format!("scan.part({part}, {scanner:?})"));
            Err(Fault::Unavailable("the recording has no answer".to_owned()))
        })
    }

    /// A question that was not recorded is not asked now, not even of live services, because it may have effects there.
    fn service(&self, _plugin: &str, request: &HttpRequest) -> Result<String, Fault> {
        match self.answers.get(&Question::Fetch(fetched(request))) {
            Some(Answer::Fetch {
                service: Some(service), ..
            }) => Ok(service.clone()),
            Some(Answer::Fetch {
                response: Err(fault), ..
            }) => Err(fault.clone()),
            _ => {
                self.miss(format!("http.fetch({} {:?})", request.method, request.url));
                Err(Fault::Unavailable("the recording has no answer".to_owned()))
            }
        }
    }

    fn fetch<'a>(
        &'a self,
        _plugin: &'a str,
        _service: &'a str,
        request: HttpRequest,
        _before: AskedOf,
    ) -> BoxFuture<'a, Result<HttpResponse, Fault>> {
        Box::pin(async move {
            match self.answers.get(&Question::Fetch(fetched(&request))) {
                Some(Answer::Fetch { response, .. }) => response.clone().map(Into::into),
                _ => Err(Fault::Unavailable("the recording has no answer".to_owned())),
            }
        })
    }
}

struct PlayedTable {
    name: String,
    values: HashMap<String, Option<String>>,
    rows: HashMap<String, Option<(String, String)>>,
    live: Option<Arc<dyn Table>>,
    unanswered: Arc<Mutex<Vec<String>>>,
}

impl PlayedTable {
    fn miss(&self, function: &str, asked: &str) {
        lock(&self.unanswered).push(format!("tables.{function}({:?}, {asked:?})", self.name));
    }
}

impl Table for PlayedTable {
    fn lookup(&self, key: &str) -> Option<&str> {
        match (self.values.get(key), &self.live) {
            (Some(value), _) => value.as_deref(),
            (None, Some(live)) => live.lookup(key),
            (None, None) => {
                self.miss("lookup", key);
                None
            }
        }
    }

    fn lookup_prefix(&self, text: &str) -> Option<(&str, &str)> {
        match (self.rows.get(text), &self.live) {
            (Some(row), _) => row.as_ref().map(|(key, value)| (key.as_str(), value.as_str())),
            (None, Some(live)) => live.lookup_prefix(text),
            (None, None) => {
                self.miss("lookup-prefix", text);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
