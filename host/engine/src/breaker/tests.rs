//! Tests of `breaker.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::machine::{Change, State};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn options(failures: u32) -> BreakerOptions {
    BreakerOptions {
        failures,
        ..BreakerOptions::default()
    }
}

/// Calls of `peer` that fail, each if it is let through. How many were.
fn fail(machines: &mut Machines, peer: &str, times: u32, now: Instant) -> u32 {
    let mut called = 0;
    for _ in 0..times {
        if let Ok(probe) = machines.admit(&[peer], now) {
            machines.failed(&[peer], &probe, now);
            called += 1;
        }
    }
    called
}

fn passes(machines: &mut Machines, peer: &str, now: Instant) -> bool {
    let admitted = machines.admit(&[peer], now);
    admitted.is_ok_and(|probe| {
        machines.succeeded(&[peer], &probe);
        true
    })
}

#[test]
fn the_poison_of_one_peer_opens_it_for_that_peer_only() {
    let now = Instant::now();
    let mut machines = Machines::new(options(20));
    assert_eq!(fail(&mut machines, "poison", 1_000, now), 20);
    for _ in 0..80 {
        assert!(passes(&mut machines, "victim", now));
    }
    let open = machines.admit(&["poison"], now).unwrap_err();
    assert_eq!((open.peer.as_deref(), open.probe_in), (Some("poison"), Some(SECOND)));
    assert!(open.to_string().contains("open for peer poison"), "{open}");
}

#[test]
fn an_operator_closes_it_for_everybody_at_once() {
    let now = Instant::now();
    let mut machines = Machines::new(options(20));
    fail(&mut machines, "poison", 20, now);
    fail(&mut machines, "a", 10, now);
    fail(&mut machines, "b", 10, now);
    let closed = machines.reset();
    let peers: Vec<_> = closed.iter().map(|changed| changed.peer.as_deref()).collect();
    assert_eq!(peers.first(), Some(&Some("poison")));
    assert!(machines.are_calm() && passes(&mut machines, "poison", now));
    assert!(machines.reset().is_empty(), "nothing was open");
}

#[test]
fn a_bad_message_of_another_peer_in_the_middle_of_the_poison_changes_nothing() {
    let now = Instant::now();
    let mut machines = Machines::new(options(20));
    fail(&mut machines, "poison", 19, now);
    fail(&mut machines, "victim", 9, now);
    fail(&mut machines, "poison", 100, now);
    assert!(passes(&mut machines, "victim", now));
}

#[test]
fn failures_of_several_peers_open_it_for_everybody() {
    let now = Instant::now();
    let mut machines = Machines::new(options(20));
    for _ in 0..10 {
        fail(&mut machines, "a", 1, now);
        fail(&mut machines, "b", 1, now);
    }
    assert_eq!(
        machines.everybody.state(),
        State::Open {
            until: now + SECOND,
            pause: SECOND
        }
    );
    let open = machines.admit(&["a"], now).unwrap_err();
    assert_eq!(open.peer, None, "neither of them is to blame alone");
    assert_eq!(machines.parts, BTreeMap::new());
}

#[test]
fn calls_that_name_no_peer_open_it_for_everybody() {
    let now = Instant::now();
    let mut machines = Machines::new(options(3));
    let results = [1, 2, 3].map(|_| machines.failed(&[], &Probe::default(), now).len());
    assert_eq!(results, [0, 0, 1]);
    assert_eq!(machines.admit(&[], now).unwrap_err().peer, None);
}

#[test]
fn a_peer_that_had_no_part_in_the_failures_is_the_next_probe_without_a_pause() {
    let now = Instant::now();
    let mut machines = Machines::new(options(4));
    for _ in 0..2 {
        fail(&mut machines, "a", 1, now);
        fail(&mut machines, "b", 1, now);
    }
    assert!(machines.admit(&["a"], now).is_err());
    let probe = machines.admit(&["victim"], now).unwrap();
    assert!(probe.everybody);
    assert!(machines.admit(&["another"], now).is_err(), "one probe at a time");
    let changes = machines.succeeded(&["victim"], &probe);
    assert_eq!(
        changes,
        [Changed {
            peer: None,
            change: Change::Closed
        }]
    );
    assert!(
        machines.admit(&["a"], now).is_ok(),
        "two failures are not enough for a machine of its own"
    );
}

