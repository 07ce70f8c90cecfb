//! The hosts of a peer, and the order in which they are tried.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::fate::{Answer, Verdict};
use crate::spool::BoxFuture;
use crate::sync::lock;

/// One host of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// `name:port` or `address:port`.
    pub address: String,
    /// Hosts with lower numbers are tried first.
    pub priority: u16,
    /// Share of new connections among hosts of one priority, as in RFC 2782. At least 1.
    pub weight: u16,
}

/// The source of a peer's hosts.
#[derive(Clone, Debug)]
pub enum Hosts {
    Fixed(Vec<Host>),
    /// The MX records of a domain (RFC 5321, 5.1), port 25.
    Mx {
        domain: String,
        records: std::sync::Arc<dyn MxRecords>,
        /// A domain that does not exist fails its messages for good, as in RFC 5321, 5.1.
        unknown_fails: bool,
    },
}

/// Looks up the MX records of a domain.
pub trait MxRecords: std::fmt::Debug + Send + Sync + 'static {
    /// The MX records. That there are none is no error.
    ///
    /// # Errors
    /// Which server was asked, and its answer.
    fn exchangers<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Exchangers, NoRecords>>;
}

/// Why MX records are not available.
#[derive(Clone, Debug)]
pub enum NoRecords {
    /// The domain does not exist.
    NoDomain(String),
    /// DNS gave no answer.
    Silence(String),
}

/// The result of a look-up of MX records.
#[derive(Clone, Debug)]
pub struct Exchangers {
    /// Preference and name of each, in any order.
    pub names: Vec<(u16, String)>,
    /// How long the result is valid.
    pub life: Duration,
}

/// The hosts of one peer as they are known now.
pub(super) struct KnownHosts {
    from: Hosts,
    found: Mutex<Option<Found>>,
}

#[derive(Clone)]
struct Found {
    /// Empty when the domain has a null MX record.
    hosts: Vec<Host>,
    until: Instant,
}

/// Why there is no host to try, and whether there may be one later.
pub(super) type NoHosts = (Verdict, Answer);

/// Bounds for the life of a record: at least a minute, so that no resolver is asked for each message; at most an hour,
/// so that a mistake lasts no longer.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);

const SMTP_PORT: u16 = 25;

impl KnownHosts {
    pub fn new(from: Hosts) -> Self {
        let found = Mutex::default();
        Self { from, found }
    }

    /// All hosts, in no particular order. While records are not available, the last known ones stay in use.
    ///
    /// A domain that takes no mail refuses for good (RFC 7505, 3). RFC 5321, 5.1 asks the same for a domain that does
    /// not exist. But here an operator has configured it and can correct it while its messages wait, unless the peer's
    /// profile says that its DNS can be trusted.
    pub async fn all(&self) -> Result<Vec<Host>, NoHosts> {
        let (domain, records, unknown_fails) = match &self.from {
            Hosts::Fixed(hosts) => return Ok(hosts.clone()),
            Hosts::Mx {
                domain,
                records,
                unknown_fails,
            } => (domain, records, *unknown_fails),
        };
        let found = lock(&self.found).clone();
        if let Some(found) = found.as_ref().filter(|found| Instant::now() < found.until) {
            return or_refuse(domain, found.hosts.clone());
        }
        match (records.exchangers(domain).await, found) {
            (Ok(Exchangers { names, life }), _) => {
                let hosts = from_records(domain, names);
                let until = Instant::now() + life.clamp(SHORTEST, LONGEST);
                *lock(&self.found) = Some(Found {
                    hosts: hosts.clone(),
                    until,
                });
                or_refuse(domain, hosts)
            }
            (Err(NoRecords::NoDomain(reason)), _) if unknown_fails => {
                let why = format!("no MX records of {domain}: {reason}");
                Err((Verdict::Never, Answer::ruled(550, (1, 2), why)))
            }
            (Err(NoRecords::NoDomain(reason) | NoRecords::Silence(reason)), Some(old)) if !old.hosts.is_empty() => {
                warn!(
                    domain,
                    reason,
                    event = "mx-kept",
                    "no MX records now: those of the last time are used"
                );
                Ok(old.hosts)
            }
            // What refused the last time may not refuse any more, so nothing fails because of it.
            (Err(NoRecords::NoDomain(reason) | NoRecords::Silence(reason)), _) => {
                let why = format!("no MX records of {domain}: {reason}");
                Err((Verdict::Later, Answer::ours(why)))
            }
        }
    }

