//! Which sender may name whom, in every spelling and field, inward and outward; and which of our names are visible
//! outside.

use crate::support::{Conversation, Link, Peer, Relay, Taken, guest, sample};

const B: &str = "+15559990001/TYPE=PLMN@mms.b.example";
/// A subscriber of our Relay/Server a1, and one of a2.
const OURS: &str = "+17771230001/TYPE=PLMN@mms.own.example";
const OF_A2: &str = "+17779990001/TYPE=PLMN@mms.own.example";

/// Two Relay/Servers of our own, and operators B and C outside.
struct House {
    relay: Relay,
    a1: Peer,
    a2: Peer,
    b: Peer,
}

impl House {
    fn start(more: &str) -> Self {
        Self::with("", more)
    }

    /// `of_relay` are further keys of `[relay]`.
    fn with(of_relay: &str, more: &str) -> Self {
        let (a1, a2, b) = (Peer::start(), Peer::start(), Peer::start());
        let section = |kind: &str, name: &str, host: &str, keys: &str| {
            format!("[[{kind}]]\nname = \"{name}\"\nhosts = [\"{host}\"]\n{keys}\n")
        };
        let relay = Relay::start(&format!(
            "\n[relay]\nname = \"mm4.own.example\"\ndomains = [\"mms.own.example\"]\nlisten = [\"127.0.0.1:0\"]\n\
             inside-listen = [\"127.0.0.1:0\"]\n{of_relay}\n{}{}{}{}{more}",
            section(
                "relay-server",
                "a1",
                a1.address(),
                "from = [\"127.0.0.11\"]\nnumbers = [\"+1777123\", \"7788\"]\nlocal-parts = [\"news\"]"
            ),
            section(
                "relay-server",
                "a2",
                a2.address(),
                "from = [\"127.0.0.12\"]\nnumbers = [\"+1777999\"]"
            ),
            section(
                "peer",
                "operator-b",
                b.address(),
                "domains = [\"mms.b.example\"]\nfrom = [\"127.0.0.1\"]"
            ),
            section(
                "peer",
                "operator-c",
                "127.0.0.1:9",
                "domains = [\"mms.c.example\"]\nfrom = [\"127.0.0.1\"]"
            ),
        ));
        Self { relay, a1, a2, b }
    }

    /// Relay/Server `number` connects.
    fn inside(&self, number: usize) -> Conversation {
        Conversation::open_from(&format!("127.0.0.1{number}"), self.relay.inside_address()).hello()
    }

    /// Operator B sends it to a subscriber of ours; the answer to the end of data.
    fn outside(&self, message: &[u8]) -> String {
        self.relay.client().transaction(B, &[OURS], message)
    }
}

/// A request in which `lines` stand in place of `From`.
fn request(id: &str, lines: &str) -> Vec<u8> {
    let text = String::from_utf8(sample::forward_request(id)).expect("ASCII");
    let text = text.replace("From: +15555550100/TYPE=PLMN\r\n", &format!("{lines}\r\n"));
    let system = match lines.contains("X-Mms-Originator-System") {
        true => "",
        false => "X-Mms-Originator-System: system@mms.b.example\r\n",
    };
    text.replace("X-Mms-Originator-System: system@mms.a.example\r\n", system)
        .into_bytes()
}

#[test]
fn no_spelling_of_an_own_address_is_taken_at_mail_from_outside() {
    let house = House::start("[routing]\ncountry-code = \"1\"\nnational-prefix = \"9\"\n");
    let mut client = house.relay.client();
    for claimed in [
        "\"+17771230001\"@mms.own.example",
        "\"+17771230001/TYPE=PLMN\"@mms.b.example",
        "@mms.b.example:+17771230001@mms.b.example",
        "0017771230001@mms.b.example",
        "97771230001/TYPE=PLMN@mms.b.example",
        "+1-777-123-0001@mms.b.example",
        "+17771230001%mms.own.example@mms.b.example",
        "FAX=+17771230001@mms.b.example",
        "\"tel:+17771230001;ext=1\"@mms.b.example",
        "anybody@a1.mms.own.example",
        "7788@mms.own.example",
    ] {
        client.say(&format!("MAIL FROM:<{claimed}>")).expect("550 5.7.1 ");
    }
    // Codes and words are their own network's.
    for theirs in [
        "7788/TYPE=PLMN@mms.b.example",
        "77881234567@mms.b.example",
        "news@mms.b.example",
        "7788",
    ] {
        client.say(&format!("MAIL FROM:<{theirs}>")).expect("250");
        client.say("RSET").expect("250");
    }
}

