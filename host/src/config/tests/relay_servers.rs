//! Our own MMSE: relay-servers, system address, routing.

use super::*;
use crate::message::PeerName;

const OWN: &str = "[relay]\nname = \"node-1.own.example\"\ndomains = [\"own.example\", \"other.example\"]\n\
                   listen = [\"127.0.0.1:0\"]\n";

const A1: &str = "[[relay-server]]\nname = \"a1\"\nhosts = [\"127.0.0.1:1\"]\nfrom = [\"127.0.0.1\"]\n";

fn read(text: &str) -> Result<Config, Vec<String>> {
    let config = Config::parse(&format!("{OWN}{text}"), Path::new(""));
    config.map_err(|problems| {
        let list = problems.list.iter();
        list.map(|problem| problem.to_string()).collect()
    })
}

#[test]
fn a_relay_server_is_a_peer_of_our_own_domains() {
    let more = "numbers = [\"+1555\", \"2020\"]\nweight = 3\nfailover = \"a2\"\ndrain = true\ngive-up = \"1 h\"\n";
    let config = read(&format!("{A1}{more}{}", A1.replace("a1", "a2"))).unwrap();
    let server = &config.relay_servers[0];
    assert_eq!((server.weight, server.drain), (3, true));
    assert_eq!(server.numbers, ["+1555", "2020"]);
    assert_eq!(server.failover.as_ref().map(PeerName::as_str), Some("a2"));
    let plain = &config.relay_servers[1];
    assert_eq!((plain.weight, plain.drain, &plain.failover), (1, false, &None));
    let peer = &config.peers[0];
    assert_eq!((peer.name.as_str(), peer.inside), ("a1", true));
    assert_eq!(peer.domains, ["own.example", "other.example"]);
    assert_eq!(peer.give_up, Duration::from_secs(3600));
}

#[test]
fn what_does_not_fit_a_relay_server_is_said() {
    let bad = |more: &str| read(&format!("{A1}{more}")).unwrap_err().join("\n");
    assert_eq!(
        bad("failover = \"a1\"\n"),
        "relay-server[0].failover is \"a1\": expected queue: there is no other relay-server that could stand in"
    );
    assert!(bad("failover = \"b\"\nweight = 0\n").contains("weight is 0: expected a whole number from 1 to 1000"));
    assert!(bad("domains = [\"b.example\"]\n").contains("domains of our own"));
    assert!(
        bad("numbers = [\"+1\", \"+1\"]\n")
            .contains("numbers[1] is \"+1\": expected a prefix that is listed only once")
    );
    assert!(
        bad("[[route]]\nprefix = \"+1\"\npeer = \"a1\"\n[[relay-server]]\nname = \"a1\"\n")
            .contains("a name that no other peer has")
    );
    let long = A1.replace("a1", &"a".repeat(60));
    assert!(read(&long).unwrap_err()[0].contains("a name that fits into our system address"));
    let nowhere = A1.replace("hosts = [\"127.0.0.1:1\"]\n", "");
    assert!(read(&nowhere).unwrap_err()[0].contains("at least one HOST:PORT, where its messages go"));
    let both = format!("{A1}numbers = [\"+1\"]\n[[route]]\nprefix = \"+1\"\npeer = \"a1\"\n");
    assert!(read(&both).unwrap_err()[0].contains("nor a relay-server among its numbers"));
    assert!(read(&A1.replace("a1", "queue")).unwrap_err()[0].contains("another name"));
}

#[test]
fn the_system_address_and_the_node_have_good_defaults() {
    let config = read("").unwrap();
    let plain = |config: &Config| {
        config
            .relay
            .system_address
            .as_ref()
            .map(crate::message::SystemAddress::plain)
    };
    assert_eq!(plain(&config).as_deref(), Some("mm4relay@own.example"));
    assert_eq!(config.relay.node, "node-1");
    assert!(config.relay.inside_listen.is_empty());
    let set = "system-address = \"mms@other.example\"\nnode = \"n2\"\ninside-listen = [\"127.0.0.1:1\"]\n";
    let config = read(set).unwrap();
    assert_eq!(plain(&config).as_deref(), Some("mms@other.example"));
    assert_eq!(
        (config.relay.node.as_str(), config.relay.inside_listen.len()),
        ("n2", 1)
    );
    for bad in ["mms@b.example", "a+b@own.example", "123@own.example", "own.example"] {
        let said = read(&format!("system-address = \"{bad}\"\n")).unwrap_err();
        assert!(said[0].contains("NAME@DOMAIN, without + in it"), "{said:?}");
    }
    assert!(read("node = \"a.b\"\n").unwrap_err()[0].contains("1 to 32 letters"));
}

#[test]
fn name_servers_are_addresses_and_each_is_listed_once() {
    assert!(read("").unwrap().relay.name_servers.is_empty());
    let config = read("name-servers = [\"192.0.2.53\", \"192.0.2.53:5353\"]\n").unwrap();
    let servers: Vec<_> = config.relay.name_servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["192.0.2.53:53", "192.0.2.53:5353"]);
    let bad = |text: &str| read(&format!("name-servers = {text}\n")).unwrap_err();
    assert_eq!(
        bad("[\"ns.example\"]"),
        [
            "relay.name-servers[0] is \"ns.example\": expected ADDRESS or ADDRESS:PORT of one name server, such as \
          192.0.2.53:53 or 2001:db8::53"
        ]
    );
    assert!(
        bad("[\"192.0.2.53\", \"192.0.2.53:53\"]")[0]
            .contains("[1] is \"192.0.2.53:53\": expected a name server that is listed only once")
    );
    assert!(bad("[]")[0].contains("at least one name server, or no name-servers at all: then the system is asked"));
    assert!(bad("\"192.0.2.53\"")[0].contains("a list in square brackets"));
}

