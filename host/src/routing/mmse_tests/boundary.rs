//! Who may speak for whom, who carries for whom, and who is known where.

use super::*;

#[test]
fn nothing_goes_back_to_the_relay_server_that_it_comes_from() {
    let world = World::default();
    let said = sent(&plan(), "a1", "+15550000009", &world);
    assert_eq!(said, "loop: a1 sent it to +15550000009, which a1 serves itself");
    assert_eq!(
        sent(&plan(), "a1", "+15550000001", &world),
        "a2",
        "this subscriber has moved"
    );
    let mut draining = plan();
    draining.servers[0].drain = true;
    draining.servers[0].failover = Some(name("a2"));
    assert_eq!(sent(&draining, "a1", "+15550000009", &world), "a2");
}

#[test]
fn two_outside_peers_meet_only_at_a_hub() {
    assert!(from_b("+1@mms.c.example").contains("hub = true"));
    assert_eq!(from_b("+1@hub.example"), "hub");
    assert_eq!(sent(&plan(), "hub", "+1@mms.c.example", &World::default()), "c");
    assert_eq!(sent(&plan(), "a1", "+1@mms.c.example", &World::default()), "c");
    assert!(
        from_b("+15550000003").contains("hub = true"),
        "nor by a table, not even back to itself"
    );
    // Without an inside, all of this is a hub.
    let peers = vec![
        peer("b", &["mms.b.example"], Role::Outside),
        peer("c", &["mms.c.example"], Role::Outside),
    ];
    let hub = Plan::simple([OWN.to_owned()], peers, []);
    assert_eq!(sent(&hub, "b", "+1@mms.c.example", &World::default()), "c");
}

#[test]
fn an_originator_inside_is_not_claimed_from_outside() {
    let routing = Routing::new(plan()).unwrap();
    let may = |source: &str, address: &str| {
        routing
            .may_originate(&name(source), &MmsAddress::new(address).unwrap())
            .is_ok()
    };
    for own in [
        "+15550000009/TYPE=PLMN@mms.mnc001.mcc999.gprs",
        "ann@mms.mnc001.mcc999.gprs",
        "+15550000009/TYPE=PLMN@mms.b.example",
        "+15550000009",
        "+15550000001",
    ] {
        assert!(!may("b", own) && !may("hub", own), "{own}");
        assert!(may("a1", own), "{own}");
    }
    assert!(
        may("b", "+15550000003/TYPE=PLMN@mms.b.example"),
        "of our range, and ported to b"
    );
    assert!(may("b", "+15550000005"), "ported to somebody whom we do not know");
    assert!(may("b", "+15550000002"), "the subscriber table says that b has it");
    assert!(!may("b", "+44200000001"), "of another range, and ported to us");
    assert!(may("b", "+44200000009") && may("b", "ann@mms.b.example") && may("b", "2020@mms.b.example"));
    assert!(may("mm4relay", "+15550000009"), "the relay itself");
}

#[test]
fn our_own_addresses_come_to_ourselves() {
    assert_eq!(from_b(&format!("mm4relay@{OWN}")), "system -");
    assert_eq!(from_b(&format!("mm4relay+n.a1@{OWN}")), "system a1");
    assert_eq!(from_b(&format!("PostMaster@{OWN}")), "system -");
    assert_eq!(from_b("postmaster"), "system -");
    for nobody in [
        "mm4relay@mms.b.nobody.example",
        "mm4relay",
        "mm4relay+@mms.mnc001.mcc999.gprs",
    ] {
        assert!(from_b(nobody).starts_with("no route"), "{nobody}");
    }
    // Relay/Servers answer each other at a system address that they may all share; nobody else may.
    let shared = format!("system-user@{OWN}");
    assert_eq!(sent(&plan(), "a3", &shared, &World::default()), "system -");
    assert!(from_b(&shared).starts_with("no route"));
    let routing = Routing::new(plan()).unwrap();
    let home = |relay_server: &str| {
        let tag = SystemTag {
            node: "n".into(),
            relay_server: name(relay_server),
        };
        routing.home(&tag).map(|peer| peer.to_string())
    };
    assert_eq!(home("a1").as_deref(), Some("a1"));
    assert_eq!(home("A1").as_deref(), Some("a1"), "somebody changed the case");
    assert_eq!(home("a9"), None);
    assert_eq!(home("b"), None, "no relay-server of ours");
}

#[test]
fn who_is_known_depends_on_the_listener() {
    let routing = Routing::new(plan()).unwrap();
    let who = |side, domain| {
        let peer = routing.peer_for(side, "127.0.0.1".parse().unwrap(), Some(domain));
        peer.map(|peer| peer.to_string())
    };
    assert_eq!(who(Side::Both, OWN).as_deref(), Some("a1"));
    assert_eq!(
        who(Side::Inside, "mms.c.example").as_deref(),
        Some("a1"),
        "c is not known inside"
    );
    assert_eq!(
        who(Side::Outside, OWN).as_deref(),
        Some("b"),
        "the relay-servers are not known outside"
    );
    assert_eq!(who(Side::Outside, "mms.c.example").as_deref(), Some("c"));
}
