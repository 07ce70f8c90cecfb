//! `mm4relay check`: every problem in the configuration, the tables and the plug-ins, at once.

use std::fmt::{Display, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::runtime::Handle;

use crate::config::{Config, Peer, Problems, RouteTo, show_size};
use crate::relay::{check_certificates, check_plugins};
use crate::routing::Tables;

/// Says everything that is wrong with a configuration, its tables and its plug-ins; runs nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "relay.toml")]
    config: PathBuf,
}

/// What loading the plug-ins found: a line for each plug-in in the order of the chain, or everything that is wrong.
type PluginReport = Result<Vec<String>, Vec<String>>;

/// Prints the summary and succeeds, or prints all problems to the standard error and fails.
pub fn run(args: &Args) -> ExitCode {
    // Loading plug-ins waits for their calls; this command has nothing else to do meanwhile.
    let plugins = |config: &Config, tables: &Tables| {
        tokio::task::block_in_place(|| Handle::current().block_on(check_plugins(config, tables)))
    };
    match check(&args.config, plugins) {
        Ok(summary) => {
            print!("{summary}");
            ExitCode::SUCCESS
        }
        Err(problems) => {
            eprint!("{problems}");
            ExitCode::FAILURE
        }
    }
}

/// The text for a good configuration, or for all problems. Both end with a line end.
fn check(path: &Path, plugins: impl FnOnce(&Config, &Tables) -> PluginReport) -> Result<String, String> {
    let (config, list) = Config::examine(path);
    let files = config
        .tables
        .iter()
        .map(|table| (table.name.as_str(), table.file.as_path()));
    let (tables, table_errors) = Tables::examine(files);
    let plugins = plugins(&config, &tables);

    let mut problems = Vec::new();
    let mut count = list.len() + table_errors.len();
    if !list.is_empty() {
        let file = path.to_owned();
        problems.push(Problems { file, list }.to_string());
    }
    problems.extend(table_errors.iter().map(ToString::to_string));
    let certificates = check_certificates(&config);
    count += certificates.len();
    problems.extend(certificates.iter().map(|error| format!("{error:#}")));
    match plugins {
        Ok(lines) if problems.is_empty() => return Ok(summary(path, &config, &tables, &lines)),
        Ok(_) => {}
        Err(found) => {
            count += found.len();
            problems.extend(found);
        }
    }
    let noun = if count == 1 { "problem" } else { "problems" };
    Err(format!("{}\n{count} {noun}\n", problems.join("\n")))
}

fn summary(path: &Path, config: &Config, tables: &Tables, plugins: &[String]) -> String {
    let mut text = format!("{}: no problems\n\n", path.display());
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
            format!("{} rows, {memory} in memory", table.len()),
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

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[relay]
name = "relay.mms.example"
domains = ["mms.example"]
listen = ["127.0.0.1:2525"]
spool = "/var/spool/mm4relay"
[[peer]]
name = "operator-b"
domains = ["mms.b.example"]
hosts = ["127.0.0.1:2526"]
from = ["10.20.0.0/16"]
[[peer]]
name = "sender"
[[route]]
prefix = "+1555"
peer = "operator-b"
[[route]]
prefix = "+1556"
plugins = true
[[table]]
name = "ported"
file = "ported.csv"
[[plugin]]
name = "charging"
file = "charging.wasm"
"#;

    /// A folder with `relay.toml`, `ported.csv` and `plugins/charging.wasm`.
    fn folder(config: &str, table: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("relay.toml"), config).unwrap();
        std::fs::write(folder.path().join("ported.csv"), table).unwrap();
        std::fs::create_dir(folder.path().join("plugins")).unwrap();
        std::fs::write(folder.path().join("plugins/charging.wasm"), "").unwrap();
        folder
    }

    fn in_folder(folder: &tempfile::TempDir, plugins: PluginReport) -> Result<String, String> {
        let strip = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
        check(&folder.path().join("relay.toml"), |_, _| plugins)
            .map(strip)
            .map_err(strip)
    }

    #[test]
    fn a_good_configuration_is_summed_up_for_a_person() {
        let folder = folder(GOOD, "+15550,b\n+15551,c\n");
        let text = in_folder(&folder, Ok(vec!["charging 1.0, on outcome".into()])).unwrap();
        insta::assert_snapshot!(text, @r"
        relay.toml: no problems

        relay            relay.mms.example on 127.0.0.1:2525
        own domains      mms.example
        name servers     the system's
        spool            /var/spool/mm4relay
        peers            2
          operator-b     mms.b.example; to 127.0.0.1:2526; from 10.20.0.0/16
          sender         no domain; to nowhere; from nowhere
        routes           2
          +1555          to operator-b
          +1556          to (a plug-in decides)
        tables           1
          ported         2 rows, 1 KiB in memory
        plug-ins         1, in this order
          1.             charging 1.0, on outcome
        ");
    }

    #[test]
    fn problems_of_configuration_tables_and_plug_ins_come_together() {
        let bad = GOOD
            .replace("10.20.0.0/16", "10.20.0.1/16")
            .replace("plugins = true", "peer = \"operator-c\"");
        let folder = folder(&bad, "+15550\n");
        let text = in_folder(&folder, Err(vec!["plug-in charging: not a component".into()])).unwrap_err();
        insta::assert_snapshot!(text, @r#"
        relay.toml:11: peer[0].from[0] is "10.20.0.1/16": expected the first address of the network: 10.20.0.0/16
        relay.toml:19: route[1].peer is "operator-c": expected the name of a peer: one of operator-b, sender (did you mean operator-b?)
        table ported: 1 bad row
        ported.csv:1: no comma: expected key,value
        plug-in charging: not a component
        4 problems
        "#);
    }

    #[test]
    fn a_missing_file_is_one_problem_and_not_two() {
        let folder = folder(GOOD, "");
        std::fs::remove_file(folder.path().join("ported.csv")).unwrap();
        let text = in_folder(&folder, Ok(Vec::new())).unwrap_err();
        insta::assert_snapshot!(text, @r#"
        relay.toml:22: table[0].file is "ported.csv": expected a table that exists; there is no file ported.csv
        1 problem
        "#);
    }

    #[test]
    fn plug_ins_are_checked_with_what_could_be_read_of_a_bad_file() {
        let folder = folder(&format!("{GOOD}\nbad-key = 1\n"), "+1,b\n");
        let answer = check(&folder.path().join("relay.toml"), |config, tables| {
            assert_eq!(config.plugins[0].name, "charging");
            assert_eq!(tables.get("ported").and_then(|table| table.lookup("+1")), Some("b"));
            Err(vec!["seen".into()])
        });
        let text = answer.unwrap_err();
        assert!(
            text.contains("plugin[0].bad-key") && text.ends_with("seen\n2 problems\n"),
            "{text}"
        );
    }
}
