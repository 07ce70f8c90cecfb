//! One MMSE with several Relay/Servers, its tables, and other operators around it.

mod boundary;

use std::collections::HashMap;

use super::*;
use crate::message::{MmsAddress, Refusal};

/// What is told of the world: who is down, and what DNS says.
#[derive(Default)]
struct World {
    down: Vec<&'static str>,
    dns: HashMap<&'static str, EnumAnswer>,
}

impl Circumstances for World {
    fn is_unreachable(&self, peer: &PeerName) -> bool {
        self.down.contains(&peer.as_str())
    }

    fn enum_answer(&self, number: &str) -> EnumAnswer {
        self.dns.get(number).cloned().unwrap_or(EnumAnswer::Nothing)
    }
}

fn name(text: &str) -> PeerName {
    PeerName::new(text).unwrap()
}

fn peer(text: &str, domains: &[&str], role: Role) -> PeerEntry {
    PeerEntry {
        proves_itself: false,
        name: name(text),
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        from: vec!["127.0.0.1/32".parse().unwrap()],
        role,
        single_recipients: false,
    }
}

fn server(text: &str, numbers: &[&str]) -> ServerEntry {
    ServerEntry {
        name: name(text),
        numbers: numbers.iter().map(|number| (*number).to_owned()).collect(),
        weight: 1,
        failover: None,
        drain: false,
    }
}

fn table(name: &str, rows: &str) -> Option<NamedTable> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), rows).unwrap();
    let table = Arc::new(Table::load(name, file.path()).unwrap());
    Some(NamedTable {
        name: name.to_owned(),
        table,
    })
}

const OWN: &str = "mms.mnc001.mcc999.gprs";

/// Our MMSE with the Relay/Servers a1 (+15550), a2 (+15551) and a3 (both); the operators b and c, and a hub.
fn plan() -> Plan {
    let peers = vec![
        peer("b", &["mms.b.example", "mms.mnc002.mcc999.gprs"], Role::Outside),
        peer("c", &["mms.c.example"], Role::Outside),
        peer("hub", &["hub.example"], Role::Hub),
        peer("a1", &[OWN], Role::Inside),
        peer("a2", &[OWN], Role::Inside),
        peer("a3", &[OWN], Role::Inside),
    ];
    Plan {
        servers: vec![
            server("a1", &["+15550"]),
            server("a2", &["+15551"]),
            server("a3", &["+15552"]),
        ],
        subscribers: table("subscribers", "+15550000001,a2\n+15550000002,b\n"),
        portability: table(
            "ported",
            "+15550000003,999-02\n+15550000004,mms.c.example\n+15550000005,999-77\n+44200000001,999-01\n+15550000006,hub\n",
        ),
        numbering: Some(OnSilence::Defer),
        system: SystemAddress::new(&format!("mm4relay@{OWN}")).ok(),
        ..Plan::simple([OWN.to_owned()], peers, [("+44".to_owned(), Route::Peer(name("c")))])
    }
}

/// Where a message from `source` goes: a peer, or what the refusal says.
fn sent(plan: &Plan, source: &str, to: &str, world: &World) -> String {
    let routing = Routing::new(plan.clone()).unwrap();
    match routing.admit(&name(source), &MmsAddress::new(to).unwrap(), world) {
        Ok(Route::Peer(peer)) => peer.to_string(),
        Ok(Route::PlugIns) => "plug-ins".to_owned(),
        Ok(Route::Postmaster) => "postmaster".to_owned(),
        Ok(Route::System(tag)) => format!(
            "system {}",
            tag.map_or("-".to_owned(), |tag| tag.relay_server.to_string())
        ),
        Err(refusal) => refusal.to_string(),
    }
}

fn from_b(to: &str) -> String {
    sent(&plan(), "b", to, &World::default())
}

#[test]
fn each_step_has_its_say_in_order() {
    for (to, expected) in [
        ("+15550000009@mms.mnc001.mcc999.gprs", "a1"),
        ("+15550000001/TYPE=PLMN@mms.mnc001.mcc999.gprs", "a2"),
        ("+15551000001", "a2"),
        ("+15550000004@MMS.mnc01.mcc999.gprs.", "NOT c: see below"),
        (
            "+44200000001@mms.mnc001.mcc999.gprs",
            "NOT c: ported to us, in nobody's range but c's",
        ),
    ] {
        if !expected.starts_with("NOT") {
            assert_eq!(from_b(to), expected, "{to}");
        }
    }
    let from_a3 = |to: &str| sent(&plan(), "a3", to, &World::default());
    assert_eq!(
        from_a3("+15550000002"),
        "b",
        "the subscriber table may name an outside peer"
    );
    assert_eq!(from_a3("+15550000003"), "b", "a network by its codes");
    assert_eq!(
        from_a3("+15550000004@mms.mnc01.mcc999.gprs."),
        "c",
        "a domain; our own in another spelling"
    );
    assert_eq!(from_a3("+15550000006"), "hub", "a peer by name");
    assert_eq!(
        from_a3("ann@mms.mnc02.mcc999.3gppnetwork.org"),
        "b",
        "a network in another spelling"
    );
    assert!(
        from_a3("+15550000005").starts_with("no route"),
        "ported to a network without an agreement: whoever had it before cannot deliver it"
    );
    assert!(from_a3("+15550000001@mms.nobody.example").starts_with("no route"));
}

