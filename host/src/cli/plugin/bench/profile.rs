//! A profile: the stacks of plug-ins, sampled while they run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use mm4relay_engine::{Engine, EngineOptions, Sampler};

use crate::pipeline::engine_options;
use crate::rehearsal::samples::Case;

use super::contender::Contender;
use super::measure::{self, Budget};

/// How many functions are shown on the terminal.
const TOP: usize = 10;

type Stacks = BTreeMap<Vec<String>, u64>;

/// Runs every case once more in an engine that samples stacks, writes them to `file`, and prints the functions that
/// were on top most often.
pub async fn write(contender: &Contender, cases: &[Case], budget: &Budget, file: &Path) -> anyhow::Result<()> {
    let sampler = Arc::new(Sampler::default());
    let engine = Engine::new(EngineOptions {
        max_instances: 4,
        sampler: Some(Arc::clone(&sampler)),
        ..engine_options()
    })?;
    let mut stacks = Stacks::new();
    for case in cases {
        let loaded = contender.loaded(case, engine.clone()).await?;
        // `configure` is not part of a message's cost.
        sampler.take();
        measure::in_turns(&[loaded], case, budget).await?;
        for (stack, seen) in sampler.take() {
            *stacks.entry(stack).or_default() += seen;
        }
    }
    ensure!(
        !stacks.is_empty(),
        "no stack was seen: the plug-in is too fast for so few runs; ask for more with --runs and --seconds"
    );
    std::fs::write(file, folded(&stacks)).with_context(|| format!("{} cannot be written", file.display()))?;
    print!("{}", top(&stacks));
    println!("{} stacks are in {}", stacks.len(), file.display());
    Ok(())
}

/// A line for each stack: its functions with `;` between them, and its number of samples.
fn folded(stacks: &Stacks) -> String {
    let mut text = String::new();
    for (stack, seen) in stacks {
        let names: Vec<String> = stack.iter().map(|name| name.replace([';', '\n'], ",")).collect();
        let _ = writeln!(text, "{} {seen}", names.join(";"));
    }
    text
}

/// The functions that were on top most often.
fn top(stacks: &Stacks) -> String {
    let all: u64 = stacks.values().sum();
    let mut own: BTreeMap<&str, u64> = BTreeMap::new();
    for (stack, seen) in stacks {
        if let Some(function) = stack.last() {
            *own.entry(function).or_default() += seen;
        }
    }
    let mut own: Vec<(&str, u64)> = own.into_iter().collect();
    own.sort_by_key(|(_, seen)| std::cmp::Reverse(*seen));
    let mut text = format!("where the time goes, in {all} looks:\n");
    for (function, seen) in own.into_iter().take(TOP) {
        let _ = writeln!(text, "{:>6.1} %  {function}", seen as f64 / all as f64 * 100.0);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stacks() -> Stacks {
        let stack = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Stacks::from([
            (stack(&["stamp", "process", "a<x; y>"]), 3),
            (stack(&["stamp", "process"]), 1),
        ])
    }

    #[test]
    fn a_stack_is_a_line_that_other_tools_read() {
        assert_eq!(folded(&stacks()), "stamp;process 1\nstamp;process;a<x, y> 3\n");
    }

    #[test]
    fn the_dearest_function_comes_first() {
        let text = top(&stacks());
        assert_eq!(
            text,
            "where the time goes, in 4 looks:\n  75.0 %  a<x; y>\n  25.0 %  process\n"
        );
    }
}
