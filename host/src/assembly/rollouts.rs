//! Roll-outs, as the operator's door asks for them and shows them, and their entries in the audit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::control::audit::Entry;
use crate::control::placing::{Placement, VersionPlaced};
use crate::control::rollouts::{AllRollouts, BarredVersion, RelayInRollout, RolledOut, RolloutAtWork};
use crate::control::{Kind, Problem, Role};
use crate::relay::Relay;
use crate::rollout::{
    self, Course, CourseChange, LastLook, NotBegun, NotChanged, NotNow, NoteChange, Participant, Phase,
};
use crate::spool::Rollouts;
use crate::vitals::{Standing, Vitals};

/// By plug-in, the digest of the version that this relay starts with, where relays share a store and one was rolled out.
pub(super) async fn pins(shared: Option<&dyn Rollouts>, config: &Config) -> anyhow::Result<BTreeMap<String, String>> {
    match shared {
        Some(shared) => rollout::pins(shared, &config.relay.spool)
            .await
            .map_err(anyhow::Error::msg),
        None => Ok(BTreeMap::new()),
    }
}

/// This relay, as it takes part in roll-outs.
pub(super) fn participant(shared: Arc<dyn Rollouts>, relay: &Relay, config: &Config) -> Arc<Participant> {
    let catalogue = Arc::clone(&relay.catalogue);
    Participant::new(shared, catalogue, config.relay.spool.clone(), note(&relay.clock))
}

pub(super) fn takes_part(participant: &Arc<Participant>, vitals: &Arc<Vitals>) -> Standing {
    let participant = Arc::clone(participant);
    vitals.keep("roll-outs", move || Arc::clone(&participant).take_part())
}

/// Who made each step of a roll-out, and what followed from it.
fn note(clock: &SharedClock) -> NoteChange {
    let clock = Arc::clone(clock);
    Arc::new(move |noted| {
        let entry = entry(noted, &clock);
        let text = serde_json::to_value(&entry).unwrap_or_default();
        (entry.at.0, text)
    })
}

fn entry(noted: &CourseChange<'_>, clock: &SharedClock) -> Entry {
    let relay = format!("relay {}", noted.relay);
    let rollout = noted.after.rollout.as_ref();
    let moved = rollout.filter(|rollout| {
        let before = noted.before.rollout.as_ref();
        before.is_none_or(|before| before.number != rollout.number || before.phase != rollout.phase)
    });
    Entry {
        at: clock.now().into(),
        who: noted.by.map_or_else(|| relay.clone(), str::to_owned),
        role: Role::Administrator,
        from: relay,
        relay: Some(noted.relay.to_owned()),
        did: "plugin-rollout".to_owned(),
        asked: json!({
            "plugin": noted.plugin,
            "number": rollout.map(|rollout| rollout.number),
            "digest": rollout.map(|rollout| &rollout.version.digest),
            "relay": noted.relay,
            "said": noted.said,
        }),
        changed: Some(json!({ "phase": moved.map(|rollout| rollout.phase.to_string()) })),
        refused: None,
    }
}

/// What all relays run, and how roll-outs go.
pub(super) fn shown(participant: Option<&Arc<Participant>>) -> AllRollouts {
    let Some(seen) = participant.map(|participant| participant.seen()) else {
        return AllRollouts::default();
    };
    let plugins = seen
        .courses
        .iter()
        .map(|(plugin, course)| rolled_out(plugin, course, &seen));
    AllRollouts {
        shared: true,
        relay: seen.me.clone(),
        relays: seen.relays.iter().cloned().collect(),
        plugins: plugins.collect(),
    }
}

fn rolled_out(plugin: &str, course: &Course, seen: &LastLook) -> RolledOut {
    let barred = course.barred.iter().map(|(digest, barred)| BarredVersion {
        digest: digest.clone(),
        why: barred.why.clone(),
        relay: barred.relay.clone(),
        at: barred.at.into(),
    });
    RolledOut {
        plugin: plugin.to_owned(),
        live: course.live.as_ref().map(|version| version.digest.clone()),
        before: course.before.iter().map(|version| version.digest.clone()).collect(),
        barred: barred.collect(),
        rollout: course.rollout.as_ref().map(|rollout| one(rollout, seen)),
    }
}

