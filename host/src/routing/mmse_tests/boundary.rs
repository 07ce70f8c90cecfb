//! Who may speak for whom, who carries for whom, and which peer is known at which listener.

use proptest::prelude::*;

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
    // Without an inside, the relay is a hub.
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
}

/// Relay/Server a1 serves +15550, the code 7788 and the word news; b is another operator. Our country code is 1.
fn claims(plan: Plan) -> impl Fn(&str) -> bool {
    let routing = Routing::new(plan).unwrap();
    move |address: &str| {
        let address = MmsAddress::new(address).unwrap();
        assert!(
            routing.may_originate(&name("a1"), &address).is_ok(),
            "from inside: {address}"
        );
        routing.may_originate(&name("b"), &address).is_ok()
    }
}

fn with_codes() -> Plan {
    let mut plan = plan();
    plan.servers[0].numbers.extend(["7788".to_owned(), "news".to_owned()]);
    plan.dialling.country_code = Some("1".into());
    plan.relay_name = "mm4.own.example".into();
    plan.inner_hosts = vec!["mmsc-1.own.example".into(), "10.0.0.7".into()];
    plan
}

#[test]
fn an_originator_inside_is_claimed_in_no_spelling_from_outside() {
    let may = claims(with_codes());
    for claimed in [
        "\"+15550000009\"@mms.mnc001.mcc999.gprs",
        "\"+15550000009/TYPE=PLMN\"@mms.b.example",
        "@mms.b.example:+15550000009@mms.b.example",
        "0015550000009/TYPE=PLMN@mms.b.example",
        "15550000009@mms.b.example",
        "05550000009@mms.b.example",
        "5550000009",
        "+1-555-000-0009@mms.b.example",
        "+1.555.000.0009@mms.b.example",
        "\"(+1)555,0000009\"@mms.b.example",
        "+15550000009/TYPE=IPv4@mms.b.example",
        "+15550000009%mms.mnc001.mcc999.gprs@mms.b.example",
        "ann%mms.mnc001.mcc999.gprs@mms.b.example",
        "mms.mnc001.mcc999.gprs!ann@mms.b.example",
        "\"ann@mms.mnc001.mcc999.gprs\"@mms.b.example",
        "ann@MMS.mnc01.mcc999.3gppnetwork.org.",
        "system@a1.mms.mnc001.mcc999.gprs",
        "system@mmsc-1.own.example",
        "system@mm4.own.example",
        "system@[10.0.0.7]",
    ] {
        assert!(!may(claimed), "{claimed}");
    }
    for ambiguous in [
        "ann(x)@mms.b.example",
        "ann@mms.b.example(x)",
        "a,b@mms.b.example",
        "ann@mms.b.example/x",
    ] {
        let said = Routing::new(with_codes())
            .unwrap()
            .may_originate(&name("b"), &MmsAddress::new(ambiguous).unwrap());
        assert!(matches!(said, Err(Refusal::BadAddress { .. })), "{ambiguous}");
    }
}

#[test]
fn a_code_and_a_word_belong_to_the_network_of_their_domain() {
    let may = claims(with_codes());
    for theirs in [
        "7788/TYPE=PLMN@mms.b.example",
        "7788",
        "77881@mms.b.example",
        "77881234567@mms.b.example",
        "news@mms.b.example",
        "news",
        "postmaster",
        "\"a b\"@mms.b.example".replace(' ', ",").as_str(),
    ] {
        assert!(may(theirs), "{theirs}");
    }
    assert!(!may("7788@mms.mnc001.mcc999.gprs") && !may("news@mms.mnc001.mcc999.gprs"));
    let goes = |source: &str, to: &str| sent(&with_codes(), source, to, &World::default());
    for ours in [
        "7788",
        "7788/TYPE=PLMN@mms.mnc001.mcc999.gprs",
        "News@mms.mnc001.mcc999.gprs",
        "news",
    ] {
        assert_eq!(
            (goes("b", ours).as_str(), goes("a3", ours).as_str()),
            ("a1", "a1"),
            "{ours}"
        );
    }
    for nobodys in [
        "77881@mms.mnc001.mcc999.gprs",
        "77881234567",
        "+7788",
        "newsletter",
        "778",
    ] {
        assert!(goes("b", nobodys).starts_with("no route"), "{nobodys}");
    }
    let mut first_by_number = with_codes();
    first_by_number.order = vec![Step::Subscribers, Step::Ranges, Step::Domain];
    first_by_number.subscribers = table("subscribers", "7788,a2\n");
    let goes = |to: &str| sent(&first_by_number, "a3", to, &World::default());
    assert_eq!(goes("7788@mms.b.example"), "b", "whatever the order");
    assert_eq!(goes("7788@mms.mnc001.mcc999.gprs"), "a2");
}

