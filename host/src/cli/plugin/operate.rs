//! `mm4relay plugin off`, `on` and `reset`: orders about a plug-in of a running relay.

use crate::cli::door::SpoolArgs;
use crate::control::plugins::{PlugInAtWork, PlugIns, ResetBreaker, SwitchOff, SwitchOn};

#[derive(Debug, clap::Args)]
pub struct OffArgs {
    #[command(flatten)]
    spool: SpoolArgs,
    /// The plug-in's name in the configuration
    name: String,
    /// The reason, for other operators
    #[arg(long)]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub struct NameArgs {
    #[command(flatten)]
    spool: SpoolArgs,
    /// The plug-in's name in the configuration
    name: String,
}

pub async fn off(args: OffArgs) -> anyhow::Result<()> {
    let asked = SwitchOff {
        plugin: args.name.clone(),
        reason: args.reason,
    };
    args.spool.door().await?.ask(asked).await?;
    println!(
        "{} is switched off: no message is shown to it until `plugin on`",
        args.name
    );
    Ok(())
}

pub async fn on(args: NameArgs) -> anyhow::Result<()> {
    let plugin = args.name.clone();
    args.spool.door().await?.ask(SwitchOn { plugin }).await?;
    println!("{} is switched on", args.name);
    Ok(())
}

pub async fn reset(args: NameArgs) -> anyhow::Result<()> {
    let plugin = args.name.clone();
    let changed = args.spool.door().await?.ask(ResetBreaker { plugin }).await?;
    let peers: Vec<&str> = changed.before_of_peers.keys().map(String::as_str).collect();
    let of_peers = match peers.as_slice() {
        [] => String::new(),
        peers => format!(", and not closed for {}", peers.join(", ")),
    };
    println!(
        "{} is called again: its breaker was {}{of_peers}",
        args.name, changed.before
    );
    Ok(())
}

/// The counts of each plug-in in the running relay; empty when none runs.
pub(super) async fn at_work(spool: &std::path::Path) -> Vec<PlugInAtWork> {
    match crate::cli::door::running(spool).await {
        Ok(client) => client
            .ask(&PlugIns {})
            .await
            .map_or_else(|_| Vec::new(), |all| all.plugins),
        Err(_) => Vec::new(),
    }
}

/// Describes it in at most two lines.
pub(super) fn describe(plugin: &PlugInAtWork) -> String {
    let counts = |of: &std::collections::BTreeMap<String, u64>| {
        let some = of.iter().filter(|(_, count)| **count > 0);
        let some: Vec<String> = some.map(|(name, count)| format!("{count} {name}")).collect();
        if some.is_empty() {
            "none".to_owned()
        } else {
            some.join(", ")
        }
    };
    let (verdicts, failures) = (counts(&plugin.verdicts), counts(&plugin.failures));
    let mut text = format!(
        "  calls      {verdicts}; failed: {failures}; not called: {}\n",
        plugin.not_called
    );
    if let Some(off) = &plugin.off {
        text.push_str(&format!(
            "  off        since {} by {}: {}\n",
            off.since, off.by, off.reason
        ));
    }
    text
}
