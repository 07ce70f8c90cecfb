//! What authors have beside `plugin test`: the library of samples, a message tried through a whole chain, and the values
//! of a plug-in that runs.

use std::fs;
use std::path::Path;

use crate::support::{Link, Peer, Relay, Said, config, mm4relay, plugin, sample};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn said(relay: &Relay, words: &[&str]) -> (bool, String) {
    let output = relay.command(words);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

fn refused(said: &Said, why: &str) {
    assert!(!said.ok && said.err.contains(why), "{why} in {}{}", said.out, said.err);
}

#[test]
fn the_library_of_samples_is_listed_shown_and_written() {
    let all = mm4relay(&["sample", "list"]);
    assert!(all.ok && all.out.lines().count() >= 60, "{}", all.out);
    let some = mm4relay(&["sample", "list", "GREEK"]);
    assert!(some.ok && some.out.starts_with("text-greek "), "{}", some.out);
    refused(
        &mm4relay(&["sample", "list", "klingon"]),
        "no sample has \"klingon\" in its name",
    );

    let folder = tempfile::tempdir().expect("a folder");
    let case = folder.path().join("samples/photo");
    let write = || mm4relay(&["sample", "write", "photo", "--to", text(&case)]);
    assert!(write().ok);
    refused(&write(), "message.eml is there already");
    let written = fs::read_to_string(case.join("message.eml")).expect("a message");
    let shown = mm4relay(&["sample", "show", "photo"]);
    assert_eq!(shown.out, written, "as it is on the wire");
    refused(
        &mm4relay(&["sample", "show", "phota"]),
        "there is no sample \"phota\"; there are photo",
    );

    let several = folder.path().join("several");
    assert!(mm4relay(&["sample", "write", "photo", "response-ok", "--to", text(&several)]).ok);
    assert!(several.join("response-ok/message.eml").exists());
}

#[test]
fn a_sample_of_the_library_is_a_case_without_a_message_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = folder.path().join("samples/greek");
    fs::create_dir_all(&case).expect("a folder");
    fs::write(
        case.join("case.toml"),
        "sample = \"text-greek\"\nsettings = { relay-name = \"hub\" }\n",
    )
    .expect("a file");
    let wasm = plugin("skeleton");
    let test = |more: &[&str]| {
        let words = ["plugin", "test", text(folder.path()), "--wasm", text(&wasm)];
        mm4relay(&[&words[..], more].concat())
    };
    assert!(test(&["--bless"]).ok);
    assert!(
        fs::read_to_string(case.join("expected.txt"))
            .expect("blessed")
            .contains("X-Example-Relay: hub")
    );
    fs::write(case.join("case.toml"), "sample = \"text-gree\"\n").expect("a file");
    let said = test(&[]);
    assert!(!said.ok && said.out.contains("text-greek"), "{}{}", said.out, said.err);
}

/// A stopped relay with a chain of two, and a message in its folder.
fn stage(peer: &Peer) -> Relay {
    let chain =
        Link::bundled("skeleton", "relay-name = \"hub\"").to_string() + &Link::bundled("charging", "").to_string();
    let relay = Relay::stopped(&config(peer, &chain));
    fs::write(relay.path("message.eml"), sample::forward_request("k1")).expect("a file");
    relay
}

#[test]
fn a_message_is_tried_through_the_whole_chain_and_nothing_is_sent_or_kept() {
    let peer = Peer::start();
    let relay = stage(&peer);
    let (file, out) = (relay.path("message.eml"), relay.path("out"));
    let (ok, said) = said(
        &relay,
        &[
            "plugin",
            "try",
            text(&file),
            "--from",
            "operator-a",
            "--rcpt",
            "+15555550199/TYPE=PLMN@mms.b.example",
            "--out",
            text(&out),
        ],
    );
    assert!(ok, "{said}");
    for line in [
        "arrival ",
        "skeleton: ",
        "+ X-Example-Relay: hub",
        "record ",
        "charging: ",
        "RCPT TO:<",
        "octets to ",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let written: Vec<_> = fs::read_dir(&out).expect("a folder").flatten().collect();
    let [written] = &written[..] else { panic!("{written:?}") };
    let sent = fs::read_to_string(written.path()).expect("a message");
    assert!(
        sent.contains("X-Example-Relay: hub\r\n") && sent.ends_with("hello\r\n"),
        "{sent}"
    );
    assert!(peer.taken().is_empty());
    assert!(
        !relay.path("spool").join("mm4relay.db").exists(),
        "nothing has been opened for writing"
    );
}

#[test]
fn what_would_be_refused_is_said_with_the_reply() {
    let peer = Peer::start();
    let relay = stage(&peer);
    let file = relay.path("message.eml");
    let (ok, text_of_it) = said(
        &relay,
        &[
            "plugin",
            "try",
            text(&file),
            "--from",
            "operator-a",
            "--rcpt",
            "+15555559999@elsewhere.example",
        ],
    );
    assert!(ok && text_of_it.contains("goes nowhere: "), "{text_of_it}");

    fs::write(
        &file,
        "X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Message-Type: MM4_forward.RES\r\n\r\n",
    )
    .expect("a file");
    let (ok, text_of_it) = said(&relay, &["plugin", "try", text(&file)]);
    assert!(!ok && text_of_it.contains("the relay would refuse "), "{text_of_it}");

    let missing = relay.path("nowhere.eml");
    let (ok, text_of_it) = said(&relay, &["plugin", "try", text(&missing)]);
    assert!(!ok && text_of_it.contains("nowhere.eml cannot be read"), "{text_of_it}");
}

#[test]
fn values_of_a_plug_in_are_seen_set_and_removed_while_it_runs_and_each_change_is_noted() {
    let peer = Peer::start();
    let link = Link::bundled("screen", "").to_string();
    let mut relay = Relay::start(&config(&peer, &link));
    for turn in ["running", "stopped"] {
        if turn == "stopped" {
            relay.stop();
        }
        let (ok, text) = said(&relay, &["kv", "set", "screen", "limit", turn]);
        assert!(ok && text.contains(&format!("-> {turn}")), "{text}");
        assert!(said(&relay, &["kv", "get", "screen", "limit"]).1.contains(turn));
        assert!(
            said(&relay, &["kv", "list", "screen"])
                .1
                .contains(&format!("screen  limit = {turn}"))
        );
    }
    let (ok, text) = said(&relay, &["kv", "delete", "screen", "limit"]);
    assert!(ok && text.contains("stopped -> nothing"), "{text}");
    let (ok, text) = said(&relay, &["kv", "get", "screen", "limit"]);
    assert!(!ok && text.contains("plug-in screen has no value \"limit\""), "{text}");
    let (_, log) = said(&relay, &["kv", "log"]);
    for change in ["nothing -> running", "running -> stopped", "stopped -> nothing"] {
        assert!(log.contains(change), "{change} in {log}");
    }
    let (ok, text) = said(&relay, &["kv", "set", "scren", "limit", "1"]);
    assert!(
        !ok && text.contains("there is no plug-in scren; there are: screen"),
        "{text}"
    );
    let (ok, text) = said(&relay, &["kv", "set", "screen", "", "1"]);
    assert!(!ok && text.contains("a key of 0 octets: 1 to 256 are legal"), "{text}");
}