#[test]
fn every_field_that_somebody_reads_as_the_originator_is_looked_at() {
    let house = House::start("");
    let from = format!("From: {B}");
    for claim in [
        format!("{from}\r\nFrom: {OURS}"),
        format!("{from}, {OURS}"),
        format!("{from}\r\nSender: {OURS}"),
        format!("{from}\r\nResent-From: {OURS}"),
        format!("{from}\r\nResent-Sender: <@mms.b.example:{OURS}>"),
        "From: \"+17771230001\"@mms.own.example".to_owned(),
        "From: +17771230001 (x) @ (y)\r\n mms . own . example".to_owned(),
        "From: Team: x@mms.b.example, 0017771230001@mms.b.example;".to_owned(),
        format!("From: Ann <{OURS}>"),
        format!("{from}\r\nX-Mms-Originator-System: system@mms.own.example"),
    ] {
        let answer = house.outside(&request("k1", &claim));
        assert!(
            answer.starts_with("550 5.7.1 ") && answer.contains("is not yours to send from"),
            "{claim}: {answer}"
        );
    }
    for unclear in [
        "From: +17771230001 two words",
        "From: =?utf-8?Q?=2B17771230001?=",
        "From: <+17771230001",
    ] {
        let answer = house.outside(&request("k1", unclear));
        assert!(
            answer.starts_with("550 5.7.1 From names an originator that cannot be understood"),
            "{unclear}: {answer}"
        );
    }
    for fine in [
        format!(
            "From: \"Ann, of B\" (our best) <@mms.b.example:{B}>\r\nSender: system@mms.b.example\r\nReply-To: {OURS}"
        ),
        "From: undisclosed:;".to_owned(),
        "From: PostMaster".to_owned(),
        "X-Nothing: here".to_owned(),
    ] {
        let answer = house.outside(&request("k2", &fine));
        assert!(answer.starts_with("250"), "{fine}: {answer}");
    }
    house.a1.wait_for(1);
}

/// What a plug-in makes of an address is asked for again, whatever it was before.
#[test]
fn what_a_plug_in_makes_of_an_originator_does_not_become_one_of_ours() {
    let rewrite = Link::bundled(
        "address-rewrite",
        "country-code = \"1\"\nnational-prefix = \"9\"\n[plugin.settings.domains]\n\"mms.c.example\" = \"mms.own.example\"",
    );
    let impostor = Link::new("impostor", guest("impostor"), &[], "");
    let house = House::start(&format!("{rewrite}{impostor}"));
    let mut client = house.relay.client();
    client
        .say("MAIL FROM:<0017771230001@mms.b.example>")
        .expect("550 5.7.1 ");
    // To nobody who knows no plug-in is this a number of ours.
    for (sender, becomes) in [
        ("97771230001@mms.b.example", "+17771230001/TYPE=PLMN@mms.b.example"),
        ("anybody@mms.c.example", "anybody@mms.own.example"),
    ] {
        let answer = client.transaction(sender, &[OURS], &request("k1", "X-Nothing: here"));
        assert!(
            answer.starts_with(&format!("550 5.7.1 <{becomes}> is not yours to send from")),
            "{answer}"
        );
    }
    for (occasion, change) in [
        ("Arrival", format!("originator {OURS}")),
        ("Arrival", format!("header Sender {OURS}")),
        ("Departure", format!("originator {OURS}")),
        ("Departure", format!("header From {OURS}")),
        ("Departure", "header Resent-From two words".to_owned()),
    ] {
        let answer = house.outside(&request("k2", &format!("From: {B}\r\nX-{occasion}: {change}")));
        assert!(answer.starts_with("550 5.7.1 "), "{occasion} {change}: {answer}");
    }
    let answer = house.outside(&request(
        "k3",
        &format!("From: {B}\r\nX-Departure: originator +15559990002@mms.b.example"),
    ));
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(house.a1.wait_for(1)[0].from, "+15559990002@mms.b.example");
    house.relay.wait_until_empty();
    assert_eq!(house.a1.taken().len(), 1, "nothing else has come in");
}

#[test]
fn a_recipient_leaves_without_the_source_route_that_a_plug_in_gave_it() {
    let impostor = Link::new("impostor", guest("impostor"), &[], "");
    let house = House::start(&impostor.to_string());
    for (n, occasion) in ["Arrival", "Departure"].iter().enumerate() {
        let message = request(
            &format!("k{n}"),
            &format!("From: {B}\r\nX-{occasion}: recipient @relay.example,@b.example:{OURS}"),
        );
        let answer = house.outside(&message);
        assert!(answer.starts_with("250"), "{answer}");
        assert_eq!(house.a1.wait_for(n + 1)[n].to, [OURS]);
    }
}

