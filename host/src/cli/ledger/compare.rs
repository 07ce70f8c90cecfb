//! `mm4relay ledger compare`.

use std::path::PathBuf;

use serde_json::json;

use super::ours;
use super::period::{Moment, Times};
use crate::cli::counted;
use crate::cli::door::SpoolArgs;
use crate::ledger::compare::{
    self, Comparison, Difference, LegFacts, LegKey, RecordName, SettlementLine, Sum, Tolerance,
};
use crate::message::{Timestamp, Visible, visible_json};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) spool: SpoolArgs,
    /// The partner's records: CSV or JSON lines with our columns, or BER in files of TS 32.297
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Our own records from files of our outputs, for purged ones: files, or folders with closed files. A record that
    /// is also in the spool counts once
    #[arg(long, value_name = "FILE|FOLDER")]
    pub(super) ours: Vec<PathBuf>,
    /// The partner's name in our configuration
    #[arg(long)]
    pub(super) peer: String,
    /// Records from this time on, of both sides: a day (UTC) or a time; default: all
    #[arg(long)]
    from: Option<Moment>,
    /// Records before this time
    #[arg(long)]
    to: Option<Moment>,
    /// Seconds by which times may differ
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    time: u64,
    /// Octets by which sizes may differ
    #[arg(long, default_value_t = 0, value_name = "OCTETS")]
    size: u64,
    /// One JSON object a line
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Comma-separated values, with a line of column names
    #[arg(long)]
    csv: bool,
}

/// Returns whether both sides agree.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let times = Times {
        from: args.from.map_or(Timestamp(0), |from| from.0),
        to: args.to.map_or(Timestamp(u64::MAX), |to| to.0),
    };
    if times.from >= times.to {
        anyhow::bail!("--from is not before --to");
    }
    let mut comparison = Comparison::default();
    for file in &args.files {
        compare::read(file, &mut |record| {
            for (leg, said) in record.legs.into_iter().filter(|(_, said)| times.hold(said)) {
                comparison.theirs(leg, said);
            }
        })?;
    }
    let tolerance = Tolerance {
        time: args.time,
        size: args.size,
    };
    let count = ours::compare(&args.spool, &args.peer, &args.ours, times, tolerance, &mut comparison)?;
    if count == 0 {
        anyhow::bail!(
            "there is no record of ours to or from {} in this time: is that its name, and were the records purged? Files of \
             our outputs have them, with --ours",
            args.peer
        );
    }
    comparison.finish();
    print(args, &comparison);
    Ok(comparison.differences.is_empty())
}

fn print(args: &Args, comparison: &Comparison) {
    if args.csv {
        println!(
            "what,flow,from,to,class,day,message-id,recipient,ours,theirs,our-recipients,their-recipients,our-octets,their-octets"
        );
    }
    for difference in &comparison.differences {
        match (args.json, args.csv) {
            (true, _) => println!("{}", visible_json(&json_of(args, difference).to_string())),
            (_, true) => println!("{}", csv_of(args, difference)),
            _ => text_of(args, difference),
        }
    }
    if !(args.json || args.csv) {
        let how = match comparison.differences.is_empty() {
            true => "alike",
            false => "with the differences above",
        };
        println!(
            "{} on both sides, {how}; recipients and octets, ours / theirs:",
            counted(comparison.matched, "recipient")
        );
    }
    for (line, sums) in &comparison.lines {
        settle(args, line, *sums);
    }
}

fn text_of(args: &Args, difference: &Difference) {
    let Difference {
        what,
        leg,
        ours,
        theirs,
    } = difference;
    let (from, to) = pair(args, leg.sent);
    let side = |said: &Option<LegFacts>| said.as_ref().map_or_else(|| "-".into(), shown);
    println!(
        "{}: {} {from} to {to}, {} for {}: ours {}, theirs {}",
        what.name(),
        leg.flow.name(),
        Visible(&leg.message_id),
        Visible(&leg.recipient),
        Visible(&side(ours)),
        Visible(&side(theirs))
    );
}

fn shown(said: &LegFacts) -> String {
    let at = jiff::Timestamp::from_second(said.at).map_or_else(|_| "?".into(), |at| at.to_string());
    let size = said
        .size
        .map_or_else(String::new, |size| format!(", {}", counted(size, "octet")));
    let status = said
        .status
        .as_deref()
        .map_or_else(String::new, |status| format!(", {status}"));
    format!("{} at {at}{size}{status}", said.record)
}

fn json_of(args: &Args, difference: &Difference) -> serde_json::Value {
    let Difference {
        what,
        leg,
        ours,
        theirs,
    } = difference;
    let (from, to) = pair(args, leg.sent);
    let side = |said: &Option<LegFacts>| {
        let said = said.as_ref()?;
        let at = jiff::Timestamp::from_second(said.at).ok().map(|at| at.to_string());
        let (record, place) = match said.record {
            RecordName::Number(number) => (Some(number.to_string()), None),
            without => (None, Some(without.to_string())),
        };
        Some(
            json!({"record": record, "place": place, "at": at, "size": said.size, "class": said.class, "status": said.status}),
        )
    };
    json!({
        "difference": what.name(), "flow": leg.flow.name(), "from": from, "to": to, "message-id": leg.message_id,
        "recipient": leg.recipient, "ours": side(ours), "theirs": side(theirs),
    })
}

fn csv_of(args: &Args, difference: &Difference) -> String {
    let Difference {
        what,
        leg,
        ours,
        theirs,
    } = difference;
    let LegKey {
        message_id, recipient, ..
    } = leg;
    let (from, to) = pair(args, leg.sent);
    let side = |said: &Option<LegFacts>| said.as_ref().map(shown).unwrap_or_default();
    let values: [&str; 10] = [
        what.name(),
        leg.flow.name(),
        from,
        to,
        "",
        "",
        message_id,
        recipient,
        &side(ours),
        &side(theirs),
    ];
    let values: Vec<String> = values.into_iter().map(crate::charging::csv::value).collect();
    format!("{},,,,", values.join(","))
}

fn settle(args: &Args, line: &SettlementLine, (ours, theirs): (Sum, Sum)) {
    let (from, to) = pair(args, line.sent);
    let (flow, class, day) = (line.flow.name(), &line.class, &line.day);
    if args.json {
        let sum = |sum: Sum| json!({"recipients": sum.recipients, "octets": sum.octets});
        let line = json!({
            "settlement": {"from": from, "to": to, "flow": flow, "class": class, "day": day, "ours": sum(ours), "theirs": sum(theirs)}
        });
        return println!("{}", visible_json(&line.to_string()));
    }
    let octets = |sum: Sum, unknown: &str| sum.octets.map_or(unknown.into(), |octets| octets.to_string());
    if args.csv {
        let (ours_octets, theirs_octets) = (octets(ours, ""), octets(theirs, ""));
        return println!(
            "settlement,{flow},{from},{to},{class},{day},,,,,{},{},{ours_octets},{theirs_octets}",
            ours.recipients, theirs.recipients
        );
    }
    println!(
        "{day}  {from} to {to}  {flow}  {class}: {} / {} recipients, {} / {} octets",
        ours.recipients,
        theirs.recipients,
        octets(ours, "-"),
        octets(theirs, "-")
    );
}

/// Sender and receiver.
fn pair(args: &Args, sent: bool) -> (&str, &str) {
    match sent {
        true => ("us", &args.peer),
        false => (&args.peer, "us"),
    }
}
