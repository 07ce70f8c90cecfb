//! One MMSE with three Relay/Servers behind one face: every direction, one of them away, one of them leaving, and who may
//! not speak for whom.

use crate::support::{Conversation, Link, Peer, Relay, eventually, mm4relay, own_address, sample};

/// Operator B and its subscribers; those of our three Relay/Servers a1, a2 and a3.
const B: &str = "+15559990001/TYPE=PLMN@mms.b.example";
const OF_A1: &str = "+15551000001/TYPE=PLMN@mms.own.example";
const OF_A2: &str = "+15552000001/TYPE=PLMN@mms.own.example";
const OF_A3: &str = "+15553000001/TYPE=PLMN@mms.own.example";

/// Each Relay/Server speaks from an address of its own, as they would.
fn from(number: usize) -> String {
    format!("127.0.0.1{number}")
}

/// `[[relay-server]] aN` at `host`, serving +1555N.
fn server(number: usize, host: &str, more: &str) -> String {
    format!(
        "[[relay-server]]\nname = \"a{number}\"\nhosts = [\"{host}\"]\nfrom = [\"{}\"]\nnumbers = [\"+1555{number}\"]\n\
         retry = {{ first = \"50 ms\", longest = \"200 ms\" }}\n{more}\n",
        from(number)
    )
}

fn mmse(b: &Peer, servers: &[String], more: &str) -> String {
    format!(
        r#"
[relay]
name = "mm4.own.example"
domains = ["mms.own.example"]
listen = ["127.0.0.1:0"]
inside-listen = ["127.0.0.1:0"]
[[peer]]
name = "operator-b"
domains = ["mms.b.example"]
from = ["127.0.0.1"]
hosts = ["{}"]
retry = {{ first = "50 ms", longest = "200 ms" }}
[[peer]]
name = "operator-c"
domains = ["mms.c.example"]
from = ["127.0.0.1"]
hosts = ["127.0.0.1:9"]
{}{more}
"#,
        b.address(),
        servers.concat()
    )
}

/// A Relay/Server that connects to the inside.
fn inside(relay: &Relay, number: usize) -> Conversation {
    Conversation::open_from(&from(number), relay.inside_address()).hello()
}

/// What a Relay/Server's subscriber sends, whole.
fn sends(relay: &Relay, number: usize, sender: &str, to: &[&str], id: &str) -> String {
    inside(relay, number).transaction(sender, to, &request(id, sender))
}

/// A forward request whose originator is `sender`.
fn request(id: &str, sender: &str) -> Vec<u8> {
    let message = String::from_utf8(sample::forward_request(id)).unwrap();
    let from = format!("From: {sender}");
    message.replace("From: +15555550100/TYPE=PLMN", &from).into_bytes()
}

#[test]
fn each_number_reaches_its_relay_server_from_outside_and_from_inside() {
    let (b, a1, a2, a3) = (Peer::start(), Peer::start(), Peer::start(), Peer::start());
    let servers = [(1, &a1), (2, &a2), (3, &a3)].map(|(number, peer)| server(number, peer.address(), ""));
    let relay = Relay::start(&mmse(&b, &servers, ""));

    let answer = relay.client().transaction(B, &[OF_A1, OF_A2, OF_A3], &request("k1", B));
    assert!(answer.starts_with("250"), "{answer}");
    for (peer, to) in [(&a1, OF_A1), (&a2, OF_A2), (&a3, OF_A3)] {
        assert_eq!(peer.wait_for(1)[0].to, [to]);
    }
    let answer = sends(&relay, 1, OF_A1, &[B, OF_A2], "k2");
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(b.wait_for(1)[0].to, [B]);
    assert_eq!(a2.wait_for(2)[1].to, [OF_A2]);
    relay.wait_until_empty();
    assert_eq!((a1.taken().len(), a3.taken().len()), (1, 1), "nobody else got it");
}

#[test]
fn numbers_that_several_serve_always_have_the_same_one() {
    let (b, a1, a2) = (Peer::start(), Peer::start(), Peer::start());
    let both = |number, peer: &Peer| server(number, peer.address(), "").replace("\"+1555", "\"+1555777\", \"+1555");
    let relay = Relay::start(&mmse(&b, &[both(1, &a1), both(2, &a2)], ""));
    let mut client = relay.client();
    for round in 0..2 {
        for number in 0..8 {
            let to = format!("+155577700{number:02}/TYPE=PLMN@mms.own.example");
            let answer = client.transaction(B, &[&to], &request(&format!("k{round}-{number}"), B));
            assert!(answer.starts_with("250"), "{answer}");
        }
    }
    relay.wait_until_empty();
    let recipients = |peer: &Peer| {
        let mut all: Vec<String> = peer.taken().into_iter().flat_map(|taken| taken.to).collect();
        all.sort();
        all
    };
    let (first, second) = (recipients(&a1), recipients(&a2));
    assert_eq!(first.len() + second.len(), 16);
    assert!(!first.is_empty() && !second.is_empty(), "{first:?} {second:?}");
    for all in [first, second] {
        assert!(
            all.chunks(2).all(|pair| pair[0] == pair[1]),
            "each number twice: {all:?}"
        );
    }
}

