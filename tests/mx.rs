//! Next hops that name servers know: by MX records (RFC 5321, 5.1), and by name. A real name server tells them.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use crate::support::{Dns, Exchange, Peer, Relay, Terms, asking, config_of, own_host, sample, tools};
use crate::told::{
    FOR_A_REPORT, FOR_ALL, FOR_NOTHING, FROM_NOBODY,
    Hears::{Bounce, Nothing, Report, Response},
    told,
};

/// A peer that is found by MX, named after its domain.
fn by_mx(domain: &str) -> String {
    peer(domain, &format!("mx = \"{domain}\""))
}

/// A peer at one host.
fn at_host(domain: &str, host: &str) -> String {
    peer(domain, &format!("hosts = [\"{host}\"]"))
}

fn peer(domain: &str, place: &str) -> String {
    format!(
        "[[peer]]\nname = \"{domain}\"\ndomains = [\"{domain}\"]\n{place}\n\
         retry = {{ first = \"50 ms\", longest = \"200 ms\" }}\n"
    )
}

/// Operator A sends to these peers, and the relay asks these name servers.
fn configured(servers: &[&str], peers: &[String]) -> String {
    asking(servers, &config_of(&[("a", "127.0.0.1:9")], &peers.concat()))
}

fn relay(dns: &Dns, peers: &[String]) -> Relay {
    Relay::start(&configured(&[&dns.address()], peers))
}

fn send_to(domain: &str, relay: &Relay) {
    let to = format!("+15555550199/TYPE=PLMN@{domain}");
    let message = sample::forward_request(domain);
    let answer = relay.client().transaction(sample::FROM, &[&to], &message);
    assert!(answer.starts_with("250"), "{answer}");
}

/// Waits until the queue holds the message for a domain, waiting for this reason.
fn waits_for(domain: &str, why: &str, relay: &Relay) {
    let list = relay.wait_for_queue(why);
    let entry = list.lines().find(|line| line.contains(domain));
    assert!(entry.is_some_and(|entry| entry.contains("  waiting, due ")), "{list}");
}

/// The peer at the port of SMTP of an address.
fn exchanger(host: Ipv4Addr) -> Peer {
    Peer::at(&format!("{host}:25"), &[])
}

/// Two hosts, the first of which is preferred. Nobody but this name server knows the addresses.
fn near_and_far(near: Ipv4Addr, far: Ipv4Addr) -> Dns {
    Dns::of_hosts(&[
        "--mx-host=mms.b.example,far.b.example,20".into(),
        "--mx-host=mms.b.example,near.b.example,10".into(),
        format!("--host-record=near.b.example,{near}"),
        format!("--host-record=far.b.example,{far}"),
    ])
}

#[test]
fn the_record_with_the_lowest_preference_names_the_host_and_the_same_server_its_address() {
    if !Dns::is_there() || !tools::may_be_an_exchanger() {
        return;
    }
    let (near, far) = (own_host(), own_host());
    let (dns, near, far) = (near_and_far(near, far), exchanger(near), exchanger(far));
    let relay = relay(&dns, &[by_mx("mms.b.example")]);
    send_to("mms.b.example", &relay);
    near.wait_for(1);
    relay.wait_until_empty();
    assert!(far.taken().is_empty());
}

#[test]
fn when_the_first_host_does_not_answer_the_next_one_is_asked() {
    if !Dns::is_there() || !tools::may_be_an_exchanger() {
        return;
    }
    let (near, far) = (own_host(), own_host());
    let (dns, far) = (near_and_far(near, far), exchanger(far));
    let relay = relay(&dns, &[by_mx("mms.b.example")]);
    send_to("mms.b.example", &relay);
    far.wait_for(1);
    relay.process().wait_for_log("near.b.example:25");
    relay.wait_until_empty();
}

#[test]
fn a_domain_without_mx_records_is_its_own_host() {
    if !Dns::is_there() || !tools::may_be_an_exchanger() {
        return;
    }
    let host = own_host();
    let dns = Dns::of_hosts(&[format!("--host-record=mms.bare.example,{host}")]);
    let peer = exchanger(host);
    let relay = relay(&dns, &[by_mx("mms.bare.example")]);
    send_to("mms.bare.example", &relay);
    peer.wait_for(1);
    relay.wait_until_empty();
}

/// Nobody listens at one of its addresses.
#[test]
fn hosts_that_the_configuration_names_have_the_addresses_that_the_name_server_knows() {
    if !Dns::is_there() {
        return;
    }
    let (away, host) = (own_host(), own_host());
    let dns = Dns::of_hosts(&[
        format!("--host-record=mmsc.b.example,{away}"),
        format!("--host-record=mmsc.b.example,{host}"),
    ]);
    let peer = Peer::at(&format!("{host}:2525"), &[]);
    let relay = relay(&dns, &[at_host("mms.b.example", "mmsc.b.example:2525")]);
    send_to("mms.b.example", &relay);
    peer.wait_for(1);
    relay.wait_until_empty();
}

#[test]
fn for_addresses_and_localhost_no_name_server_is_asked() {
    let (b, c) = (Peer::start(), Peer::start());
    let nobody = format!("127.0.0.1:{}", tools::free_port());
    let port = c.address().rsplit(':').next().unwrap_or_default();
    let peers = [
        at_host("mms.b.example", b.address()),
        at_host("mms.c.example", &format!("localhost:{port}")),
    ];
    let relay = Relay::start(&configured(&[&nobody], &peers));
    send_to("mms.b.example", &relay);
    send_to("mms.c.example", &relay);
    b.wait_for(1);
    c.wait_for(1);
}