#[test]
fn a_probe_that_fails_makes_its_peer_wait_like_the_others() {
    let now = Instant::now();
    let mut machines = Machines::new(options(4));
    for _ in 0..2 {
        fail(&mut machines, "a", 1, now);
        fail(&mut machines, "b", 1, now);
    }
    assert_eq!(fail(&mut machines, "victim", 5, now), 1);
    assert_eq!(fail(&mut machines, "another", 5, now), 1);
    let later = now + 4 * SECOND;
    assert!(
        passes(&mut machines, "a", later),
        "after the pause, anybody's message is the probe"
    );
    assert_eq!(machines.everybody.state(), State::Closed { failures: 0 });
}

#[test]
fn the_peer_that_it_is_open_for_probes_with_its_own_messages() {
    let now = Instant::now();
    let mut machines = Machines::new(options(3));
    fail(&mut machines, "poison", 3, now);
    assert_eq!(fail(&mut machines, "poison", 5, now + SECOND), 1);
    assert!(
        !passes(&mut machines, "poison", now + 2 * SECOND),
        "the pause has doubled"
    );
    assert!(passes(&mut machines, "poison", now + 3 * SECOND));
    assert!(machines.are_calm());
}

#[test]
fn on_an_outcome_the_next_hop_can_be_the_one_to_blame() {
    let now = Instant::now();
    let mut machines = Machines::new(options(4));
    // Whoever sends there, the outcome fails.
    for source in ["a", "b", "c", "d"] {
        let probe = machines.admit(&[source, "poison"], now).unwrap();
        machines.failed(&[source, "poison"], &probe, now);
    }
    assert!(machines.admit(&["a", "poison"], now).is_err());
    assert!(passes(&mut machines, "a", now), "what a sends elsewhere goes on");
    assert_eq!(machines.everybody.state(), State::Closed { failures: 0 });
}

fn of_one_failure() -> Breaker {
    let options = BreakerOptions {
        failures: 1,
        first: Duration::ZERO,
        longest: Duration::ZERO,
    };
    Breaker::new("p".into(), options)
}

#[test]
fn a_probe_that_is_given_up_is_made_again_after_the_same_pause() {
    let breaker = of_one_failure();
    breaker.admit(&["a"]).unwrap().failed();
    assert_eq!(breaker.open_for(), [("a".to_owned(), BreakerState::Open)]);
    let probe = breaker.admit(&["a"]).unwrap();
    assert!(probe.probe.is_for("a"));
    assert_eq!(breaker.admit(&["a"]).unwrap_err().probe_in, None);
    drop(probe);
    let again = breaker.admit(&["a"]).unwrap();
    assert!(again.probe.is_for("a"));
    again.succeeded();
    assert!(!breaker.admit(&["a"]).unwrap().probe.is_any());
    assert!(breaker.calm.load(Relaxed));
    assert_eq!(breaker.open_for(), []);
}

#[test]
fn whoever_listens_is_told_of_each_change_and_of_nothing_else() {
    let breaker = of_one_failure();
    let told = std::sync::Arc::new(Mutex::new(Vec::new()));
    let to = std::sync::Arc::clone(&told);
    breaker.on_change(move |standing| to.lock().unwrap().push(standing));
    breaker.admit(&["a"]).unwrap().succeeded();
    breaker.admit(&["a"]).unwrap().failed();
    breaker.admit(&["a"]).unwrap().succeeded();
    breaker.admit(&["a"]).unwrap().succeeded();
    let open = vec![(Some("a".to_owned()), BreakerState::Open)];
    assert_eq!(*told.lock().unwrap(), [open, vec![]]);
}

#[test]
fn asking_it_costs_nanoseconds_for_as_long_as_nothing_fails() {
    let breaker = Breaker::new("p".into(), options(20));
    let pass = || {
        let started = std::time::Instant::now();
        for _ in 0..10_000 {
            std::hint::black_box(&breaker).admit(&["a"]).unwrap().succeeded();
        }
        started.elapsed() / 10_000
    };
    // The best of many: other work on the machine only adds.
    let best = (0..50).map(|_| pass()).min().unwrap();
    assert!(best < Duration::from_nanos(200), "{best:?}");
    println!("{best:?}");
}

#[test]
fn a_call_that_is_given_up_says_nothing_about_the_plug_in() {
    let breaker = Breaker::new("p".into(), options(1));
    drop(breaker.admit(&["a"]).unwrap());
    assert!(breaker.admit(&["a"]).is_ok());
    breaker.admit(&["a"]).unwrap().failed();
    assert!(breaker.admit(&["a"]).is_err());
}
