//! The way home behind one face: responses and reports find the Relay/Server of ours that sent the request, whatever the
//! tables say of its subscriber by now.

use crate::support::{A_SYSTEM, B_SYSTEM, Peer, Relay, Taken, sample};

const ACK: &str = "X-Mms-Ack-Request: Yes";
const REPORT: &str = "X-Mms-Delivery-Report: Yes";

/// A subscriber of A1's when it sends, and one of A2's.
const ANN: &str = "+15555550100/TYPE=PLMN@mms.hub.example";
const BOB: &str = "+15556660200/TYPE=PLMN@mms.hub.example";

/// Two Relay/Servers of our own, and operators B and C.
struct House {
    relay: Relay,
    a1: Peer,
    a2: Peer,
    b: Peer,
    c: Peer,
}

impl House {
    /// `of_a2` are further keys of A2.
    fn start(of_a2: &str) -> Self {
        let (a1, a2, b, c) = (Peer::start(), Peer::start(), Peer::start(), Peer::start());
        let section = |kind: &str, name: &str, peer: &Peer, keys: &str| {
            let address = peer.address();
            format!("[[{kind}]]\nname = \"{name}\"\nfrom = [\"127.0.0.1\"]\nhosts = [\"{address}\"]\n{keys}\n")
        };
        let mut relay = Relay::stopped(&format!(
            "\n[relay]\nname = \"mm4.hub.example\"\ndomains = [\"mms.hub.example\", \"a1.hub.example\", \"a2.hub.example\"]\n\
             listen = [\"127.0.0.1:0\"]\n{}{}{}{}\
             [routing]\nsubscribers = \"moved\"\n[[table]]\nname = \"moved\"\nfile = \"moved.csv\"\n",
            section(
                "relay-server",
                "a1",
                &a1,
                "domains = [\"a1.hub.example\"]\nnumbers = [\"+1555555010\"]"
            ),
            section(
                "relay-server",
                "a2",
                &a2,
                &format!("domains = [\"a2.hub.example\"]\nnumbers = [\"+1555666\"]\n{of_a2}")
            ),
            section("peer", "operator-b", &b, "domains = [\"mms.b.example\"]"),
            section("peer", "operator-c", &c, "domains = [\"mms.c.example\"]"),
        ));
        std::fs::write(relay.path("moved.csv"), "").expect("a writable folder");
        relay.start_again();
        Self { relay, a1, a2, b, c }
    }

    /// Somebody says this, and must hear 250.
    fn say(&self, from: &str, to: &[&str], message: &[u8]) {
        let answer = self.relay.client().transaction(from, to, message);
        assert!(answer.starts_with("250"), "{answer}");
    }

    /// Ann's message as A1 sends it.
    fn ask(&self, id: &str, to: &str) -> Vec<u8> {
        let text = String::from_utf8(sample::with_body(id, &[ACK, REPORT], b"hello\r\n")).expect("ASCII");
        let message = text.replace(A_SYSTEM, "mmsc@a1.hub.example").into_bytes();
        self.say("+15555550100/TYPE=PLMN@a1.hub.example", &[to], &message);
        message
    }

    /// Ann's number is somebody else's from now on, as `moved.csv` says.
    fn ann_moves_to(&self, peer: &str) {
        std::fs::write(self.relay.path("new"), format!("+15555550100,{peer}\n")).expect("a writable folder");
        std::fs::rename(self.relay.path("new"), self.relay.path("moved.csv")).expect("a writable folder");
        self.relay.process().wait_for_log("tables replaced: moved (1 rows)");
    }
}

/// A report on a message that nobody has sent.
fn stray(of: &Taken) -> Vec<u8> {
    let report = String::from_utf8(of.delivery_report("d9", "Retrieved", "")).expect("ASCII");
    report.replace("k1@", "k9@").into_bytes()
}

