//! New plug-ins and settings take their place while messages flow, or say why they do not.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::{Link, Peer, Relay, Taken, config, config_of, eventually, plugin, sample};

/// The skeleton, which stamps messages with its relay-name.
const STAMP: &str = "X-Example-Relay";
/// The header of a second version, made from the first by writing another name into its data.
const OTHER_STAMP: &str = "X-Example-Other";

fn version_one() -> Vec<u8> {
    std::fs::read(plugin("skeleton")).unwrap()
}

fn version_two() -> Vec<u8> {
    let mut wasm = version_one();
    let places: Vec<usize> = (0..wasm.len() - STAMP.len())
        .filter(|at| wasm[*at..].starts_with(STAMP.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "the header's name is in the component");
    for at in places {
        wasm[at..at + OTHER_STAMP.len()].copy_from_slice(OTHER_STAMP.as_bytes());
    }
    wasm
}

fn stamp(name: &str) -> Link {
    Link::new(name, "stamp.wasm", &[], &format!("relay-name = {name:?}"))
}

/// A relay whose chain is `more`, with the skeleton as `plugins/stamp.wasm`.
fn relay(peer: &Peer, more: &str) -> Relay {
    let mut relay = Relay::stopped(&config(peer, more));
    std::fs::create_dir(relay.folder().join("plugins")).unwrap();
    std::fs::write(relay.path("plugins/stamp.wasm"), version_one()).unwrap();
    relay.start_again();
    relay
}

/// Puts a file in place as careful people do.
fn rename_into_place(bytes: &[u8], path: &Path) {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// Puts a file in place as `cp` does: emptied first, then written piece by piece.
fn copy_over(bytes: &[u8], path: &Path) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path).unwrap();
    for piece in bytes.chunks(bytes.len() / 4) {
        file.write_all(piece).unwrap();
        file.flush().unwrap();
    }
}

/// Sends messages until one arrives that has `line`; panics at the deadline.
fn until_stamped(relay: &Relay, peer: &Peer, line: &str) {
    let sent = AtomicUsize::new(peer.taken().len());
    eventually(&format!("messages have {line}"), || {
        let count = sent.fetch_add(1, Ordering::Relaxed) + 1;
        let answer = relay.offer(&sample::forward_request(&format!("until{count}")));
        assert!(answer.starts_with("250"), "{answer}");
        peer.wait_for(count).last().unwrap().text().contains(line).then_some(())
    });
}

/// The stamps of a message: exactly one version's, whole, or the test fails. True for the second version.
fn is_version_two(taken: &Taken) -> bool {
    let text = taken.text();
    let has = |name: &str| text.contains(&format!("\r\n{name}: first, second\r\n"));
    let mentions = |name: &str| text.matches(name).count();
    match (has(STAMP), has(OTHER_STAMP)) {
        (true, false) => assert_eq!((mentions(STAMP), mentions(OTHER_STAMP)), (1, 0), "{text}"),
        (false, true) => assert_eq!((mentions(STAMP), mentions(OTHER_STAMP)), (0, 1), "{text}"),
        _ => panic!("neither one version nor the other, or half of it:\n{text}"),
    }
    has(OTHER_STAMP)
}

