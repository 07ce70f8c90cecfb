//! Whatever relays do, in whatever order they hear of each other, and whoever dies: the promises of a roll-out hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::course::{Course, HowFar, Phase, Version};
use super::duty::Duty;
use super::not_now::NotNow;
use super::steps::{GRACE, Outlook, PATIENCE, Proposal, RolloutEvent, Statement};
use crate::message::Timestamp;

const RELAYS: [&str; 3] = ["one", "two", "three"];
const WATCH: Duration = Duration::from_secs(60);

fn version(digest: &str) -> Version {
    Version {
        digest: digest.to_owned(),
        signature: None,
    }
}

fn proposal(digest: &str, runs: &str, from: &str) -> Proposal {
    Proposal {
        version: version(digest),
        runs: version(runs),
        settings: Value::Null,
        own_settings: false,
        by: "root".to_owned(),
        from: from.to_owned(),
    }
}

/// Relays, and what they really do.
#[derive(Clone)]
struct World {
    now: Timestamp,
    course: Course,
    /// The course as it was, for relays that look late: each no further back than it has looked already.
    earlier: Vec<Course>,
    looked: BTreeMap<String, usize>,
    living: BTreeSet<String>,
    /// What each relay shows messages to.
    runs: BTreeMap<String, String>,
    /// The roll-out whose version each life of a relay watches.
    watches: BTreeMap<String, u64>,
    versions: u32,
    /// Roll-outs that showed their version to messages.
    shown: BTreeSet<u64>,
}

/// What somebody does.
#[derive(Clone, Debug)]
enum Act {
    Begin(usize),
    CallBack(usize),
    /// A relay does its duty, well or not, by the course as it was so many changes ago.
    Turn {
        relay: usize,
        well: bool,
        late: usize,
    },
    Die(usize),
    Start(usize),
    Pass(u64),
}

impl World {
    fn new() -> Self {
        let living: BTreeSet<String> = RELAYS.iter().map(ToString::to_string).collect();
        Self {
            now: Timestamp(1_790_000_000_000),
            course: Course::default(),
            earlier: Vec::new(),
            looked: BTreeMap::new(),
            runs: living.iter().map(|relay| (relay.clone(), "v0".to_owned())).collect(),
            living,
            watches: BTreeMap::new(),
            versions: 0,
            shown: BTreeSet::new(),
        }
    }

    fn act(&mut self, act: &Act) {
        let before = self.course.clone();
        match act {
            Act::Begin(relay) => self.begin(RELAYS[*relay]),
            Act::CallBack(relay) => {
                if let Ok(next) = self.course.call_back("root", RELAYS[*relay], self.now) {
                    self.change(next);
                }
            }
            Act::Turn { relay, well, late } => self.turn(RELAYS[*relay], *well, *late),
            Act::Die(relay) => {
                self.living.remove(RELAYS[*relay]);
            }
            Act::Start(relay) => self.start(RELAYS[*relay]),
            Act::Pass(seconds) => self.now = self.now.plus(Duration::from_secs(*seconds)),
        }
        self.holds(&before);
    }

    fn begin(&mut self, relay: &str) {
        if !self.living.contains(relay) {
            return;
        }
        let new = format!("v{}", self.versions + 1);
        if let Ok(next) = self.course.begin(proposal(&new, &self.runs[relay], relay), self.now) {
            self.versions += 1;
            self.change(next);
        }
    }

    fn start(&mut self, relay: &str) {
        self.living.insert(relay.to_owned());
        self.watches.remove(relay);
        self.looked.insert(relay.to_owned(), self.earlier.len());
        if let Some(version) = self.course.starts() {
            self.runs.insert(relay.to_owned(), version.digest.clone());
        }
    }

