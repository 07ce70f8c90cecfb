//! `mm4relay trace`: everything known about a message, in the order of events.

use crate::control::trace::Trace;
use crate::message::visible_json;

use super::door::SpoolArgs;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spool: SpoolArgs,
    /// X-Mms-Message-ID or X-Mms-Transaction-ID, with or without quotes; or an id of the relay, as in its log
    id: String,
    /// As JSON, one request a line
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let traced = args.spool.door().await?.ask(Trace { id: args.id }).await?;
    if !args.json {
        print!("{}", traced.text);
        return Ok(());
    }
    for request in &traced.requests {
        println!("{}", visible_json(&request.to_string()));
    }
    if let Some(refused) = &traced.refused {
        println!("{}", serde_json::json!({"refused": refused}));
    }
    Ok(())
}
