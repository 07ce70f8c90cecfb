//! Parts that a scanner looks into: with ClamAV's own daemon, and with one that stalls or is away.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::{Clamd, Icap, Link, Peer, Relay, config, sample, tools};

/// A scanner called `clamd` at `address`, and `screen` with these rules.
fn scanned_by(address: &str, terms: &str, limits: &str, rules: &str) -> String {
    asked("kind = \"clamd\"", address, terms, limits, rules)
}

/// As [`scanned_by`], of another kind.
fn asked(kind: &str, address: &str, terms: &str, limits: &str, rules: &str) -> String {
    let scanner = format!("\n[[scanner]]\nname = \"clamd\"\n{kind}\naddress = {address:?}\n{terms}\n");
    let monitoring = "\n[monitoring]\nlisten = \"127.0.0.1:0\"\n";
    let screen = Link::bundled("screen", &format!("rules = [{rules}]")).limits(limits);
    format!("{scanner}{monitoring}{screen}")
}

const REFUSE: &str = r#"{ name = "viruses", virus-scan = { scanner = "clamd" }, then = "refuse", text = "a virus" }"#;

/// A text and a program in base64 that holds these octets.
fn with_attachment(id: &str, octets: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(octets);
    let lines: Vec<&str> = encoded
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).expect("base64"))
        .collect();
    let body = format!(
        "--b\r\nContent-Type: text/plain\r\n\r\nLook at this\r\n--b\r\nContent-Type: application/octet-stream\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    );
    sample::of_type("multipart/mixed; boundary=b", id, &[], body.as_bytes())
}

fn metric(relay: &Relay, series: &str) -> u64 {
    let page = relay.page("/metrics");
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    let value = line.unwrap_or_else(|| panic!("{series} is not in {page}"));
    value.trim().parse().expect("a number")
}

fn calls(relay: &Relay, end: &str) -> u64 {
    let series = format!("mm4relay_outside_calls_total{{kind=\"scanner\",name=\"clamd\",end=\"{end}\"}}");
    metric(relay, &series)
}

#[test]
fn clamav_finds_a_virus_in_a_decoded_part_and_the_message_is_refused() {
    if !tools::have_programs(&["clamd"]) {
        return;
    }
    let clamd = Clamd::start();
    for address in [clamd.address(), clamd.socket().display().to_string()] {
        let peer = Peer::start();
        let relay = Relay::start(&config(&peer, &scanned_by(&address, "", "time = \"5 s\"", REFUSE)));
        let virus = [b"harmless up to here; ", Clamd::VIRUS.as_bytes()].concat();
        let answer = relay.offer(&with_attachment("bad", &virus));
        assert!(answer.starts_with("554") && answer.contains("a virus"), "{answer}");
        // 200 kB: more than one chunk of the protocol.
        let answer = relay.offer(&with_attachment("good", &[b'x'; 200_000]));
        assert!(answer.starts_with("250"), "{answer}");
        assert_eq!(peer.wait_for(1).len(), 1);
        let trace = relay.print(&["trace", "good@mms.a.example"]);
        assert!(
            trace.contains("asked scanner clamd, part 2: nothing found ("),
            "{trace}"
        );
        assert_eq!(calls(&relay, "answered"), 4, "two parts of two messages");
        let read = relay.page("/metrics");
        assert!(
            read.contains("mm4relay_plugin_octets_in_total{plugin=\"screen\",version=\"0.1.0\"} 0"),
            "nothing of the parts came into the sandbox: {read}"
        );
    }
}

/// Texts, programs, previews and large parts, many on one connection.
#[test]
fn c_icap_finds_a_virus_in_a_decoded_part_and_the_message_is_refused() {
    if !Icap::is_there() {
        return;
    }
    let icap = Icap::start();
    let limits = "time = \"10 s\"";
    let relay_with = |service: &str, peer: &Peer| {
        let kind = format!("kind = \"icap\"\nservice = {service:?}");
        Relay::start(&config(peer, &asked(&kind, &icap.address(), "", limits, REFUSE)))
    };
    let peer = Peer::start();
    let relay = relay_with("avscan", &peer);
    // In what the service looks at first, and far behind.
    for before in [b"harmless up to here; ".to_vec(), vec![b'x'; 300_000]] {
        let virus = [&before, Clamd::VIRUS.as_bytes()].concat();
        let answer = relay.offer(&with_attachment("bad", &virus));
        assert!(answer.starts_with("554") && answer.contains("a virus"), "{answer}");
    }
    for (id, size) in [("empty", 0), ("small", 100), ("large", 2_000_000)] {
        let answer = relay.offer(&with_attachment(id, &vec![b'x'; size]));
        assert!(answer.starts_with("250"), "{id}: {answer}");
    }
    assert_eq!(peer.wait_for(3).len(), 3);
    let trace = relay.print(&["trace", "large@mms.a.example"]);
    assert!(
        trace.contains("asked scanner clamd, part 2: nothing found ("),
        "{trace}"
    );
    assert_eq!((calls(&relay, "answered"), calls(&relay, "failed")), (10, 0));

    // A service that changes nothing has found nothing; one that cannot be reached is an error.
    let everything = relay_with("echo", &peer);
    let answer = everything.offer(&with_attachment("echo", Clamd::VIRUS.as_bytes()));
    assert!(answer.starts_with("250"), "{answer}");
    let nothing = relay_with("nosuch", &peer);
    let answer = nothing.offer(&with_attachment("nosuch", b"x"));
    assert!(answer.starts_with('4'), "{answer}");
    nothing.process().wait_for_log("is none: it says 404");
}

