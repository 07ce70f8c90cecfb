//! What the operator's door shows of plug-ins, and replacing their versions.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use mm4relay_engine::BreakerState;

use crate::config;
use crate::control::placing::{ToPlace, VersionPlaced};
use crate::control::plugins::{Attempt, LoadStep, PlugInAtWork, Version};
use crate::control::{Kind, Problem};
use crate::pipeline::{FAILURES, Link, VERDICTS};
use crate::versions::Catalogue;
use crate::versions::history::{self, Record, Verdict};
use crate::versions::placing::{NotPlaced, Parcel, Placing};

/// The plug-ins of the running chain, in its order.
pub(super) fn shown(catalogue: &Catalogue) -> Vec<PlugInAtWork> {
    let chain = catalogue.chain();
    let links = chain.links.iter();
    links
        .map(|link| plugin(link, &catalogue.record(link.plugin.name())))
        .collect()
}

fn plugin(link: &Link, record: &Record) -> PlugInAtWork {
    let (reading, breaker) = (link.health.meter.read(), link.plugin.breaker());
    let verdicts = VERDICTS.iter().zip(reading.verdicts);
    let failures = FAILURES.iter().zip(reading.failures);
    let versions = record.versions.iter().map(|version| Version {
        version: version.version.clone(),
        digest: version.digest.clone(),
        since: version.since.clone(),
    });
    let last_attempt = record.attempts.last().map(attempt);
    PlugInAtWork {
        name: link.plugin.name().to_owned(),
        version: link.plugin.description().version.clone(),
        digest: link.plugin.digest().to_owned(),
        off: None,
        breaker: word(breaker.state()),
        breaker_of_peers: of_peers(breaker.open_for()),
        verdicts: verdicts.map(|(name, count)| ((*name).to_owned(), count)).collect(),
        failures: failures.map(|(class, count)| (class.to_string(), count)).collect(),
        not_called: reading.not_called,
        versions: versions.collect(),
        barred: record.barred.as_ref().map(|barred| barred.why.clone()),
        last_attempt,
    }
}

fn attempt(attempt: &history::Attempt) -> Attempt {
    let steps = attempt.steps.iter().map(|step| LoadStep {
        step: step.step.clone(),
        after_ms: step.after_ms,
        said: step.said.clone(),
    });
    Attempt {
        number: attempt.number,
        digest: attempt.digest.clone(),
        began: attempt.began.clone(),
        verdict: verdict(attempt.verdict).to_owned(),
        why: attempt.why.clone(),
        steps: steps.collect(),
    }
}

/// Replaces the running version of this plug-in. `spool` is the relay's folder.
pub(super) async fn place(
    catalogue: &Catalogue,
    (plugin, spool): (&config::Plugin, &Path),
    what: ToPlace,
    within: Duration,
) -> Result<VersionPlaced, Problem> {
    let record = || catalogue.record(&plugin.name);
    let announce = |digest: &str, asked| catalogue.announce(&plugin.name, digest, asked);
    let before = record().running;
    let placing = Placing {
        file: &plugin.file,
        spool,
        record: &record,
        announce: &announce,
    };
    let placed = match what {
        Some((component, signature)) => placing.place(Parcel::new(component, signature), within).await,
        None => placing.go_back(within).await,
    };
    match placed {
        Ok(placed) => Ok(VersionPlaced {
            before,
            after: placed.digest,
            attempt: placed.attempt.as_ref().map(attempt),
            watched_seconds: plugin.watch.as_secs_f64(),
            rollout: None,
        }),
        Err(not) => Err(problem(catalogue, &plugin.name, &not)),
    }
}

fn problem(catalogue: &Catalogue, plugin: &str, not: &NotPlaced) -> Problem {
    match not {
        NotPlaced::NoVersionBefore => Problem::new(Kind::WrongState, format!("plug-in {plugin:?}: {not}")),
        NotPlaced::Lost(_) | NotPlaced::File(_) => Problem::new(Kind::Store, format!("plug-in {plugin:?}: {not}")),
        NotPlaced::Refused { put_back, .. } => {
            let again = put_back.as_deref().map_or_else(String::new, |digest| {
                format!("; {} is put back", digest.get(..12).unwrap_or(digest))
            });
            Problem::new(Kind::VersionRefused, format!("{not}{again}"))
        }
        NotPlaced::Slow(_) => {
            let busy = match busy_with(catalogue).filter(|busy| busy != plugin) {
                Some(busy) => format!(": it is busy with a load of plug-in {busy:?}; this one follows"),
                None => ": the load goes on".to_owned(),
            };
            Problem::new(Kind::NotYet, format!("{not}{busy}"))
        }
    }
}

/// The plug-in that is being loaded now, if any: plug-ins are loaded one after the other.
fn busy_with(catalogue: &Catalogue) -> Option<String> {
    let chain = catalogue.chain();
    let mut names = chain.links.iter().map(|link| link.plugin.name().to_owned());
    names.find(|name| {
        let attempts = catalogue.record(name).attempts;
        attempts
            .last()
            .is_some_and(|attempt| attempt.verdict == Verdict::UnderWay)
    })
}

fn of_peers(states: Vec<(String, BreakerState)>) -> BTreeMap<String, String> {
    states.into_iter().map(|(peer, state)| (peer, word(state))).collect()
}

fn word(state: BreakerState) -> String {
    let word = match state {
        BreakerState::Closed => "closed",
        BreakerState::Open => "open",
        BreakerState::Probing => "probing",
    };
    word.to_owned()
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::UnderWay => "under-way",
        Verdict::Live => "live",
        Verdict::Refused => "refused",
        Verdict::RolledBack => "rolled-back",
    }
}
