//! The conditions that can raise an alarm, one by one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mm4relay_engine::BreakerState;
use tokio::time::Instant;

use super::Seen;
use super::counts::Lately;
use crate::alarms::{AlarmKind, Level, Sign};
use crate::assembly::certificates::Certificates;
use crate::config::{self, Config, Durability, show_duration};
use crate::control::counted;
use crate::delivery::Delivered;
use crate::message::{Masked, MessageId, PeerName, Timestamp};
use crate::spool::{Operator, Trouble, TroubleWith};
use crate::transactions::What;

const MINUTE: Duration = Duration::from_secs(60);
/// How often conditions that cost reading are examined: the queue, and the files of certificates.
const QUEUE: Duration = Duration::from_secs(15);
const CERTIFICATES: Duration = Duration::from_secs(600);
/// With fewer attempts at a peer, a rate means nothing.
const FEW: u64 = 20;

/// Examines a relay, and remembers what it needs of earlier examinations.
pub(super) struct Looker {
    seen: Seen,
    deliveries: HashMap<PeerName, Lately<Delivered>>,
    timeouts: HashMap<PeerName, Lately<u64>>,
    dead_letters: Lately<u64>,
    old: Kept,
    certificates: Kept,
}

/// The signs of conditions that are not examined each time.
#[derive(Default)]
struct Kept {
    looked_at: Option<Instant>,
    signs: Vec<Sign>,
}

impl Kept {
    fn is_due(&mut self, every: Duration) -> bool {
        let due = self.looked_at.is_none_or(|at| at.elapsed() >= every);
        if due {
            self.looked_at = Some(Instant::now());
        }
        due
    }
}

fn sign(kind: AlarmKind, about: &str, level: Level, said: impl Into<String>) -> Sign {
    Sign {
        kind,
        about: about.to_owned(),
        level,
        said: said.into(),
        patience: Duration::ZERO,
    }
}

/// Of those that it can have, the others are fine.
fn of_the_store(trouble: Trouble) -> Sign {
    let kind = match trouble.with {
        TroubleWith::Disk => AlarmKind::Disk,
        TroubleWith::Away => AlarmKind::StoreAway,
        TroubleWith::Unsafe => AlarmKind::StoreUnsafe,
        TroubleWith::WentBack => AlarmKind::StoreWentBack,
    };
    sign(kind, "", Level::Wrong, trouble.said)
}

/// What the configuration says in words is so, and is said here too.
fn one_machine(config: &Config) -> Option<Sign> {
    let shared = config.shared_spool.as_ref()?;
    let said = "what a relay acknowledges is on one machine, and lost with it: durability = \"single-machine\"";
    let alone = shared.durability == Durability::SingleMachine;
    Some(sign(AlarmKind::OneMachine, "", Level::wrong_if(alone), said))
}

