//! Routing by ENUM: numbers whose network DNS knows.

use std::time::{Duration, Instant};

use crate::support::{Dns, Link, Peer, Relay, asking, config, sample, tools};

const KNOWN: &str = "+493000001/TYPE=PLMN@mms.hub.example";
const UNKNOWN: &str = "+493000002/TYPE=PLMN@mms.hub.example";

fn dns() -> Dns {
    let name = "1.0.0.0.0.0.3.9.4.e164.arpa";
    Dns::start(&[
        (name, "10,5,u,E2U+sip,!^.*$!sip:info@mms.wrong.example!"),
        (name, r"10,10,u,E2U+mms:mailto,!^\+49(.*)$!mailto:\1@mms.b.example!"),
        (name, "20,10,u,E2U+mms:mailto,!^.*$!mailto:x@mms.wrong.example!"),
    ])
}

fn of_enum(server: &str, more: &str) -> String {
    format!("[routing.enum]\nservers = [\"{server}\"]\ntime-out = \"300 ms\"\n{more}\n")
}

/// The answer to one recipient.
fn asked(relay: &Relay, to: &str) -> String {
    let mut client = relay.client();
    client.say(&format!("MAIL FROM:<{}>", sample::FROM)).expect("250");
    client.say(&format!("RCPT TO:<{to}>")).reply()
}

#[test]
fn a_number_goes_to_the_network_that_dns_names_and_the_answer_is_kept() {
    if !Dns::is_there() {
        return;
    }
    let (dns, peer) = (dns(), Peer::start());
    let relay = Relay::start(&config(&peer, &of_enum(&dns.address(), "")));
    let mut client = relay.client();
    let answer = client.transaction(sample::FROM, &[KNOWN], &sample::forward_request("k1"));
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(peer.wait_for(1)[0].to, [KNOWN]);
    let refused = format!("550 5.1.2 no route to <{UNKNOWN}>; send it to its own network");
    assert_eq!(asked(&relay, UNKNOWN), refused);

    let said = relay.print(&["route", "+493000001"]);
    for line in [
        "enum         DNS says mms.b.example",
        "enum         mms.b.example is a domain of operator-b",
        "goes to      operator-b, outside",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let said = relay.command(&["route", "+493000002"]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        !said.status.success() && text.contains("DNS has no mms:mailto for the number"),
        "{text}"
    );
    assert!(
        text.contains("refused      550 5.1.1 no route to <+493000002>"),
        "{text}"
    );

    // The name server has stopped. The records have no TTL; both answers are cached for 10 s all the same.
    dns.stop();
    let answer = client.transaction(sample::FROM, &[KNOWN], &sample::forward_request("k2"));
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(asked(&relay, UNKNOWN), refused);
}

#[test]
fn a_sender_waits_no_longer_for_dns_than_the_time_out_and_hears_what_is_configured() {
    let (peer, nobody) = (Peer::start(), format!("127.0.0.1:{}", tools::free_port()));
    let defer = Relay::start(&config(&peer, &of_enum(&nobody, "")));
    let begun = Instant::now();
    let reply = asked(&defer, KNOWN);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(
        reply,
        format!("451 4.4.3 the network of <{KNOWN}> cannot be looked up at present; try again later")
    );
    assert!(
        asked(&defer, sample::TO).starts_with("250"),
        "whom DNS is not asked for is not delayed"
    );

    let next = Relay::start(&config(&peer, &of_enum(&nobody, "on-failure = \"next\"")));
    assert!(asked(&next, KNOWN).starts_with("550 5.1.2 no route to"));
}

/// The guest asks for +15555550100, +15555550199 and +19995550100, and for one that is no number in E.164.
#[test]
fn a_plug_in_is_told_the_network_of_a_number_by_its_codes_where_somebody_knows_them() {
    let peer = Peer::start();
    let more = format!(
        "[routing]\nportability = \"ported\"\n[[table]]\nname = \"ported\"\nfile = \"ported.csv\"\n\
         [[peer]]\nname = \"operator-d\"\ndomains = [\"mms.mnc04.mcc999.gprs\"]\nhosts = [\"127.0.0.1:9\"]\n\
         [[route]]\nprefix = \"+1555\"\npeer = \"operator-d\"\n{}",
        Link::hostile("do = \"number\"")
    );
    let mut relay = Relay::stopped(&config(&peer, &more));
    std::fs::write(
        relay.path("ported.csv"),
        "+15555550100,operator-b\n+19995550100,999-05\n",
    )
    .unwrap();
    relay.start_again();
    let answer = relay.offer(&sample::picture("k1", &[]));
    assert!(answer.starts_with("250"), "{answer}");
    let queue = relay.print(&["queue", "list"]);
    let ported = "Ok(Some(Network { id: None, domain: Some(\"mms.b.example\"), peer: Some(\"operator-b\") }))";
    let by_range = "Ok(Some(Network { id: Some(\"999-004\"), domain: Some(\"mms.mnc04.mcc999.gprs\"), peer: Some(\"operator-d\") }))";
    let without_agreement =
        "Ok(Some(Network { id: Some(\"999-005\"), domain: Some(\"mms.mnc005.mcc999.gprs\"), peer: None }))";
    let told = format!("{ported} {by_range} {without_agreement} Err(");
    assert!(queue.contains(&told), "{told} in {queue}");
}

#[test]
fn without_servers_of_its_own_enum_asks_the_name_servers_of_the_relay() {
    if !Dns::is_there() {
        return;
    }
    let (dns, peer) = (dns(), Peer::start());
    let relay = Relay::start(&asking(&[&dns.address()], &config(&peer, "[routing.enum]\n")));
    assert!(asked(&relay, KNOWN).starts_with("250"));
    assert!(relay.print(&["route", "+493000001"]).contains("DNS says mms.b.example"));
}
