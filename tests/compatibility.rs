//! Old Relay/Servers behind the relay: every MM4 message, sent directly and through the relay, and both byte streams
//! compared. The differences that are allowed here are the table in docs/multiple-relay-servers.md.

use crate::support::{Conversation, Peer, Relay, Taken};

const B: &str = "+15559990001/TYPE=PLMN@mms.b.example";

/// A Relay/Server as they are out there.
struct Old {
    number: usize,
    /// The transaction ID of its first request.
    transaction: &'static str,
    /// It speaks HELO, in both roles.
    helo_only: bool,
}

const OLD: [Old; 3] = [
    // No header field that is newer than 5.5.0, and quoted IDs. So are all three.
    Old {
        number: 1,
        transaction: "\"t1@a1.own.example\"",
        helo_only: false,
    },
    // Counts its transactions from 001. So does another one, which was first.
    Old {
        number: 2,
        transaction: "001",
        helo_only: false,
    },
    Old {
        number: 3,
        transaction: "\"t3@a3.own.example\"",
        helo_only: true,
    },
];

/// One side, and where its messages go: to the other side directly, or to the relay.
struct Way {
    /// Where the Relay/Server's messages go, and where they come out at operator B.
    out: (String, Peer),
    /// Where operator B's go, and where they come out at the Relay/Server.
    home: (String, Peer),
}

impl Old {
    fn peer(&self) -> Peer {
        let flags: &[&str] = if self.helo_only { &["--helo-only"] } else { &[] };
        Peer::told(flags)
    }

    fn address(&self) -> String {
        format!("127.0.0.1{}", self.number)
    }

    fn subscriber(&self) -> String {
        format!("+1555{}000001/TYPE=PLMN@mms.own.example", self.number)
    }

    /// From the Relay/Server: `message` as it comes out at operator B.
    fn sends(&self, way: &Way, to: &str, message: &str) -> Taken {
        let before = way.out.1.taken().len();
        let client = Conversation::open_from(&self.address(), &way.out.0);
        let mut client = match self.helo_only {
            true => client.hello_with("HELO a3.own.example"),
            false => client.hello(),
        };
        let answer = client.transaction(&self.subscriber(), &[to], message.as_bytes());
        assert!(answer.starts_with("250"), "{answer}");
        way.out.1.wait_for(before + 1).remove(before)
    }
}

/// From operator B: `message` as it comes out at the Relay/Server.
fn answers(way: &Way, to: &str, message: &str) -> Taken {
    let before = way.home.1.taken().len();
    // Some Relay/Servers know no other greeting.
    let mut client = Conversation::open(&way.home.0).hello_with("HELO mms.b.example");
    let answer = client.transaction(B, &[to], message.as_bytes());
    assert!(answer.starts_with("250"), "{answer}");
    way.home.1.wait_for(before + 1).remove(before)
}

fn value(taken: &Taken, name: &str) -> String {
    let text = taken.text();
    let field = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    field.unwrap_or_default().to_owned()
}

fn request(kind: &str, from: &str, to: &str, transaction: &str, message_id: &str, more: &str) -> String {
    let (from, own) = from.split_once('@').expect("a domain");
    let to = to.split('@').next().expect("an address");
    format!(
        "From: {from}\r\nTo: {to}\r\nDate: Mon, 26 Jan 2026 00:17:43 +0000\r\nX-Mms-Message-Type: {kind}\r\n\
         X-Mms-3GPP-MMS-Version: 5.5.0\r\nX-Mms-Transaction-ID: {transaction}\r\nX-Mms-Message-ID: {message_id}\r\n\
         {more}X-Mms-Ack-Request: Yes\r\nX-Mms-Originator-System: system-user@{own}\r\n\r\n"
    )
}

/// The response to what was taken, in the style of the old ones: no Date, and -Id where the request had -ID.
fn response(taken: &Taken, kind: &str) -> String {
    format!(
        "From: PostMaster\r\nTo: {}\r\nX-Mms-Message-Type: {kind}\r\nX-Mms-Transaction-Id: {}\r\n\
         X-Mms-Message-Id: {}\r\nX-Mms-Request-Status-Code: Ok\r\n\r\n",
        value(taken, "X-Mms-Originator-System"),
        value(taken, "X-Mms-Transaction-ID"),
        value(taken, "X-Mms-Message-ID"),
    )
}

/// The names of the header fields that only one of the two has, in order; the bodies must be the same.
fn differences(direct: &Taken, relayed: &Taken) -> Vec<String> {
    let fields = |taken: &Taken| -> (Vec<String>, String) {
        let text = taken.text();
        let (header, body) = text.split_once("\r\n\r\n").expect("a header");
        let unfolded = header.replace("\r\n\t", " ").replace("\r\n ", " ");
        (unfolded.split("\r\n").map(str::to_owned).collect(), body.to_owned())
    };
    let ((before, body), (after, body_after)) = (fields(direct), fields(relayed));
    assert_eq!(body, body_after);
    let only = |these: &[String], those: &[String], sign: &str| -> Vec<String> {
        let lonely = these.iter().filter(|line| !those.contains(line));
        lonely
            .map(|line| format!("{sign}{}", line.split(':').next().unwrap_or_default()))
            .collect()
    };
    let mut all = only(&before, &after, "-");
    all.extend(only(&after, &before, "+"));
    all.sort();
    all
}

