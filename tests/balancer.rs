//! Behind a load balancer: swaks says in front, by the PROXY protocol, whose connection it is.

use std::process::Command;

use crate::support::{Conversation, Peer, Relay, config_of, sample, tools};

/// Operator A comes from 192.0.2.1 only, and `balancer` may say so.
fn relay_behind(balancer: &str) -> (Peer, Relay) {
    let peer = Peer::start();
    let all = config_of(&[("a", "127.0.0.1:9"), ("b", peer.address())], "");
    let all = all.replacen("from = [\"127.0.0.1\"]", "from = [\"192.0.2.1\"]", 2);
    let listen = "listen = [\"127.0.0.1:0\"]";
    let relay = Relay::start(&all.replace(listen, &format!("{listen}\nbalancers = [{balancer:?}]")));
    (peer, relay)
}

fn swaks(relay: &Relay, version: &str, source: &str) -> String {
    let file = relay.path("message.eml");
    std::fs::write(&file, sample::forward_request(&format!("k{version}"))).expect("a writable folder");
    let mut swaks = Command::new(tools::program("swaks"));
    swaks.env("POSIXLY_CORRECT", "1");
    let port = relay.address().rsplit(':').next().expect("HOST:PORT");
    swaks.args(["--server", "127.0.0.1", "--port", port, "--helo", "a.example"]);
    swaks.args(["--from", sample::FROM, "--to", sample::TO]);
    swaks.args([
        "--proxy-version",
        version,
        "--proxy-family",
        if version == "1" { "TCP4" } else { "AF_INET" },
    ]);
    if version == "2" {
        swaks.args(["--proxy-protocol", "STREAM", "--proxy-command", "PROXY"]);
    }
    swaks.args(["--proxy-source", source, "--proxy-source-port", "4711"]);
    swaks.args(["--proxy-dest", "192.0.2.9", "--proxy-dest-port", "25"]);
    swaks.arg("--data").arg(format!("@{}", file.display()));
    let output = swaks.output().expect("swaks runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    said
}

#[test]
fn the_client_is_whom_the_balancer_names() {
    if !tools::have_programs(&["swaks"]) {
        return;
    }
    let (peer, relay) = relay_behind("127.0.0.1");
    for (count, version) in ["1", "2"].into_iter().enumerate() {
        let said = swaks(&relay, version, "192.0.2.1");
        assert!(said.contains("<-  250 2.0.0 "), "{said}");
        let text = peer.wait_for(count + 1)[count].text();
        assert!(text.contains("from a.example ([192.0.2.1])"), "{text}");
        let said = swaks(&relay, version, "192.0.2.77");
        assert!(said.contains("554 192.0.2.77 is not a peer here"), "{said}");
    }
    assert_eq!(peer.taken().len(), 2);
}

#[test]
fn whoever_is_no_balancer_cannot_say_that_it_is_somebody_else() {
    let (peer, relay) = relay_behind("192.0.2.250");
    let mut client = Conversation::connect(relay.address());
    client.send(b"PROXY TCP4 192.0.2.1 192.0.2.9 4711 25\r\n");
    client.expect("554 127.0.0.1 is not a peer here");
    client.expect_end();
    assert!(peer.taken().is_empty());
}

#[test]
fn a_balancer_that_does_not_say_whose_connection_it_is_is_not_served() {
    let (_peer, relay) = relay_behind("127.0.0.1");
    let mut client = Conversation::connect(relay.address());
    client.say("EHLO a.example");
    client.expect_end();
    relay.process().wait_for_log("what it begins with is no PROXY header");
}
