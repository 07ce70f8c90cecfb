//! `mm4relay check`: every problem in the configuration, the tables and the plug-ins, at once.

use std::fmt::{Display, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::assembly::{Checked, check};
use crate::cli::counted;
use crate::config::{Peer, RouteTo, show_size};

/// Reports everything that is wrong with a configuration, its tables and its plug-ins; runs nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value_os_t = super::usual_config())]
    config: PathBuf,
}

/// Prints the summary and succeeds, or prints all problems to the standard error and fails.
pub async fn run(args: &Args) -> ExitCode {
    match check(&args.config).await {
        Ok(checked) => {
            print!("{}", summary(&args.config, &checked));
            ExitCode::SUCCESS
        }
        Err(found) => {
            eprintln!("{found}");
            ExitCode::FAILURE
        }
    }
}

fn summary(path: &Path, checked: &Checked) -> String {
    let Checked {
        config,
        tables,
        plugins,
        found,
    } = checked;
    let mut text = format!("{}: no problems\n", path.display());
    for (title, lines) in [("to see to", &found.notices), ("what will be done", &found.remarks)] {
        if !lines.is_empty() {
            let _ = writeln!(text, "\n{title}:\n  {}", lines.join("\n  "));
        }
    }
    text.push('\n');
    let relay = &config.relay;
    let mut line = |left: &dyn Display, right: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{left:<16} {right}");
    };
    for renamed in &config.renamed {
        line(&"renamed key", renamed.to_string());
    }
    line(&"relay", format!("{} on {}", relay.name, join(&relay.listen)));
    line(&"own domains", join(&relay.domains));
    line(&"name servers", or(&relay.name_servers, "the system's"));
    line(&"spool", relay.spool.display().to_string());
    line(&"peers", config.peers.len().to_string());
    for peer in &config.peers {
        line(&format!("  {}", peer.name), describe(peer));
    }
    line(&"routes", config.routes.len().to_string());
    for route in &config.routes {
        let to = match &route.to {
            RouteTo::Peer(peer) => peer.to_string(),
            RouteTo::PlugIns => "(a plug-in decides)".to_owned(),
        };
        line(&format!("  {}", route.prefix), format!("to {to}"));
    }
    line(&"tables", tables.iter().count().to_string());
    for (name, table) in tables.iter() {
        let memory = show_size((table.memory() as u64).next_multiple_of(1 << 10));
        line(
            &format!("  {name}"),
            format!("{}, {memory} in memory", counted(table.len() as u64, "row")),
        );
    }
    line(&"plug-ins", format!("{}, in this order", plugins.len()));
    for (at, plugin) in plugins.iter().enumerate() {
        line(&format!("  {}.", at + 1), plugin.clone());
    }
    text
}

/// `mms.b.example to 127.0.0.1:2526, from 10.20.0.0/16`
fn describe(peer: &Peer) -> String {
    let domains = or(&peer.domains, "no domain");
    let hosts = match &peer.mx {
        Some(domain) => format!("the mail exchangers of {domain}"),
        None => or(&peer.hosts, "nowhere"),
    };
    let from = or(&peer.from, "nowhere");
    format!("{domains}; to {hosts}; from {from}")
}

fn or<T: Display>(items: &[T], none: &str) -> String {
    if items.is_empty() { none.to_owned() } else { join(items) }
}

fn join<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