#[test]
fn one_that_is_down_is_stood_in_for_and_another_one_is_waited_for() {
    let (b, a2) = (Peer::start(), Peer::start());
    let (address1, address3) = (own_address(), own_address());
    let servers = [
        server(1, &address1, "failover = \"a2\""),
        server(2, a2.address(), ""),
        server(3, &address3, "failover = \"queue\""),
    ];
    let relay = Relay::start(&mmse(&b, &servers, ""));
    let mut client = relay.client();
    // The first message finds out that a1 is away, and waits for it.
    assert!(client.transaction(B, &[OF_A1], &request("first", B)).starts_with("250"));
    assert!(
        client
            .transaction(B, &[OF_A3], &request("queued", B))
            .starts_with("250")
    );
    eventually("both are known to be away", || {
        let log = relay.process().log();
        (log.matches("host accepts no session").count() >= 2).then_some(())
    });
    relay.wait_for_queue("a3");
    assert!(
        client
            .transaction(B, &[OF_A1], &request("second", B))
            .starts_with("250")
    );
    let stood_in = a2.wait_for(1);
    assert!(stood_in[0].text().contains("second@") && stood_in[0].to == [OF_A1]);

    let (a1, a3) = (Peer::at(&address1, &[]), Peer::at(&address3, &[]));
    assert!(
        a1.wait_for(1)[0].text().contains("first@"),
        "what waited for it comes to it"
    );
    assert!(a3.wait_for(1)[0].text().contains("queued@"));
    relay.wait_until_empty();
    assert!(client.transaction(B, &[OF_A1], &request("third", B)).starts_with("250"));
    assert!(a1.wait_for(2)[1].text().contains("third@"), "it is back");
    assert_eq!(a2.taken().len(), 1);
}

#[test]
fn one_that_drains_gets_nothing_new_and_still_its_answers() {
    let (b, a1, a2) = (Peer::start(), Peer::start(), Peer::start());
    let drains = [
        server(1, a1.address(), "drain = true\nfailover = \"a2\""),
        server(2, a2.address(), ""),
    ];
    let relay = Relay::start(&mmse(&b, &drains, ""));
    let mut client = relay.client();
    assert!(client.transaction(B, &[OF_A1], &request("k1", B)).starts_with("250"));
    assert_eq!(a2.wait_for(1)[0].to, [OF_A1]);
    let home = "mm4relay+mm4.a1@mms.own.example";
    assert!(client.transaction(B, &[home], &response("r1")).starts_with("250"));
    assert_eq!(a1.wait_for(1)[0].to, [home]);

    let alone = [server(1, a1.address(), "drain = true"), server(2, a2.address(), "")];
    relay.configure(&mmse(&b, &alone, ""));
    relay.reload();
    relay.process().wait_for_log("configuration reloaded");
    client.say(&format!("MAIL FROM:<{B}>")).expect("250");
    let reply = client.say(&format!("RCPT TO:<{OF_A1}>")).reply();
    assert_eq!(
        reply,
        format!("451 4.3.2 <{OF_A1}> cannot be served at present; try again later")
    );
}

