//! What the desk is told of plug-ins.

use std::collections::BTreeMap;

use mm4relay_engine::BreakerState;

use crate::control::plugins::{Attempt, PlugInAtWork, Version};
use crate::pipeline::{FAILURES, Link, VERDICTS};
use crate::versions::Catalogue;
use crate::versions::history::{Record, Verdict};

/// Those of the running chain, in its order.
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
    let last_attempt = record.attempts.last().map(|attempt| Attempt {
        digest: attempt.digest.clone(),
        began: attempt.began.clone(),
        verdict: verdict(attempt.verdict).to_owned(),
        why: attempt.why.clone(),
    });
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