#[test]
fn a_plug_in_that_may_not_read_a_part_may_have_it_scanned() {
    if !tools::have_programs(&["clamd"]) {
        return;
    }
    let clamd = Clamd::start();
    let peer = Peer::start();
    let screen = Link::bundled("screen", &format!("rules = [{REFUSE}]"))
        .limits("time = \"5 s\"")
        .may("read.headers = true\nrefuse = true");
    let scanner = format!(
        "\n[[scanner]]\nname = \"clamd\"\nkind = \"clamd\"\naddress = {:?}\n",
        clamd.address()
    );
    let relay = Relay::start(&config(&peer, &format!("{scanner}{screen}")));
    let answer = relay.offer(&with_attachment("bad", Clamd::VIRUS.as_bytes()));
    assert!(answer.starts_with("554") && answer.contains("a virus"), "{answer}");
    let answer = relay.offer(&with_attachment("good", b"harmless"));
    assert!(answer.starts_with("250"), "{answer}");
}

#[test]
fn a_part_that_is_too_large_for_the_scanner_or_for_its_size_is_for_the_rule_to_judge() {
    if !tools::have_programs(&["clamd"]) {
        return;
    }
    let clamd = Clamd::start();
    let meet = r#"{ name = "all", virus-scan = { scanner = "clamd", unscanned = "meet" }, then = "hold" }"#;
    // By clamd's own StreamMaxLength, and by the relay's size.
    for terms in ["size = \"25 MiB\"", "size = \"1 MiB\""] {
        let peer = Peer::start();
        let more = scanned_by(&clamd.address(), terms, "time = \"5 s\"", meet);
        let relay = Relay::start(&config(&peer, &more));
        let large = vec![b'x'; Clamd::STREAM_MAX + 1];
        let answer = relay.offer(&with_attachment("large", &large));
        assert!(answer.starts_with("250"), "{answer}");
        relay.wait_for_queue("rule all");
        assert_eq!((calls(&relay, "too-large"), calls(&relay, "failed")), (1, 0));
    }
}

#[test]
fn a_scanner_that_is_away_leaves_the_message_with_its_sender_or_lets_it_pass_as_the_rule_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let nowhere = folder.path().join("nobody.ctl").display().to_string();
    let peer = Peer::start();
    let terms = "breaker = { failures = 2, first = \"1 h\", longest = \"1 h\" }";
    let mut relay = Relay::start(&config(&peer, &scanned_by(&nowhere, terms, "", REFUSE)));
    for id in ["one", "two"] {
        let answer = relay.offer(&sample::forward_request(id));
        assert!(answer.starts_with('4'), "{answer}");
    }
    relay.process().wait_for_log("event=outside-left-alone");
    relay.offer(&sample::forward_request("three"));
    relay.process().wait_for_log("is left alone after failures");
    assert_eq!((calls(&relay, "failed"), calls(&relay, "not-asked")), (2, 1));
    relay.stop();
    let pass = r#"{ name = "viruses", virus-scan = { scanner = "clamd", unscanned = "pass" }, then = "refuse" }"#;
    relay.configure(&config(&peer, &scanned_by(&nowhere, terms, "", pass)));
    relay.start_again();
    assert!(relay.offer(&sample::forward_request("four")).starts_with("250"));
    assert_eq!(peer.wait_for(1).len(), 1);
}

/// A scanner that stalls costs its own callers the plug-in's budget and then its `on-failure`; other messages are
/// answered as if nothing had happened.
#[test]
fn a_scanner_that_stalls_holds_up_nobody_else_and_its_own_callers_no_longer_than_their_time() {
    const BUDGET: Duration = Duration::from_millis(500);
    const STALLED: usize = 6;
    // The kernel completes the handshakes into the backlog; no one accepts or answers.
    let stalls = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = stalls.local_addr().expect("an address").to_string();
    let peer = Peer::start();
    let rule = r#"{ name = "programs", when = { media-types = ["application/*"] }, virus-scan = { scanner = "clamd" }, then = "refuse" }"#;
    let terms = "time = \"30 s\"\nbreaker = { failures = 1000 }";
    let limits = "time = \"500 ms\"\ntime-per-mib = \"0 ms\"";
    let relay = Relay::start(&config(&peer, &scanned_by(&address, terms, limits, rule)));
    let timed = |message: Vec<u8>, code: char| {
        let mut client = relay.client();
        let begun = Instant::now();
        let answer = client.transaction(sample::FROM, &[sample::TO], &message);
        assert!(answer.starts_with(code), "{answer}");
        begun.elapsed()
    };
    timed(sample::forward_request("warm"), '2');
    let (stalled, others) = std::thread::scope(|scope| {
        let stalled: Vec<_> = (0..STALLED)
            .map(|at| scope.spawn(move || timed(with_attachment(&format!("s{at}"), b"x"), '4')))
            .collect();
        let others: Vec<_> = (0..20)
            .map(|at| timed(sample::forward_request(&format!("o{at}")), '2'))
            .collect();
        let ended = |thread: std::thread::ScopedJoinHandle<'_, Duration>| thread.join().expect("an answer");
        (stalled.into_iter().map(ended).collect::<Vec<_>>(), others)
    });
    let (longest, shortest) = (stalled.iter().max().expect("some"), stalled.iter().min().expect("some"));
    println!(
        "stalled {shortest:?} to {longest:?}, others up to {:?}",
        others.iter().max()
    );
    assert!(*shortest >= BUDGET, "{shortest:?}");
    // Machines of tests are busy; docs say nothing of milliseconds.
    assert!(*longest < BUDGET + Duration::from_secs(2), "{longest:?}");
    assert!(others.iter().all(|other| *other < BUDGET), "{others:?}");
    relay
        .process()
        .wait_for_log("it was waiting for scanner clamd, part 1, for ");
    assert_eq!(calls(&relay, "stopped"), STALLED as u64);
}
