//! `mm4relay requests`: stored requests, also those whose messages have left the queue.

use crate::control::When;
use crate::control::requests::FindRequests;

use super::counted;
use super::door::SpoolArgs;

/// All given conditions must hold.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spool: SpoolArgs,
    /// Only those that this peer asked
    #[arg(long, value_name = "PEER")]
    from: Option<String>,
    /// Only those that this peer was asked
    #[arg(long)]
    peer: Option<String>,
    /// Only those from or to a number with these digits
    #[arg(long, value_name = "DIGITS", allow_hyphen_values = true)]
    number: Option<String>,
    /// Only those to a number with these digits
    #[arg(long, value_name = "DIGITS", allow_hyphen_values = true)]
    to: Option<String>,
    /// open: an answer or a delivery is outstanding; failed; timed-out: an answer did not come in time
    #[arg(long, value_parser = FindRequests::STATES)]
    state: Option<String>,
    /// Only those received at this time or later: 2026-11-21T23:00:38Z
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only those received before this time
    #[arg(long, value_name = "TIME")]
    before: Option<When>,
    /// At most so many, the newest first
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let door = args.spool.door().await?;
    let mut asked = FindRequests {
        source: args.from,
        peer: args.peer,
        number: args.number,
        to: args.to,
        state: args.state,
        since: args.since,
        before: args.before,
        ..FindRequests::default()
    };
    let (limit, mut shown) = (args.limit as usize, 0);
    let next = loop {
        asked.limit = Some((limit - shown).min(FindRequests::MOST));
        let page = door.ask(asked.clone()).await?;
        for request in &page.requests {
            match args.json {
                true => println!("{}", serde_json::to_string(request)?),
                false => println!("{request}"),
            }
        }
        shown += page.requests.len();
        match page.next {
            Some(next) if shown < limit => asked.after = Some(next),
            next => break next,
        }
    };
    match (shown, next) {
        (0, _) => eprintln!("no request like that is remembered"),
        (_, Some(_)) => eprintln!(
            "{} shown, there are more: see --limit",
            counted(shown as u64, "request")
        ),
        _ => {}
    }
    Ok(())
}