#[test]
fn the_order_names_each_step_once_and_what_it_looks_into_is_there() {
    let config = read("").unwrap();
    assert_eq!(config.routing.order.len(), 6);
    let table = "[[table]]\nname = \"t\"\nfile = \"t.csv\"\n";
    let config = read(&format!(
        "[routing]\norder = [\"ranges\", \"subscribers\"]\nsubscribers = \"t\"\n{table}"
    ))
    .unwrap();
    assert_eq!(config.routing.order, [Step::Ranges, Step::Subscribers]);
    let bad = |text: &str| read(&format!("[routing]\n{text}{table}")).unwrap_err().join("\n");
    assert!(bad("order = [\"range\"]\n").contains("a step: one of domain, subscribers"));
    assert!(bad("order = [\"ranges\", \"ranges\"]\n").contains("listed only once"));
    assert!(bad("order = []\n").contains("at least one step"));
    assert!(bad("order = [\"subscribers\"]\n").contains("a value, because order names the step subscribers"));
    assert!(bad("order = [\"ranges\"]\nportability = \"t\"\n").contains("the step portability too"));
    assert!(bad("subscribers = \"u\"\n").contains("the name of a table: t"));
}

#[test]
fn enum_has_defaults_and_bounds() {
    let config = read("[routing.enum]\n").unwrap();
    let numbering = config.routing.numbering.unwrap();
    assert_eq!(numbering.suffix, "e164.arpa");
    assert_eq!(numbering.time_out, Duration::from_secs(2));
    assert_eq!(numbering.on_failure, OnFailure::Defer);
    assert!(numbering.servers.is_empty());
    let bad = |text: &str| read(&format!("[routing.enum]\n{text}")).unwrap_err().join("\n");
    assert!(bad("servers = [\"127.0.0.1:0\"]\n").contains("ADDRESS:PORT of one name server"));
    assert!(bad("time-out = \"31 s\"\n").contains("from 50 ms to 30 s"));
    assert!(bad("on-failure = \"refuse\"\n").contains("defer or next"));
    assert!(bad("keep-at-least = \"2 h\"\n").contains("not above keep-at-most"));
    assert!(bad("keep-at-most = \"5 s\"\n").contains("not below keep-at-least"));
}

#[test]
fn codes_and_words_are_listed_beside_ranges_and_belong_to_one_only() {
    let config = read(&format!(
        "{A1}numbers = [\"+1555\", \"7788\"]\nlocal-parts = [\"News\"]\n"
    ))
    .unwrap();
    assert_eq!(config.relay_servers[0].numbers, ["+1555", "7788", "news"]);
    let bad = |more: &str| {
        read(&format!("{A1}local-parts = [\"news\"]\n{more}"))
            .unwrap_err()
            .join("\n")
    };
    assert!(
        bad("[[route]]\nlocal-part = \"NEWS\"\npeer = \"a1\"\n")
            .contains("a local-part that no other route has, nor a relay-server among its local-parts")
    );
    assert!(
        bad("[[route]]\nlocal-part = \"x\"\nprefix = \"+1\"\npeer = \"a1\"\n")
            .contains("either prefix or local-part, not both")
    );
    for wrong in ["7788", "+1555", "news@own.example", "a b", ""] {
        let said = bad(&format!("[[route]]\nlocal-part = \"{wrong}\"\npeer = \"a1\"\n"));
        assert!(said.contains("expected a word such as \"news\""), "{wrong}: {said}");
    }
}

#[test]
fn the_postmaster_is_a_person_whom_a_peer_reaches() {
    let peer = "[[peer]]\nname = \"desk\"\ndomains = [\"office.example\"]\nhosts = [\"127.0.0.1:25\"]\n";
    let read = |address: &str| {
        let config = Config::parse(&format!("{OWN}postmaster = \"{address}\"\n{peer}"), Path::new(""));
        config.map_err(|problems| problems.to_string())
    };
    let config = read("noc@OFFICE.example").unwrap();
    assert_eq!(config.relay.postmaster.unwrap().as_str(), "noc@OFFICE.example");
    for nowhere in ["noc@elsewhere.example", "noc@own.example"] {
        let said = read(nowhere).unwrap_err();
        assert!(
            said.contains("expected an address in a domain of a [[peer]] that has hosts"),
            "{said}"
        );
    }
    let said = read("noc").unwrap_err();
    assert!(
        said.contains("relay.postmaster is \"noc\": expected NAME@DOMAIN"),
        "{said}"
    );
}

#[test]
fn how_numbers_are_dialled_is_in_digits() {
    let read = |keys: &str| read(&format!("[routing]\n{keys}"));
    let dialling = read("country-code = \"1\"\nnational-prefix = \"9\"\ninternational-prefixes = [\"011\"]\n")
        .unwrap()
        .routing
        .dialling;
    assert_eq!(
        (dialling.country_code.as_deref(), dialling.national_prefix.as_str()),
        (Some("1"), "9")
    );
    assert_eq!(dialling.international_prefixes, ["011"]);
    for wrong in [
        "country-code = \"+1\"",
        "country-code = \"049\"",
        "national-prefix = \"\"",
        "international-prefixes = [\"x\"]",
    ] {
        assert!(read(&format!("{wrong}\n")).is_err(), "{wrong}");
    }
}
