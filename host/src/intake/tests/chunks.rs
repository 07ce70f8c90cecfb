//! Messages in chunks (RFC 3030): their octets are counted, whatever is said of them.

use super::talk::HELLO;
use super::*;

const RCPT: &str = "> MAIL FROM:<+15555550100@a.example>\n< 250\n> RCPT TO:<+15555550101@b.example>\n< 250";

async fn begun(relay: &Relay) -> Talk<TcpStream> {
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(RCPT).await;
    talk
}

fn chunk(octets: &str) -> String {
    format!("BDAT {}\r\n{octets}", octets.len())
}

fn last(octets: &str) -> String {
    format!("BDAT {} LAST\r\n{octets}", octets.len())
}

#[tokio::test]
async fn a_message_in_chunks_is_one_message_and_each_chunk_has_its_reply() {
    let mut relay = Relay::start().await;
    let mut talk = begun(&relay).await;
    let said = [chunk("A: b\r"), chunk("\n\r\n.\r\n"), chunk(""), last("..c\r\n")].concat();
    talk.says(said.as_bytes()).await;
    talk.runs("< 250 2.0.0 5 octets\n< 250 2.0.0 6 octets\n< 250 2.0.0 0 octets\n< 250 2.0.0 0000000000007 accepted")
        .await;
    let incoming = relay.arrived.recv().await.unwrap();
    assert_eq!(octets(&incoming), "A: b\r\n\r\n.\r\n..c\r\n");
    talk.runs(RCPT).await;
    talk.says([chunk("A: b\r\n\r\nc"), last("")].concat().as_bytes()).await;
    talk.runs("< 250 2.0.0 9 octets\n< 250 2.0.0 0000000000007 accepted")
        .await;
    let incoming = relay.arrived.recv().await.unwrap();
    assert_eq!(octets(&incoming), "A: b\r\n\r\nc\r\n", "the last line has its end");
}

#[tokio::test]
async fn the_octets_of_a_chunk_are_never_commands_whatever_is_said_of_it() {
    let mut relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs("< 220").await;
    talk.says(last("QUIT\r\n").as_bytes()).await;
    talk.runs("< 503 5.5.1\n> HELO a.example\n< 250").await;
    talk.says([chunk("QUIT\r\n"), last("QUIT\r\n")].concat().as_bytes())
        .await;
    talk.runs("< 503 5.5.1 MAIL first\n< 503 5.5.1 MAIL first").await;
    talk.runs("> MAIL FROM:<>\n< 250\n> RCPT TO:<1@c.example>\n< 550").await;
    talk.says([chunk("QUIT\r\n"), last("QUIT\r\n")].concat().as_bytes())
        .await;
    talk.runs("< 554 5.5.1 no valid\n< 554 5.5.1 no valid\n> RCPT TO:<1@b.example>\n< 250")
        .await;
    talk.says(last("A: b\r\n").as_bytes()).await;
    talk.runs("< 250 2.0.0").await;
    assert_eq!(octets(&relay.arrived.recv().await.unwrap()), "A: b\r\n");
}

/// Postfix 20260724, 20260803: what a failed chunk left behind let the next message in without MAIL or RCPT.
#[tokio::test]
async fn nothing_of_a_refused_chunk_is_left_for_the_next_message() {
    let mut relay = Relay::with(|options| options.message = 100).await;
    let mut talk = begun(&relay).await;
    let long = "A: b\r\n".repeat(20);
    let said = [chunk(&long), chunk("RSET\r\n"), last("QUIT\r\n")].concat();
    talk.says(said.as_bytes()).await;
    talk.runs("< 552 5.3.4 message larger than 100\n< 503 5.5.1 MAIL first\n< 503 5.5.1 MAIL first")
        .await;
    talk.runs("> RCPT TO:<1@b.example>\n< 503\n> DATA\n< 503").await;
    talk.runs("> MAIL FROM:<>\n< 250").await;
    talk.says(last("A: b\r\n").as_bytes()).await;
    talk.runs("< 554 5.5.1 no valid recipients").await;
    assert!(relay.nothing_arrived());
    assert_eq!(relay.options.budget.used(), 0);
}

