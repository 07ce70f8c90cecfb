//! Commands as an operator types them, mistakes included, and the relay's answers.

use crate::support::{Link, Peer, Relay, config, config_at, eventually, own_address, sample};

/// A relay whose next hop is not there, with this many messages that wait; the ids in their `250`s.
fn waiting(count: usize) -> (Relay, Vec<String>) {
    let relay = Relay::start(&config_at(&own_address(), ""));
    let offer = |number: usize| {
        let answer = relay.offer(&sample::forward_request(&format!("k{number}")));
        id_in(&answer)
    };
    let ids = (0..count).map(offer).collect();
    (relay, ids)
}

/// The relay's id for a message: 13 characters of base 32 in the `250`.
fn id_in(answer: &str) -> String {
    assert!(answer.starts_with("250"), "{answer}");
    let is_id = |word: &&str| word.len() == 13 && word.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    let words = answer.split(|c: char| !c.is_ascii_alphanumeric());
    words.into_iter().find(is_id).expect("an id").to_owned()
}

/// What a command says on standard error; it must fail.
fn fails(relay: &Relay, words: &[&str]) -> String {
    let output = relay.command(words);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(1), "{words:?}: {out}{err}");
    err.into_owned()
}

#[test]
fn a_long_queue_is_listed_in_pages_that_say_how_to_go_on() {
    let (relay, ids) = waiting(5);
    let mut seen = Vec::new();
    let mut more = vec!["queue".to_owned(), "list".into(), "--limit".into(), "2".into()];
    loop {
        let words: Vec<&str> = more.iter().map(String::as_str).collect();
        let page = relay.print(&words);
        let entries = page.lines().filter(|line| line.contains("  operator-b  "));
        seen.extend(entries.map(|line| line.split('-').next().expect("an id").to_owned()));
        let Some(last) = page
            .lines()
            .last()
            .and_then(|line| line.split("go on with --after ").nth(1))
        else {
            break;
        };
        assert!(page.contains("2 entries shown, there are more"), "{page}");
        more.truncate(4);
        more.extend(["--after".into(), last.to_owned()]);
    }
    assert_eq!(seen, ids);
    assert!(
        relay
            .print(&["queue", "list", "--limit", "5"])
            .lines()
            .all(|line| !line.contains("more"))
    );
}

#[test]
fn an_unknown_peer_is_named_as_such() {
    let (relay, _) = waiting(1);
    let names = "there are: operator-a, operator-b";
    for words in [
        &["queue", "list", "--peer", "operator-x"][..],
        &["queue", "retry", "--peer", "operator-x"],
        &["queue", "retry", "--peer", "operator-x", "--failed"],
    ] {
        let said = fails(&relay, words);
        assert!(
            said.contains("there is no peer operator-x") && said.contains(names),
            "{said}"
        );
    }
    assert_eq!(
        relay.print(&["queue", "list", "--peer", "operator-a"]),
        "no such message in the queue\n"
    );
    let said = fails(&relay, &["queue", "retry", "--peer", "no-route"]);
    assert!(said.contains("no-route has no next hop to try"), "{said}");
    let named = config_at(&own_address(), "[[peer]]\nname = 'no-route'\nfrom = ['192.0.2.1']\n");
    let said = fails(&Relay::stopped(&named), &["check"]);
    assert!(said.contains("peer[2].name is \"no-route\""), "{said}");
}

#[test]
fn the_id_of_a_250_names_everything_of_the_message() {
    let (relay, ids) = waiting(2);
    let shown = relay.print(&["queue", "show", &ids[0]]);
    assert!(shown.starts_with(&format!("{}-1  operator-b", ids[0])), "{shown}");
    let traced = relay.print(&["trace", &ids[0]]);
    assert!(traced.contains(&ids[0]), "{traced}");
    assert_eq!(
        relay.print(&["queue", "retry", &ids[0], &ids[1]]),
        "2 will be tried now\n"
    );
    assert_eq!(relay.print(&["queue", "drop", &ids[0]]), "1 dropped\n");
    let said = fails(&relay, &["queue", "drop", &ids[0], &ids[1]]);
    assert!(said.contains(&format!("{} is not in the queue", ids[0])), "{said}");
    assert!(
        relay.print(&["queue", "list"]).contains(&ids[1]),
        "then nothing is done"
    );
}

#[test]
fn one_attempt_is_no_plural() {
    let (relay, _) = waiting(1);
    let list = relay.wait_for_queue("  1 attempt  ");
    assert!(list.contains(" octets  received "), "{list}");
}

#[test]
fn a_held_message_is_not_retried_but_the_way_to_carry_it_on_is_named() {
    let peer = Peer::start();
    let hostile = Link::hostile("do = \"ask\"").on_failure("hold");
    let relay = Relay::start(&config(&peer, &hostile.to_string()));
    let id = id_in(&relay.offer(&sample::picture("h1", &["X-Do: trap"])));
    for named in [id.clone(), format!("{id}-0")] {
        let said = fails(&relay, &["queue", "retry", &named]);
        assert!(
            said.contains(&format!("{id}-0 is held")) && said.contains("queue release"),
            "{said}"
        );
    }
}

#[test]
fn the_log_begins_with_version_and_configuration_and_says_how_it_ended() {
    let mut relay = Relay::start(&config_at(&own_address(), ""));
    relay
        .process()
        .wait_for_log(&format!("listening address={}", relay.address()));
    let log = relay.process().log();
    let first = log.lines().next().expect("a line");
    assert!(
        first.contains("mm4relay starts") && first.contains("version=\"") && first.contains("relay.toml"),
        "{first}"
    );
    relay.process().signal("TERM");
    relay
        .process()
        .wait_for_log("mm4relay ends: everything under way is finished");
    relay.stop();
}

#[test]
fn a_refused_message_is_traced_by_the_id_in_its_reply() {
    let relay = Relay::start(&config_at(&own_address(), ""));
    let answer = relay.offer(b"From: ann@mail.example\r\nSubject: lunch\r\n\r\nNoon?\r\n");
    assert!(answer.starts_with("554"), "{answer}");
    let id = answer
        .rsplit('[')
        .next()
        .and_then(|rest| rest.split(']').next())
        .expect("an id");
    let traced = eventually("the refusal is written down", || {
        let output = relay.command(&["trace", id]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    });
    for part in [
        "refused",
        "operator-a at 127.0.0.1",
        sample::FROM,
        sample::TO,
        "it heard: 554 5.6.0",
    ] {
        assert!(traced.contains(part), "{part} in {traced}");
    }
}