#[test]
fn a_replaced_file_swaps_while_traffic_flows_and_every_message_sees_one_version() {
    let peer = Peer::start();
    // Two links of one file: a swap must change both at once.
    let relay = relay(&peer, &format!("{}{}", stamp("first"), stamp("second")));
    let file = relay.path("plugins/stamp.wasm");
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for client in 0..3 {
            let (relay, stop, sent) = (&relay, &stop, &sent);
            scope.spawn(move || {
                let mut conversation = relay.client();
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let message = sample::forward_request(&format!("k{client}-{number}"));
                    let answer = conversation.transaction(sample::FROM, &[sample::TO], &message);
                    assert!(answer.starts_with("250"), "{answer}");
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for swap in 0..4 {
            let bytes = if swap % 2 == 0 { version_two() } else { version_one() };
            let live = relay.process().log().matches("plug-in is live").count();
            match swap < 2 {
                true => rename_into_place(&bytes, &file),
                false => copy_over(&bytes, &file),
            }
            let both_live = || relay.process().log().matches("plug-in is live").count() >= live + 2;
            eventually("the new version is live", || both_live().then_some(()));
            // Some messages with it, before the next.
            let now = sent.load(Ordering::Relaxed);
            eventually("traffic goes on", || {
                (sent.load(Ordering::Relaxed) > now + 10).then_some(())
            });
        }
        stop.store(true, Ordering::Relaxed);
    });
    let sent = sent.load(Ordering::Relaxed);
    relay.wait_until_empty();
    let taken = peer.taken();
    assert_eq!(taken.len(), sent, "none lost, none doubled");
    let second = taken.iter().filter(|taken| is_version_two(taken)).count();
    assert!(
        second > 0 && second < sent,
        "both versions were live: {second} of {sent}"
    );
}

#[test]
fn new_settings_take_their_place_at_sighup() {
    let peer = Peer::start();
    let relay = relay(&peer, &stamp("before").to_string());
    until_stamped(&relay, &peer, "\r\nX-Example-Relay: before\r\n");
    relay.configure(&config(&peer, &stamp("after").to_string()));
    relay.reload();
    relay.process().wait_for_log("configuration reloaded");
    until_stamped(&relay, &peer, "\r\nX-Example-Relay: after\r\n");
}

/// A file that cannot go live is put in place of the running one: the log says `why`, and messages go on as before. Then
/// the second version comes, and goes live.
fn stays_and_says(bytes: &[u8], why: &str) {
    let peer = Peer::start();
    let relay = relay(&peer, &stamp("hub").to_string());
    let file = relay.path("plugins/stamp.wasm");
    rename_into_place(bytes, &file);
    relay
        .process()
        .wait_for_log("the new plug-in does not go live, the running chain stays");
    relay.process().wait_for_log(why);
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    let text = peer.wait_for(1)[0].text();
    assert!(text.contains("\r\nX-Example-Relay: hub\r\n"), "{text}");
    copy_over(&version_two(), &file);
    until_stamped(&relay, &peer, "\r\nX-Example-Other: hub\r\n");
}

#[test]
fn what_is_no_component_does_not_go_live() {
    stays_and_says(b"#!/bin/sh\n", "plug-in \"hub\": the file is no WebAssembly");
}

#[test]
fn a_component_that_was_cut_short_does_not_go_live() {
    let whole = version_two();
    stays_and_says(&whole[..whole.len() / 2], "the component is cut short or damaged");
}

#[test]
fn a_component_that_asks_for_what_is_not_granted_does_not_go_live() {
    let charging = std::fs::read(plugin("charging")).unwrap();
    stays_and_says(&charging, "it imports `charging`, which it is not granted");
}

#[test]
fn a_component_that_refuses_its_settings_does_not_go_live() {
    let other_settings = std::fs::read(plugin("address-rewrite")).unwrap();
    let peer = Peer::start();
    let granted = Link::new("hub", "stamp.wasm", &["tables", "log"], "relay-name = \"hub\"");
    let relay = relay(&peer, &granted.to_string());
    rename_into_place(&other_settings, &relay.path("plugins/stamp.wasm"));
    relay.process().wait_for_log("`configure` said no: ");
    until_stamped(&relay, &peer, "\r\nX-Example-Relay: hub\r\n");
}

#[test]
fn a_component_that_hangs_while_it_is_configured_does_not_go_live_and_stops_nobody() {
    let peer = Peer::start();
    let relay = relay(&peer, &stamp("hub").to_string());
    let mut hostile = Link::hostile("configure = \"loop\"")
        .limits("configure-time = \"1 s\"")
        .to_string();
    hostile.push_str(&stamp("hub").to_string());
    relay.configure(&config(&peer, &hostile));
    relay.reload();
    // Meanwhile and afterwards, messages pass.
    until_stamped(&relay, &peer, "\r\nX-Example-Relay: hub\r\n");
    relay.process().wait_for_log("`configure` ran for longer than 1s");
    until_stamped(&relay, &peer, "\r\nX-Example-Relay: hub\r\n");
}

#[test]
fn a_broken_configuration_leaves_everything_as_it_was() {
    let peer = Peer::start();
    let relay = relay(&peer, &stamp("hub").to_string());
    let bad_settings = config(&peer, &stamp("").to_string());
    let unknown_key = config(&peer, &stamp("other").to_string()).replace("[relay]", "[relay]\ncolour = \"red\"");
    for (broken, why) in [
        ("this is not TOML", "not TOML"),
        (unknown_key.as_str(), "relay.colour is not a known key"),
        (bad_settings.as_str(), "plugin[0].name"),
    ] {
        relay.configure(broken);
        relay.reload();
        relay.process().wait_for_log(why);
        let said = relay
            .process()
            .log()
            .matches("the configuration is not reloaded, the running one stays")
            .count();
        assert!(said > 0);
        until_stamped(&relay, &peer, "\r\nX-Example-Relay: hub\r\n");
    }
}

#[test]
fn what_takes_a_restart_is_named_and_the_rest_goes_live() {
    let peer = Peer::start();
    let relay = relay(&peer, &stamp("before").to_string());
    let other_limit = format!("[limits]\nrecipients = 200\n{}", stamp("after"));
    relay.configure(&config(&peer, &other_limit));
    relay.reload();
    relay
        .process()
        .wait_for_log("[limits] changed in the configuration: that takes a restart");
    until_stamped(&relay, &peer, "\r\nX-Example-Relay: after\r\n");
}

#[test]
fn a_new_peer_and_a_route_to_it_are_there_after_a_reload() {
    let (b, c) = (Peer::start(), Peer::start());
    let operators = [("a", "127.0.0.1:9"), ("b", b.address()), ("c", c.address())];
    let relay = Relay::start(&config_of(&operators[..2], ""));
    let to_c = "RCPT TO:<+15555550199/TYPE=PLMN@mms.c.example>";
    let mut client = relay.client();
    client.say(&format!("MAIL FROM:<{}>", sample::FROM)).expect("250");
    client.say(to_c).expect("550 5.1.2 no route");

    let route = "[[route]]\nprefix = \"+1666\"\npeer = \"operator-c\"\n";
    relay.configure(&config_of(&operators, route));
    relay.reload();
    relay.process().wait_for_log("configuration reloaded");
    client.say(to_c).expect("250");
    client
        .say("RCPT TO:<+16665550199/TYPE=PLMN@mms.hub.example>")
        .expect("250");
    client.say("DATA").expect("354");
    assert!(client.data(&sample::forward_request("k1")).starts_with("250"));
    assert_eq!(c.wait_for(1)[0].to.len(), 2);
}

#[test]
fn a_plug_in_that_came_with_a_reload_is_watched_like_the_others() {
    let peer = Peer::start();
    let relay = relay(&peer, "");
    relay.configure(&config(&peer, &stamp("hub").to_string()));
    relay.reload();
    until_stamped(&relay, &peer, "\r\nX-Example-Relay: hub\r\n");
    rename_into_place(&version_two(), &relay.path("plugins/stamp.wasm"));
    until_stamped(&relay, &peer, "\r\nX-Example-Other: hub\r\n");
}

#[test]
fn a_busy_folder_does_not_keep_a_new_version_waiting() {
    let peer = Peer::start();
    let relay = relay(&peer, &stamp("hub").to_string());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // A log beside the plug-ins, written all the time.
        scope.spawn(|| {
            let log = relay.path("plugins/busy.log");
            while !stop.load(Ordering::Relaxed) {
                std::fs::write(&log, b"a line\n").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        rename_into_place(&version_two(), &relay.path("plugins/stamp.wasm"));
        let live = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until_stamped(&relay, &peer, "\r\nX-Example-Other: hub\r\n");
        }));
        stop.store(true, Ordering::Relaxed);
        assert!(live.is_ok(), "the new version goes live");
    });
}

