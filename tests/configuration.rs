//! The configuration of a running relay: a candidate is looked at, put in its place, and taken back.

use serde_json::json;

use crate::support::{Peer, Relay, config, config_at, get, last_of_audit, own_address, post, sample};

/// A configuration that differs from the one of [`config_at`] in what its peer's rate may be.
fn with_rate(address: &str, rate: &str) -> String {
    config_at(address, &format!("rate = \"{rate}\"\n"))
}

#[test]
fn a_candidate_is_checked_and_nothing_is_changed() {
    let address = own_address();
    let relay = Relay::start(&config_at(&address, ""));
    let stands = std::fs::read_to_string(relay.path("relay.toml")).expect("it is there");
    let candidate = relay.path("candidate.toml");
    std::fs::write(&candidate, with_rate(&address, "5/s")).expect("a writable folder");
    let candidate = candidate.to_str().expect("UTF-8");
    let said = relay.print(&["config", "check", candidate, "--lines"]);
    assert!(
        said.contains("peer operator-b differs") && said.contains("\n+rate = \"5/s\"\n"),
        "{said}"
    );
    std::fs::write(candidate, with_rate(&address, "fast")).expect("a writable folder");
    let said = relay.command(&["config", "check", candidate]);
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(!said.status.success() && err.contains("rate is \"fast\""), "{err}");
    let said = relay.command(&["config", "apply", candidate]);
    assert!(!said.status.success(), "{said:?}");
    assert_eq!(
        std::fs::read_to_string(relay.path("relay.toml")).expect("it is there"),
        stands
    );
    assert!(relay.print(&["reload", "--dry-run"]).contains("is what runs"));
    assert!(relay.print(&["config", "generations"]).starts_with("1  since "));
}

#[test]
fn a_configuration_is_applied_and_an_older_one_put_back_and_the_audit_says_by_whom() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let first = std::fs::read_to_string(relay.path("relay.toml")).expect("it is there");
    let second = config(&peer, "rate = \"1/min\"\n");
    let (status, applied) = post(&relay, "/v1/configuration/apply", json!({"text": second, "expects": 1}));
    assert_eq!((status, &applied), (200, &json!({"before": 1, "after": 2})));
    assert_eq!(
        std::fs::read_to_string(relay.path("relay.toml")).expect("it is there"),
        second
    );
    let noted = last_of_audit(&relay);
    assert_eq!(
        (&noted["did"], &noted["changed"]),
        (&json!("configuration-apply"), &applied)
    );
    assert!(
        !noted.to_string().contains("1/min"),
        "the audit is no place for it: {noted}"
    );
    for id in ["c1", "c2"] {
        assert!(relay.offer(&sample::forward_request(id)).starts_with("250"));
    }
    assert_eq!(peer.wait_for(1).len(), 1);
    let said = relay.command(&[
        "config",
        "apply",
        "--expects",
        "1",
        relay.path("relay.toml").to_str().expect("UTF-8"),
    ]);
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(
        !said.status.success() && err.contains("generation 1 runs no more, 2 does"),
        "{err}"
    );
    let said = relay.print(&["config", "back", "1"]);
    assert!(said.starts_with("generation 3 runs"), "{said}");
    assert_eq!(peer.wait_for(2).len(), 2, "the rate is gone");
    assert_eq!(
        std::fs::read_to_string(relay.path("relay.toml")).expect("it is there"),
        first
    );
    assert_eq!(relay.print(&["config", "show", "2"]), second);
    assert_eq!(relay.print(&["config", "generations"]).lines().count(), 3);
    assert_eq!(last_of_audit(&relay)["did"], "configuration-go-back");
}

#[test]
fn what_somebody_has_edited_beside_the_relay_is_not_written_over() {
    let address = own_address();
    let mut relay = Relay::start(&config_at(&address, ""));
    relay.configure(&with_rate(&address, "7/s"));
    let asked = json!({"text": with_rate(&address, "5/s")});
    let (status, problem) = post(&relay, "/v1/configuration/apply", asked.clone());
    assert_eq!((status, &problem["type"]), (409, &json!("wrong-state")));
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("has changed since")),
        "{problem}"
    );
    relay.print(&["reload"]);
    assert_eq!(post(&relay, "/v1/configuration/apply", asked).0, 200);
    assert_eq!(
        post(&relay, "/v1/configuration/go-back", json!({"generation": 9})).0,
        404
    );
    // Generations outlive the relay.
    relay.stop();
    relay.start_again();
    let (_, all) = get(&relay, "/v1/configuration/generations");
    let numbers: Vec<_> = all["generations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["generation"].clone())
        .collect();
    assert_eq!(numbers, [3, 2, 1]);
}

#[test]
fn included_files_are_a_part_of_a_generation() {
    let address = own_address();
    let main = format!("include = [\"conf.d/*.toml\"]\n{}", config_at(&address, ""));
    let mut relay = Relay::stopped(&main);
    std::fs::create_dir(relay.path("conf.d")).expect("a writable folder");
    let alarms = relay.path("conf.d/alarms.toml");
    std::fs::write(&alarms, "[alarms]\nqueue-age = \"2 h\"\n").expect("a writable folder");
    relay.start_again();
    std::fs::write(&alarms, "[alarms]\nqueue-age = \"3 h\"\n").expect("a writable folder");
    relay.print(&["reload"]);
    std::fs::write(relay.path("conf.d/audit.toml"), "[audit]\nkeep = \"9 days\"\n").expect("a writable folder");
    relay.print(&["reload"]);
    let said = relay.command(&["config", "back", "1"]);
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(
        !said.status.success() && err.contains("audit.toml was no part of generation 1: move it away"),
        "{err}"
    );
    std::fs::remove_file(relay.path("conf.d/audit.toml")).expect("it is there");
    relay.print(&["reload"]);
    relay.print(&["config", "back", "1"]);
    assert!(std::fs::read_to_string(&alarms).expect("it is there").contains("2 h"));
}
