//! A message's journey, seen from outside.

use crate::support::{Conversation, Peer, Relay, config, sample};

#[test]
fn a_message_leaves_byte_for_byte_as_it_came_but_for_our_trace() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let message = sample::forward_request("k1");
    let mut client = Conversation::open(relay.address()).hello();
    let answer = client.transaction(sample::FROM, &[sample::TO], &message);
    assert!(answer.starts_with("250 2.0.0 "), "{answer}");
    let taken = &peer.wait_for(1)[0];
    assert_eq!(taken.without_trace(), message);
    assert_eq!(
        (taken.from.as_str(), taken.to.as_slice()),
        (sample::FROM, &[sample::TO.to_owned()][..])
    );
    assert!(
        taken.text().contains("by mm4.hub.example with ESMTP id "),
        "{}",
        taken.text()
    );
}
