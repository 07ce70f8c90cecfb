//! What follows from what: the one place where a roll-out goes on.
//!
//! Everything here is pure. A relay computes the next course from the one that it has seen, and the store takes it only if
//! nobody else has changed that meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::course::{BEFORE_MAX, Bar, Course, HowFar, Phase, Rollout, Version};
use super::not_now::{NotNow, short};
use crate::message::Timestamp;

/// How long relays that live may take to prepare a version, or to show messages to it.
pub const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How long after the end of its watch a relay may be silent about it.
pub const GRACE: Duration = Duration::from_secs(60);

/// What whoever decides knows of the world.
#[derive(Clone, Copy, Debug)]
pub struct Outlook<'a> {
    /// By the store's clock.
    pub now: Timestamp,
    /// The relays that live, by the store's clock.
    pub living: &'a BTreeSet<String>,
}

/// What a relay says of a roll-out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    Ready,
    /// At this step of a load.
    Refused {
        step: String,
        why: String,
    },
    /// It shows messages to the version, and watches it for so long.
    Shows {
        watch: Duration,
    },
    /// Its watch is over, and the version still runs.
    Stood,
    /// The version failed in traffic, and is not called any more.
    Tripped {
        why: String,
    },
    /// It was started again since it showed messages to the version, and does not any more.
    Restarted,
    /// It runs the version before again.
    GoneBack,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RolloutEvent {
    /// A relay says something about the roll-out of this number.
    Told {
        relay: String,
        number: u64,
        said: Statement,
    },
    /// Time has passed.
    Look,
}

/// A version that is to go to all relays.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    pub version: Version,
    /// What the relay runs at which it was asked for.
    pub runs: Version,
    pub settings: Value,
    pub own_settings: bool,
    pub by: String,
    pub from: String,
}

impl Course {
    /// Begins a roll-out.
    ///
    /// # Errors
    /// Why not.
    pub fn begin(&self, of: Proposal, now: Timestamp) -> Result<Self, NotNow> {
        if let Some(under_way) = self.under_way() {
            return Err(NotNow::UnderWay {
                number: under_way.number,
                digest: short(&under_way.version.digest),
                phase: under_way.phase.as_str(),
            });
        }
        if let Some(barred) = self.barred.get(&of.version.digest) {
            return Err(NotNow::Barred {
                digest: short(&of.version.digest),
                relay: barred.relay.clone(),
                why: barred.why.clone(),
            });
        }
        let live = self.live.as_ref().unwrap_or(&of.runs);
        if live.digest == of.version.digest {
            return Err(NotNow::Runs);
        }
        if live.digest != of.runs.digest {
            let wanted = short(&live.digest);
            return Err(NotNow::Behind { wanted });
        }
        let rollout = Rollout {
            number: self.last() + 1,
            version: of.version,
            replaces: live.clone(),
            settings: of.settings,
            own_settings: of.own_settings,
            by: of.by,
            from: of.from,
            begun: now,
            phase: Phase::Preparing,
            since: now,
            relays: Default::default(),
        };
        Ok(Self {
            rollout: Some(rollout),
            ..self.clone()
        })
    }

    /// Ends a roll-out that is under way, or takes back the version that all relays run.
    ///
    /// # Errors
    /// Nothing is under way, and no version ran before.
    pub fn call_back(&self, by: &str, from: &str, now: Timestamp) -> Result<Self, NotNow> {
        let why = format!("called back by {by}");
        let mut next = self.clone();
        if let Some(rollout) = next.rollout.as_mut().filter(|rollout| !rollout.phase.is_over()) {
            match rollout.phase {
                Phase::Preparing => {
                    let step = "called back".to_owned();
                    rollout.enter(
                        Phase::Refused {
                            relay: from.to_owned(),
                            step,
                            why,
                        },
                        now,
                    );
                }
                _ => next.go_back(from, &why, true, now),
            }
            return Ok(next);
        }
        let (Some(version), Some(replaces)) = (self.live.clone(), self.before.first().cloned()) else {
            return Err(NotNow::NothingBefore);
        };
        next.rollout = Some(Rollout {
            number: self.last() + 1,
            version,
            replaces,
            settings: Value::Null,
            own_settings: true,
            by: by.to_owned(),
            from: from.to_owned(),
            begun: now,
            phase: Phase::Rest,
            since: now,
            relays: Default::default(),
        });
        next.before.remove(0);
        next.go_back(from, &why, true, now);
        Ok(next)
    }