    fn turn(&mut self, relay: &str, well: bool, late: usize) {
        if !self.living.contains(relay) {
            return;
        }
        if late == 0 {
            self.say(&RolloutEvent::Look);
        }
        let looked = self.looked.get(relay).copied().unwrap_or_default();
        let at = self.earlier.len().saturating_sub(late).max(looked);
        self.looked.insert(relay.to_owned(), at);
        let seen = self.earlier.get(at).unwrap_or(&self.course).clone();
        match seen.duty(relay) {
            Duty::Nothing => {}
            Duty::Prepare(rollout) => {
                let said = match well {
                    true => Statement::Ready,
                    false => Statement::Refused {
                        step: "signature".to_owned(),
                        why: "not signed".to_owned(),
                    },
                };
                // What it ran of a roll-out in which it was started again, it gives up for this.
                self.runs.insert(relay.to_owned(), rollout.replaces.digest.clone());
                self.watches.remove(relay);
                self.tell(relay, rollout.number, said);
            }
            Duty::Show(rollout) => {
                let (number, digest) = (rollout.number, rollout.version.digest.clone());
                self.tell(relay, number, Statement::Shows { watch: WATCH });
                // It shows messages to the version when the store has taken that it does.
                let now = self.course.rollout.as_ref().filter(|now| now.number == number);
                if now.is_some_and(|now| matches!(now.progress(relay), Some(HowFar::Watching { .. }))) {
                    self.runs.insert(relay.to_owned(), digest);
                    self.watches.insert(relay.to_owned(), number);
                    self.shown.insert(number);
                }
            }
            Duty::Watch(rollout)
                if rollout.progress(relay) == Some(HowFar::Stood) && self.watches.contains_key(relay) => {}
            Duty::Watch(rollout) => self.watch(relay, rollout.number, &rollout.replaces.digest, well),
            Duty::Run(version, rollout) => {
                self.runs.insert(relay.to_owned(), version.digest.clone());
                self.watches.remove(relay);
                if let Some(rollout) = rollout {
                    self.tell(relay, rollout.number, Statement::GoneBack);
                }
            }
        }
    }

    fn watch(&mut self, relay: &str, number: u64, replaces: &str, well: bool) {
        if self.watches.get(relay) != Some(&number) {
            self.tell(relay, number, Statement::Restarted);
            return;
        }
        match well {
            true => self.tell(relay, number, Statement::Stood),
            false => {
                self.runs.insert(relay.to_owned(), replaces.to_owned());
                self.watches.remove(relay);
                let why = "5 of its first 5 calls failed".to_owned();
                self.tell(relay, number, Statement::Tripped { why });
            }
        }
    }

    fn tell(&mut self, relay: &str, number: u64, said: Statement) {
        self.say(&RolloutEvent::Told {
            relay: relay.to_owned(),
            number,
            said,
        });
        self.looked.insert(relay.to_owned(), self.earlier.len());
    }

    fn say(&mut self, event: &RolloutEvent) {
        let outlook = Outlook {
            now: self.now,
            living: &self.living,
        };
        let next = self.course.after(event, &outlook);
        if next != self.course {
            self.change(next);
        }
    }

    fn change(&mut self, next: Course) {
        self.began(&next);
        self.earlier.push(std::mem::replace(&mut self.course, next));
    }

    /// What must hold when a phase begins.
    fn began(&self, next: &Course) {
        let (Some(before), Some(now)) = (&self.course.rollout, &next.rollout) else {
            return;
        };
        if before.phase == now.phase || before.number != now.number {
            return;
        }
        match &now.phase {
            Phase::Canary { relay } => {
                assert!(self.living.contains(relay), "the canary lives");
                for relay in &self.living {
                    assert!(
                        matches!(now.progress(relay), Some(HowFar::Ready { .. })),
                        "{relay} lives, and has not said that it is ready"
                    );
                }
            }
            Phase::Done => {
                // One that was started again meanwhile does at its next look.
                let shown = |relay: &&String| self.watches.get(*relay) == Some(&now.number);
                for relay in self.living.iter().filter(shown) {
                    assert_eq!(self.runs[relay], now.version.digest, "{relay} runs it");
                }
            }
            Phase::Refused { .. } => assert!(!self.shown.contains(&now.number), "it was live somewhere"),
            _ => {}
        }
    }

    /// What must hold always.
    fn holds(&self, before: &Course) {
        let course = &self.course;
        if let Some(live) = &course.live {
            assert!(!course.barred.contains_key(&live.digest), "what all run is barred");
        }
        for relay in RELAYS {
            for version in [course.runs_at(relay), course.starts()].into_iter().flatten() {
                assert!(
                    !course.barred.contains_key(&version.digest),
                    "{relay} runs what is barred"
                );
            }
        }
        if course.under_way().is_none() {
            let digest = |relay: &&str| course.runs_at(relay).map(|version| &version.digest);
            let all: BTreeSet<_> = RELAYS.iter().map(digest).collect();
            assert_eq!(all.len(), 1, "two versions for all");
        }
        let changed = before.live != course.live && before.live.is_some();
        if let (true, Some(rollout)) = (changed, &course.rollout) {
            assert!(
                rollout.phase.is_over(),
                "what all run changes at the end of a roll-out only"
            );
        }
    }