/// What the operator sees: the message waits, and the queue says for what.
#[test]
fn a_name_that_leads_nowhere_keeps_its_messages_waiting_and_the_queue_says_who_was_asked() {
    if !Dns::is_there() {
        return;
    }
    let dns = Dns::of_hosts(&[
        "--mx-host=mms.lost.example,mx.lost.example,10".into(),
        "--txt-record=mms.silent.example,nothing else".into(),
    ]);
    let waiting = [
        (
            by_mx("mms.gone.example"),
            "no MX records of mms.gone.example",
            "it does not exist",
        ),
        (
            by_mx("mms.lost.example"),
            "mx.lost.example:25: no address of mx.lost.example",
            "it does not exist",
        ),
        (
            by_mx("mms.silent.example"),
            "no address of mms.silent.example",
            "it has none",
        ),
        (
            at_host("mms.b.example", "mmsc.b.example:2525"),
            "no address of mmsc.b.example",
            "it does not exist",
        ),
        (
            by_mx("mms.c.test"),
            "no MX records of mms.c.test",
            "the answer is Query Refused",
        ),
    ];
    let relay = relay(&dns, &waiting.clone().map(|(peer, ..)| peer));
    for (peer, what, answer) in waiting {
        let domain = peer.split('"').nth(1).expect("a name");
        send_to(domain, &relay);
        waits_for(domain, &format!("{what}: asked {}: {answer}", dns.address()), &relay);
    }
}

/// Nothing listens at one of the name servers, and nothing comes from the other.
#[test]
fn name_servers_that_do_not_answer_are_waited_for_five_seconds() {
    let mute = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let (mute, nobody) = (mute.local_addr().expect("bound").to_string(), tools::free_port());
    let servers = [mute, format!("127.0.0.1:{nobody}")];
    let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
    let peers = [by_mx("mms.b.example"), at_host("mms.c.example", "mmsc.c.example:2525")];
    let relay = Relay::start(&configured(&servers, &peers));
    let begun = Instant::now();
    send_to("mms.b.example", &relay);
    send_to("mms.c.example", &relay);
    let asked = servers.join(", ");
    for (domain, what) in [
        ("mms.b.example", "no MX records of mms.b.example"),
        ("mms.c.example", "no address of mmsc.c.example"),
    ] {
        waits_for(domain, &format!("{what}: asked {asked}: no answer in time"), &relay);
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn a_reload_takes_other_name_servers_and_what_waited_for_a_name_goes() {
    if !Dns::is_there() {
        return;
    }
    let host = own_host();
    let (wrong, right) = (
        Dns::of_hosts(&[]),
        Dns::of_hosts(&[format!("--host-record=mmsc.b.example,{host}")]),
    );
    let peer = Peer::at(&format!("{host}:2525"), &[]);
    let peers = [at_host("mms.b.example", "mmsc.b.example:2525")];
    let relay = relay(&wrong, &peers);
    send_to("mms.b.example", &relay);
    waits_for(
        "mms.b.example",
        &format!("asked {}: it does not exist", wrong.address()),
        &relay,
    );
    relay.configure(&configured(&[&right.address()], &peers));
    relay.reload();
    peer.wait_for(1);
    relay.wait_until_empty();
    assert!(!relay.process().log().contains("that takes a restart"));
}

/// RFC 7505, 3.
#[test]
fn a_domain_that_takes_no_mail_fails_its_messages_at_once_and_its_senders_are_told() {
    if !Dns::is_there() {
        return;
    }
    // Preference 0, and the root.
    let dns = Dns::of_hosts(&["--dns-rr=mms.null.example,15,000000".into()]);
    let exchange = Exchange::on(&Terms {
        relay: &format!("name-servers = [\"{}\"]", dns.address()),
        more: &by_mx("mms.null.example"),
        ..Terms::default()
    });
    told(
        &exchange,
        &["+15555550199/TYPE=PLMN@mms.null.example"],
        &[],
        &[
            (FOR_ALL, Response("Error-sending-address-unresolved")),
            (FOR_A_REPORT, Report("Unreachable")),
            (FOR_NOTHING, Bounce),
            (FROM_NOBODY, Nothing),
        ],
    );
    let bounce = exchange.a.taken().pop().expect("the last that was told").text();
    for line in [
        "Status: 5.1.10\r\n",
        "mms.null.example takes no mail: its MX record says so",
    ] {
        assert!(bounce.contains(line), "{line} in {bounce}");
    }
    let failed = exchange.relay.print(&["queue", "list", "--state", "failed"]);
    assert!(
        failed.contains("556 5.1.10 mms.null.example takes no mail: its MX record says so"),
        "{failed}"
    );
}

#[test]
fn a_host_with_an_underscore_in_its_name_is_looked_up_like_any_other() {
    if !Dns::is_there() {
        return;
    }
    let peer = Peer::start();
    let port = peer.address().rsplit(':').next().expect("HOST:PORT").to_owned();
    let dns = Dns::of_hosts(&["--host-record=mms_1.b_2.example,127.0.0.1".into()]);
    let relay = relay(&dns, &[at_host("mms.b.example", &format!("mms_1.b_2.example:{port}"))]);
    send_to("mms.b.example", &relay);
    peer.wait_for(1);
}
