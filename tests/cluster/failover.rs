//! The machine of the database that writes is lost under load, again and again: a standby is promoted, another one follows it,
//! and the relays go on by themselves.
//!
//! `MM4RELAY_FAILOVERS` says how often (2 when it is not set).

use std::time::Instant;

use super::field::Field;
use crate::support::postgres::{Care, Postgres};
use crate::support::tools;

/// Whoever of the two writes, the other one must have what is committed.
const NAMES: &str = "synchronous_standby_names = 'ANY 1 (left, right)'";

/// Each server has a name and a port for good, whichever folder it is on.
struct Pair {
    writes: Postgres,
    follows: Postgres,
    names: [&'static str; 2],
}

impl Pair {
    fn start() -> Option<Self> {
        let writes = Postgres::start(Care::Flushes)?;
        let follows = writes.follow("right", Some(tools::free_port()), NAMES);
        writes.ask(&format!("ALTER SYSTEM SET {NAMES}")).expect("it is set");
        writes.ask("SELECT pg_reload_conf()").expect("it is read again");
        writes.wait_for_standby();
        Some(Self {
            writes,
            follows,
            names: ["left", "right"],
        })
    }

    fn ports(&self) -> Vec<u16> {
        vec![self.writes.port, self.follows.port]
    }

    /// The one that writes is lost, the other one takes its place, and a new one follows that.
    fn fail_over(mut self) -> Self {
        self.writes.crash();
        self.follows.promote();
        let [lost, writes] = self.names;
        let follows = self.follows.follow(lost, Some(self.writes.port), NAMES);
        self.follows.wait_for_standby();
        Self {
            writes: self.follows,
            follows,
            names: [writes, lost],
        }
    }
}

#[test]
fn nothing_is_lost_or_done_twice_when_the_database_fails_over_under_load() {
    let trials = std::env::var("MM4RELAY_FAILOVERS").map_or(2, |number| number.parse().expect("a number"));
    let Some(mut pair) = Pair::start() else { return };
    let begun = Instant::now();
    let ways = vec![pair.ports(); 3];
    let field = Field::start(&ways, "replicated");
    for trial in 1..=trials {
        field.wait_for_progress();
        let failed = Instant::now();
        pair = pair.fail_over();
        let over = failed.elapsed();
        let waited = field.wait_for_progress();
        println!("fail-over {trial}: {over:?}, and all relays take messages {waited:?} later");
        assert!(waited.as_secs() <= 5, "they take messages at once");
    }
    field.wait_for_progress();
    let found = field.find();
    found.print();
    println!("{trials} fail-overs in {:?}", begun.elapsed());
    found.is_whole();
    assert!(
        found.acknowledged.len() > 30 * trials,
        "there was no load worth the name"
    );
    assert_eq!(found.repeated(), 0, "the relays lived, and knew what they had sent");
}