#[test]
fn responses_and_reports_find_the_relay_server_that_asked_behind_one_system_address() {
    let house = House::start("");
    let message = house.ask("k1", sample::TO);
    house.ann_moves_to("a2");
    let at_b = house.b.wait_for(1)[0].clone();
    let system = at_b.field("X-Mms-Originator-System");
    assert_eq!(
        system, "mm4relay+mm4.a1@mms.hub.example",
        "one face, and who asked in its tag"
    );
    let unchanged = at_b.text().replace(&system, "mmsc@a1.hub.example");
    assert!(unchanged.as_bytes().ends_with(&message), "nothing else has changed");

    let response = at_b.response("Ok");
    house.say(B_SYSTEM, &[&system], &response);
    let heard = house.a1.wait_for(1)[0].clone();
    assert_eq!(heard.to, ["mmsc@a1.hub.example"]);
    let expected = String::from_utf8(response)
        .expect("ASCII")
        .replace(&system, "mmsc@a1.hub.example");
    assert_eq!(String::from_utf8_lossy(heard.without_trace()), expected);

    let report = at_b.delivery_report("d1", "Retrieved", "");
    house.say(B_SYSTEM, &[ANN], &report);
    assert_eq!(house.a1.wait_for(2)[1].without_trace(), report);
    // What belongs to no message that is known goes by the number.
    house.say(B_SYSTEM, &[ANN], &stray(&at_b));
    assert_eq!(house.a2.wait_for(1)[0].without_trace(), stray(&at_b));
}

#[test]
fn a_report_of_the_relay_server_to_which_the_subscriber_has_moved_goes_to_the_one_that_asked() {
    let house = House::start("");
    house.ask("k1", BOB);
    let at_a2 = house.a2.wait_for(1)[0].clone();
    house.ann_moves_to("a2");
    let reports = [
        at_a2.delivery_report("d1", "Retrieved", ""),
        at_a2.read_reply_report("r1", ""),
    ];
    for (number, report) in reports.iter().enumerate() {
        house.say("mmsc@a2.hub.example", &[ANN], report);
        assert_eq!(house.a1.wait_for(number + 1)[number].without_trace(), *report);
    }
    // What is no report, or one on nothing that is known, would come back to A2.
    let from_bob = "+15556660200/TYPE=PLMN@a2.hub.example";
    for message in [sample::forward_request("k2"), stray(&at_a2)] {
        let answer = house.relay.client().transaction(from_bob, &[ANN], &message);
        assert!(answer.starts_with("554 5.4.6 the message loops"), "{answer}");
    }
    house.relay.wait_until_empty();
    assert_eq!((house.a1.taken().len(), house.a2.taken().len()), (2, 1));
}

#[test]
fn a_report_from_outside_on_a_subscriber_who_left_for_a_third_network_goes_to_the_one_that_asked() {
    let house = House::start("");
    house.ask("k1", sample::TO);
    let at_b = house.b.wait_for(1)[0].clone();
    house.ann_moves_to("operator-c");
    let report = at_b.delivery_report("d1", "Retrieved", "");
    house.say(B_SYSTEM, &[ANN], &report);
    assert_eq!(house.a1.wait_for(1)[0].without_trace(), report);
    // A request is refused: as a whole, or told of beside what goes on.
    let refused = |to: &[&str]| {
        let message = sample::forward_request(&format!("k{}", to.len() + 1));
        house
            .relay
            .client()
            .transaction("+15555550199/TYPE=PLMN@mms.b.example", to, &message)
    };
    let answer = refused(&[ANN]);
    assert!(
        answer.starts_with(&format!("550 5.7.1 <{ANN}>: nothing is carried from you")),
        "{answer}"
    );
    assert!(refused(&[BOB, ANN]).starts_with("250"));
    assert_eq!(house.a2.wait_for(1)[0].to, [BOB]);
    let bounce = house.b.wait_for(2)[1].text();
    assert!(
        bounce.contains(&format!("Final-Recipient: rfc822; {ANN}\r\n")),
        "{bounce}"
    );
    assert!(house.c.taken().is_empty());
}

#[test]
fn one_that_takes_one_recipient_at_a_time_gets_what_comes_to_its_tag_so() {
    let house = House::start("quirks = [\"one-recipient-per-transaction\"]");
    house.ask("k1", sample::TO);
    let stray = house.b.wait_for(1)[0].response("Ok");
    let tagged = ["mm4relay+mm4.a2@mms.hub.example", "mm4relay+other.A2@mms.hub.example"];
    house.say("system@mms.c.example", &tagged, &stray);
    let mut taken: Vec<_> = house.a2.wait_for(2).into_iter().map(|taken| taken.to).collect();
    taken.sort();
    assert_eq!(taken, tagged.map(|to| [to.to_owned()]));
}