impl Looker {
    pub fn new(seen: Seen) -> Self {
        Self {
            seen,
            deliveries: HashMap::new(),
            timeouts: HashMap::new(),
            dead_letters: Lately::over(60 * MINUTE),
            old: Kept::default(),
            certificates: Kept::default(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.seen.relay.clock.now()
    }

    /// All present signs, and how long a condition must be well before its alarm is cleared.
    pub async fn look(&mut self) -> (Vec<Sign>, Duration) {
        let now = self.now();
        let (config, tables) = {
            let current = self.seen.current.lock().await;
            (current.config.clone(), self.tables(now, &current))
        };
        let mut signs = tables;
        signs.extend(self.peers(now, &config.alarms));
        signs.extend(self.requests(now, &config.alarms));
        signs.extend(self.plugins());
        signs.extend(self.life());
        signs.extend(one_machine(&config));
        signs.extend(self.differs());
        signs.extend(self.files(&config));
        signs.extend(self.queue(now, &config.alarms).await);
        let calm = config.alarms.calm;
        signs.extend(self.certificates(config).await);
        (signs, calm)
    }

    fn peers(&mut self, now: Timestamp, terms: &config::Alarms) -> Vec<Sign> {
        let delivery = &self.seen.relay.delivery;
        let mut signs = Vec::new();
        for standing in delivery.standings() {
            let said = standing.down.as_ref().map_or("", |down| &down.said);
            signs.push(Sign {
                patience: terms.peer_down,
                ..sign(
                    AlarmKind::PeerDown,
                    standing.peer.as_str(),
                    Level::wrong_if(standing.down.is_some()),
                    said,
                )
            });
        }
        for (peer, is) in delivery.counts() {
            let lately = self.deliveries.entry(peer.clone());
            let was = lately.or_insert_with(|| Lately::over(5 * MINUTE)).before(now, &is);
            let deferred = is.deferred.saturating_sub(was.deferred);
            let attempts = deferred + is.delivered.saturating_sub(was.delivered) + is.failed.saturating_sub(was.failed);
            let percent = (100 * deferred).checked_div(attempts).unwrap_or_default();
            let level = match attempts < FEW {
                true => Level::Fine,
                false => Level::of(percent, terms.deferral_rate.into()),
            };
            let said = format!("{deferred} of {attempts} attempts within five minutes were deferred");
            signs.push(sign(AlarmKind::DeferralRate, peer.as_str(), level, said));
        }
        signs
    }

    fn requests(&mut self, now: Timestamp, terms: &config::Alarms) -> Vec<Sign> {
        let (mut dead, mut missing) = (0, BTreeMap::<PeerName, u64>::new());
        for (noted, count) in self.seen.relay.transactions.counts.read() {
            match noted.what {
                What::DeadLetter => dead += count,
                What::TimedOut => *missing.entry(noted.peer).or_default() += count,
                _ => {}
            }
        }
        let new = dead.saturating_sub(self.dead_letters.before(now, &dead));
        let said = format!("{} within an hour: nobody can be notified", counted(new, "dead letter"));
        let mut signs = vec![sign(
            AlarmKind::DeadLetters,
            "",
            Level::of(new, terms.dead_letters.into()),
            said,
        )];
        for (peer, total) in missing {
            let lately = self.timeouts.entry(peer.clone());
            // The counter does not exist before the first missing response.
            let lately = lately.or_insert_with(|| {
                let mut lately = Lately::over(15 * MINUTE);
                lately.before(now, &0);
                lately
            });
            let new = total.saturating_sub(lately.before(now, &total));
            let level = Level::of(new, terms.responses_missing.into());
            let said = format!(
                "{} did not come in time within a quarter of an hour",
                counted(new, "response")
            );
            signs.push(sign(AlarmKind::ResponsesMissing, peer.as_str(), level, said));
        }
        signs
    }

    fn plugins(&self) -> Vec<Sign> {
        let catalogue = &self.seen.relay.catalogue;
        let mut signs = Vec::new();
        for link in &catalogue.chain().links {
            let (name, breaker) = (link.plugin.name(), link.plugin.breaker());
            let peers: Vec<String> = breaker.open_for().into_iter().map(|(peer, _)| peer).collect();
            let everybody = breaker.state() != BreakerState::Closed;
            let said = match everybody {
                true => "it failed too often, and is called for no message".to_owned(),
                false => format!("it failed too often, and is not called for {}", peers.join(", ")),
            };
            let open = everybody || !peers.is_empty();
            signs.push(sign(AlarmKind::BreakerOpen, name, Level::wrong_if(open), said));
            let barred = catalogue.record(name).barred;
            let said = barred.as_ref().map_or("", |barred| &barred.why);
            signs.push(sign(
                AlarmKind::RolledBack,
                name,
                Level::wrong_if(barred.is_some()),
                said,
            ));
        }
        signs
    }

    fn life(&self) -> Vec<Sign> {
        let store = self.seen.database.trouble();
        let unwell = self.seen.life.troubles();
        // The store has alarms of its own.
        let of_store = store.as_ref().map(|trouble| Masked(&trouble.said).to_string());
        let unwell: Vec<String> = unwell
            .into_iter()
            .filter(|trouble| Some(trouble) != of_store.as_ref())
            .collect();
        let offset = self.seen.relay.steady.offset();
        let ahead = show_duration(Duration::from_millis(offset.unsigned_abs()));
        let which = if offset > 0 { "ahead" } else { "behind" };
        let said = format!("the system's clock is {ahead} {which} of the relay's");
        let mut signs = vec![
            sign(
                AlarmKind::Unwell,
                "",
                Level::wrong_if(!unwell.is_empty()),
                unwell.join("; "),
            ),
            sign(AlarmKind::ClockJumped, "", Level::wrong_if(offset != 0), said),
        ];
        signs.extend(store.map(of_the_store));
        signs
    }

    /// What another relay runs otherwise is that relay's alarm.
    fn differs(&self) -> Option<Sign> {
        let members = &self.seen.life.members;
        let (own, differs) = (members.own()?, members.differs());
        let said = format!("it runs {}", differs.join("; "));
        Some(Sign {
            // A change goes from one relay to the next.
            patience: MINUTE / 2,
            ..sign(AlarmKind::RelaysDiffer, own, Level::wrong_if(!differs.is_empty()), said)
        })
    }

    fn files(&self, config: &Config) -> Vec<Sign> {
        let standing = self.seen.files.iter().flat_map(|files| files.standing());
        let late = standing.filter_map(|(name, one)| {
            let output = config.charging_outputs.iter().find(|output| output.name == name)?;
            let level = Level::wrong_if(one.waiting > 0 && one.oldest > output.fetch_within);
            let oldest = show_duration(Duration::from_secs(one.oldest.as_secs()));
            let said = format!(
                "{} that nobody has fetched, the oldest for {oldest}",
                counted(one.waiting, "file")
            );
            Some(sign(AlarmKind::NotFetched, &name, level, said))
        });
        late.collect()
    }

    fn tables(&self, now: Timestamp, current: &super::Current) -> Vec<Sign> {
        let mut signs = Vec::new();
        for table in current.tables.shown() {
            signs.push(Sign {
                // The file is most likely about to be read.
                patience: Duration::from_secs(10),
                ..sign(
                    AlarmKind::TableRefused,
                    &table.name,
                    Level::wrong_if(table.differs),
                    "its file has changed, and was not taken",
                )
            });
            let age = table.changed.map(|changed| now.since(changed.0)).unwrap_or_default();
            let stale = current.config.alarms.table_age.is_some_and(|longest| age > longest);
            let said = format!(
                "its file is from {} ago",
                show_duration(Duration::from_secs(age.as_secs()))
            );
            signs.push(sign(AlarmKind::TableStale, &table.name, Level::wrong_if(stale), said));
        }
        signs
    }

    async fn queue(&mut self, now: Timestamp, terms: &config::Alarms) -> Vec<Sign> {
        if self.old.is_due(QUEUE) {
            let store = Arc::clone(&self.seen.database);
            let before = MessageId::first_at(now.minus(terms.queue_age));
            let looking = tokio::task::spawn_blocking(move || Operator::waiting_since(&*store, before));
            // A file that cannot be read has an alarm of its own.
            if let Ok(Ok(hops)) = looking.await {
                let age = show_duration(terms.queue_age);
                let old = |hop: &crate::message::NextHop| {
                    let said = format!("messages have waited for more than {age}");
                    sign(AlarmKind::QueueAge, hop.as_str(), Level::Wrong, said)
                };
                self.old.signs = hops.iter().map(old).collect();
            }
        }
        self.old.signs.clone()
    }

    async fn certificates(&mut self, config: Config) -> Vec<Sign> {
        if self.certificates.is_due(CERTIFICATES) {
            let mut found = self.seen.current.lock().await.found.blank();
            let looking = tokio::task::spawn_blocking(move || {
                Certificates::load(&config, &mut found, SystemTime::now());
                found
            });
            if let Ok(found) = looking.await {
                let said = [found.problems, found.notices].concat();
                let level = Level::wrong_if(!said.is_empty());
                self.certificates.signs = vec![sign(AlarmKind::CertificateEnds, "", level, said.join("; "))];
            }
        }
        self.certificates.signs.clone()
    }
}