fn one(rollout: &rollout::Rollout, seen: &LastLook) -> RolloutAtWork {
    let relays = rollout.relays.iter().map(|(relay, progress)| RelayInRollout {
        relay: relay.clone(),
        progress: progress.as_str().to_owned(),
        lives: seen.relays.contains(relay),
    });
    RolloutAtWork {
        number: rollout.number,
        digest: rollout.version.digest.clone(),
        replaces: rollout.replaces.digest.clone(),
        by: rollout.by.clone(),
        from: rollout.from.clone(),
        begun: rollout.begun.into(),
        phase: rollout.phase.as_str().to_owned(),
        said: rollout.phase.to_string(),
        since: rollout.since.into(),
        relays: relays.collect(),
    }
}

/// Brings a version to all relays, or takes all of them back, and waits for the end of it.
pub(super) async fn place(
    participant: &Arc<Participant>,
    plugin: &str,
    placement: Placement,
    within: Duration,
) -> Result<VersionPlaced, Problem> {
    let by = placement.by.as_str();
    let rollout = match placement.what {
        Some(version) => {
            let digest = mm4relay_engine::digest(&version.0);
            match participant.begin(plugin, version, placement.own_settings, by).await {
                Ok(rollout) => rollout,
                Err(NotBegun::Not(NotChanged::Now(NotNow::Runs))) => {
                    return Ok(VersionPlaced {
                        before: Some(digest.clone()),
                        after: digest,
                        ..VersionPlaced::default()
                    });
                }
                Err(not) => return Err(problem(plugin, &not)),
            }
        }
        None => {
            let course = participant
                .call_back(plugin, by)
                .await
                .map_err(|not| problem(plugin, &not))?;
            course.rollout.ok_or_else(|| problem(plugin, &NotBegun::NoPlugin))?
        }
    };
    let number = rollout.number;
    let forward = !rollout.phase.is_over();
    let ended = participant.end_of(plugin, number, within).await;
    let course = ended.ok_or_else(|| goes_on(plugin, number))?;
    let ended = course.rollout.as_ref().filter(|rollout| rollout.number == number);
    let ended = ended.ok_or_else(|| goes_on(plugin, number))?;
    if forward && ended.phase != Phase::Done {
        let detail = format!("roll-out {number} of plug-in {plugin:?}: {}", ended.phase);
        return Err(Problem::new(Kind::VersionRefused, detail));
    }
    Ok(VersionPlaced {
        before: Some(if forward {
            ended.replaces.digest.clone()
        } else {
            ended.version.digest.clone()
        }),
        after: course
            .live
            .as_ref()
            .map(|version| version.digest.clone())
            .unwrap_or_default(),
        rollout: Some(one(ended, &participant.seen())),
        ..VersionPlaced::default()
    })
}

fn goes_on(plugin: &str, number: u64) -> Problem {
    let detail = format!("roll-out {number} of plug-in {plugin:?} goes on: `plugin rollout` shows how");
    Problem::new(Kind::NotYet, detail)
}

pub(super) async fn unbar(
    participant: Option<&Arc<Participant>>,
    plugin: String,
    digest: String,
    by: String,
) -> Result<String, Problem> {
    let Some(participant) = participant else {
        let detail = "this relay shares its store with no other: a version that was rolled back is loaded again when its file is \
                      replaced";
        return Err(Problem::new(Kind::WrongState, detail));
    };
    let unbarred = participant.unbar(&plugin, &digest, &by).await;
    unbarred.map_err(|not| problem(&plugin, &not))
}

fn problem(plugin: &str, not: &NotBegun) -> Problem {
    let kind = match not {
        NotBegun::NoPlugin => Kind::UnknownPlugIn,
        NotBegun::NotKept(_) | NotBegun::Not(NotChanged::Store(_)) => Kind::Store,
        NotBegun::Not(NotChanged::Now(NotNow::NotBarred(_))) => Kind::UnknownId,
        NotBegun::Not(NotChanged::Now(_)) => Kind::WrongState,
    };
    Problem::new(kind, format!("plug-in {plugin:?}: {not}"))
}
