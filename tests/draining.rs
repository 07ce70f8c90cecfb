//! Bringing a next hop to rest: what is being sent is the last, and then nobody talks to it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use crate::support::{DEADLINE, Peer, Relay, config, config_at, eventually, sample};

/// Takes one session and one message, and answers the end of its data when `answer` says so. Returns what the client says
/// then.
fn take_slowly(stream: TcpStream, here: &mpsc::Sender<()>, answer: &mpsc::Receiver<()>) -> String {
    stream.set_read_timeout(Some(DEADLINE)).expect("a legal time");
    let mut out = stream.try_clone().expect("a second handle");
    let mut lines = BufReader::new(stream)
        .lines()
        .map(|line| line.expect("the client speaks"));
    let mut say = |text: &str| {
        out.write_all(format!("{text}\r\n").as_bytes())
            .expect("the client listens")
    };
    say("220 mms.b.example ESMTP");
    while let Some(line) = lines.next() {
        if line != "DATA" {
            say("250 ok");
            continue;
        }
        say("354 go on");
        let _ = lines.by_ref().find(|line| line == ".");
        here.send(()).expect("the test listens");
        answer.recv().expect("the test says so");
        say("250 taken");
        let last = lines.next().expect("the client says something");
        say("221 bye");
        return last;
    }
    panic!("the client hung up");
}

#[test]
fn a_drained_peer_gets_what_is_being_sent_and_then_nothing_and_the_command_returns_then() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let relay = Relay::start(&config_at(&address, ""));
    let ((here, is_here), (answer, answers)) = (mpsc::channel(), mpsc::channel());
    let next_hop = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the relay connects");
        (take_slowly(stream, &here, &answers), listener)
    });
    assert!(relay.offer(&sample::forward_request("d1")).starts_with("250"));
    is_here.recv_timeout(DEADLINE).expect("the message comes");
    let last = std::thread::scope(|scope| {
        let drain = scope.spawn(|| relay.print(&["peers", "drain", "operator-b", "--reason", "new disks"]));
        eventually("the peer is being drained", || {
            relay.print(&["peers"]).contains("operator-b  draining").then_some(())
        });
        assert!(!drain.is_finished(), "a message is being sent");
        answer.send(()).expect("the next hop listens");
        let said = drain.join().expect("no panic");
        assert!(said.starts_with("operator-b is drained"), "{said}");
        next_hop.join().expect("no panic")
    });
    let (last, listener) = last;
    assert_eq!(last, "QUIT", "its connection is not kept");
    relay.process().wait_for_log("event=peer-drained");
    assert!(relay.offer(&sample::forward_request("d2")).starts_with("250"));
    let shown = relay.print(&["peers"]);
    assert!(shown.contains("operator-b  drained  1 waiting"), "{shown}");
    assert!(shown.contains("new disks"), "{shown}");
    relay.print(&["peers", "resume", "operator-b"]);
    listener.accept().expect("it is sent to again");
}

#[test]
fn what_waits_for_its_turn_under_a_rate_is_not_sent_to_a_peer_that_is_drained() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, "rate = '1/min'\n"));
    for number in 0..3 {
        let answer = relay.offer(&sample::forward_request(&format!("r{number}")));
        assert!(answer.starts_with("250"), "{answer}");
    }
    assert_eq!(peer.wait_for(1).len(), 1);
    // An attempt begins with the wait for its turn.
    let said = relay.print(&["peers", "drain", "operator-b", "--for", "1h", "--reason", "they move"]);
    assert!(said.starts_with("operator-b is drained"), "{said}");
    relay.stop();
    relay.start_again();
    let shown = relay.print(&["peers"]);
    assert!(shown.contains("operator-b  drained  2 waiting"), "{shown}");
    assert_eq!(peer.taken().len(), 1);
}

#[test]
fn a_drain_that_takes_longer_than_somebody_waits_goes_on_and_says_what_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let relay = Relay::start(&config_at(&listener.local_addr().expect("bound").to_string(), ""));
    assert!(relay.offer(&sample::forward_request("s1")).starts_with("250"));
    let (_held, _) = listener.accept().expect("the relay connects");
    let said = relay.command(&["peers", "drain", "operator-b", "--reason", "r", "--wait", "1 ms"]);
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(
        !said.status.success() && err.contains("1 still under way after 1 ms"),
        "{err}"
    );
    assert!(relay.print(&["peers"]).contains("operator-b  draining"));
}