    /// Lets a barred version be rolled out again; `digest` may be the beginning of one. Which one it is.
    ///
    /// # Errors
    /// None is barred whose digest begins so.
    pub fn unbar(&self, digest: &str) -> Result<(Self, String), NotNow> {
        let mut next = self.clone();
        let named = self.barred.keys().find(|barred| barred.starts_with(digest));
        let named = named.filter(|_| !digest.is_empty()).cloned();
        let named = named.ok_or_else(|| NotNow::NotBarred(digest.to_owned()))?;
        next.barred.remove(&named);
        Ok((next, named))
    }

    /// What the course is after this; the same, if nothing follows.
    pub fn after(&self, event: &RolloutEvent, outlook: &Outlook<'_>) -> Self {
        let mut next = self.clone();
        if let RolloutEvent::Told { relay, number, said } = event
            && next.rollout.as_ref().is_some_and(|rollout| rollout.number == *number)
        {
            next.hear(relay, said, outlook.now);
        }
        next.go_on(outlook);
        next
    }

    fn last(&self) -> u64 {
        self.rollout.as_ref().map_or(0, |rollout| rollout.number)
    }

    fn hear(&mut self, relay: &str, said: &Statement, now: Timestamp) {
        let Some(rollout) = &mut self.rollout else { return };
        let progress = rollout.progress(relay);
        let is_preparing = matches!(progress, None | Some(HowFar::Preparing { .. }));
        let mut stands = |now_stands| {
            rollout.relays.insert(relay.to_owned(), now_stands);
        };
        match (&rollout.phase, said) {
            (Phase::Preparing | Phase::Canary { .. } | Phase::Rest, Statement::Ready) if is_preparing => {
                stands(HowFar::Ready { since: now })
            }
            (Phase::Preparing, Statement::Refused { step, why }) => {
                let (relay, step, why) = (relay.to_owned(), step.clone(), why.clone());
                rollout.enter(Phase::Refused { relay, step, why }, now);
            }
            (Phase::Canary { .. } | Phase::Rest, Statement::Refused { step, why }) => {
                self.go_back(relay, &format!("refused at {step}: {why}"), false, now);
            }
            (Phase::Canary { relay: canary }, Statement::Shows { watch }) if canary == relay => {
                stands(HowFar::Watching {
                    until: now.plus(*watch),
                });
            }
            (Phase::Rest, Statement::Shows { watch }) => stands(HowFar::Watching {
                until: now.plus(*watch),
            }),
            (Phase::Canary { .. } | Phase::Rest, Statement::Stood)
                if matches!(progress, Some(HowFar::Watching { .. })) =>
            {
                stands(HowFar::Stood);
            }
            (Phase::Canary { .. } | Phase::Rest, Statement::Tripped { why }) => self.go_back(relay, why, true, now),
            (Phase::Canary { relay: canary }, Statement::Restarted) if canary == relay => {
                self.go_back(
                    relay,
                    "the relay ended while it showed messages to the version",
                    false,
                    now,
                );
            }
            (Phase::Rest, Statement::Restarted) => stands(HowFar::Preparing { since: now }),
            (Phase::Back { .. }, Statement::GoneBack) => stands(HowFar::GoneBack),
            _ => {}
        }
    }