    /// Whether an address that was a host of the peer may still be one.
    pub fn may_be(&self, address: &str) -> bool {
        match &self.from {
            Hosts::Fixed(hosts) => hosts.iter().any(|host| host.address == address),
            Hosts::Mx { .. } => true,
        }
    }
}

/// The hosts of a domain; an error when it has none.
fn or_refuse(domain: &str, hosts: Vec<Host>) -> Result<Vec<Host>, NoHosts> {
    if !hosts.is_empty() {
        return Ok(hosts);
    }
    let why = format!("{domain} takes no mail: its MX record says so");
    Err((Verdict::Never, Answer::ruled(556, (1, 10), why)))
}

/// The hosts that MX records give. A domain without MX records is its own mail exchanger (RFC 5321, 5.1); one whose
/// only record is `.` takes no mail (RFC 7505).
fn from_records(domain: &str, exchangers: Vec<(u16, String)>) -> Vec<Host> {
    let host = |priority, name: &str| Host {
        address: format!("{}:{SMTP_PORT}", name.trim_end_matches('.')),
        priority,
        weight: 1,
    };
    if exchangers.is_empty() {
        return vec![host(0, domain)];
    }
    let real = |(_, name): &&(u16, String)| !name.trim_end_matches('.').is_empty();
    let real = exchangers.iter().filter(real);
    real.map(|(preference, name)| host(*preference, name)).collect()
}

/// The addresses in the order in which they are tried: hosts that are not dead first, then by priority. Equals are
/// drawn by weight, one after the other (RFC 2782). `random` is uniform in 0 to 1.
pub(super) fn order(hosts: Vec<Host>, is_dead: impl Fn(&str) -> bool, random: impl Fn() -> f64) -> Vec<String> {
    let mut rest: Vec<(bool, Host)> = hosts.into_iter().map(|host| (is_dead(&host.address), host)).collect();
    rest.sort_by_key(|(dead, host)| (*dead, host.priority));
    let mut ordered = Vec::with_capacity(rest.len());
    while let Some((dead, first)) = rest.first() {
        let rank = (*dead, first.priority);
        let equals = rest.iter().take_while(|(dead, host)| (*dead, host.priority) == rank);
        let drawn = draw(equals.map(|(_, host)| host.weight), random());
        ordered.push(rest.remove(drawn).1.address);
    }
    ordered
}