/// Sends as a Relay/Server that names its own host wherever it can, as Mbuni must be set up to.
fn from_inner_host(house: &House, id: &str, to: &str) {
    let text = String::from_utf8(sample::with_body(id, &["X-Mms-Ack-Request: Yes"], b"hello\r\n")).expect("ASCII");
    let text = text.replace("system@mms.a.example", "system-user@a1.mms.own.example");
    let text = text.replace(
        "From: +15555550100/TYPE=PLMN\r\n",
        "From: +17771230001/TYPE=PLMN@a1.mms.own.example\r\nSender: system-user@a1.mms.own.example\r\n",
    );
    let answer = house
        .inside(1)
        .transaction("system-user@a1.mms.own.example", &[to], text.as_bytes());
    assert!(answer.starts_with("250"), "{answer}");
}

#[test]
fn an_answer_finds_a_relay_server_that_names_its_own_host_inside_too() {
    let house = House::start("");
    from_inner_host(&house, "k1", OF_A2);
    let at_a2 = house.a2.wait_for(1)[0].clone();
    let system = at_a2.field("X-Mms-Originator-System");
    assert_eq!(system, "mm4relay+mm4.a1@mms.own.example");
    let answer = house
        .inside(2)
        .transaction("system@mms.own.example", &[&system], &at_a2.response("Ok"));
    assert!(answer.starts_with("250"), "{answer}");
    let home = house.a1.wait_for(1)[0].clone();
    assert_eq!(home.status(), "Ok");
    assert_eq!(home.to, ["system-user@a1.mms.own.example"]);
}

/// Operator B's system is at a host that is no peer's domain.
#[test]
fn an_answer_finds_a_system_outside_at_a_host_that_has_no_route() {
    let house = House::start("");
    let text = String::from_utf8(sample::with_body("k1", &["X-Mms-Ack-Request: Yes"], b"hello\r\n")).expect("ASCII");
    let request = text.replace("system@mms.a.example", "System-User@mmsc7.b-net.example");
    let answer = house.outside(request.as_bytes());
    assert!(answer.starts_with("250"), "{answer}");
    let at_a1 = house.a1.wait_for(1)[0].clone();
    assert_eq!(at_a1.without_trace(), request.as_bytes(), "and it stays as it is");
    let answer = house.inside(1).transaction(
        "system@mms.own.example",
        &["system-user@mmsc7.b-net.example"],
        &at_a1.response("Ok"),
    );
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(house.b.wait_for(1)[0].to, ["System-User@mmsc7.b-net.example"]);
    let mut other = house.inside(2);
    other.say("MAIL FROM:<system@mms.own.example>").expect("250");
    other
        .say("RCPT TO:<system-user@mmsc7.b-net.example>")
        .expect("550 5.1.2");
}

#[test]
fn the_host_name_of_a_relay_server_stays_inside() {
    let house = House::start("");
    from_inner_host(&house, "k1", B);
    let at_b: Taken = house.b.wait_for(1)[0].clone();
    const SYSTEM: &str = "mm4relay+mm4.a1@mms.own.example";
    assert_eq!(at_b.from, SYSTEM);
    assert_eq!(at_b.field("Sender"), SYSTEM);
    assert_eq!(at_b.field("X-Mms-Originator-System"), SYSTEM);
    assert_eq!(at_b.field("From"), "+17771230001/TYPE=PLMN@mms.own.example");
    assert!(!at_b.text().contains("a1.mms.own.example"), "{}", at_b.text());
}

/// Neither is the host below our domain, nor is it configured: the Relay/Server says itself that it is its system's.
#[test]
fn a_host_that_a_relay_server_states_as_its_system_stays_inside_too() {
    let house = House::start("");
    let text = String::from_utf8(sample::forward_request("k1")).expect("ASCII");
    let text = text.replace("system@mms.a.example", "system@core.example");
    let from =
        "Sender: system@core.example\r\nFrom: +17771230001/TYPE=PLMN@core.example\r\nResent-From: ann@mail.example";
    let text = text.replace("From: +15555550100/TYPE=PLMN", from);
    let sender = "+17771230001/TYPE=PLMN@core.example";
    let answer = house.inside(1).transaction(sender, &[B], text.as_bytes());
    assert!(answer.starts_with("250"), "{answer}");
    let at_b = house.b.wait_for(1)[0].clone();
    assert_eq!((at_b.from.as_str(), at_b.field("From").as_str()), (OURS, OURS));
    assert_eq!(at_b.field("Sender"), "mm4relay+mm4.a1@mms.own.example");
    assert_eq!(
        at_b.field("Resent-From"),
        "ann@mail.example",
        "what comes through a mail gateway stays"
    );
}

