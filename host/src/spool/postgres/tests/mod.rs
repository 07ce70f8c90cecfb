//! What only this store promises, and the stage on which it passes what every store promises.

mod faults;
mod growth;
mod lives;
mod plans;
#[path = "../../../../../tests/support/postgres.rs"]
#[allow(dead_code, reason = "the tests of the binary use the rest of it")]
mod server;
mod unknown;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use self::server::{Care, Postgres, USER};
use super::threads::wait;
use super::{Access, Durability, Options, Patience, PostgresSpool, prepare};
use crate::spool::Spool;
use crate::spool::conformance::support::{Bystander, HeldClock, NOW, Stage};
use crate::spool::ledger::Ledger;

/// A store that breaks one promise: for a test of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Liar {
    /// What the database answers is committed, whatever it warned of before.
    HearsNoWarning,
    /// Whoever has ended its life, it goes on.
    HasNoFence,
    /// Its records have numbers of a sequence, which a commit that came to nothing does not give back.
    NumbersBySequence,
}

/// What a test does to a store.
#[derive(Default)]
pub(super) struct Trial {
    /// The program dies in the next batch, before it is durable or after.
    dies: Mutex<Option<bool>>,
    liar: Mutex<Option<Liar>>,
}

impl Trial {
    pub(super) fn dies(&self) -> Option<bool> {
        self.dies.lock().unwrap().take()
    }

    pub(super) fn lies(&self, how: Liar) -> bool {
        *self.liar.lock().unwrap() == Some(how)
    }
}

/// A store of its own in the one server of all tests: a schema.
pub(in crate::spool) struct OnPostgres {
    options: Options,
    clock: HeldClock,
    last: Mutex<Option<Arc<PostgresSpool>>>,
}

/// Every statement that any test has prepared.
static STATEMENTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

pub(super) fn note_statement(sql: &'static str) {
    STATEMENTS.lock().unwrap().insert(sql);
}

/// Nothing is forgotten.
const LEDGER: Duration = Duration::from_secs(40 * 86_400);

fn server() -> Option<&'static Postgres> {
    static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
    SERVER.get_or_init(|| Postgres::start(Care::Forgets)).as_ref()
}

fn access(server: &Postgres) -> Access {
    static SCHEMAS: AtomicU64 = AtomicU64::new(0);
    Access {
        hosts: vec![(server.socket().display().to_string(), server.port)],
        user: USER.into(),
        password: None,
        database: "postgres".into(),
        schema: format!("stage_{}", SCHEMAS.fetch_add(1, SeqCst)),
        tls: None,
        writes: Arc::default(),
    }
}

impl OnPostgres {
    pub(in crate::spool) fn new() -> Option<Self> {
        let access = access(server()?);
        prepare(&access).unwrap();
        let clock = HeldClock::at(NOW);
        let options = Options {
            access,
            durability: Durability::Careless,
            patience: Patience {
                others: Duration::ZERO,
                ..Patience::default()
            },
            clock: Arc::new(clock.clone()),
            forget: None,
            ledger: LEDGER,
            alive: Some(Arc::new(clock.clone())),
        };
        Some(Self {
            options,
            clock,
            last: Mutex::default(),
        })
    }

    fn relay(&self, name: &str) -> Arc<PostgresSpool> {
        let spool = PostgresSpool::open(self.options.clone(), name, None).unwrap();
        *self.last.lock().unwrap() = Some(Arc::clone(&spool));
        spool
    }
}

impl PostgresSpool {
    fn count(&self, sql: &'static str) -> i64 {
        let shared = Arc::clone(&self.shared);
        wait(&self.shared.handle, async move {
            Ok(shared.reader().await?.rows(sql, &[]).await?[0].get(0))
        })
        .unwrap()
    }
}

impl Stage for OnPostgres {
    fn open(&self) -> Arc<dyn Spool> {
        self.relay("a")
    }

    fn operator(&self) -> Arc<dyn Bystander> {
        PostgresSpool::beside(self.options.clone()).unwrap()
    }

    fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        Some(PostgresSpool::beside(self.options.clone()).unwrap())
    }

    fn messages(&self) -> u64 {
        let beside = PostgresSpool::beside(self.options.clone()).unwrap();
        let messages = beside.count("SELECT count(*) FROM message");
        let with_bytes = beside.count("SELECT count(DISTINCT message) FROM content");
        assert!(with_bytes <= messages, "bytes of a message that has gone");
        messages as u64
    }

    fn pass(&self, time: Duration) {
        self.clock.pass(time);
    }

    fn another(&self) -> Option<Arc<dyn Spool>> {
        Some(PostgresSpool::open(self.options.clone(), "b", None).unwrap())
    }

    fn dies(&self, durable: bool) -> bool {
        let last = self.last.lock().unwrap();
        *last.as_ref().unwrap().shared.trial.dies.lock().unwrap() = Some(durable);
        true
    }
}
