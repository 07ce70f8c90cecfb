//! Messages: what arrives is what was sent, and every refusal is heard with its code.

use super::talk::{ENVELOPE, HELLO, MESSAGE};
use super::*;

#[tokio::test]
async fn a_message_arrives_with_its_octets_envelope_and_origin() {
    let mut relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs("< 220\n> EHLO mms.a.example\n< 250-\n< 250-\n< 250-\n< 250-\n< 250-\n< 250 ")
        .await;
    talk.runs(ENVELOPE).await;
    talk.runs("> Subject: x\n> \n> ..\n> ..two\n> .\n< 250 2.0.0 0000000000007 accepted")
        .await;
    let incoming = relay.arrived.recv().await.unwrap();
    assert_eq!(octets(&incoming), "Subject: x\r\n\r\n.\r\n.two\r\n");
    let sender = incoming.envelope.sender.as_ref().map(MmsAddress::as_str);
    assert_eq!(sender, Some("+15555550100/TYPE=PLMN@a.example"));
    assert_eq!(incoming.origin.helo, "mms.a.example");
    assert!(incoming.origin.protocol == crate::message::Protocol::Esmtp && incoming.origin.remote.ip().is_loopback());
    assert_eq!(incoming.origin.received_at, Timestamp(1_790_000_000_000));
}

#[tokio::test]
async fn an_empty_message_is_handed_over_too() {
    let mut relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    talk.runs("> .\n< 250 2.0.0").await;
    assert_eq!(relay.arrived.recv().await.unwrap().content.size(), 0);
}

#[tokio::test]
async fn large_messages_arrive_through_a_file_and_give_the_memory_back() {
    let mut relay = Relay::with(|options| options.memory_message = 100_000).await;
    let line = "x".repeat(74) + "\r\n";
    for lines in [1_000, 2_000, 60_000] {
        let mut talk = relay.connect().await;
        talk.runs(HELLO).await;
        talk.runs(ENVELOPE).await;
        talk.says((format!("A: b\r\n\r\n{}.\r\n", line.repeat(lines))).as_bytes())
            .await;
        talk.runs("< 250 2.0.0").await;
        let incoming = relay.arrived.recv().await.unwrap();
        assert_eq!(incoming.content.is_in_memory(), lines == 1_000);
        assert_eq!(octets(&incoming), format!("A: b\r\n\r\n{}", line.repeat(lines)));
        drop(incoming);
        assert_eq!(relay.options.budget.used(), 0);
    }
}

#[tokio::test]
async fn a_message_that_finds_no_folder_stays_with_its_sender() {
    let mut relay = Relay::with(|options| {
        options.memory_message = 10;
        options.folder = "/nonexistent".into();
    })
    .await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    talk.runs(MESSAGE).await;
    talk.runs("< 452 4.3.1 no room\n> NOOP\n< 250").await;
    assert!(relay.nothing_arrived());
}

#[tokio::test]
async fn every_refusal_of_the_relay_is_heard_with_its_code_and_the_id() {
    let text = || "x".to_owned();
    let cases = [
        (Refusal::NoHeader, "554 5.6.0 the message has no header [0000000000007]"),
        (Refusal::NestedTooDeep { limit: 10 }, "554 5.6.0 "),
        (Refusal::BrokenMime { reason: text() }, "554 5.6.0 the MIME structure"),
        (Refusal::Loop { evidence: text() }, "554 5.4.6 the message loops"),
        (
            Refusal::ByPlugin {
                plugin: text(),
                code: 551,
                text: "moved".into(),
            },
            "551 5.7.1 moved [",
        ),
        (
            Refusal::ByPlugin {
                plugin: text(),
                code: 250,
                text: "yes".into(),
            },
            "554 5.7.1 yes [",
        ),
        (
            Refusal::ByPlugin {
                plugin: text(),
                code: 550,
                text: "a\r\n250 b".into(),
            },
            "550 5.7.1 a??250 b [",
        ),
        (
            Refusal::PluginFailed {
                plugin: text(),
                reason: text(),
            },
            "554 5.3.0 ",
        ),
        (
            Refusal::Deferred {
                plugin: text(),
                reason: text(),
            },
            "451 4.3.0 ",
        ),
        (Refusal::Storage { reason: text() }, "452 4.3.1 "),
        (
            Refusal::NoRoute {
                recipient: "1@c.example".into(),
            },
            "550 5.1.2 no route",
        ),
    ];
    let relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    for (refusal, reply) in cases {
        assert_eq!(refusal.is_temporary(), reply.starts_with('4'), "{refusal}");
        relay.refuse_next(refusal);
        talk.runs(ENVELOPE).await;
        talk.runs(MESSAGE).await;
        talk.hears(reply).await;
    }
    relay.refuse_next(Refusal::Stopping);
    talk.runs(ENVELOPE).await;
    talk.runs(MESSAGE).await;
    talk.runs("< 421 4.3.2\n< end").await;
}

#[tokio::test]
async fn a_message_is_carried_to_the_end_though_its_peer_has_gone() {
    let mut relay = Relay::start().await;
    let permit = relay.script.gate.acquire().await.unwrap();
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    talk.runs(MESSAGE).await;
    relay.arrived.recv().await.unwrap();
    drop(talk);
    drop(permit);
    relay.stop.send(true).unwrap();
    relay.server.await.unwrap();
    assert_eq!(relay.script.gate.available_permits(), 1);
}

#[tokio::test]
async fn a_connection_that_ends_within_a_message_leaves_nothing() {
    let mut relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    talk.says(b"Subject: x\r\n\r\nhello\r\n.").await;
    drop(talk);
    relay.stop.send(true).unwrap();
    (&mut relay.server).await.unwrap();
    assert!(relay.nothing_arrived());
    assert_eq!(relay.options.budget.used(), 0);
}