/// `7788`, `NEWS` and unlisted codes are no numbers: a report about their messages is routed by the relay's record of
/// the request.
#[test]
fn a_report_about_a_message_of_an_application_goes_home() {
    let house = House::start("");
    for (n, application) in [
        "ALERT@mms.own.example",
        "+7799",
        "4455/TYPE=PLMN@mms.own.example",
        "17790001",
    ]
    .iter()
    .enumerate()
    {
        let text = String::from_utf8(sample::forward_request(&format!("k{n}"))).expect("ASCII");
        let text = text.replace("From: +15555550100/TYPE=PLMN", &format!("From: {application}"));
        let answer = house.inside(2).transaction(application, &[B], text.as_bytes());
        assert!(answer.starts_with("250"), "{answer}");
        let report = house.b.wait_for(n + 1)[n].delivery_report(&format!("d{n}"), "Retrieved", "");
        let to = match application.contains('@') {
            true => application.to_lowercase().replace("/type=plmn", "/TYPE=PLMN"),
            false => format!("{application}@mms.own.example"),
        };
        let answer = house
            .relay
            .client()
            .transaction("system@mms.b.example", &[&to], &report);
        assert!(answer.starts_with("250"), "{to}: {answer}");
        assert_eq!(house.a2.wait_for(n + 1)[n].without_trace(), report);
    }
    // A peer that was not asked may not report; and a message that was not sent has no home.
    let mut stranger = house.relay.client();
    stranger.say("MAIL FROM:<system@mms.c.example>").expect("250");
    stranger.say("RCPT TO:<alert@mms.own.example>").expect("550 5.1.2");
    stranger.say("RSET").expect("250");
    stranger.say("MAIL FROM:<system@mms.b.example>").expect("250");
    stranger.say("RCPT TO:<nobody@mms.own.example>").expect("550 5.1.2");
}

#[test]
fn a_code_and_a_word_of_ours_are_routed_exactly_and_in_our_domains_only() {
    let house = House::start("");
    for (n, to) in ["7788/TYPE=PLMN@mms.own.example", "News@mms.own.example", "7788"]
        .iter()
        .enumerate()
    {
        let answer = house
            .relay
            .client()
            .transaction(B, &[to], &request(&format!("k{n}"), &format!("From: {B}")));
        assert!(answer.starts_with("250"), "{answer}");
        assert_eq!(house.a1.wait_for(n + 1)[n].to, [*to]);
    }
    let mut client = house.relay.client();
    client.say(&format!("MAIL FROM:<{B}>")).expect("250");
    for nobodys in [
        "77881@mms.own.example",
        "77881234567@mms.own.example",
        "newsletter@mms.own.example",
    ] {
        client.say(&format!("RCPT TO:<{nobodys}>")).expect("550 5.1.2");
    }
    let answer = house.inside(1).transaction(
        "7788@mms.own.example",
        &["7788@mms.b.example"],
        &request("k9", "From: 7788@mms.own.example"),
    );
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(
        house.b.wait_for(1)[0].to,
        ["7788@mms.b.example"],
        "operator B's own code"
    );
}

const LETTER: &[u8] =
    b"From: Admin of B <admin@mms.b.example>\r\nTo: postmaster@mms.own.example\r\nSubject: your relay\r\n\r\n\
                        Please call us.\r\n";

#[test]
fn mail_for_the_postmaster_reaches_a_person() {
    let desk = Peer::start();
    let peer = format!(
        "[[peer]]\nname = \"desk\"\ndomains = [\"office.example\"]\nhosts = [\"{}\"]\n",
        desk.address()
    );
    let house = House::with("postmaster = \"noc@office.example\"", &peer);
    for (n, to) in ["postmaster@mms.own.example", "Postmaster", "postmaster@mm4.own.example"]
        .iter()
        .enumerate()
    {
        let answer = house.relay.client().transaction("admin@mms.b.example", &[to], LETTER);
        assert!(answer.starts_with("250"), "{answer}");
        let taken = desk.wait_for(n + 1)[n].clone();
        assert_eq!(
            (taken.to.as_slice(), taken.from.as_str()),
            (&["noc@office.example".to_owned()][..], "admin@mms.b.example")
        );
        assert_eq!(taken.without_trace(), LETTER);
    }
    let other = house.relay.client().transaction("admin@mms.b.example", &[OURS], LETTER);
    assert!(
        other.starts_with("554 5.6.0 not an MM4 message"),
        "for others nothing changes: {other}"
    );
}

#[test]
fn mail_for_the_postmaster_waits_for_an_operator_where_no_person_is_configured() {
    let house = House::start("");
    let answer = house
        .relay
        .client()
        .transaction("", &["postmaster@mms.own.example"], LETTER);
    assert!(answer.starts_with("250"), "{answer}");
    house
        .relay
        .wait_for_queue("mail for the postmaster, to be read by an operator");
    house.relay.process().wait_for_log("held: mail for the postmaster");
}