/// Our trace, which every message gets.
const TRACE: [&str; 1] = ["+Received"];
/// What a request of a Relay/Server has besides, outside.
const OUTWARD: [&str; 3] = ["+Received", "+X-Mms-Originator-System", "-X-Mms-Originator-System"];
/// And when another one has the same transaction ID open at the same operator.
const OUTWARD_MINTED: [&str; 5] = [
    "+Received",
    "+X-Mms-Originator-System",
    "+X-Mms-Transaction-ID",
    "-X-Mms-Originator-System",
    "-X-Mms-Transaction-ID",
];

/// Every message in both directions, over both ways at once.
fn compare(old: &Old, direct: &Way, relayed: &Way, first: &[&str]) {
    let (subscriber, message_id) = (old.subscriber(), format!("\"k{}@mms.own.example\"", old.number));
    let asks = "X-Mms-Delivery-Report: Yes\r\nX-Mms-Read-Reply: Yes\r\n";
    let exchange = |kind: &str, message: &str, expected: &[&str], outward: bool| {
        let pass = |way: &Way| match outward {
            true => old.sends(way, B, message),
            false => answers(way, &subscriber, message),
        };
        let (plain, carried) = (pass(direct), pass(relayed));
        assert_eq!(differences(&plain, &carried), expected, "{kind}.REQ of a{}", old.number);
        let back = |way: &Way, taken: &Taken| {
            let (to, text) = (
                value(taken, "X-Mms-Originator-System"),
                response(taken, &format!("{kind}.RES")),
            );
            match outward {
                true => answers(way, &to, &text),
                false => old.sends(way, &to, &text),
            }
        };
        let (plain, carried) = (back(direct, &plain), back(relayed, &carried));
        assert_eq!(differences(&plain, &carried), TRACE, "{kind}.RES to a{}", old.number);
    };
    let forward = request("MM4_forward.REQ", &subscriber, B, old.transaction, &message_id, asks);
    exchange("MM4_forward", &forward, first, true);
    for (kind, status) in [
        ("MM4_delivery_report", "X-Mms-MM-Status-Code: Retrieved\r\n"),
        ("MM4_read_reply_report", "X-Mms-Read-Status: Read\r\n"),
    ] {
        let report = request(
            &format!("{kind}.REQ"),
            B,
            &subscriber,
            &format!("\"{kind}\""),
            &message_id,
            status,
        );
        exchange(kind, &report, &TRACE, false);
    }
    // And the other way round.
    let message_id = format!("\"b{}@mms.b.example\"", old.number);
    let forward = request(
        "MM4_forward.REQ",
        B,
        &subscriber,
        &format!("\"tb{}\"", old.number),
        &message_id,
        asks,
    );
    exchange("MM4_forward", &forward, &TRACE, false);
    for (kind, status) in [
        ("MM4_delivery_report", "X-Mms-MM-Status-Code: Retrieved\r\n"),
        ("MM4_read_reply_report", "X-Mms-Read-Status: Read\r\n"),
    ] {
        let transaction = format!("\"{kind}-{}\"", old.number);
        let report = request(
            &format!("{kind}.REQ"),
            &subscriber,
            B,
            &transaction,
            &message_id,
            status,
        );
        exchange(kind, &report, &OUTWARD, true);
    }
}

#[test]
fn old_relay_servers_and_their_peers_see_the_differences_in_the_table_and_no_others() {
    let (b, servers) = (Peer::start(), OLD.each_ref().map(Old::peer));
    let mut config = format!(
        "\n[relay]\nname = \"mm4.own.example\"\ndomains = [\"mms.own.example\"]\nlisten = [\"127.0.0.1:0\"]\n\
         inside-listen = [\"127.0.0.1:0\"]\n[[peer]]\nname = \"operator-b\"\ndomains = [\"mms.b.example\"]\n\
         from = [\"127.0.0.1\"]\nhosts = [\"{}\"]\n",
        b.address()
    );
    for (old, server) in OLD.iter().zip(&servers) {
        config.push_str(&format!(
            "[[relay-server]]\nname = \"a{0}\"\nhosts = [\"{1}\"]\nfrom = [\"{2}\"]\nnumbers = [\"+1555{0}\"]\n",
            old.number,
            server.address(),
            old.address()
        ));
    }
    let relay = Relay::start(&config);

    // Another one that counts from 001 has asked the same operator, and waits for its response.
    let b_at_relay = (relay.inside_address().to_owned(), b);
    let earlier = Old {
        transaction: "001",
        ..OLD[0]
    };
    let through = Way {
        out: b_at_relay,
        home: (relay.address().to_owned(), Peer::start()),
    };
    let open = request(
        "MM4_forward.REQ",
        &earlier.subscriber(),
        B,
        "001",
        "\"k0@mms.own.example\"",
        "",
    );
    earlier.sends(&through, B, &open);

    let (mut out, _) = (through.out, through.home);
    for (old, server) in OLD.iter().zip(servers) {
        let (direct_b, direct_server) = (Peer::start(), old.peer());
        let (at_b, at_server) = (direct_b.address().to_owned(), direct_server.address().to_owned());
        let direct = Way {
            out: (at_b, direct_b),
            home: (at_server, direct_server),
        };
        let relayed = Way {
            out,
            home: (relay.address().to_owned(), server),
        };
        let first: &[&str] = if old.transaction == "001" {
            &OUTWARD_MINTED
        } else {
            &OUTWARD
        };
        compare(old, &direct, &relayed, first);
        out = relayed.out;
    }
    relay.wait_until_empty();
}
