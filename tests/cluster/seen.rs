//! What operators see of several relays from any of them: which one has what, what each runs, and what is wrong where.

use super::{ACK, Cluster, config, say};
use crate::support::postgres::{Care, Postgres};
use crate::support::{Peer, Relay, eventually, sample};

fn alarms(relay: &Relay) -> String {
    String::from_utf8_lossy(&relay.command(&["alarms"]).stdout).into_owned()
}

fn eventually_alarmed(relay: &Relay, of: &str) {
    eventually(&format!("the alarm {of}"), || alarms(relay).contains(of).then_some(()));
}

#[test]
fn any_relay_shows_which_one_accepted_a_message_works_on_it_and_did_what() {
    let Some(Cluster {
        one,
        two,
        a: _a,
        b,
        server: _server,
    }) = Cluster::start()
    else {
        return;
    };
    b.process().signal("STOP");
    let asks = |id: &str| sample::with_body(id, &[ACK], b"hello\r\n");
    say(&one, sample::FROM, sample::TO, &asks("k1"));
    say(&two, sample::FROM, sample::TO, &asks("k2"));
    let listed = one.print(&["queue", "list"]);
    for name in ["one", "two"] {
        let said = format!("accepted by {name}, worked on by {name}");
        assert!(listed.contains(&said), "{said}: {listed}");
    }
    for relay in [&one, &two] {
        for (id, by) in [("k1", "by relay one"), ("k2", "by relay two")] {
            let traced = relay.print(&["trace", &format!("{id}@mms.a.example")]);
            assert!(traced.contains(by), "{by}: {traced}");
        }
    }
    let id = listed.lines().next().and_then(|line| line.split_whitespace().next());
    one.print(&["queue", "drop", id.expect("an id")]);
    let noted = two.print(&["audit", "--did=queue-drop"]);
    assert!(noted.contains("at relay one"), "{noted}");
    eventually("each knows what the other has taken", || {
        let status = two.print(&["status"]);
        let known = |name: &str| {
            let line = status
                .lines()
                .find(|line| line.starts_with(&format!("relay {name} ")))?;
            (line.contains("lives") && line.contains("1 accepted")).then_some(())
        };
        known("one").and(known("two"))
    });
    b.process().signal("CONT");
}

#[test]
fn a_relay_that_runs_something_else_than_the_others_is_named_everywhere() {
    let Some(server) = Postgres::start(Care::Flushes) else {
        return;
    };
    let (a, b) = (Peer::start(), Peer::start());
    let of = |node: &str, more: &str| {
        let config = config(node, server.port, &a, &b, "durability = \"single-machine\"");
        Relay::stopped(&format!("{config}{more}"))
    };
    let calm = "[alarms]\ncalm = \"1 s\"\n";
    let (mut one, mut two) = (of("one", calm), of("two", calm));
    one.print(&["cluster", "init"]);
    one.start_again();
    two.start_again();
    let status = |relay: &Relay| relay.print(&["cluster", "status"]);
    eventually("both have said what they run", || {
        (status(&one).matches("configuration ").count() == 2).then_some(())
    });
    assert!(!status(&one).contains("DIFFERS"), "{}", status(&one));
    two.configure(&(two.configured() + "[transactions]\nkeep = \"9 days\"\n"));
    two.print(&["reload"]);
    let named = eventually("it is named", || {
        let status = status(&one);
        status.contains("DIFFERS").then_some(status)
    });
    let of_two = named.split("two  number").nth(1).expect("its lines");
    assert!(of_two.contains("DIFFERS: it runs configuration "), "{named}");
    eventually("by its own status", || {
        two.print(&["status"]).contains("differs: ").then_some(())
    });
    for relay in [&one, &two] {
        eventually_alarmed(relay, "warning  relays-differ two  since ");
    }
    // What both run with is seen at both, too.
    for name in ["one", "two"] {
        let line = alarms(&one);
        let at = format!("  at relay {name}");
        assert!(
            line.lines()
                .any(|line| line.contains("one-machine") && line.ends_with(&at)),
            "{line}"
        );
    }
    one.configure(&(one.configured() + "[transactions]\nkeep = \"9 days\"\n"));
    one.print(&["reload"]);
    eventually("it is over", || (!alarms(&one).contains("relays-differ")).then_some(()));
}

#[test]
fn a_store_that_is_away_is_an_alarm_with_a_remedy_and_is_not_called_a_disk() {
    let Some(mut server) = Postgres::start(Care::Flushes) else {
        return;
    };
    let (a, b) = (Peer::start(), Peer::start());
    let config = config("one", server.port, &a, &b, "durability = \"single-machine\"");
    let more = "[alarms]\ncalm = \"1 s\"\n[monitoring]\nlisten = \"127.0.0.1:0\"\n";
    let mut relay = Relay::stopped(&format!("{config}{more}"));
    relay.print(&["cluster", "init"]);
    relay.start_again();
    eventually_alarmed(&relay, "warning  one-machine  since ");
    server.crash();
    eventually_alarmed(&relay, "critical  store-away  since ");
    let raised = alarms(&relay);
    assert!(
        raised.contains("mm4relay cluster status") && !raised.contains("disk") && !raised.contains("unwell"),
        "{raised}"
    );
    server.start_again();
    eventually("it is over", || (!alarms(&relay).contains("store-away")).then_some(()));
    let page = relay.page("/metrics");
    assert!(page.contains("mm4relay_relays 1"), "{page}");
}
