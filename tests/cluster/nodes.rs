//! Relays that are killed, stopped and woken, and cut off from the store in the middle of a commit, under load.
//!
//! `MM4RELAY_NODE_FAULTS` says how many faults there are (8 when it is not set): each kind in turn, at one relay and then at
//! the other.

use std::time::{Duration, Instant};

use super::field::Field;
use crate::support::postgres::{Care, Postgres};
use crate::support::{Cut, Proxy};

/// As the driver sends it.
const COMMIT: &[u8] = b"COMMIT\0";

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// And started again, on its folder.
    Killed,
    StoppedAndWoken,
    CutOff(Cut),
}

const FAULTS: [Fault; 4] = [
    Fault::Killed,
    Fault::StoppedAndWoken,
    Fault::CutOff(Cut::Before(COMMIT)),
    Fault::CutOff(Cut::After(COMMIT)),
];

/// For each kill, the next hops may hear again what was on its way in ten sessions, and what they had answered but was not yet
/// recorded.
const REPEATED_PER_KILL: usize = 10 + 1024;

#[test]
fn nothing_is_lost_or_done_twice_when_relays_die_stop_and_are_cut_off_in_a_commit() {
    let faults: usize = std::env::var("MM4RELAY_NODE_FAULTS").map_or(8, |number| number.parse().expect("a number"));
    let Some(server) = Postgres::start(Care::Flushes) else {
        return;
    };
    let begun = Instant::now();
    let proxies = [Proxy::to(server.port), Proxy::to(server.port)];
    let ways: Vec<Vec<u16>> = proxies.iter().map(|proxy| vec![proxy.port]).collect();
    let mut field = Field::start(&ways, "single-machine");
    let mut kills = 0;
    for number in 0..faults {
        let (fault, at) = (FAULTS[number % FAULTS.len()], number / FAULTS.len() % 2);
        field.wait_for_progress();
        std::thread::sleep(Duration::from_millis(fastrand::u64(..200)));
        match fault {
            Fault::Killed => {
                kills += 1;
                field.relays[at].kill();
                field.relays[at].start_again();
            }
            Fault::StoppedAndWoken => {
                field.relays[at].process().signal("STOP");
                std::thread::sleep(Duration::from_millis(fastrand::u64(500..3_000)));
                field.relays[at].process().signal("CONT");
            }
            Fault::CutOff(cut) => {
                proxies[at].cuts(cut);
                field.wait_for_progress();
                assert!(!proxies[at].is_to_cut(), "it was cut");
            }
        }
        println!(
            "{fault:?} at relay {at}: taken again after {:?}",
            field.wait_for_progress()
        );
    }
    let found = field.find();
    found.print();
    println!("{faults} faults in {:?}", begun.elapsed());
    found.is_whole();
    assert!(found.repeated() <= kills * REPEATED_PER_KILL, "{}", found.repeated());
    assert!(
        found.acknowledged.len() > 10 * faults,
        "there was no load worth the name"
    );
}
