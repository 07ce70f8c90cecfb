//! `[plugin.may]` in a running relay: what a plug-in may do with messages, and what it could still be denied.

use crate::support::{Link, Peer, Relay, config, config_at, mm4relay, root, sample};

/// The hostile guest, which does what each message says in `X-Do`, with these grants.
fn scene(may: &str) -> (Peer, Relay) {
    let peer = Peer::start();
    let hostile = Link::hostile("do = \"ask\"").may(may);
    let relay = Relay::start(&config(&peer, &hostile.to_string()));
    (peer, relay)
}

#[test]
fn what_a_plug_in_may_not_do_fails_its_call_and_the_log_says_what_would_grant_it() {
    let (peer, relay) = scene("read.headers = [\"X-Do\"]\nread.parts = true\nedit.headers = [\"X-Seen\"]");
    for (habit, word) in [
        ("refuse", "refuse"),
        ("discard", "discard"),
        ("address-crlf", "edit.recipients"),
    ] {
        let answer = relay.offer(&sample::picture(habit, &[&format!("X-Do: {habit}")]));
        assert!(answer.starts_with("451"), "{habit}: {answer}");
        relay.process().wait_for_log(&format!("not granted to it: {word}"));
    }
    let answer = relay.offer(&sample::picture("seen", &["X-Do: set-header"]));
    assert!(answer.starts_with("250"), "{answer}");
    assert!(peer.wait_for(1)[0].text().contains("X-Seen: yes"));
}

#[test]
fn a_field_that_may_not_be_read_is_not_there() {
    let (peer, relay) = scene("read.headers = [\"X-Mms-*\"]\nread.parts = true\nrefuse = true");
    // It does not see what it is told to do.
    let answer = relay.offer(&sample::picture("blind", &["X-Do: refuse"]));
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(peer.wait_for(1).len(), 1);
}

#[test]
fn charging_writes_its_records_without_a_right_to_anything_else() {
    let peer = Peer::start();
    let charging = Link::bundled("charging", "").may("read.headers = [\"X-Mms-*\", \"Content-Type\", \"Date\"]");
    let relay = Relay::start(&config(&peer, &charging.to_string()));
    assert!(relay.offer(&sample::forward_request("charged")).starts_with("250"));
    let records = relay.wait_for_records(2);
    assert!(
        records.iter().all(|record| record["message-type"] == "MM4_forward.REQ"),
        "{records:?}"
    );
}

#[test]
fn check_says_what_a_plug_in_could_be_denied_by_its_samples() {
    let samples = root().join("plugins/skeleton/samples");
    let link = |may: &str| {
        let skeleton = Link::bundled("skeleton", "relay-name = \"relay.example\"").may(may);
        skeleton.samples(&samples).to_string()
    };
    let check = |may: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("relay.toml");
        std::fs::write(&file, config_at("127.0.0.1:2526", &link(may))).expect("a writable folder");
        let said = mm4relay(&["check", "--config", file.to_str().expect("UTF-8")]);
        assert!(said.ok, "{}", said.err);
        said.out
    };
    let said = check("");
    assert!(
        said.contains("could be denied: read.headers but [\"x-example-relay\"], read.parts,"),
        "{said}"
    );
    let least = "read.headers = [\"X-Example-Relay\"]\nedit.headers = [\"X-Example-Relay\"]";
    assert!(!check(least).contains("could be denied"));
}

#[test]
fn a_grant_that_is_none_is_a_problem_and_says_what_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("relay.toml");
    let skeleton = Link::bundled("skeleton", "relay-name = \"relay.example\"");
    let may = "read.headers = [\"X-*-Y\"]\nwrite = true\nhold = \"often\"";
    std::fs::write(&file, config_at("127.0.0.1:2526", &skeleton.may(may).to_string())).expect("a writable folder");
    let said = mm4relay(&["check", "--config", file.to_str().expect("UTF-8")]);
    assert!(!said.ok);
    for words in ["may.read.headers", "at most one * at its end", "may.write", "may.hold"] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
}
