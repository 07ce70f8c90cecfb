//! `mm4relay plugin list`: what a relay runs, keeps and has tried, from the history in its spool.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Context;

use super::{operate, rollout};
use crate::config::Config;
use crate::versions::AskedFor;
use crate::versions::history::{Attempt, Book, Cause, FILE, Record, Step, Verdict};

/// How many attempts are shown for each plug-in.
const SHOWN: usize = 5;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The relay's configuration
    #[arg(long, value_name = "FILE", default_value_os_t = crate::cli::usual_config())]
    config: PathBuf,
}

pub async fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(&args.config)?;
    let spool = &config.relay.spool;
    let book = Book::read(spool).with_context(|| format!("{} cannot be read", spool.join(FILE).display()))?;
    if config.plugins.is_empty() {
        println!("no plug-ins are configured");
    }
    let at_work = operate::at_work(spool).await;
    let for_all = rollout::for_all(spool).await;
    for plugin in &config.plugins {
        print!("{}", describe(&plugin.name, book.plugins.get(&plugin.name)));
        if let Some(running) = at_work.iter().find(|running| running.name == plugin.name) {
            print!("{}", operate::describe(running));
        }
        if let Some(of_all) = for_all.iter().find(|of_all| of_all.plugin == plugin.name) {
            print!("{}", rollout::lines(of_all));
        }
    }
    Ok(())
}

/// A plug-in for a person, with a line end.
fn describe(name: &str, record: Option<&Record>) -> String {
    let mut text = String::new();
    let mut line = |depth: usize, left: &str, right: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:depth$}{left:<10} {}",
            "",
            right.replace('\n', "\n             ")
        );
    };
    let Some(record) = record else {
        return format!("{name}\n  has never been loaded here\n");
    };
    line(0, name, String::new());
    let running = record.running.as_deref();
    for version in &record.versions {
        let word = if running == Some(version.digest.as_str()) {
            "running"
        } else {
            "kept"
        };
        line(
            2,
            word,
            format!(
                "{}  {}  live since {}",
                version.version,
                short(&version.digest),
                version.since
            ),
        );
    }
    for open in &record.breaker {
        let whom = match &open.peer {
            Some(peer) => format!("peer {peer}"),
            None => "everybody".to_owned(),
        };
        line(
            2,
            "breaker",
            format!("open for {whom} since {}: it is not called, after failures", open.since),
        );
    }
    if let Some(barred) = &record.barred {
        line(
            2,
            "barred",
            format!("{}  until its file is replaced: {}", short(&barred.digest), barred.why),
        );
    }
    for (at, attempt) in record.attempts.iter().rev().take(SHOWN).enumerate() {
        let earlier = &record.attempts[..record.attempts.len() - 1 - at];
        line(2, verdict(attempt.verdict), outline(attempt, earlier, at == 0));
    }
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Every step of the last attempt, and one line for each earlier one.
fn outline(attempt: &Attempt, earlier: &[Attempt], whole: bool) -> String {
    let ran_before = earlier
        .iter()
        .any(|before| before.digest == attempt.digest && before.verdict != Verdict::Refused);
    let cause = match (attempt.asked, attempt.cause) {
        (Some(AskedFor::Load), _) => "by plugin load",
        (Some(AskedFor::Rollback), _) => "by plugin rollback",
        (None, Cause::Start) => "at the start",
        (None, Cause::Reload) => "at a reload",
        (None, Cause::File) if ran_before => "its file was replaced by an earlier version",
        (None, Cause::File) => "its file was replaced by another version",
        (None, Cause::Rollback) => "put back",
        (None, Cause::RollOut) => "rolled out to all relays",
    };
    let head = format!("{}  {}, {cause}", short(&attempt.digest), attempt.began);
    let step = |step: &Step| format!("\n{:<9} {:>8.1} ms  {}", step.step, step.after_ms, step.said);
    let steps: String = attempt.steps.iter().filter(|_| whole).map(step).collect();
    match attempt.why.as_str() {
        "" => head + &steps,
        why => format!("{head}{steps}\n{why}"),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::UnderWay => "under way",
        Verdict::Live => "went live",
        Verdict::Refused => "refused",
        Verdict::RolledBack => "rolled back",
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plug_in_is_shown_with_what_runs_what_is_kept_and_what_was_tried() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let mut record = Record::default();
        record.went_live(&a, "1.0", "2026-11-21T10:00:00Z");
        record.went_live(&b, "1.1", "2026-11-21T11:00:00Z");
        record.attempts.push(Attempt {
            number: 3,
            cause: Cause::File,
            asked: None,
            digest: "c".repeat(64),
            began: "2026-11-21T12:00:00Z".into(),
            steps: vec![Step {
                step: "digest".into(),
                after_ms: 0.2,
                said: "c".repeat(64),
            }],
            verdict: Verdict::Refused,
            why: "it is not signed".into(),
        });
        insta::assert_snapshot!(describe("charging", Some(&record)), @r"
        charging
          running    1.1  bbbbbbbbbbbb  live since 2026-11-21T11:00:00Z
          kept       1.0  aaaaaaaaaaaa  live since 2026-11-21T10:00:00Z
          refused    cccccccccccc  2026-11-21T12:00:00Z, its file was replaced by another version
                     digest         0.2 ms  cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
                     it is not signed
        ");
        assert_eq!(describe("new", None), "new\n  has never been loaded here\n");
    }
}
