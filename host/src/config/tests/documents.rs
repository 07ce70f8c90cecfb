//! The documentation and the example, compared with what is read.

use super::*;

#[test]
fn the_example_file_says_what_it_seems_to_say() {
    let text = include_str!("../../../../docs/relay.toml");
    let config = Config::parse(text, Path::new("/etc/mm4relay")).unwrap();
    assert_eq!(config.relay.spool, Path::new("/etc/mm4relay/spool"));
    assert_eq!(config.limits, Limits::default(), "the example shows the defaults");
    let b = &config.peers[0];
    assert_eq!(
        (b.retry.clone(), b.timeouts),
        (Retry::default(), crate::message::Timeouts::default())
    );
    assert_eq!(b.give_up, Duration::from_secs(3 * 86_400));
    assert_eq!(b.hosts[1].to_string(), "127.0.0.1:2527");
    assert_eq!(b.max_image_size, Some(300_000));
    assert_eq!(config.routes[0].to, RouteTo::PlugIns);
    assert_eq!(config.relay_servers[0].numbers, ["+15550", "+15551"]);
    assert_eq!(config.relay_servers[1].weight, 1);
    assert_eq!(config.tables[0].file, Path::new("/etc/mm4relay/tables/ported.csv"));
    let chain: Vec<_> = config.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
    assert_eq!(chain, ["address-rewrite", "screen", "content-adapt", "charging"]);
    assert_eq!(
        config.plugins[0].file,
        Path::new("/etc/mm4relay/plugins/address-rewrite.wasm")
    );
    assert_eq!(
        config.plugins[0].settings["portability-table"],
        serde_json::json!("ported")
    );
    assert_eq!(config.plugins[2].limits.memory, Some(192 << 20));
    assert_eq!(config.plugins[2].on_failure, crate::message::OnFailure::Defer);
    assert_eq!(config.plugins[3].settings, serde_json::json!({}));
}

/// A key that is nobody's slip of the hand is answered with all keys of its section: those are what the page must have.
#[test]
fn every_key_is_described_in_the_documentation_and_shown_in_the_example() {
    let page = include_str!("../../../../docs/configuration.md");
    let example = include_str!("../../../../docs/relay.toml");
    let odd = "zzzzzzzzzzzz = 1\n";
    let sections = [
        "[limits]",
        "[spool]",
        "[[peer]]",
        "[peer.login]",
        "[peer.tls]",
        "[peer.retry]",
        "[peer.timeouts]",
        "[tls]",
        "[alarms]",
        "[audit]",
        "[log]",
        "[control]",
        "[[control.client]]",
        "[monitoring]",
        "[tracing]",
        "[[relay-server]]",
        "[routing]",
        "[routing.enum]",
        "[[route]]",
        "[[table]]",
        "[[scanner]]",
        "[scanner.breaker]",
        "[plugin-signing]",
        "[[charging-output]]",
        "[recording]",
        "[[plugin]]",
        "[plugin.limits]",
        "[plugin.breaker]",
        "[[plugin.service]]",
        "[plugin.service.breaker]",
        "[plugin.may]",
        "[plugin.may.read]",
        "[plugin.may.edit]",
    ];
    let text: String = sections.iter().map(|section| format!("{section}\n{odd}")).collect();
    let problems = Config::parse(&format!("{odd}[relay]\n{odd}{text}"), Path::new(""))
        .unwrap_err()
        .list;
    let unknown: Vec<_> = problems
        .iter()
        .filter(|problem| problem.found == Found::UnknownKey)
        .collect();
    assert_eq!(unknown.len(), 2 + sections.len());
    for problem in unknown {
        let keys = problem.expected.strip_prefix("one of ").unwrap();
        for key in keys.split(", ") {
            assert!(
                // A section is named with those around it: `[[control.client]]`.
                ["`{key}`", "[{key}]", ".{key}]"]
                    .iter()
                    .any(|form| page.contains(&form.replace("{key}", key))),
                "{key} is not described"
            );
            let shown = example.contains(&format!("{key} = ")) || example.contains(&format!("{key}]"));
            // The rarer limits of plug-ins would only lengthen the example.
            assert!(
                shown || problem.key.starts_with("plugin[0].limits"),
                "{key} is not shown"
            );
        }
    }
}

#[test]
fn what_the_documentation_shows_is_what_happens() {
    let page = include_str!("../../../../docs/configuration.md");
    let block = |start: &str| {
        page.split(start)
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .unwrap()
    };
    let config = Config::parse(block("```toml\n"), Path::new("")).unwrap();
    assert_eq!(config.peers[0].name.as_str(), "operator-b");

    let problems = Config::parse(THREE_MISTAKES, Path::new("")).unwrap_err();
    let shown = problems.to_string();
    let coded = shown.lines().zip(&problems.list);
    let shown: String = coded
        .map(|(line, problem)| format!("{line} [{}]\n", problem.code()))
        .collect();
    assert_eq!(block("```text\n"), format!("{shown}3 problems\n"));
}