/// Draws one of several places in proportion to their weights.
fn draw(weights: impl Iterator<Item = u16> + Clone, random: f64) -> usize {
    let whole: u32 = weights.clone().map(u32::from).sum();
    let mut ball = random.clamp(0.0, 1.0) * f64::from(whole);
    let mut last = 0;
    for (place, weight) in weights.enumerate() {
        last = place;
        ball -= f64::from(weight);
        if ball < 0.0 {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn host(address: &str, priority: u16, weight: u16) -> Host {
        Host {
            address: address.to_owned(),
            priority,
            weight,
        }
    }

    #[test]
    fn lower_priorities_come_first_and_the_dead_last() {
        let hosts = || vec![host("c", 20, 1), host("a", 1, 1), host("b", 10, 1)];
        assert_eq!(order(hosts(), |_| false, || 0.5), ["a", "b", "c"]);
        assert_eq!(order(hosts(), |host| host == "a", || 0.5), ["b", "c", "a"]);
        assert_eq!(order(hosts(), |_| true, || 0.5), ["a", "b", "c"]);
    }

    #[test]
    fn among_equals_the_weights_decide() {
        let first = |random: f64| order(vec![host("light", 5, 1), host("heavy", 5, 3)], |_| false, || random).remove(0);
        assert_eq!((first(0.0), first(0.24)), ("light".to_owned(), "light".to_owned()));
        assert_eq!((first(0.26), first(1.0)), ("heavy".to_owned(), "heavy".to_owned()));
        let all = order(vec![host("light", 5, 1), host("heavy", 5, 3)], |_| false, || 0.9);
        assert_eq!(all, ["heavy", "light"], "the other one is tried next");
    }

    #[derive(Debug, Default)]
    struct Zone {
        asked: AtomicUsize,
        answers: Mutex<Vec<Result<Exchangers, NoRecords>>>,
    }

    impl MxRecords for Zone {
        fn exchangers<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Exchangers, NoRecords>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let answer = lock(&self.answers).pop().unwrap_or(Err(silence("no answer")));
            Box::pin(async move { answer })
        }
    }

    fn silence(why: &str) -> NoRecords {
        NoRecords::Silence(why.to_owned())
    }

    fn known(answers: Vec<Result<Exchangers, NoRecords>>) -> (KnownHosts, Arc<Zone>) {
        let zone = Arc::new(Zone {
            asked: AtomicUsize::new(0),
            answers: Mutex::new(answers.into_iter().rev().collect()),
        });
        let (domain, records) = ("b.example".to_owned(), zone.clone());
        let from = Hosts::Mx {
            domain,
            records,
            unknown_fails: false,
        };
        (KnownHosts::new(from), zone)
    }

    fn records(names: &[(u16, &str)], life: Duration) -> Result<Exchangers, NoRecords> {
        let names = names.iter().map(|(preference, name)| (*preference, (*name).to_owned()));
        let names = names.collect();
        Ok(Exchangers { names, life })
    }

    #[tokio::test(start_paused = true)]
    async fn records_are_believed_for_as_long_as_they_say_within_bounds() {
        let mx = [(10, "mx1.b.example."), (20, "mx2.b.example.")];
        let (known, zone) = known(vec![
            records(&mx, Duration::from_secs(1)),
            records(&mx[..1], Duration::from_secs(86_400)),
            records(&mx, Duration::from_secs(120)),
        ]);
        assert_eq!(
            known.all().await.unwrap(),
            [host("mx1.b.example:25", 10, 1), host("mx2.b.example:25", 20, 1)]
        );
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(
            (known.all().await.unwrap().len(), zone.asked.load(Ordering::SeqCst)),
            (2, 1)
        );
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(known.all().await.unwrap().len(), 1);
        tokio::time::advance(Duration::from_secs(3601)).await;
        assert_eq!(known.all().await.unwrap().len(), 2, "no longer than an hour");
    }

    #[tokio::test(start_paused = true)]
    async fn when_no_records_can_be_had_the_last_ones_are_used() {
        let (known, _) = known(vec![records(&[(1, "mx.b.example.")], Duration::ZERO)]);
        assert_eq!(known.all().await.unwrap().len(), 1);
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!(known.all().await.unwrap(), [host("mx.b.example:25", 1, 1)]);
    }

    #[tokio::test]
    async fn without_records_the_domain_is_asked_and_a_null_record_means_nobody() {
        let life = Duration::ZERO;
        let (bare, _) = known(vec![records(&[], life)]);
        assert_eq!(bare.all().await.unwrap(), [host("b.example:25", 0, 1)]);
        let (null, _) = known(vec![records(&[(0, ".")], life)]);
        let (verdict, answer) = null.all().await.unwrap_err();
        let said = "556 5.1.10 b.example takes no mail: its MX record says so";
        assert_eq!((verdict, answer.to_string().as_str()), (Verdict::Never, said));
        let (dark, _) = known(vec![Err(silence("timed out"))]);
        let (verdict, answer) = dark.all().await.unwrap_err();
        let said = "no MX records of b.example: timed out";
        assert_eq!((verdict, answer.to_string().as_str()), (Verdict::Later, said));
    }

    #[tokio::test(start_paused = true)]
    async fn a_domain_that_does_not_exist_is_waited_for_or_refuses_as_the_profile_says() {
        for (unknown_fails, expected) in [(false, Verdict::Later), (true, Verdict::Never)] {
            let zone = Arc::new(Zone::default());
            let no_domain = NoRecords::NoDomain("it does not exist".to_owned());
            lock(&zone.answers).extend([Err(silence("timed out")), Err(no_domain)]);
            let hosts = KnownHosts::new(Hosts::Mx {
                domain: "b.example".to_owned(),
                records: zone,
                unknown_fails,
            });
            assert_eq!(hosts.all().await.unwrap_err().0, expected);
            assert_eq!(hosts.all().await.unwrap_err().0, Verdict::Later, "silence says nothing");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_null_record_is_believed_for_as_long_as_others_and_fails_nothing_when_it_has_run_out() {
        let life = Duration::from_secs(120);
        let (known, zone) = known(vec![records(&[(1, "mx.b.example.")], life), records(&[(0, ".")], life)]);
        assert!(known.all().await.is_ok());
        for (seconds, verdict, asked) in [
            (121, Verdict::Never, 2),
            (119, Verdict::Never, 2),
            (2, Verdict::Later, 3),
        ] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            assert_eq!(known.all().await.unwrap_err().0, verdict);
            assert_eq!(zone.asked.load(Ordering::SeqCst), asked);
        }
    }
}