#[test]
fn relay_servers_come_and_go_while_the_relay_runs() {
    let (b, a1, a2) = (Peer::start(), Peer::start(), Peer::start());
    let one = [server(1, a1.address(), "")];
    let relay = Relay::start(&mmse(&b, &one, ""));
    let mut client = relay.client();
    client.say(&format!("MAIL FROM:<{B}>")).expect("250");
    client
        .say(&format!("RCPT TO:<{OF_A2}>"))
        .expect("550 5.1.2 no route to");
    client.say("RSET").expect("250");

    let away = own_address();
    let three = [
        server(1, a1.address(), ""),
        server(2, a2.address(), ""),
        server(3, &away, ""),
    ];
    relay.configure(&mmse(&b, &three, ""));
    relay.reload();
    relay.process().wait_for_log("configuration reloaded");
    let answer = client.transaction(B, &[OF_A2, OF_A3], &request("k1", B));
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(a2.wait_for(1)[0].to, [OF_A2]);
    assert!(
        sends(&relay, 2, OF_A2, &[OF_A1], "k2").starts_with("250"),
        "the new one may speak"
    );
    assert_eq!(a1.wait_for(1)[0].to, [OF_A1]);

    // a3 goes, with a message waiting for it; a2 moves to another host.
    let moved = Peer::start();
    let two = [server(1, a1.address(), ""), server(2, moved.address(), "")];
    relay.configure(&mmse(&b, &two, ""));
    relay.reload();
    relay
        .process()
        .wait_for_log("peer removed: what waits for it stays in the spool");
    client.say(&format!("MAIL FROM:<{B}>")).expect("250");
    client
        .say(&format!("RCPT TO:<{OF_A3}>"))
        .expect("550 5.1.2 no route to");
    client.say("RSET").expect("250");
    assert!(relay.print(&["queue", "list"]).contains("a3"));
    assert!(client.transaction(B, &[OF_A2], &request("k3", B)).starts_with("250"));
    assert_eq!(moved.wait_for(1)[0].to, [OF_A2]);
    assert_eq!(a2.taken().len(), 1, "the old host gets nothing any more");

    // And a3 comes back.
    let a3 = Peer::at(&away, &[]);
    relay.configure(&mmse(&b, &three, ""));
    relay.reload();
    assert_eq!(a3.wait_for(1)[0].to, [OF_A3]);
    relay.wait_until_empty();
}

#[test]
fn a_subscriber_who_moves_is_followed_as_soon_as_the_table_is_replaced() {
    let (b, a1, a2) = (Peer::start(), Peer::start(), Peer::start());
    let more = "[routing]\nsubscribers = \"moved\"\n[[table]]\nname = \"moved\"\nfile = \"tables/moved.csv\"\n";
    let servers = [server(1, a1.address(), ""), server(2, a2.address(), "")];
    let mut relay = Relay::stopped(&mmse(&b, &servers, more));
    std::fs::create_dir(relay.path("tables")).unwrap();
    // As operators do it: beside, and then in its place.
    let replace = |relay: &Relay, rows: &str| {
        std::fs::write(relay.path("tables/new"), rows).unwrap();
        std::fs::rename(relay.path("tables/new"), relay.path("tables/moved.csv")).unwrap();
    };
    replace(&relay, "");
    relay.start_again();
    let mut client = relay.client();
    let mut send = |id: &str| {
        let answer = client.transaction(B, &[OF_A1], &request(id, B));
        assert!(answer.starts_with("250"), "{answer}");
    };
    send("k1");
    assert_eq!(a1.wait_for(1)[0].to, [OF_A1]);

    replace(&relay, "+15551000001,a2\n");
    relay.process().wait_for_log("tables replaced: moved (1 rows)");
    send("k2");
    assert_eq!(a2.wait_for(1)[0].to, [OF_A1]);

    replace(&relay, "+15551000001,a9\n");
    relay
        .process()
        .wait_for_log("no table is replaced, the running ones stay: 1 problem");
    let log = relay.process().log();
    assert!(log.contains("the value of +1555****001 is"), "{log}");
    send("k3");
    a2.wait_for(2);

    replace(&relay, "");
    relay.process().wait_for_log("tables replaced: moved (0 rows)");
    send("k4");
    a1.wait_for(2);
    relay.wait_until_empty();
    assert_eq!((a1.taken().len(), a2.taken().len()), (2, 2));
}

