//! The summary of a replay: how many calls differ, in which ways, and the effect on charging.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::rehearsal::replay::Replayed;
use crate::rehearsal::samples::difference;

/// How many kinds of differences are shown; the others are counted.
const SHOWN: usize = 20;

/// All calls of a replay, added up.
#[derive(Debug, Default)]
pub struct Summary {
    same: u64,
    differ: u64,
    unanswered: u64,
    /// Lines on one side only, with `-` or `+`, and in how many calls.
    lines: BTreeMap<String, u64>,
    /// Records by type, in calls that differ: recorded, and now.
    records: BTreeMap<String, (u64, u64)>,
}

impl Summary {
    pub fn add(&mut self, came_to: &Replayed) {
        match came_to {
            Replayed::Same => self.same += 1,
            Replayed::Differs { recorded, now } => {
                self.differ += 1;
                self.count_records(recorded, now);
                let mut lines: Vec<String> = changed(recorded, now).lines().map(in_general).collect();
                lines.sort_unstable();
                lines.dedup();
                self.count(lines);
            }
            Replayed::Unanswered(asked) => {
                self.unanswered += 1;
                self.count(asked.iter().map(|asked| no_answer(asked)).collect());
            }
        }
    }

    pub fn all_same(&self) -> bool {
        self.differ == 0 && self.unanswered == 0
    }

    fn count(&mut self, lines: Vec<String>) {
        for line in lines {
            *self.lines.entry(line).or_default() += 1;
        }
    }

    fn count_records(&mut self, recorded: &[String], now: &[String]) {
        for kind in recorded.iter().filter_map(|line| record_type(line)) {
            self.records.entry(kind).or_default().0 += 1;
        }
        for kind in now.iter().filter_map(|line| record_type(line)) {
            self.records.entry(kind).or_default().1 += 1;
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.same + self.differ + self.unanswered;
        writeln!(
            f,
            "{all} calls: {} same, {} differ, {} ask what was not recorded",
            self.same, self.differ, self.unanswered
        )?;
        let mut lines: Vec<(&String, &u64)> = self.lines.iter().collect();
        lines.sort_by_key(|(_, calls)| std::cmp::Reverse(**calls));
        for (line, calls) in lines.iter().take(SHOWN) {
            writeln!(f, "{calls:>8} x {line}")?;
        }
        if lines.len() > SHOWN {
            writeln!(f, "{:>8}   more ways to differ", lines.len() - SHOWN)?;
        }
        for (kind, (recorded, now)) in &self.records {
            match recorded == now {
                true => writeln!(
                    f,
                    "charging: {kind}: {now} records as before, with other content where shown above"
                )?,
                false => writeln!(f, "charging: {kind}: {now} records instead of {recorded}")?,
            }
        }
        Ok(())
    }
}

/// The word before a call, as wide as the widest.
pub fn word(came_to: &Replayed) -> &'static str {
    match came_to {
        Replayed::Same => "same    ",
        Replayed::Differs { .. } => "differs ",
        Replayed::Unanswered(_) => "unknown ",
    }
}

/// The details of one call: `-` recorded, `+` the other version.
pub fn details(came_to: &Replayed) -> String {
    match came_to {
        Replayed::Same => String::new(),
        Replayed::Differs { recorded, now } => changed(recorded, now),
        Replayed::Unanswered(asked) => asked.iter().map(|asked| format!("  {}\n", no_answer(asked))).collect(),
    }
}

fn changed(recorded: &[String], now: &[String]) -> String {
    let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    difference(&text(recorded), &text(now), false)
}

fn no_answer(asked: &str) -> String {
    format!("no answer in the recording: {asked}")
}

/// The line without the parts that differ from message to message, so that the same difference in many calls counts
/// once.
fn in_general(line: &str) -> String {
    let (sign, said) = line.trim_start().split_once(' ').unwrap_or(("", line));
    match record_type(said) {
        Some(kind) => format!("{sign} record {kind}"),
        None => format!("{sign} {said}"),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Record {
    record_type: String,
}

/// The type of a charging record, if the line is one.
fn record_type(line: &str) -> Option<String> {
    let record = line.strip_prefix("record ")?;
    let record = record.strip_prefix("when answered ").unwrap_or(record);
    Some(serde_json::from_str::<Record>(record).ok()?.record_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differs(recorded: &[&str], now: &[&str]) -> Replayed {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        Replayed::Differs {
            recorded: lines(recorded),
            now: lines(now),
        }
    }

    #[test]
    fn the_same_difference_in_many_calls_is_one_line_with_their_number() {
        let mut summary = Summary::default();
        for at in 0..3 {
            summary.add(&differs(&["pass"], &["edit", &format!("edit 1 {at}")]));
        }
        summary.add(&Replayed::Same);
        summary.add(&Replayed::Unanswered(vec!["tables lookup".into()]));
        let text = summary.to_string();
        assert!(
            text.starts_with("5 calls: 1 same, 3 differ, 1 ask what was not recorded\n"),
            "{text}"
        );
        assert!(text.contains("       3 x - pass\n"), "{text}");
        assert!(
            text.contains("       1 x no answer in the recording: tables lookup\n"),
            "{text}"
        );
        assert!(!summary.all_same());
    }

    #[test]
    fn records_are_added_up_by_type_however_their_content_differs() {
        let record = |kind: &str, id: u32| format!(r#"record {{"message-id":"{id}","record-type":"{kind}"}}"#);
        let mut summary = Summary::default();
        for id in 0..2 {
            let (asked, answered) = (
                record("o4frq", id),
                record("o4frs", id).replacen("record", "record when answered", 1),
            );
            summary.add(&differs(&["pass", &asked, &answered], &["pass", &answered]));
        }
        let text = summary.to_string();
        assert!(text.contains("       2 x - record o4frq\n"), "{text}");
        assert!(text.contains("charging: o4frq: 0 records instead of 2\n"), "{text}");
    }

    #[test]
    fn many_ways_to_differ_are_cut_and_counted() {
        let mut summary = Summary::default();
        for at in 0..30 {
            summary.add(&differs(&[], &[&format!("set X-{at}: a")]));
        }
        let text = summary.to_string();
        assert_eq!(text.lines().count(), 1 + SHOWN + 1, "{text}");
        assert!(text.ends_with("      10   more ways to differ\n"), "{text}");
    }
}
