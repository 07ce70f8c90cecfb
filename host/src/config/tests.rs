use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::forms::NAME;
use super::*;

mod documents;
mod edges;
mod peers;
mod plugins;
mod relay_servers;

const RELAY: &str = "[relay]\nname = \"relay.mms.example\"\ndomains = [\"mms.example\"]\nlisten = [\"127.0.0.1:0\"]\n";
const PEER: &str = "[[peer]]\nname = \"b\"\ndomains = [\"b.example\"]\nhosts = [\"127.0.0.1:25\"]\n";

const THREE_MISTAKES: &str = "[relay]
name = \"relay.mms.example\"
domains = [\"mms.example\"]
listen = [\"127.0.0.1:2525\"]

[limits]
message-size = 5

[[peer]]
name = \"operator-b\"
hosts = [\"127.0.0.1:2526\", \"127.0.0.1\"]

[[route]]
prefix = \"+1555\"
peer = \"operator-d\"
";

fn parse(rest: &str) -> Result<Config, Problems> {
    Config::parse(&format!("{RELAY}{rest}"), Path::new("/etc/mm4relay"))
}

/// The problems of a file that begins with a good `[relay]`, as printed, without file and line.
fn complaints(rest: &str) -> Vec<String> {
    parse(rest)
        .map_or_else(|problems| problems.list, |_| Vec::new())
        .iter()
        .map(Problem::to_string)
        .collect()
}

#[test]
fn a_file_with_nothing_but_the_relay_has_all_defaults() {
    let config = parse("").unwrap();
    assert_eq!(config.limits, Limits::default());
    assert_eq!((config.relay.hop_limit, config.relay.pass_limit), (50, 3));
    assert_eq!(config.transactions.keep, Duration::from_secs(3 * 86_400));
    assert_eq!(config.relay.plugin_folder, Path::new("/etc/mm4relay/plugins"));
    assert!(config.peers.is_empty() && config.routes.is_empty() && config.plugins.is_empty());
}

#[test]
fn three_mistakes_are_reported_at_once_with_line_key_value_and_expected_form() {
    let problems = Config::parse(THREE_MISTAKES, Path::new("conf")).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "conf/relay.toml:7: limits.message-size is 5: expected a size with its unit, such as \"5 MiB\" or \"300 kB\", from 1 KiB to 256 MiB
conf/relay.toml:11: peer[0].hosts[1] is \"127.0.0.1\": expected HOST:PORT, such as 127.0.0.1:2525 or mms.a.example:25
conf/relay.toml:15: route[0].peer is \"operator-d\": expected the name of a peer: operator-b (did you mean operator-b?)"
    );
}

#[test]
fn what_is_missing_is_named_at_the_section_that_lacks_it() {
    let problems = Config::parse("[relay]\n\n[[plugin]]\n", Path::new("")).unwrap_err();
    let found: Vec<_> = problems.list.iter().map(|p| (p.line, p.key.as_str())).collect();
    let expected = [
        (Some(1), "relay.name"),
        (Some(1), "relay.domains"),
        (Some(1), "relay.listen"),
        (Some(3), "plugin[0].name"),
        (Some(3), "plugin[0].file"),
    ];
    assert_eq!(found, expected);
    assert!(problems.list.iter().all(|p| p.found == Found::Nothing));
}

#[test]
fn an_empty_file_lacks_only_the_relay() {
    let keys: Vec<_> = Config::parse("", Path::new(""))
        .unwrap_err()
        .list
        .into_iter()
        .map(|p| p.key)
        .collect();
    assert_eq!(keys, ["relay.name", "relay.domains", "relay.listen"]);
}

#[test]
fn unknown_keys_are_refused_on_every_level_with_what_was_probably_meant() {
    assert_eq!(
        complaints(
            "[limit]\n[limits]\nmesage-size = \"1 MiB\"\n[[peer]]\nname = \"b\"\ntimeouts = { conect = \"1 s\" }\ncertificate = 1\n"
        ),
        [
            "limit is not a known key: expected limits, probably",
            "limits.mesage-size is not a known key: expected message-size, probably",
            "peer[0].timeouts.conect is not a known key: expected connect, probably",
            "peer[0].certificate is not a known key: expected one of name, domains, hosts, mx, content-class, quirks, hub, unknown-domain, from, login, login-to, sessions, rate, max-message-size, max-image-size, max-image-width, max-image-height, message-size, line-length, messages-from, octets-from, connections-from, mode, response-within, repeats, refuse-with, response-sender, response-body, bounces, unknown-types, version, hello, helo-name, extensions, tls, retry, give-up, timeouts, idle, answer-within",
        ]
    );
}

#[test]
fn every_syntax_error_is_reported_and_nothing_is_made_of_the_rest() {
    let problems = parse("x = [1,\ny = =\n[[peer]]\nname = \"b\nhosts = 3\n").unwrap_err();
    assert!(problems.list.len() >= 2, "{problems}");
    assert!(
        problems
            .list
            .iter()
            .all(|p| p.found == Found::NotToml && p.line.is_some()),
        "{problems}"
    );
}

#[test]
fn a_key_that_stands_twice_is_reported() {
    let problems = parse("[limits]\nsessions = 1\nsessions = 2\n").unwrap_err();
    assert!(
        problems.to_string().contains("relay.toml:7: not TOML: duplicate key"),
        "{problems}"
    );
}

#[test]
fn names_and_domains_and_prefixes_belong_to_one_only() {
    let twice = |what: &str| format!("{what}{what}");
    assert_eq!(
        complaints(&twice(PEER)),
        [
            "peer[1].name is \"b\": expected a name that no other peer has",
            "peer[1].domains[0] is \"b.example\": expected a domain that is listed only once: a recipient there has one next hop",
        ]
    );
    assert_eq!(
        complaints(&twice("[[route]]\nprefix = \"+1\"\nplugins = true\n")),
        ["route[1].prefix is \"+1\": expected a prefix that no other route has, nor a relay-server among its numbers"]
    );
    assert_eq!(
        complaints(&twice("[[table]]\nname = \"t\"\nfile = \"t.csv\"\n")),
        ["table[1].name is \"t\": expected a name that no other table has"]
    );
    assert_eq!(
        complaints(&twice("[[plugin]]\nname = \"p\"\nfile = \"p.wasm\"\n")),
        ["plugin[1].name is \"p\": expected a name that no other plug-in has"]
    );
}

#[test]
fn our_own_relay_servers_may_share_a_domain_of_ours() {
    let server =
        |name: &str| format!("[[peer]]\nname = \"{name}\"\ndomains = [\"MMS.example.\"]\nhosts = [\"127.0.0.1:25\"]\n");
    let config = parse(&format!("{}{}", server("rs-1"), server("rs-2"))).unwrap();
    assert_eq!(config.peers[1].domains, ["mms.example"]);
}

#[test]
fn a_peer_without_hosts_gets_no_messages() {
    assert!(parse("[[peer]]\nname = \"only-sends\"\nfrom = [\"192.0.2.1\"]\n").is_ok());
    assert_eq!(
        complaints("[[peer]]\nname = \"b\"\ndomains = [\"b.example\"]\n"),
        ["peer[0].hosts is missing: expected at least one HOST:PORT, where messages for the peer's domains go, or mx"]
    );
    assert_eq!(
        complaints("[[peer]]\nname = \"b\"\n[[route]]\nprefix = \"+1\"\npeer = \"b\"\n"),
        ["route[0].peer is \"b\": expected a peer that has hosts, where messages can go"]
    );
}

#[test]
fn a_route_leads_to_a_peer_or_to_plug_ins_and_not_to_both_or_neither() {
    assert_eq!(
        complaints(&format!(
            "{PEER}[[route]]\nprefix = \"+1\"\npeer = \"b\"\nplugins = true\n[[route]]\nprefix = \"+2\"\n[[route]]\nprefix = \"+3\"\nplugins = false\n"
        )),
        [
            "route[0].plugins is true: expected either peer or plugins = true, not both",
            "route[1].peer is missing: expected the name of a peer, or plugins = true",
            "route[2].peer is missing: expected the name of a peer, or plugins = true",
        ]
    );
}

#[test]
fn monitoring_listens_on_loopback_unless_told_otherwise_and_not_at_all_without_its_section() {
    assert_eq!(parse("").unwrap().monitoring, None);
    let at = |text: &str| {
        parse(text)
            .unwrap()
            .monitoring
            .map(|monitoring| monitoring.listen.to_string())
    };
    assert_eq!(at("[monitoring]\n").as_deref(), Some("127.0.0.1:9464"));
    assert_eq!(
        at("[monitoring]\nlisten = \"127.0.0.1:0\"\n").as_deref(),
        Some("127.0.0.1:0")
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_shown_and_cut_when_it_is_long() {
    let long = "x".repeat(200);
    let found = complaints(&format!(
        "limits = 3\npeer = 1\n[[table]]\nname = \"{long}\"\nfile = \"t\"\n"
    ));
    // Keys after `[relay]` belong to it: both are unknown there.
    assert!(found[0].starts_with("relay.limits is not a known key"), "{found:?}");
    let shown = found.iter().find(|text| text.starts_with("table[0].name")).unwrap();
    assert_eq!(
        shown,
        &format!("table[0].name is \"{}...: expected {NAME}", "x".repeat(79))
    );

    let top = Config::parse("limits = 3\npeer = 1\n", Path::new(""))
        .unwrap_err()
        .to_string();
    assert!(
        top.contains("relay.toml:1: limits is 3: expected a table: [limits]"),
        "{top}"
    );
    assert!(
        top.contains("relay.toml:2: peer is 1: expected tables in double brackets: [[peer]]"),
        "{top}"
    );
}

#[test]
fn files_that_do_not_exist_are_reported_when_a_file_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.toml");
    let rest = "[[table]]\nname = \"t\"\nfile = \"t.csv\"\n[[plugin]]\nname = \"p\"\nfile = \"p.wasm\"\n";
    std::fs::write(&path, format!("{RELAY}{rest}")).unwrap();
    let problems = Config::load(&path).unwrap_err();
    let keys: Vec<_> = problems.list.iter().map(|p| (p.line, p.key.as_str())).collect();
    assert_eq!(keys, [(Some(7), "table[0].file"), (Some(10), "plugin[0].file")]);
    let looked = folder.path().join("plugins").join("p.wasm");
    assert!(
        problems.to_string().contains(&looked.display().to_string()),
        "{problems}"
    );

    std::fs::write(folder.path().join("t.csv"), "").unwrap();
    std::fs::create_dir(folder.path().join("plugins")).unwrap();
    std::fs::write(looked, "").unwrap();
    assert!(Config::load(&path).is_ok());
}

#[test]
fn a_configuration_that_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent.toml");
    let text = Config::load(&path).unwrap_err().to_string();
    assert!(
        text.starts_with(&format!("{}: cannot be read (No such file", path.display())),
        "{text}"
    );
    std::fs::write(&path, b"\xff").unwrap();
    assert!(Config::load(&path).unwrap_err().to_string().contains("UTF-8"));
}

proptest! {
    /// Whatever the text, the answer is a configuration or at least one problem, and never a panic.
    #[test]
    fn no_text_is_too_strange_to_be_answered(text in "(?s).{0,200}") {
        let answer = Config::parse(&text, Path::new(""));
        prop_assert!(answer.is_ok() || !answer.unwrap_err().list.is_empty());
    }

    /// As above, for texts that are TOML and use our keys.
    #[test]
    fn no_value_is_too_strange_to_be_answered(
        key in prop::sample::select(vec!["relay", "limits", "peer", "route", "table", "plugin"]),
        inner in prop::sample::select(vec!["name", "file", "hosts", "from", "settings", "retry", "prefix", "listen"]),
        value in prop::sample::select(vec!["1", "-1", "''", "[]", "[[]]", "{}", "[{}]", "nan", "2026-11-21", "'\u{fc}'"]),
        list in any::<bool>(),
    ) {
        let brackets = if list { ("[[", "]]") } else { ("[", "]") };
        let text = format!("{}{key}{}\n{inner} = {value}\n", brackets.0, brackets.1);
        prop_assert!(!Config::parse(&text, Path::new("")).unwrap_err().list.is_empty());
    }
}

#[test]
fn a_renamed_key_means_the_same_under_its_old_name_and_is_told() {
    let with = |keys: &str| format!("{PEER}[[route]]\nprefix = \"+1\"\n{keys}\n");
    let read = |keys: &str| parse(&with(keys)).unwrap();
    let (old, new) = (read("plug-ins = true"), read("plugins = true"));
    assert_eq!(old.routes, new.routes);
    assert_eq!(new.renamed, []);
    let told: Vec<String> = old.renamed.iter().map(ToString::to_string).collect();
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert!(told.starts_with("line "), "{told}");
    assert!(
        told.ends_with(": route[0].plug-ins is called plugins now; the old name still works"),
        "{told}"
    );
    assert_eq!(
        complaints(&with("plug-ins = true\nplugins = true")),
        ["route[0].plug-ins is true: expected plugins alone: plug-ins is its old name"]
    );
}

#[test]
fn no_peer_has_a_name_that_stands_for_something_else() {
    for name in ["no-route", "mm4relay"] {
        let found = complaints(&PEER.replace("name = \"b\"", &format!("name = \"{name}\"")));
        let expected = format!("peer[0].name is \"{name}\": expected another name: ");
        assert!(found.iter().any(|text| text.starts_with(&expected)), "{found:?}");
    }
}
