use proptest::prelude::*;

use super::*;
use crate::message::{MmsAddress, Recipient, RecipientId, Refusal};

fn peer(name: &str) -> PeerName {
    PeerName::new(name).unwrap()
}

fn entry(name: &str, domains: &[&str], from: &[&str]) -> PeerEntry {
    PeerEntry {
        proves_itself: false,
        name: peer(name),
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        from: from.iter().map(|network| network.parse().unwrap()).collect(),
        role: Role::Outside,
        single_recipients: name == "hub",
    }
}

fn routing() -> Routing {
    let peers = vec![
        entry("b", &["mms.b.example"], &["192.0.2.0/24"]),
        entry("hub", &["hub.example"], &["192.0.2.7/32", "2001:db8::/32"]),
        entry("rs-1", &["mms.own.example"], &["10.0.0.1/32"]),
        entry("rs-2", &[], &["10.0.0.1/32", "192.0.2.7/32"]),
    ];
    let prefixes = [
        ("+1555", Route::Peer(peer("rs-1"))),
        ("+15557", Route::PlugIns),
        ("+155570", Route::Peer(peer("rs-2"))),
        ("2020", Route::Peer(peer("rs-2"))),
        ("News", Route::Peer(peer("rs-1"))),
    ];
    let prefixes = prefixes.map(|(prefix, route)| (prefix.to_owned(), route));
    Routing::new(Plan::simple(["MMS.own.example".to_owned()], peers, prefixes)).unwrap()
}