#[test]
fn the_order_is_the_operators() {
    let mut plan = plan();
    assert_eq!(sent(&plan, "a3", "+15550000003@mms.c.example", &World::default()), "c");
    plan.order = vec![Step::Portability, Step::Domain, Step::Ranges];
    assert_eq!(
        sent(&plan, "a3", "+15550000003@mms.c.example", &World::default()),
        "b",
        "in front of the domain, the table corrects it"
    );
    assert_eq!(
        sent(&plan, "a3", "+15550000001", &World::default()),
        "a1",
        "the subscriber table is not asked"
    );
    assert!(sent(&plan, "a3", "+15550000001@mms.mnc02.mcc999.gprs", &World::default()).starts_with("no route"));
}

#[test]
fn dns_is_asked_last_and_its_silence_is_for_a_while() {
    let answers = |answer: EnumAnswer| World {
        dns: HashMap::from([("+49300000001", answer)]),
        ..World::default()
    };
    let to = "+49300000001/TYPE=PLMN@mms.mnc001.mcc999.gprs";
    let asked = |plan: &Plan, answer| sent(plan, "a1", to, &answers(answer));
    assert_eq!(asked(&plan(), EnumAnswer::Domain("mms.b.example".into())), "b");
    assert_eq!(asked(&plan(), EnumAnswer::Domain("mms.mnc02.mcc999.gprs".into())), "b");
    assert!(asked(&plan(), EnumAnswer::Domain("mms.nobody.example".into())).starts_with("no route"));
    assert!(asked(&plan(), EnumAnswer::Nothing).starts_with("no route"));
    let silence = || EnumAnswer::Silence("time-out".into());
    assert!(asked(&plan(), silence()).contains("is not known now: time-out"));
    let next = Plan {
        numbering: Some(OnSilence::Next),
        ..plan()
    };
    assert!(asked(&next, silence()).starts_with("no route"));

    let routing = Routing::new(plan()).unwrap();
    let needs = |to: &str| routing.number_for_enum(&name("a1"), &MmsAddress::new(to).unwrap());
    assert_eq!(needs(to).as_deref(), Some("+49300000001"));
    assert_eq!(needs("+15550000009"), None, "a range knows it");
    assert_eq!(needs("49300000001"), None, "not in E.164");
    assert_eq!(needs("+49300000001@mms.b.example"), None);
}

#[test]
fn a_relay_server_that_is_away_is_waited_for_or_stood_in_for() {
    let mut plan = plan();
    let down = World {
        down: vec!["a1"],
        ..World::default()
    };
    assert_eq!(
        sent(&plan, "b", "+15550000009", &down),
        "a1",
        "its messages wait for it"
    );
    plan.servers[0].failover = Some(name("a2"));
    assert_eq!(sent(&plan, "b", "+15550000009", &down), "a2");
    assert_eq!(
        sent(&plan, "a2", "+15550000009", &down),
        "a1",
        "not back to where it comes from"
    );
}

#[test]
fn a_draining_relay_server_gets_nothing_new() {
    let mut plan = plan();
    plan.servers[1].drain = true;
    let world = World::default();
    assert!(sent(&plan, "b", "+15551000001", &world).starts_with("no relay-server takes new messages for"));
    plan.servers[2].numbers.push("+15551".into());
    assert_eq!(sent(&plan, "b", "+15551000001", &world), "a3");
    assert_eq!(sent(&plan, "b", "+15551000001", &world), "a3");
    // The subscriber table names a2, and nobody else serves +15550 but a1.
    assert_eq!(sent(&plan, "b", "+15550000001", &world), "a1");
    plan.servers[1].failover = Some(name("a3"));
    assert_eq!(sent(&plan, "b", "+15550000001", &world), "a3");
    let tagged = sent(&plan, "b", &format!("mm4relay+n.a2@{OWN}"), &world);
    assert_eq!(tagged, "system a2", "answers still reach it");
}

#[test]
fn rows_that_lead_nowhere_are_found_before_anybody_is_routed_by_them() {
    let rows: String = (0..25).map(|n| format!("+1{n:02},a9\n")).collect();
    let plan = Plan {
        subscribers: table("subscribers", &rows),
        portability: table("ported", "+1,999-02\n+2,b\n+3,somewhere\n+4,mms.x.example\n"),
        ..plan()
    };
    let bad = Routing::new(plan).unwrap().bad_values(|name| name == "b");
    let [subscribers, ported] = &bad[..] else {
        panic!("{bad:?}")
    };
    assert_eq!((subscribers.rows.len(), subscribers.more), (20, 5));
    assert_eq!(subscribers.rows[0], ("+100".to_owned(), "a9".to_owned()));
    assert_eq!(ported.rows, [("+3".to_owned(), "somewhere".to_owned())]);
}

