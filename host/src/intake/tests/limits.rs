//! Every limit, on both of its edges.

use super::talk::{ENVELOPE, HELLO, MESSAGE};
use super::*;

async fn reply_to(relay: &Relay, message: &str, expected: &str) {
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    talk.says(format!("{message}.\r\n").as_bytes()).await;
    talk.hears(expected).await;
    talk.runs("> NOOP\n< 250").await;
}

#[tokio::test]
async fn message_size() {
    let relay = Relay::with(|options| options.message = 1_000).await;
    let message = |size: usize| format!("A: b\r\n\r\n{}\r\n", "x".repeat(size - 10));
    reply_to(&relay, &message(1_000), "250 2.0.0").await;
    reply_to(&relay, &message(1_001), "552 5.3.4 message larger than 1000 octets").await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs("> MAIL FROM:<> SIZE=1001\n< 552 5.3.4\n> MAIL FROM:<> SIZE=1000\n< 250")
        .await;
}

#[tokio::test]
async fn a_peer_may_have_a_size_and_a_line_length_of_its_own() {
    let relay = Relay::with(|options| options.message = 1_000).await;
    relay.script.terms.lock().unwrap().message = Some(5_000);
    relay.script.terms.lock().unwrap().line = Some(4_000);
    let message = |size: usize| format!("A: b\r\n\r\n{}\r\n", "x".repeat(size));
    reply_to(&relay, &message(4_000), "250 2.0.0").await;
    reply_to(&relay, &message(4_001), "554 5.6.0 a line is longer than 4000").await;
    reply_to(&relay, &message(3_000).repeat(2), "552 5.3.4 message larger than 5000").await;
}

#[tokio::test]
async fn header_size() {
    let relay = Relay::with(|options| options.header = 100).await;
    let message = |size: usize| format!("A: {}\r\n\r\nbody\r\n", "x".repeat(size - 7));
    reply_to(&relay, &message(100), "250 2.0.0").await;
    reply_to(&relay, &message(101), "552 5.3.4 header larger than 100 octets").await;
}

#[tokio::test]
async fn line_length() {
    let relay = Relay::with(|options| options.line = 998).await;
    let message = |size: usize| format!("A: b\r\n\r\n{}\r\n", "x".repeat(size));
    reply_to(&relay, &message(998), "250 2.0.0").await;
    reply_to(&relay, &message(999), "554 5.6.0 a line is longer than 998 octets").await;
}

#[tokio::test]
async fn the_search_for_the_end_of_a_message_that_is_too_large() {
    let relay = Relay::with(|options| {
        options.message = 1_000;
        options.drain = 5_000;
    })
    .await;
    reply_to(&relay, &"x\r\n".repeat(2_000), "552 5.3.4").await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    talk.says("x\r\n".repeat(2_001).as_bytes()).await;
    talk.runs("< 552 5.3.4\n< end").await;
}

#[tokio::test]
async fn recipients() {
    let mut relay = Relay::with(|options| options.recipients = 2).await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs("> MAIL FROM:<>\n> RCPT TO:<1@b.example>\n> RCPT TO:<2@b.example>\n> RCPT TO:<3@b.example>\n> DATA")
        .await;
    talk.runs("< 250\n< 250\n< 250\n< 452 4.5.3 no more than 2\n< 354")
        .await;
    talk.runs(MESSAGE).await;
    talk.runs("< 250 2.0.0").await;
    assert_eq!(relay.arrived.recv().await.unwrap().envelope.recipients.len(), 2);
}

#[tokio::test]
async fn protocol_errors() {
    let relay = Relay::with(|options| options.errors = 3).await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs("> A\n> B\n> C\n> NOOP\n< 500 5.5.2\n< 500 5.5.2\n< 421 4.7.0 too many errors\n< end")
        .await;
}

#[tokio::test]
async fn commands_that_bring_no_message() {
    let relay = Relay::with(|options| options.useless = 4).await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs("> NOOP\n< 250\n> RSET\n< 250").await;
    talk.runs("> MAIL FROM:<>\n< 421 4.7.0 many commands and no message\n< end")
        .await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    for _ in 0..3 {
        talk.runs("> RSET\n< 250").await;
        talk.runs(ENVELOPE).await;
        talk.runs(MESSAGE).await;
        talk.runs("< 250 2.0.0").await;
    }
}

#[tokio::test]
async fn refused_recipients_are_not_protocol_errors() {
    let relay = Relay::with(|options| options.errors = 2).await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs("> MAIL FROM:<>\n< 250").await;
    for _ in 0..5 {
        talk.runs("> RCPT TO:<1@c.example>\n< 550 5.1.2").await;
    }
}

#[tokio::test]
async fn command_lines_with_bare_line_ends_or_nul() {
    let relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.says(b"NOOP\nNOOP\rNOOP\r\nNOOP\r\nNO\0OP\r\nNOOP\r\n").await;
    talk.runs("< 500 5.5.2 a command line ends in LF\n< 500 5.5.2 a command line holds a CR\n< 250")
        .await;
    talk.runs("< 500 5.5.2 a command line holds a NUL\n< end").await;
}

#[tokio::test]
async fn command_line_length() {
    let relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(&format!("> NOOP {}\n< 250", "x".repeat(4096 - 7))).await;
    talk.runs(&format!(
        "> NOOP {}\n< 500 5.5.2 a command line is longer than 4096\n< end",
        "x".repeat(4096 - 6)
    ))
    .await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.says(&vec![b'x'; 200_000]).await;
    talk.runs("< 500 5.5.2 a command line is longer than 4096\n< end").await;
}

#[tokio::test]
async fn sessions_of_one_source() {
    let relay = Relay::with(|options| options.sessions_per_source = 2).await;
    let (mut one, mut two) = (relay.connect().await, relay.connect().await);
    one.runs("< 220").await;
    two.runs("< 220").await;
    relay
        .connect()
        .await
        .runs("< 421 4.7.0 more than 2 sessions from your address\n< end")
        .await;
    one.runs("> QUIT\n< 221\n< end").await;
    drop(one);
    // Its place is free once its session has ended, which nobody outside can see; it is awaited by trying.
    loop {
        let mut next = relay.connect().await;
        next.runs("> QUIT").await;
        if next.rest().await.iter().any(|line| line.starts_with("220")) {
            break;
        }
    }
}

#[tokio::test]
async fn sessions_in_total() {
    let relay = Relay::with(|options| options.sessions = 1).await;
    let mut one = relay.connect().await;
    one.runs("< 220").await;
    relay
        .connect()
        .await
        .runs("< 421 4.3.2 more than 1 sessions\n< end")
        .await;
    one.runs("> NOOP\n< 250").await;
}