    /// Relays that live do their duties until nothing is left to do. How many rounds that took.
    fn settle(&mut self) -> usize {
        for round in 0..40 {
            let over = self.course.under_way().is_none();
            let right = |relay: &String| {
                self.course
                    .runs_at(relay)
                    .is_none_or(|wanted| wanted.digest == self.runs[relay])
            };
            if over && self.living.iter().all(right) {
                return round;
            }
            for relay in RELAYS {
                self.act(&Act::Turn {
                    relay: RELAYS.iter().position(|it| *it == relay).unwrap(),
                    well: true,
                    late: 0,
                });
            }
        }
        panic!("no end: {:?}", self.course);
    }
}

fn act() -> impl Strategy<Value = Act> {
    let relay = 0..RELAYS.len();
    prop_oneof![
        2 => relay.clone().prop_map(Act::Begin),
        1 => relay.clone().prop_map(Act::CallBack),
        12 => (relay.clone(), prop::bool::weighted(0.9), 0usize..4).prop_map(|(relay, well, late)| Act::Turn { relay, well, late }),
        1 => relay.clone().prop_map(Act::Die),
        2 => relay.prop_map(Act::Start),
        1 => (0u64..2000).prop_map(Act::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whoever_dies_or_is_late_a_version_is_live_only_where_all_were_ready_and_every_rollout_ends(
        acts in prop::collection::vec(act(), 0..120)
    ) {
        let mut world = World::new();
        acts.iter().for_each(|act| world.act(act));
        if world.living.is_empty() {
            world.act(&Act::Start(0));
        }
        world.settle();
    }

    #[test]
    fn a_rollout_ends_also_when_relays_that_live_do_nothing_any_more(acts in prop::collection::vec(act(), 0..60)) {
        let mut world = World::new();
        acts.iter().for_each(|act| world.act(act));
        if world.living.is_empty() {
            world.act(&Act::Start(0));
        }
        // Somebody looks at the time, and that is all.
        for _ in 0..5 {
            world.act(&Act::Pass((PATIENCE + WATCH + GRACE).as_secs()));
            world.say(&RolloutEvent::Look);
        }
        prop_assert!(world.course.under_way().is_none(), "{:?}", world.course);
    }

    #[test]
    fn a_course_is_read_as_it_was_written(acts in prop::collection::vec(act(), 0..60)) {
        let mut world = World::new();
        acts.iter().for_each(|act| world.act(act));
        let written = serde_json::to_value(&world.course).unwrap();
        prop_assert_eq!(serde_json::from_value::<Course>(written).unwrap(), world.course);
    }
}

fn turn(world: &mut World, relay: usize, well: bool) {
    world.act(&Act::Turn { relay, well, late: 0 });
}

/// All are ready, and the relay at which it was asked for is the canary.
fn at_canary() -> World {
    let mut world = World::new();
    world.act(&Act::Begin(1));
    for relay in 0..RELAYS.len() {
        turn(&mut world, relay, true);
    }
    let phase = world.course.rollout.as_ref().unwrap().phase.clone();
    assert_eq!(phase, Phase::Canary { relay: "two".into() });
    world
}

fn phase(world: &World) -> &'static str {
    world.course.rollout.as_ref().unwrap().phase.as_str()
}

#[test]
fn one_refusal_ends_it_with_nothing_live_and_names_relay_step_and_reason() {
    let mut world = World::new();
    world.act(&Act::Begin(0));
    turn(&mut world, 0, true);
    turn(&mut world, 2, false);
    let refused = Phase::Refused {
        relay: "three".into(),
        step: "signature".into(),
        why: "not signed".into(),
    };
    assert_eq!(world.course.rollout.as_ref().unwrap().phase, refused);
    assert!(world.shown.is_empty() && world.course.barred.is_empty());
    world.act(&Act::Begin(0));
    assert_eq!(phase(&world), "preparing", "it may be tried again");
}

#[test]
fn the_canary_is_alone_until_its_watch_is_over_and_then_all_follow() {
    let mut world = at_canary();
    turn(&mut world, 1, true);
    turn(&mut world, 0, true);
    assert_eq!((world.runs["one"].as_str(), world.runs["two"].as_str()), ("v0", "v1"));
    turn(&mut world, 1, true);
    assert_eq!(phase(&world), "rest");
    world.settle();
    assert_eq!(phase(&world), "done");
    assert_eq!(world.course.live, Some(version("v1")));
    assert_eq!(world.course.before, [version("v0")]);
}

#[test]
fn a_trip_anywhere_takes_all_back_and_bars_the_version_until_somebody_lifts_it() {
    let mut world = at_canary();
    turn(&mut world, 1, true);
    turn(&mut world, 1, true);
    turn(&mut world, 2, true);
    turn(&mut world, 2, false);
    assert_eq!(phase(&world), "back");
    assert_eq!(world.course.barred["v1"].relay, "three");
    world.settle();
    assert!(world.runs.values().all(|runs| runs == "v0"), "{:?}", world.runs);
    let again = world.course.begin(proposal("v1", "v0", "one"), world.now);
    assert!(matches!(again, Err(NotNow::Barred { .. })), "{again:?}");
    let (lifted, which) = world.course.unbar("v").unwrap();
    assert_eq!(which, "v1");
    assert!(lifted.begin(proposal("v1", "v0", "one"), world.now).is_ok());
}

#[test]
fn a_canary_that_is_lost_or_started_again_ends_it_without_barring() {
    for starts_again in [false, true] {
        let mut world = at_canary();
        turn(&mut world, 1, true);
        world.act(&Act::Die(1));
        if starts_again {
            world.act(&Act::Start(1));
            assert_eq!(
                world.runs["two"], "v0",
                "it does not start with what it may have died of"
            );
            turn(&mut world, 1, true);
        } else {
            world.say(&RolloutEvent::Look);
        }
        assert_eq!((phase(&world), world.course.barred.len()), ("back", 0));
        world.settle();
    }
}

#[test]
fn a_relay_that_dies_while_preparing_holds_nothing_up_and_returns_with_what_all_run() {
    let mut world = World::new();
    world.act(&Act::Begin(0));
    turn(&mut world, 0, true);
    turn(&mut world, 1, true);
    world.act(&Act::Die(2));
    world.settle();
    assert_eq!(phase(&world), "done");
    world.act(&Act::Start(2));
    assert_eq!(world.runs["three"], "v1");
}

#[test]
fn a_relay_that_starts_in_the_middle_prepares_before_the_rest_goes_on() {
    let mut world = at_canary();
    world.act(&Act::Die(2));
    turn(&mut world, 1, true);
    let mut world = {
        world.course.rollout.as_mut().unwrap().relays.remove("three");
        world
    };
    world.act(&Act::Start(2));
    turn(&mut world, 1, true);
    assert_eq!(phase(&world), "canary", "three is not ready");
    assert_eq!(world.runs["three"], "v0");
    turn(&mut world, 2, true);
    assert_eq!(phase(&world), "rest");
    world.settle();
    assert_eq!(phase(&world), "done");
}

#[test]
fn what_all_run_can_be_called_back_and_again_as_far_as_versions_are_known() {
    let mut world = World::new();
    for _ in 0..2 {
        world.act(&Act::Begin(0));
        world.settle();
    }
    assert_eq!(world.course.live, Some(version("v2")));
    for wanted in ["v1", "v0"] {
        world.act(&Act::CallBack(2));
        assert_eq!(phase(&world), "back");
        world.settle();
        assert!(world.runs.values().all(|runs| runs == wanted), "{:?}", world.runs);
    }
    let none = world.course.call_back("root", "one", world.now);
    assert_eq!(none, Err(NotNow::NothingBefore));
    assert_eq!(world.course.barred.len(), 2);
}

#[test]
fn a_second_rollout_waits_for_the_end_of_the_first() {
    let world = at_canary();
    let second = world.course.begin(proposal("v9", "v0", "one"), world.now);
    assert!(matches!(second, Err(NotNow::UnderWay { number: 1, .. })), "{second:?}");
}