/// By the table, by DNS, by a peer's domain, by ours; ported back to us, and ported to a stranger.
#[test]
fn a_number_has_the_network_that_the_table_or_dns_or_a_domain_names() {
    let mut world = World::default();
    world
        .dns
        .insert("+49301", EnumAnswer::Domain("MMS.mnc07.mcc999.gprs.".into()));
    world.dns.insert("+49302", EnumAnswer::Silence("nobody there".into()));
    let routing = Routing::new(Plan {
        peers: vec![
            peer("a1", &[OWN], Role::Inside),
            peer("b", &["mms.b.example", "mms.mnc002.mcc999.gprs"], Role::Outside),
            peer("c", &["mms.c.example"], Role::Outside),
        ],
        servers: vec![server("a1", &["+1555"])],
        prefixes: vec![
            ("+1666".into(), Route::PlugIns),
            ("+1777".into(), Route::Peer(name("b"))),
        ],
        portability: table(
            "ported",
            "+15551,999-02\n+15552,c\n+15553,mms.X.example\n+15554,999-01\n",
        ),
        numbering: Some(OnSilence::Defer),
        ..plan()
    })
    .unwrap();
    let whose = |number: &str| {
        let found = routing.whose(&MmsAddress::new(number).unwrap(), &world)?;
        let words = |Whose { network, domain, peer }| {
            let peer = peer.map_or("-".into(), |peer: PeerName| peer.to_string());
            let (network, domain) = (network.map(NetworkId::codes), domain);
            format!(
                "{} {} {peer}",
                network.as_deref().unwrap_or("-"),
                domain.as_deref().unwrap_or("-")
            )
        };
        Ok::<_, Refusal>(found.map(words))
    };
    for (number, expected) in [
        ("+15550", Some("999-001 - a1")),
        ("+15551", Some("999-002 mms.mnc002.mcc999.gprs b")),
        ("+15552", Some("- - c")),
        ("+15553", Some("- mms.x.example -")),
        ("+15554", Some("999-001 mms.mnc001.mcc999.gprs a1")),
        ("+1777", Some("999-002 - b")),
        ("+1666", None),
        ("+49300", None),
        ("+49301", Some("999-007 mms.mnc007.mcc999.gprs -")),
    ] {
        assert_eq!(whose(number).unwrap().as_deref(), expected, "{number}");
    }
    assert!(matches!(whose("+49302"), Err(Refusal::Numbering { .. })));
}

#[test]
fn every_decision_is_explained() {
    let explain = |source: &str, to: &str, world: &World| {
        let routing = Routing::new(Plan {
            servers: vec![
                ServerEntry {
                    failover: Some(name("a2")),
                    ..server("a1", &["+15550"])
                },
                server("a2", &["+15551"]),
            ],
            ..plan()
        })
        .unwrap();
        let mut lines = Vec::new();
        let address = MmsAddress::new(to).unwrap();
        let route = routing.explain(&name(source), &address, world, &mut |step, what| {
            lines.push(format!("{:<12} {what}", step.map_or("", Step::name)));
        });
        lines.push(format!("{route:?}"));
        lines.join("\n")
    };
    let down = World {
        down: vec!["a1"],
        ..World::default()
    };
    insta::assert_snapshot!(explain("b", "+15550000009@mms.mnc001.mcc999.gprs", &down), @r#"
    domain       mms.mnc001.mcc999.gprs is one of our own
    subscribers  table subscribers has no row for +15550000009
    portability  table ported has no row for +15550000009
    ranges       +15550 is served by 1 of our relay-servers
                 a1 cannot be reached: a2 stands in for it
    Ok(Peer(PeerName("a2")))
    "#);
    insta::assert_snapshot!(explain("a1", "+15550000004", &World::default()), @r#"
    domain       the address has no domain: it counts as one of ours
    subscribers  table subscribers has no row for +15550000004
    portability  table ported, row +15550000004,mms.c.example
    portability  mms.c.example is a domain of c
    Ok(Peer(PeerName("c")))
    "#);
    insta::assert_snapshot!(explain("b", "+15550000004@mms.nobody.example", &World::default()), @r#"
    domain       mms.nobody.example is no peer's domain
    subscribers  passed over: the address has somebody else's domain
    portability  passed over: the address has somebody else's domain
    ranges       passed over: the address has somebody else's domain
    mcc-mnc      the domain names no other mobile network by its codes
    enum         passed over: the address has somebody else's domain
    Err(NoRoute { recipient: "+15550000004@mms.nobody.example" })
    "#);
}
