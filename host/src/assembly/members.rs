//! What the relays on a store know of each other: each says again and again what it runs and what is wrong at it, and reads what
//! the others have said.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex as AsyncMutex;

use super::tables::Current;
use crate::control::alarms::RaisedAlarm;
use crate::control::relay::{RelayOnStore, RelaySays};
use crate::message::Timestamp;
use crate::relay::Relay;
use crate::spool::{Member, Presence, Spool, differences};
use crate::sync::lock;
use crate::tables::{Table, Tables};
use crate::vitals::{Standing, Vitals};

/// How often a relay says what it is, and looks at the others.
const SAY: Duration = Duration::from_secs(5);

/// The relays on the store, as they were read last.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Which of them this one is. `None`: the store is its own.
    own: Option<String>,
    known: Mutex<Vec<Member>>,
}

/// Tables that were hashed, for as long as they are the same.
#[derive(Default)]
struct Hashed {
    tables: Vec<(String, Weak<Table>)>,
    hash: String,
}

impl Members {
    pub fn of(database: &dyn Spool) -> Self {
        Self {
            own: database.own_name().map(str::to_owned),
            known: Mutex::default(),
        }
    }

    /// The name of this relay among those on the store.
    pub fn own(&self) -> Option<&str> {
        self.own.as_deref()
    }

    /// What this relay runs otherwise than most of them, in words.
    pub fn differs(&self) -> Vec<String> {
        let mut found = differences(&lock(&self.known));
        self.own().and_then(|own| found.remove(own)).unwrap_or_default()
    }

    /// For operators.
    pub fn shown(&self) -> Vec<RelayOnStore> {
        let known = lock(&self.known);
        let mut differences = differences(&known);
        let shown = |member: &Member| RelayOnStore {
            name: member.name.clone(),
            number: member.number.unsigned_abs().into(),
            lives: member.lives(),
            says: member.presence.as_ref().map(says),
            differs: differences.remove(&member.name).unwrap_or_default(),
        };
        known.iter().map(shown).collect()
    }

    /// The alarms at the others that live.
    pub fn alarms_elsewhere(&self) -> Vec<RaisedAlarm> {
        let known = lock(&self.known);
        let others = known
            .iter()
            .filter(|member| member.lives() && Some(member.name.as_str()) != self.own());
        let alarms = others
            .filter_map(|member| Some(&member.presence.as_ref()?.alarms))
            .flatten();
        // What a later version says in another form is passed over.
        alarms
            .filter_map(|alarm| serde_json::from_value(alarm.clone()).ok())
            .collect()
    }

    /// Says what this relay is, with the alarms that are raised, and looks at the others, while the tasks live. Nothing where the
    /// store is its own.
    pub fn keep(
        self: &Arc<Self>,
        vitals: &Arc<Vitals>,
        (relay, database): (&Arc<Relay>, &Arc<dyn Spool>),
        current: &Arc<AsyncMutex<Current>>,
        raised: impl Fn() -> Vec<RaisedAlarm> + Clone + Send + Sync + 'static,
    ) -> Option<Standing> {
        self.own()?;
        let since = relay.clock.now();
        let (members, relay, database) = (Arc::clone(self), Arc::clone(relay), Arc::clone(database));
        let current = Arc::clone(current);
        Some(vitals.keep("what relays say", move || {
            let (members, relay, database) = (Arc::clone(&members), Arc::clone(&relay), Arc::clone(&database));
            let (current, raised) = (Arc::clone(&current), raised.clone());
            async move {
                let mut hashed = Hashed::default();
                loop {
                    let presence = members
                        .presence((&*relay, since), &current, raised(), &mut hashed)
                        .await;
                    members.exchange(&*database, presence).await;
                    tokio::time::sleep(SAY).await;
                }
            }
        }))
    }

    async fn presence(
        &self,
        (relay, since): (&Relay, Timestamp),
        current: &AsyncMutex<Current>,
        raised: Vec<RaisedAlarm>,
        hashed: &mut Hashed,
    ) -> Presence {
        let (configuration, tables) = {
            let current = current.lock().await;
            (current.config.agreed(), current.tables.tables.clone())
        };
        let delivered = relay.delivery.counts().iter().map(|(_, of)| of.delivered).sum();
        Presence {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            configuration,
            tables: hashed.again(tables).await,
            since: since.0,
            accepted: relay.counts.read().accepted,
            delivered,
            alarms: raised
                .iter()
                .filter_map(|alarm| serde_json::to_value(alarm).ok())
                .collect::<Vec<Value>>(),
        }
    }

    /// A store that is away has an alarm of its own.
    async fn exchange(&self, database: &dyn Spool, presence: Presence) {
        if let Err(error) = database.say(presence).await {
            tracing::debug!("the other relays do not hear of this one: {error}");
        }
        match database.members().await {
            Ok(members) => *lock(&self.known) = members,
            Err(error) => tracing::debug!("the other relays cannot be looked at: {error}"),
        }
    }
}

impl Hashed {
    /// A million rows take a while: in a thread that serves nobody, and only when a table is another one.
    async fn again(&mut self, tables: Tables) -> String {
        if self.hash.is_empty() || !self.is_of(&tables) {
            self.tables = tables
                .iter()
                .map(|(name, table)| (name.to_owned(), Arc::downgrade(table)))
                .collect();
            let hashing = tokio::task::spawn_blocking(move || hash(&tables));
            self.hash = hashing.await.unwrap_or_default();
        }
        self.hash.clone()
    }

    fn is_of(&self, tables: &Tables) -> bool {
        let known = self.tables.iter().map(|(name, table)| (name.as_str(), table.as_ptr()));
        known.eq(tables.iter().map(|(name, table)| (name, Arc::as_ptr(table))))
    }
}

fn hash(tables: &Tables) -> String {
    let mut sha = Sha256::new();
    for (name, table) in tables.iter() {
        sha.update(name);
        // Neither a name nor a row contains one.
        sha.update([0]);
        for (key, value) in table.iter() {
            sha.update(key);
            sha.update([0]);
            sha.update(value);
            sha.update([0]);
        }
        sha.update([0, 0]);
    }
    sha.finalize().iter().map(|octet| format!("{octet:02x}")).collect()
}

fn says(of: &Presence) -> RelaySays {
    RelaySays {
        version: of.version.clone(),
        since: Timestamp(of.since).into(),
        configuration: of.configuration.clone(),
        tables: of.tables.clone(),
        accepted: of.accepted,
        delivered: of.delivered,
    }
}