#[test]
fn a_host_inside_is_known_from_our_own_domains_and_from_others() {
    let routing = Routing::new(Plan {
        own_domains: vec![OWN.to_owned(), "mms.own.example".to_owned()],
        peers: vec![
            peer("a1", &[OWN], Role::Inside),
            peer("mvno", &["mvno.mms.own.example"], Role::Outside),
        ],
        ..with_codes()
    })
    .unwrap();
    for inner in [
        "a1.mms.own.example",
        "A1.mms.own.example.",
        "mmsc-1.own.example",
        "mmsc1",
        "[10.0.0.1]",
        "RS.example",
        "a1.mms.mnc001.mcc999.gprs",
    ] {
        assert!(routing.is_inner(inner, "rs.example"), "{inner}");
    }
    for public in [
        OWN,
        "MMS.mnc01.mcc999.gprs.",
        "mms.mnc001.mcc999.3gppnetwork.org",
        "mms.own.example",
        "mvno.mms.own.example",
        "x.mvno.mms.own.example",
        "mail.example",
    ] {
        assert!(!routing.is_inner(public, "mms.own.example"), "{public}");
    }
    let may = |address: &str| {
        routing
            .may_originate(&name("mvno"), &MmsAddress::new(address).unwrap())
            .is_ok()
    };
    assert!(may("ann@x.mvno.mms.own.example") && !may("ann@x.mms.own.example"));
}

#[test]
fn our_own_addresses_come_to_ourselves() {
    assert_eq!(from_b(&format!("mm4relay@{OWN}")), "system -");
    assert_eq!(from_b(&format!("mm4relay+n.a1@{OWN}")), "system a1");
    for postmaster in [
        "PostMaster@mms.mnc001.mcc999.gprs",
        "postmaster",
        "\"postmaster\"@MMS.mnc01.mcc999.gprs.",
    ] {
        assert_eq!(from_b(postmaster), "postmaster", "{postmaster}");
    }
    for nobody in [
        "mm4relay@mms.b.nobody.example",
        "mm4relay",
        "mm4relay+@mms.mnc001.mcc999.gprs",
    ] {
        assert!(from_b(nobody).starts_with("no route"), "{nobody}");
    }
    // Relay/Servers answer each other at a system address that they may all share; no other peer may use it.
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

proptest! {
    /// Whatever stands before the digits of one of our numbers, between them and around them.
    #[test]
    fn no_spelling_of_a_number_of_ours_passes_from_outside(
        prefix in "(\\+|00|0|)",
        separators in prop::collection::vec("[-._()~]?", 11),
        kind in "(/TYPE=PLMN|/type=plmn|/x|)",
        quoted: bool,
        domain in "(|@mms\\.b\\.example|@MMS\\.C\\.example\\.|@\\[192\\.0\\.2\\.1\\])",
    ) {
        // With `0` in front it is a national number.
        let digits = if prefix == "0" { "5550000009" } else { "15550000009" };
        let local: String = digits.chars().zip(&separators).map(|(digit, separator)| format!("{separator}{digit}")).collect();
        let local = format!("{prefix}{local}{kind}");
        let text = if quoted { format!("\"{local}\"{domain}") } else { format!("{local}{domain}") };
        let routing = Routing::new(with_codes()).unwrap();
        let taken = MmsAddress::new(&text).is_ok_and(|address| routing.may_originate(&name("b"), &address).is_ok());
        prop_assert!(!taken, "{}", text);
    }
}