#[tokio::test]
async fn between_chunks_there_is_bdat_or_rset_and_nothing_else_of_a_message() {
    let mut relay = Relay::start().await;
    let mut talk = begun(&relay).await;
    talk.says(chunk("A: b\r\n").as_bytes()).await;
    talk.runs(
        "< 250 2.0.0 6 octets
        > MAIL FROM:<>
        < 503 5.5.1 the message has begun
        > RCPT TO:<2@b.example>
        < 503 5.5.1 the message has begun
        > DATA
        < 503 5.5.1 the message has begun
        > NOOP
        < 250
        > RSET
        < 250",
    )
    .await;
    assert_eq!(relay.options.budget.used(), 0, "RSET frees what has come");
    talk.says(last("A: b\r\n").as_bytes()).await;
    talk.runs("< 503 5.5.1 MAIL first").await;
    talk.runs(RCPT).await;
    talk.says(last("C: d\r\n").as_bytes()).await;
    talk.runs("< 250 2.0.0").await;
    assert_eq!(octets(&relay.arrived.recv().await.unwrap()), "C: d\r\n");
}

#[tokio::test]
async fn the_size_limit_counts_all_chunks_together() {
    let mut relay = Relay::with(|options| options.message = 1_000).await;
    let half = format!("A: {}\r\n", "x".repeat(495));
    let mut talk = begun(&relay).await;
    talk.says([chunk(&half), last(&half)].concat().as_bytes()).await;
    talk.runs("< 250\n< 250 2.0.0 0000000000007").await;
    relay.arrived.recv().await.unwrap();
    talk.runs(RCPT).await;
    talk.says([chunk(&half), chunk(&half), last("A")].concat().as_bytes())
        .await;
    talk.runs("< 250\n< 250\n< 552 5.3.4\n> NOOP\n< 250").await;
}

/// Postfix 20260529: a discard without limit.
#[tokio::test]
async fn a_chunk_beyond_all_limits_is_not_read_away() {
    let relay = Relay::with(|options| (options.message, options.drain) = (1_000, 5_000)).await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs("> BDAT 5001 LAST\n< 503 5.5.1\n< end").await;
    let mut talk = begun(&relay).await;
    talk.says(format!("BDAT 18446744073709551615 LAST\r\n{}", "A: b\r\n".repeat(1_001)).as_bytes())
        .await;
    talk.runs("< 552 5.3.4\n< end").await;
    for line in ["BDAT", "BDAT x", "BDAT 18446744073709551616"] {
        let mut talk = begun(&relay).await;
        talk.runs(&format!("> {line}\n< 501 5.5.4 write it as: BDAT\n< end"))
            .await;
    }
}

/// Postfix 20260805: many tiny chunks exhausted memory.
#[tokio::test]
async fn a_message_of_tiny_chunks_ends_the_session() {
    let relay = Relay::with(|options| options.useless = 50).await;
    let mut talk = begun(&relay).await;
    talk.says(chunk("A").repeat(49).as_bytes()).await;
    // HELO and MAIL are the first two.
    for _ in 0..47 {
        talk.hears("250 2.0.0 1 octets").await;
    }
    talk.runs("< 421 4.7.0 many commands and no message\n< end").await;
    let mut talk = begun(&relay).await;
    let large = "A: b\r\n".repeat(100);
    for _ in 0..60 {
        talk.says(chunk(&large).as_bytes()).await;
        talk.hears("250 2.0.0 600 octets").await;
    }
}

#[tokio::test]
async fn a_peer_that_goes_away_between_chunks_leaves_nothing() {
    let mut relay = Relay::start().await;
    let mut talk = begun(&relay).await;
    talk.says(chunk("A: b\r\n\r\nbody\r\n").as_bytes()).await;
    talk.runs("< 250 2.0.0").await;
    talk.falls_silent().await;
    talk.hears_the_end().await;
    assert!(relay.nothing_arrived());
    assert_eq!(relay.options.budget.used(), 0);
}
