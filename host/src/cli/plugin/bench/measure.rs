//! The measured runs: times by the clock, and counted resources.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::cli::plugin::cost::Shares;
use crate::rehearsal::samples::{Case, Rehearsal};

use super::contender::Loaded;

/// When to stop measuring.
pub struct Budget {
    pub runs: usize,
    pub time: Duration,
}

/// The least number of runs: fewer would give no percentiles.
const LEAST: usize = 10;

/// The times of the runs of one message, sorted; never empty.
pub struct Times(Vec<Duration>);

impl Times {
    /// The time below which a share of the runs stays, in microseconds.
    pub fn at(&self, share: f64) -> f64 {
        let place = ((self.0.len() - 1) as f64 * share) as usize;
        self.0.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    }

    pub fn runs(&self) -> usize {
        self.0.len()
    }
}

/// What one plug-in of a chain used.
pub struct Used {
    pub plugin: String,
    pub shares: Shares,
}

/// Runs the case through each of the chains in turns.
pub async fn in_turns(contenders: &[Loaded], case: &Case, budget: &Budget) -> anyhow::Result<Vec<Times>> {
    let rehearsal = Rehearsal::of(case)?;
    // The first runs touch code and pages for the first time, which is not part of a message's cost.
    let warming = Instant::now();
    for _ in 0..budget.runs / 10 + 1 {
        turn(contenders, &rehearsal, &case.name).await?;
        if warming.elapsed() > budget.time / 10 {
            break;
        }
    }
    let mut times = vec![Vec::new(); contenders.len()];
    let measuring = Instant::now();
    for run in 0..budget.runs {
        if run >= LEAST && measuring.elapsed() > budget.time {
            break;
        }
        let took = turn(contenders, &rehearsal, &case.name).await?;
        times.iter_mut().zip(took).for_each(|(times, took)| times.push(took));
    }
    for times in &mut times {
        times.sort_unstable();
    }
    Ok(times.into_iter().map(Times).collect())
}

/// One run of each, with its time.
async fn turn(contenders: &[Loaded], rehearsal: &Rehearsal, case: &str) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::with_capacity(contenders.len());
    for contender in contenders {
        let started = Instant::now();
        let rehearsed = rehearsal.run(&contender.chain).await;
        took.push(started.elapsed());
        if let Some(failure) = rehearsed.failure() {
            bail!("case {case}: a plug-in fails, and what that costs is no measure of anything: {failure}");
        }
    }
    Ok(took)
}

/// Runs the case once in an engine that counts. Returns what each plug-in used.
pub async fn once(counted: &Loaded, case: &Case) -> anyhow::Result<Vec<Used>> {
    let rehearsed = Rehearsal::of(case)?.run(&counted.chain).await;
    if let Some(failure) = rehearsed.failure() {
        bail!("case {}: where fuel is counted a plug-in fails: {failure}", case.name);
    }
    let used = |(at, link): (usize, &crate::pipeline::Link)| {
        let limits = counted.limits.get(at).context("each plug-in has limits")?;
        let budget = limits.budget(case.message.len() as u64);
        Ok(Used {
            plugin: link.plugin.name().to_owned(),
            shares: Shares::new(link.tap.cost(), budget, limits),
        })
    };
    counted.chain.links.iter().enumerate().map(used).collect()
}
