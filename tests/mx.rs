//! Peers whose hosts the MX records of a domain name (RFC 5321, 5.1), as a real name server tells them.

use std::net::Ipv4Addr;

use crate::support::{Dns, Peer, Relay, config_of, own_host, sample};

/// A relay whose peers are found by MX, each named after its domain.
fn relay(domains: &[&str], dns: &Dns) -> Relay {
    let peer = |domain: &&str| {
        format!(
            "[[peer]]\nname = \"{domain}\"\ndomains = [\"{domain}\"]\nmx = \"{domain}\"\n\
             retry = {{ first = \"50 ms\", longest = \"200 ms\" }}\n"
        )
    };
    let peers: String = domains.iter().map(peer).collect();
    Relay::start_asking(dns, &config_of(&[("a", "127.0.0.1:9")], &peers))
}

fn send_to(domain: &str, relay: &Relay) {
    let to = format!("+15555550199/TYPE=PLMN@{domain}");
    let message = sample::forward_request(domain);
    let answer = relay.client().transaction(sample::FROM, &[&to], &message);
    assert!(answer.starts_with("250"), "{answer}");
}

/// The peer at the SMTP port of an address.
fn at(host: Ipv4Addr) -> Peer {
    Peer::at(&format!("{host}:25"), &[])
}

/// Two hosts, the first of which is preferred.
fn near_and_far(near: Ipv4Addr, far: Ipv4Addr) -> Dns {
    Dns::of_the_system(&[
        "--mx-host=mms.b.example,far.b.example,20".into(),
        "--mx-host=mms.b.example,near.b.example,10".into(),
        format!("--host-record=near.b.example,{near}"),
        format!("--host-record=far.b.example,{far}"),
    ])
}

#[test]
fn the_record_with_the_lowest_preference_names_the_host() {
    if !Dns::can_be_the_systems() {
        return;
    }
    let (near, far) = (own_host(), own_host());
    let (dns, near, far) = (near_and_far(near, far), at(near), at(far));
    let relay = relay(&["mms.b.example"], &dns);
    send_to("mms.b.example", &relay);
    near.wait_for(1);
    relay.wait_until_empty();
    assert!(far.taken().is_empty());
}

#[test]
fn when_the_first_host_does_not_answer_the_next_one_is_asked() {
    if !Dns::can_be_the_systems() {
        return;
    }
    let (near, far) = (own_host(), own_host());
    let (dns, far) = (near_and_far(near, far), at(far));
    let relay = relay(&["mms.b.example"], &dns);
    send_to("mms.b.example", &relay);
    far.wait_for(1);
    relay.process().wait_for_log("near.b.example:25");
    relay.wait_until_empty();
}

#[test]
fn a_domain_without_mx_records_is_its_own_host() {
    if !Dns::can_be_the_systems() {
        return;
    }
    let host = own_host();
    let dns = Dns::of_the_system(&[format!("--host-record=mms.bare.example,{host}")]);
    let peer = at(host);
    let relay = relay(&["mms.bare.example"], &dns);
    send_to("mms.bare.example", &relay);
    peer.wait_for(1);
    relay.wait_until_empty();
}

/// What the operator sees: the message waits, and the queue says for what.
#[test]
fn a_domain_that_leads_nowhere_keeps_its_messages_waiting_and_the_queue_says_why() {
    if !Dns::can_be_the_systems() {
        return;
    }
    let dns = Dns::of_the_system(&[
        // RFC 7505: preference 0, and the root.
        "--dns-rr=mms.null.example,15,000000".into(),
        "--mx-host=mms.lost.example,mx.lost.example,10".into(),
    ]);
    let waiting = [
        (
            "mms.null.example",
            "mms.null.example takes no mail: its MX record says so",
        ),
        (
            "mms.gone.example",
            "no MX records of mms.gone.example: it does not exist",
        ),
        ("mms.lost.example", "mx.lost.example:25"),
    ];
    let relay = relay(&waiting.map(|(domain, _)| domain), &dns);
    for (domain, why) in waiting {
        send_to(domain, &relay);
        let list = relay.wait_for_queue(why);
        let entry = list.lines().find(|line| line.contains(domain));
        assert!(entry.is_some_and(|entry| entry.contains("  waiting, due ")), "{list}");
    }

    dns.stop();
    send_to("mms.null.example", &relay);
    let list = relay.wait_for_queue("no MX records of mms.null.example: ");
    assert!(!list.contains("  failed  "), "{list}");
}