#[test]
fn a_decision_is_explained_step_by_step() {
    let (b, a1, a2) = (Peer::start(), Peer::start(), Peer::start());
    let servers = [server(1, a1.address(), ""), server(2, a2.address(), "")];
    let relay = Relay::stopped(&mmse(&b, &servers, ""));
    let said = relay.print(&["route", "+15551000001", "--from", "operator-b"]);
    insta::assert_snapshot!(said.replace(a1.address(), "HOST:PORT"), @r"
    recipient    +15551000001
    from         operator-b, outside
    domain       the address has no domain: it counts as one of ours
    subscribers  passed over: no table is configured
    portability  passed over: no table is configured
    ranges       +15551 is served by 1 of our relay-servers
    goes to      a1, one of our own relay-servers
    host         HOST:PORT
    it sees      RCPT TO:<+15551000001>
    unknown      which hosts can be reached now: the running relay knows, and this is as if all could
    ");
    let said = relay.print(&["route", B, "--from", "a1"]);
    assert!(said.contains("goes to      operator-b, outside\n"), "{said}");
    assert!(
        said.contains("it sees      X-Mms-Originator-System: mm4relay+mm4.a1@mms.own.example, in requests\n"),
        "{said}"
    );

    let failed = |words: &[&str]| {
        let output = relay.command(words);
        assert!(!output.status.success(), "{words:?}");
        [output.stdout, output.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat()
    };
    let said = failed(&["route", "+1@mms.c.example", "--from", "operator-b"]);
    assert!(
        said.contains("neither has hub = true\nrefused      550 5.7.1 <+1@mms.c.example>: nothing is"),
        "{said}"
    );
    let said = failed(&["route", OF_A1, "--from", "a1"]);
    assert!(said.contains("refused      554 5.4.6 the message loops"), "{said}");
    let said = failed(&["route", "+15551000001", "--from", "a7"]);
    assert!(
        said.contains("a7 is no peer: there are operator-b, operator-c, a1, a2"),
        "{said}"
    );
    let said = failed(&["route", "+1 555"]);
    assert!(
        said.contains("\"+1 555\" is no recipient: an address must not hold the octet 0x20"),
        "{said}"
    );
    assert!(failed(&["route", "+4915550100"]).contains("ranges       no range begins this number"));
}

#[test]
fn the_boundary_holds_and_says_why() {
    let (b, a1) = (Peer::start(), Peer::start());
    let more = "[routing]\nportability = \"ported\"\n[[table]]\nname = \"ported\"\nfile = \"ported.csv\"\n";
    let mut relay = Relay::stopped(&mmse(&b, &[server(1, a1.address(), "")], more));
    std::fs::write(
        relay.path("ported.csv"),
        "+15551000009,operator-b\n+15559990009,mms.own.example\n",
    )
    .unwrap();
    relay.start_again();
    let mut client = relay.client();

    // Claims of an originator inside.
    for claimed in [
        OF_A1,
        "anybody@mms.own.example",
        "+15551000001/TYPE=PLMN@mms.b.example",
        "+15559990009/TYPE=PLMN@mms.b.example",
    ] {
        let reply = client.say(&format!("MAIL FROM:<{claimed}>")).reply();
        assert_eq!(reply, format!("550 5.7.1 <{claimed}> is not yours to send from"));
    }
    let answer = client.transaction(B, &[OF_A1], &request("k1", OF_A1));
    assert!(
        answer.starts_with(&format!("550 5.7.1 <{OF_A1}> is not yours to send from [")),
        "{answer}"
    );
    // Of our range, and ported out.
    let ported_out = "+15551000009/TYPE=PLMN@mms.b.example";
    let answer = client.transaction(ported_out, &[OF_A1], &request("k2", ported_out));
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(a1.wait_for(1)[0].from, ported_out);

    // Third parties.
    client.say(&format!("MAIL FROM:<{B}>")).expect("250");
    let third = "+15550000001/TYPE=PLMN@mms.c.example";
    let reply = client.say(&format!("RCPT TO:<{third}>")).reply();
    assert_eq!(
        reply,
        format!("550 5.7.1 <{third}>: nothing is carried from you to other networks here")
    );
    client.say("RSET").expect("250");

    // Back to where it comes from.
    let mut server = inside(&relay, 1);
    server.say(&format!("MAIL FROM:<{OF_A1}>")).expect("250");
    server.say("RCPT TO:<+15551000002@mms.own.example>").expect("250");
    server.say("DATA").expect("354");
    let answer = server.data(&request("k3", OF_A1));
    assert!(
        answer.starts_with("554 5.4.6 the message loops; check the routes on both sides"),
        "{answer}"
    );

    // The wrong door.
    let mut stranger = Conversation::connect(relay.inside_address());
    stranger.expect("554 127.0.0.1 is not a peer here; ask for an agreement");
    let mut stranger = Conversation::connect_from(&from(1), relay.address());
    stranger.expect("554 127.0.0.11 is not a peer here; ask for an agreement");
}

#[test]
fn our_own_addresses_are_taken_and_answers_go_home() {
    let (b, a1, a2) = (Peer::start(), Peer::start(), Peer::start());
    let servers = [server(1, a1.address(), ""), server(2, a2.address(), "")];
    let relay = Relay::start(&mmse(&b, &servers, ""));
    let mut client = relay.client();
    client.say("MAIL FROM:<>").expect("250");
    for own in [
        "mm4relay@mms.own.example",
        "mm4relay+other-node.a2@mms.own.example",
        "Postmaster@mms.own.example",
        "postmaster",
    ] {
        client.say(&format!("RCPT TO:<{own}>")).expect("250");
    }
    client.say("RCPT TO:<mm4relay+@mms.own.example>").expect("550 5.1.2");
    client.say("RSET").expect("250");
    let home = "MM4relay+other-node.a2@mms.own.example";
    let answer = client.transaction("system@mms.b.example", &[home], &response("r1"));
    assert!(answer.starts_with("250"), "{answer}");
    let taken = a2.wait_for(1);
    assert_eq!(taken[0].to, [home]);
    assert_eq!(taken[0].without_trace(), response("r1"));
    assert!(a1.taken().is_empty());
}

fn response(id: &str) -> Vec<u8> {
    format!(
        "From: system@mms.b.example\r\nTo: mm4relay@mms.own.example\r\nX-Mms-3GPP-MMS-Version: 6.5.0\r\n\
         X-Mms-Message-Type: MM4_forward.RES\r\nX-Mms-Transaction-ID: \"{id}\"\r\nX-Mms-Message-ID: \"{id}\"\r\n\
         X-Mms-Request-Status-Code: Ok\r\n\r\n"
    )
    .into_bytes()
}

/// The demo checks each step itself: who gets what, under which transaction ID, and that nobody gets anything else.
#[test]
fn the_demo_brings_every_message_between_two_operators_and_three_relay_servers_home() {
    let played = mm4relay(&["demo", "--topology", "mmse", "--once"]);
    assert!(played.ok, "{}{}", played.out, played.err);
    let account = "50 messages were sent to the relay, 50 came out of it, nothing waits in its queue\n\
                   50 relay-in and 50 relay-out records: 12 within operator A, 88 with operator B\n";
    assert!(played.out.contains(account), "{}", played.out);
}

#[test]
fn charging_records_tell_what_stays_within_the_mmse_from_what_another_operator_has_a_part_in() {
    let (b, a1, a2) = (Peer::start(), Peer::start(), Peer::start());
    let servers = [server(1, a1.address(), ""), server(2, a2.address(), "")];
    let relay = Relay::start(&mmse(&b, &servers, &Link::bundled("charging", "").to_string()));
    let charged = |before: usize, count: usize| {
        let mut records: Vec<String> = relay.wait_for_records(before + count)[before..]
            .iter()
            .map(|record| {
                let word = |field: &str| record[field].as_str().unwrap_or("-").to_owned();
                let intra = record["intra-mmse"].as_bool().expect("it is in every record");
                let (kind, from, to) = (word("record-type"), word("source-peer"), word("destination-peer"));
                format!("{kind} {from} {to} intra-mmse={intra}")
            })
            .collect();
        records.sort();
        records
    };

    let answer = sends(&relay, 1, OF_A1, &[OF_A2], "k1");
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(
        charged(0, 2),
        ["relay-in a1 a2 intra-mmse=true", "relay-out a1 a2 intra-mmse=true"]
    );
    let answer = sends(&relay, 1, OF_A1, &[OF_A2, B], "k2");
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(
        charged(2, 3),
        [
            "relay-in a1 - intra-mmse=false",
            "relay-out a1 a2 intra-mmse=true",
            "relay-out a1 operator-b intra-mmse=false"
        ]
    );
    let answer = relay.client().transaction(B, &[OF_A1], &request("k3", B));
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(
        charged(5, 2),
        [
            "relay-in operator-b a1 intra-mmse=false",
            "relay-out operator-b a1 intra-mmse=false"
        ]
    );
}

/// A bounce to each side: it came in from nowhere, and it is delivered like what comes from inside.
#[test]
fn what_the_relay_says_itself_is_charged_when_it_is_sent_and_not_as_if_it_had_come_in() {
    let (b, a1, a2) = (Peer::start(), Peer::start(), Peer::start());
    let servers = [server(1, a1.address(), ""), server(2, a2.address(), "")];
    let relay = Relay::start(&mmse(&b, &servers, &Link::bundled("charging", "").to_string()));
    let refused = "refuse-me@mms.b.example";
    let answer = sends(&relay, 1, OF_A1, &[refused], "k1");
    assert!(answer.starts_with("250"), "{answer}");
    a1.wait_for(1);
    let types = |records: &[serde_json::Value]| -> Vec<String> {
        records
            .iter()
            .map(|record| {
                format!(
                    "{} {} {}",
                    record["record-type"], record["source-peer"], record["intra-mmse"]
                )
            })
            .collect()
    };
    assert_eq!(
        types(&relay.wait_for_records(3)),
        [
            r#""relay-in" "a1" false"#,
            r#""relay-failed" "a1" false"#,
            r#""relay-out" "mm4relay" true"#
        ]
    );
}
