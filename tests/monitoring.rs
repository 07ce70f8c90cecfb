//! What monitoring is given to begin with: alert rules and a dashboard.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::{Peer, Relay, config, root, tools};

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join("docs/monitoring").join(name)).expect("UTF-8")
}

/// The series of the relay that a text names, without what is added to a family's name.
fn asked_for(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let series = words.filter(|word| word.starts_with("mm4relay_"));
    let plain = |word: &str| {
        let ends = ["_total", "_bucket", "_sum", "_count"];
        let end = ends.iter().find_map(|end| word.strip_suffix(end));
        end.unwrap_or(word).to_owned()
    };
    series.map(plain).collect()
}

#[test]
fn every_series_that_the_rules_and_the_dashboard_ask_for_is_one_that_a_relay_has() {
    let peer = Peer::start();
    let output = "\n[[charging-output]]\nname = \"settlement\"\nfolder = \"cdr\"\nformat = \"csv\"\n";
    let relay = Relay::start(&config(
        &peer,
        &format!("\n[monitoring]\nlisten = \"127.0.0.1:0\"\n{output}"),
    ));
    let page = relay.page("/metrics");
    let families = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let families: BTreeSet<String> = families.map(str::to_owned).collect();
    for name in ["mm4relay.rules.yml", "grafana.json"] {
        let asked = asked_for(&file(name));
        assert!(asked.len() >= 4, "{name}: {asked:?}");
        let unknown: Vec<_> = asked.difference(&families).collect();
        assert!(unknown.is_empty(), "{name} asks for {unknown:?}");
    }
    let dashboard: serde_json::Value = serde_json::from_str(&file("grafana.json")).expect("JSON");
    assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() >= 10));
}

#[test]
fn the_alert_rules_raise_what_their_tests_say() {
    if !tools::have_programs(&["promtool"]) {
        return;
    }
    let tested = Command::new("promtool")
        .args(["test", "rules", "mm4relay.rules.test.yml"])
        .current_dir(root().join("docs/monitoring"))
        .output()
        .expect("it starts");
    assert!(tested.status.success(), "{tested:?}");
}
