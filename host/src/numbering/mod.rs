//! From a number to the domain of its MMSE, over DNS: ENUM (RFC 6116) with the service `mms:mailto` (RFC 4355).
//!
//! Answers are cached, also negative ones, as long as their TTL says within configured bounds. That nobody answered is
//! cached for a second, so that the many recipients of one sender do not each wait for it. Routing reads the cache, and
//! never waits.

mod naptr;
mod resolver;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverOpts;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::time::{Instant, timeout};

use self::naptr::Naptr;

pub use resolver::resolver;

/// Which servers are asked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The domain that contains the numbers.
    pub suffix: String,
    /// Name servers; when there are none, those of the system.
    pub servers: Vec<SocketAddr>,
    /// The time limit for one number, retries included.
    pub time_out: Duration,
    /// Bounds for the time for which an answer is cached.
    pub keep_at_least: Duration,
    pub keep_at_most: Duration,
}

/// The answer of DNS about a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The domain of its MMSE.
    Domain(String),
    /// The number has no record for MMS.
    Nothing,
    /// No server answered in time, and why.
    Silence(String),
}

/// Asks DNS, and caches the answers.
pub struct Numbering {
    options: Options,
    resolver: TokioResolver,
    kept: Mutex<HashMap<String, Kept>>,
}

struct Kept {
    answer: Answer,
    until: Instant,
}

/// The most cached answers, of about 200 octets each. Beyond it, expired ones are dropped, and then all.
const MAX_KEPT: usize = 100_000;

/// How long a failure to get an answer is cached.
const SILENCE: Duration = Duration::from_secs(1);

impl Numbering {
    /// # Errors
    /// The system's name servers are to be asked, and are not known.
    pub fn new(options: Options) -> Result<Self, NetError> {
        let mut builder = resolver(&options.servers)?;
        set(builder.options_mut(), &options);
        Ok(Self {
            resolver: builder.build()?,
            options,
            kept: Mutex::default(),
        })
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The cached answer for a number; `None` when DNS must be asked.
    pub fn kept(&self, number: &str) -> Option<Answer> {
        let kept = self.lock();
        let kept = kept.get(number).filter(|kept| Instant::now() < kept.until)?;
        Some(kept.answer.clone())
    }

    /// The cached answer, or that of DNS. Waits no longer than the time-out.
    pub async fn ask(&self, number: &str) -> Answer {
        if let Some(answer) = self.kept(number) {
            return answer;
        }
        let Some(name) = naptr::query_name(number, &self.options.suffix) else {
            return Answer::Nothing;
        };
        // ASCII, because by default text is read as an internationalised name, which refuses underscores.
        let Ok(name) = Name::from_ascii(name) else {
            return Answer::Nothing;
        };
        let asking = self.resolver.lookup(name, RecordType::NAPTR);
        let (answer, ttl) = match timeout(self.options.time_out, asking).await {
            Ok(Ok(lookup)) => {
                let left = lookup
                    .valid_until()
                    .saturating_duration_since(std::time::Instant::now());
                let records: Vec<_> = lookup
                    .answers()
                    .iter()
                    .filter_map(|record| read(&record.data))
                    .collect();
                let domain = naptr::domain(number, &records);
                (domain.map_or(Answer::Nothing, Answer::Domain), self.bounded(left))
            }
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(none)))) => {
                let ttl = none.negative_ttl.map_or(0, u64::from);
                (Answer::Nothing, self.bounded(Duration::from_secs(ttl)))
            }
            Ok(Err(error)) => (Answer::Silence(error.to_string()), SILENCE),
            Err(_) => {
                let limit = self.options.time_out;
                (Answer::Silence(format!("no answer within {limit:?}")), SILENCE)
            }
        };
        self.keep(number, answer.clone(), ttl);
        answer
    }

    fn bounded(&self, ttl: Duration) -> Duration {
        ttl.clamp(self.options.keep_at_least, self.options.keep_at_most)
    }

    fn keep(&self, number: &str, answer: Answer, ttl: Duration) {
        let now = Instant::now();
        let mut kept = self.lock();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, kept| now < kept.until);
        }
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        let until = now + ttl;
        kept.insert(number.to_owned(), Kept { answer, until });
    }

    /// Every change is a single call, so the map is consistent even after a panic.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn set(opts: &mut ResolverOpts, options: &Options) {
    // The time-out of one attempt allows two within the limit.
    opts.attempts = 2;
    opts.timeout = options.time_out / 2;
    // Answers are cached here, where routing can read them.
    opts.cache_size = 0;
}

fn read(data: &RData) -> Option<Naptr> {
    let RData::NAPTR(record) = data else {
        return None;
    };
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).ok();
    Some(Naptr {
        order: record.order,
        preference: record.preference,
        flags: text(&record.flags)?,
        services: text(&record.services)?,
        regexp: text(&record.regexp)?,
    })
}