    /// What follows from what all relays have said, from who lives, and from the time.
    fn go_on(&mut self, outlook: &Outlook<'_>) {
        let Some(rollout) = &mut self.rollout else { return };
        rollout.enlist(outlook);
        let late = rollout.slowest(outlook);
        match &rollout.phase {
            Phase::Preparing => {
                if let Some(relay) = late {
                    let why = format!("it was not ready within {} minutes", PATIENCE.as_secs() / 60);
                    let step = "prepare".to_owned();
                    rollout.enter(Phase::Refused { relay, step, why }, outlook.now);
                } else if let Some(relay) = rollout.canary(outlook) {
                    self.live.get_or_insert_with(|| rollout.replaces.clone());
                    rollout.enter(Phase::Canary { relay }, outlook.now);
                }
            }
            Phase::Canary { relay } if !outlook.living.contains(relay) => {
                let relay = relay.clone();
                self.go_back(
                    &relay,
                    "the relay was lost while it showed messages to the version",
                    false,
                    outlook.now,
                );
            }
            Phase::Canary { relay } => {
                let stood = rollout.progress(relay) == Some(HowFar::Stood);
                if let Some(late) = late {
                    self.go_back(&late, "it did not come to an end in time", false, outlook.now);
                } else if stood && rollout.all_are_ready(outlook) {
                    rollout.enter(Phase::Rest, outlook.now);
                }
            }
            Phase::Rest => {
                if let Some(late) = late {
                    self.go_back(&late, "it did not come to an end in time", false, outlook.now);
                } else if !outlook.living.is_empty() && outlook.living.iter().all(|it| rollout.has_stood(it)) {
                    rollout.enter(Phase::Done, outlook.now);
                    let (version, replaces) = (rollout.version.clone(), rollout.replaces.clone());
                    self.before.retain(|before| *before != version && *before != replaces);
                    self.before.insert(0, replaces);
                    self.before.truncate(BEFORE_MAX);
                    self.live = Some(version);
                }
            }
            Phase::Done | Phase::Refused { .. } | Phase::Back { .. } => {}
        }
    }

    fn go_back(&mut self, relay: &str, why: &str, bars: bool, now: Timestamp) {
        let Some(rollout) = &mut self.rollout else { return };
        let (relay, why) = (relay.to_owned(), why.to_owned());
        if bars {
            let barred = Bar {
                why: why.clone(),
                relay: relay.clone(),
                at: now,
            };
            self.barred.insert(rollout.version.digest.clone(), barred);
        }
        self.live = Some(rollout.replaces.clone());
        rollout.relays.clear();
        rollout.enter(Phase::Back { relay, why }, now);
    }
}

impl Rollout {
    fn enter(&mut self, phase: Phase, now: Timestamp) {
        (self.phase, self.since) = (phase, now);
    }

    fn all_are_ready(&self, outlook: &Outlook<'_>) -> bool {
        !outlook.living.is_empty() && outlook.living.iter().all(|relay| self.is_ready(relay))
    }

    /// Relays that live and are new to it have to prepare the version from now on.
    fn enlist(&mut self, outlook: &Outlook<'_>) {
        if self.phase.is_over() {
            return;
        }
        for relay in outlook.living {
            let since = outlook.now;
            self.relays.entry(relay.clone()).or_insert(HowFar::Preparing { since });
        }
    }

    fn is_ready(&self, relay: &str) -> bool {
        !matches!(self.progress(relay), None | Some(HowFar::Preparing { .. }))
    }

    fn has_stood(&self, relay: &str) -> bool {
        self.progress(relay) == Some(HowFar::Stood)
    }

    /// Who shows messages to it first, once all are ready: the relay at which it was asked for, if that lives.
    fn canary(&self, outlook: &Outlook<'_>) -> Option<String> {
        let first = outlook.living.get(&self.from).or_else(|| outlook.living.first());
        first.filter(|_| self.all_are_ready(outlook)).cloned()
    }

    /// A relay that lives and has had more time than it may take for what this phase waits for.
    fn slowest(&self, outlook: &Outlook<'_>) -> Option<String> {
        let mut owing = outlook.living.iter().filter(|relay| self.owes(relay));
        owing.find(|relay| outlook.now >= self.deadline(relay)).cloned()
    }

    fn owes(&self, relay: &str) -> bool {
        match &self.phase {
            Phase::Canary { relay: canary } if canary == relay => !self.has_stood(relay),
            Phase::Preparing | Phase::Canary { .. } => !self.is_ready(relay),
            Phase::Rest => !self.has_stood(relay),
            _ => false,
        }
    }

    fn deadline(&self, relay: &str) -> Timestamp {
        match self.progress(relay) {
            Some(HowFar::Watching { until }) => until.plus(GRACE),
            Some(HowFar::Preparing { since } | HowFar::Ready { since }) => self.since.max(since).plus(PATIENCE),
            _ => self.since.plus(PATIENCE),
        }
    }
}