#[test]
fn a_table_is_read_again_at_sighup() {
    let peer = Peer::start();
    let more = format!(
        "[[table]]\nname = \"ported\"\nfile = \"ported.csv\"\n{}",
        Link::bundled("address-rewrite", "portability-table = \"ported\"")
    );
    let mut relay = Relay::stopped(&config(&peer, &more));
    let table = relay.path("ported.csv");
    std::fs::write(&table, "+15555550100,mms.a.example\n").unwrap();
    relay.start_again();
    let number = "+15555550199/TYPE=PLMN@mms.b.example";
    let offer = |id: &str| {
        relay
            .client()
            .transaction(sample::FROM, &[number], &sample::forward_request(id))
    };
    assert!(offer("k1").starts_with("250"));
    assert_eq!(peer.wait_for(1)[0].to, [number]);
    // Ported to a network that nobody here is: from now on there is no route.
    std::fs::write(&table, "+15555550199,mms.c.example\n").unwrap();
    relay.reload();
    relay.process().wait_for_log("configuration reloaded");
    let answer = offer("k2");
    assert!(answer.starts_with("550 5.1.2 no route"), "{answer}");
    // A table that cannot be read changes nothing.
    std::fs::write(&table, "no comma\n").unwrap();
    relay.reload();
    relay.process().wait_for_log("no comma: expected key,value");
    assert!(offer("k3").starts_with("550 5.1.2 no route"));
}
