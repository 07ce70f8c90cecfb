//! A relay on a spool that an earlier version wrote, and `mm4relay spool upgrade`. Under test: `spool/sqlite/upgrade.rs`,
//! `cli/spool.rs`.

use std::path::Path;

use crate::support::{Peer, Relay, Said, config, eventually, mm4relay, root};

/// Puts the spool that the program of format 3 wrote into this folder.
fn put_spool_of_format_3(spool: &Path) {
    std::fs::create_dir_all(spool).expect("a writable folder");
    let fixture = root().join("tests/fixtures/spool-3/spool.db");
    std::fs::copy(fixture, spool.join("spool.db")).expect("the fixture");
}

fn upgrade(spool: &Path, flags: &[&str]) -> Said {
    let mut words = vec!["spool", "upgrade", "--spool", spool.to_str().expect("UTF-8")];
    words.extend(flags);
    mm4relay(&words)
}

#[test]
fn check_says_what_an_upgrade_would_do_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    put_spool_of_format_3(folder.path());
    let before = std::fs::read(folder.path().join("spool.db")).expect("a file");
    let said = upgrade(folder.path(), &["--check"]);
    assert!(said.ok);
    let text = said.out;
    assert!(text.starts_with("format 3: can be upgraded to format 6\n"), "{text}");
    for line in [
        "          11 received messages\n",
        "          13 requests\n",
        "          35 charging records\n",
        "           1 values of plug-ins\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(std::fs::read(folder.path().join("spool.db")).expect("a file"), before);
}

#[test]
fn run_upgrades_once_and_leaves_a_backup() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    put_spool_of_format_3(folder.path());
    let text = upgrade(folder.path(), &["--run"]).out;
    assert!(text.starts_with("upgraded from format 3 to 6\nas it was: "), "{text}");
    assert!(folder.path().join("spool.db.format-3").exists());
    assert_eq!(upgrade(folder.path(), &["--run"]).out, "up to date\n");
    let text = upgrade(folder.path(), &["--check"]).out;
    assert!(text.starts_with("format 6: up to date\n"), "{text}");
}

#[test]
fn the_upgrade_asks_which_of_both_it_is_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for flags in [&[][..], &["--check", "--run"], &["--check", "--no-backup"]] {
        assert!(!upgrade(folder.path(), flags).ok, "{flags:?}");
    }
    let text = upgrade(folder.path(), &["--run"]).err;
    assert!(text.contains("there is no spool in"), "{text}");
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        0,
        "nothing is made"
    );
}

/// The queue, what failed, and what is known of requests, through the commands of today.
#[test]
fn a_relay_that_starts_on_a_spool_of_format_3_upgrades_it_and_goes_on_where_that_was() {
    let peer = Peer::start();
    let mut relay = Relay::stopped(&config(&peer, ""));
    put_spool_of_format_3(&relay.path("spool"));
    let refused = relay.command(&["queue", "list"]);
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(text.contains("mm4relay spool upgrade --run"), "{text}");

    relay.start_again();
    relay
        .process()
        .wait_for_log("the spool is upgraded to the format of this version");
    assert!(relay.path("spool/spool.db.format-3").exists());
    // What was released while no relay ran goes out. What else there is to do depends on the day on which this test runs:
    // what time makes of the rest is claimed beside the code, where the clock stands still.
    eventually("the released message arrives", || {
        let taken = peer.taken();
        let mut ids = taken.iter().map(|taken| taken.field("X-Mms-Message-ID"));
        ids.any(|id| id == "\"unfinished@mms.a.example\"").then_some(())
    });
    let list = relay.print(&["queue", "list"]);
    for state in ["  held  ", "  failed  "] {
        assert!(list.contains(state), "{list}");
    }
    // The export goes on behind the mark.
    let records = relay.print(&["cdr", "export"]);
    let first = records.lines().next().expect("records that were not exported");
    let first: serde_json::Value = serde_json::from_str(first).expect("JSON lines");
    assert_eq!(first["sequence"], 33, "{first}");
}

#[test]
fn a_renamed_key_works_under_its_old_name_and_check_and_the_log_say_the_new_one() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, "[[route]]\nprefix = \"+1777\"\nplug-ins = true\n"));
    let told = "route[0].plug-ins is called plugins now; the old name still works";
    relay.process().wait_for_log(told);
    let path = relay.path("relay.toml");
    let said = mm4relay(&["check", "--config", path.to_str().expect("UTF-8")]);
    assert!(said.ok && said.out.contains(told), "{}", said.out);
    let mut client = relay.client();
    client.say("MAIL FROM:<+15555550100/TYPE=PLMN@mms.a.example>");
    client.expect("250");
    client.say("RCPT TO:<+17775550100/TYPE=PLMN@mms.hub.example>");
    client.expect("250");
}

#[test]
fn a_renamed_section_works_under_its_old_name_and_says_the_new_one_also_with_what_is_wrong_in_it() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, "\n[console]\nlisten = \"127.0.0.1:0\"\n"));
    relay
        .process()
        .wait_for_log("console is called monitoring now; the old name still works");
    assert_eq!(relay.page("/health"), "well\n");
    let wrong = config(&peer, "\n[console]\nlisten = \"somewhere\"\n");
    std::fs::write(relay.path("wrong.toml"), wrong).expect("it can be written");
    let path = relay.path("wrong.toml");
    let said = mm4relay(&["check", "--config", path.to_str().expect("UTF-8")]);
    assert!(
        !said.ok && said.err.contains("monitoring.listen is \"somewhere\""),
        "{}",
        said.err
    );
    let both = config(&peer, "\n[console]\n[monitoring]\n");
    std::fs::write(&path, both).expect("it can be written");
    let said = mm4relay(&["check", "--config", path.to_str().expect("UTF-8")]);
    assert!(
        !said.ok && said.err.contains("monitoring alone: console is its old name"),
        "{}",
        said.err
    );
}

/// The fixture has a recipient without a next hop.
#[test]
fn what_has_no_next_hop_cannot_be_retried_by_id_or_by_peer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    put_spool_of_format_3(folder.path());
    assert!(upgrade(folder.path(), &["--run", "--no-backup"]).ok);
    let spool = folder.path().to_str().expect("UTF-8");
    for which in [
        &["--peer", "no-route", "--failed"][..],
        &["--peer", "no-route"],
        &["001K16M28T6G8-1"],
    ] {
        let mut words = vec!["queue", "retry", "--spool", spool];
        words.extend(which);
        let said = mm4relay(&words);
        assert!(
            !said.ok && said.err.contains("has no next hop to try"),
            "{which:?}: {}",
            said.err
        );
    }
    let list = mm4relay(&["queue", "list", "--spool", spool, "--state", "failed"]).out;
    assert!(list.contains("001K16M28T6G8-1  no-route  failed"), "{list}");
}

#[test]
fn what_failed_at_a_peer_that_is_not_configured_any_more_is_not_made_to_wait_for_it() {
    let relay = Relay::stopped(&config(&Peer::start(), "").replace("operator-b", "operator-x"));
    put_spool_of_format_3(&relay.path("spool"));
    let spool = relay.path("spool");
    assert!(upgrade(&spool, &["--run"]).ok);
    for which in [&["--peer", "operator-b", "--failed"][..], &["001K16M28RVH8-1"]] {
        let words: Vec<&str> = ["queue", "retry"].iter().chain(which).copied().collect();
        let output = relay.command(&words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = "there is no peer operator-b; there are: operator-a, operator-x";
        assert!(!output.status.success() && said.contains(told), "{which:?}: {said}");
    }
}