/// `peer`, `plug-ins` or `no route`.
fn route(text: &str) -> String {
    match routing().route(&MmsAddress::new(text).unwrap(), &AllReachable) {
        Ok(Route::Peer(peer)) => peer.to_string(),
        Ok(Route::PlugIns) => "plug-ins".to_owned(),
        Ok(Route::System(_) | Route::Postmaster) => "ourselves".to_owned(),
        Err(Refusal::NoRoute { recipient }) => {
            assert_eq!(recipient, text);
            "no route".to_owned()
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_peers_domain_is_routed_to_it_whatever_the_number_and_the_case() {
    for text in [
        "+15555550100/TYPE=PLMN@mms.b.example",
        "+15557770100/TYPE=PLMN@MMS.B.Example",
        "+4915550100/TYPE=PLMN@mms.b.example.",
        "ann@mms.b.example",
    ] {
        assert_eq!(route(text), "b", "{text}");
    }
}

#[test]
fn our_own_domain_or_none_is_routed_by_the_longest_prefix() {
    for (text, expected) in [
        ("+15555550100/TYPE=PLMN@mms.own.example", "rs-1"),
        ("+15555550100/TYPE=PLMN@mms.OWN.example.", "rs-1"),
        ("+15555550100/TYPE=PLMN", "rs-1"),
        ("+15555550100", "rs-1"),
        ("+15557", "plug-ins"),
        ("+15557110100/TYPE=PLMN@mms.own.example", "plug-ins"),
        ("+15557010100/TYPE=PLMN@mms.own.example", "rs-2"),
        ("2020@mms.own.example", "rs-2"),
        ("2020", "rs-2"),
        ("2020/TYPE=PLMN@mms.own.example", "rs-2"),
        ("news@mms.own.example", "rs-1"),
        ("NEWS", "rs-1"),
        ("\"news\"@mms.own.example", "rs-1"),
        ("2020@mms.b.example", "b"),
        ("news@mms.b.example", "b"),
    ] {
        assert_eq!(route(text), expected, "{text}");
    }
}

#[test]
fn what_nobody_has_is_not_routed() {
    for text in [
        "+15555550100/TYPE=PLMN@unknown.example",
        "+99955550100/TYPE=PLMN@mms.own.example",
        "15555550100",
        "+155",
        "202",
        "20201",
        "20201234567@mms.own.example",
        "+2020@mms.own.example",
        "newsletter@mms.own.example",
        "ann@mms.own.example",
        "postmasters",
        "postmaster@mms.nobody.example",
        "+1555abc@mms.own.example",
    ] {
        assert_eq!(route(text), "no route", "{text}");
    }
}

#[test]
fn a_peer_that_lists_our_own_domain_takes_nothing_of_it() {
    assert_eq!(route("+99955550100@mms.own.example"), "no route");
    assert_eq!(route("+15557010100@mms.own.example"), "rs-2");
}

#[test]
fn a_connection_is_recognised_by_address_then_domain_then_the_smallest_network() {
    let routing = routing();
    let who = |remote: &str, domain: Option<&str>| {
        let found = routing.peer_for(Side::Both, remote.parse().unwrap(), domain);
        found.map_or("nobody".to_owned(), |peer| peer.to_string())
    };
    assert_eq!(who("192.0.2.1", Some("mms.b.example")), "b");
    assert_eq!(
        who("192.0.2.1", Some("elsewhere.example")),
        "b",
        "one candidate needs no domain"
    );
    assert_eq!(who("192.0.2.1", None), "b");
    assert_eq!(
        who("192.0.2.7", Some("MMS.B.example.")),
        "b",
        "the domain outweighs the network"
    );
    assert_eq!(
        who("192.0.2.7", None),
        "hub",
        "the smallest network, and the first of equals"
    );
    assert_eq!(who("10.0.0.1", Some("mms.own.example")), "rs-1");
    assert_eq!(
        who("10.0.0.1", Some("mms.b.example")),
        "rs-1",
        "another's domain gives no right to be it"
    );
    assert_eq!(who("::ffff:192.0.2.1", None), "b", "IPv4 as a listener on [::] sees it");
    assert_eq!(who("2001:db8::1", None), "hub");
    assert_eq!(who("192.0.3.1", Some("mms.b.example")), "nobody");
    assert_eq!(who("::1", None), "nobody");
}

#[test]
fn recipients_are_grouped_by_next_hop_in_first_seen_order() {
    let texts = [
        "+15555550100@mms.own.example",
        "+99955550101@mms.b.example",
        "+15555550102@mms.own.example",
        "+15557110103@mms.own.example",
        "+15555550104@nobody.example",
        "+15557110105@mms.own.example",
    ];
    let recipients: Vec<_> = (1..)
        .zip(texts)
        .map(|(id, text)| Recipient {
            id: RecipientId(id),
            address: MmsAddress::new(text).unwrap(),
        })
        .collect();
    let chosen = |recipient: &Recipient| (recipient.id == RecipientId(6)).then(|| peer("b"));
    let split = routing().split(Some(&peer("hub")), &recipients, chosen, &AllReachable);
    let ids = |recipients: &[Recipient]| recipients.iter().map(|recipient| recipient.id.0).collect::<Vec<_>>();
    let destinations: Vec<_> = split
        .destinations
        .iter()
        .map(|d| (d.peer.as_str(), ids(&d.recipients)))
        .collect();
    assert_eq!(destinations, [("rs-1", vec![1, 3]), ("b", vec![2, 6])]);
    let unrouted: Vec<_> = split
        .unrouted
        .iter()
        .map(|(recipient, refusal)| (recipient.id.0, refusal.to_string()))
        .collect();
    assert_eq!(
        unrouted.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        [4, 5],
        "left to plug-ins, and not taken, is unrouted"
    );
    assert!(
        unrouted[0].1.contains(texts[3]) && unrouted[1].1.contains(texts[4]),
        "{unrouted:?}"
    );
}

#[test]
fn a_peer_that_takes_one_recipient_at_a_time_has_a_destination_for_each() {
    let recipient = |id, text| Recipient {
        id: RecipientId(id),
        address: MmsAddress::new(text).unwrap(),
    };
    let recipients = [
        recipient(1, "+1@hub.example"),
        recipient(2, "+2@mms.b.example"),
        recipient(3, "+3@hub.example"),
        recipient(4, "+4@mms.b.example"),
    ];
    let split = routing().split(Some(&peer("b")), &recipients, |_| None, &AllReachable);
    let ids = |destination: &Destination| destination.recipients.iter().map(|r| r.id.0).collect::<Vec<_>>();
    let destinations: Vec<_> = split.destinations.iter().map(|d| (d.peer.as_str(), ids(d))).collect();
    assert_eq!(destinations, [("hub", vec![1]), ("b", vec![2, 4]), ("hub", vec![3])]);
}

#[test]
fn of_two_equal_prefixes_the_later_counts() {
    let prefixes = ["b", "c"].map(|name| ("+1".to_owned(), Route::Peer(peer(name))));
    let routing = Routing::new(Plan::simple([], Vec::new(), prefixes)).unwrap();
    assert_eq!(
        routing.route(&MmsAddress::new("+1").unwrap(), &AllReachable),
        Ok(Route::Peer(peer("c")))
    );
}

proptest! {
    #[test]
    fn the_longest_prefix_agrees_with_looking_at_every_route(
        prefixes in prop::collection::btree_set("[+]?[0-3]{1,6}", 1..60),
        number in "[+]?[0-3]{1,9}",
    ) {
        // Every prefix has a peer of its own, named after it.
        let name = |prefix: &str| peer(&prefix.replace('+', "p"));
        let routes = prefixes.iter().map(|prefix| (prefix.clone(), Route::Peer(name(prefix))));
        let routing = Routing::new(Plan::simple([], Vec::new(), routes)).unwrap();
        // A code is no beginning of anything.
        let matches = |prefix: &&String| **prefix == number || prefix.starts_with('+') && number.starts_with(prefix.as_str());
        let longest = prefixes.iter().filter(matches).max_by_key(|prefix| prefix.len());
        let found = routing.route(&MmsAddress::new(&number).unwrap(), &AllReachable).ok();
        prop_assert_eq!(found, longest.map(|prefix| Route::Peer(name(prefix))));
    }
}
