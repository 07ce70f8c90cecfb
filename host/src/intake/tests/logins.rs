//! AUTH (RFC 4954): when it may be said, what follows it, and what is left of it.

use super::talk::{HELLO, MESSAGE};
use super::*;

/// `ann` and `a secret`, for PLAIN and for LOGIN.
const PLAIN: &str = "AGFubgBhIHNlY3JldA==";
const NAME: &str = "YW5u";
const PASSWORD: &str = "YSBzZWNyZXQ=";

async fn offering() -> Relay {
    let relay = Relay::start().await;
    relay.script.welcome.lock().unwrap().logins = true;
    relay
}

#[tokio::test]
async fn a_login_is_offered_over_tls_only_and_once() {
    let relay = offering().await;
    let mut talk = relay.pipe();
    talk.runs(HELLO).await;
    talk.runs(&format!("> AUTH PLAIN {PLAIN}\n< 538 5.7.11 STARTTLS first"))
        .await;
    let mut talk = relay.encrypted_pipe();
    talk.runs(&format!("< 220\n> AUTH PLAIN {PLAIN}\n< 503 5.5.1 EHLO first"))
        .await;
    talk.runs("> EHLO a.example\n< 250-\n< 250-\n< 250-\n< 250-\n< 250-\n< 250-CHUNKING\n< 250 AUTH PLAIN LOGIN")
        .await;
    talk.runs("> MAIL FROM:<ann@a.example>\n< 530 5.7.0 log in").await;
    talk.runs(&format!("> AUTH PLAIN {PLAIN}\n< 235 2.7.0")).await;
    talk.runs(&format!("> AUTH PLAIN {PLAIN}\n< 503 5.5.1 you have logged in"))
        .await;
    talk.runs("> EHLO a.example\n< 250-\n< 250-\n< 250-\n< 250-\n< 250-\n< 250 CHUNKING")
        .await;
    talk.runs("> MAIL FROM:<ann@a.example>\n< 250").await;
    talk.runs(&format!("> AUTH PLAIN {PLAIN}\n< 503")).await;
    let relay = Relay::start().await;
    let mut talk = relay.encrypted_pipe();
    talk.runs(HELLO).await;
    talk.runs("> AUTH LOGIN\n< 502 5.5.1 AUTH is not offered").await;
}

#[tokio::test]
async fn whoever_has_logged_in_over_tls_is_said_to_in_received() {
    let mut relay = offering().await;
    let mut talk = relay.encrypted_pipe();
    talk.runs(HELLO).await;
    talk.runs(&format!(
        "> AUTH LOGIN\n< 334 VXNlcm5hbWU6\n> {NAME}\n< 334 UGFzc3dvcmQ6\n> {PASSWORD}\n< 235"
    ))
    .await;
    talk.runs("> MAIL FROM:<ann@a.example>\n< 250\n> RCPT TO:<1@b.example>\n< 250\n> DATA\n< 354")
        .await;
    talk.runs(MESSAGE).await;
    talk.runs("< 250 2.0.0").await;
    let origin = relay.arrived.recv().await.unwrap().origin;
    assert_eq!(origin.protocol, crate::message::Protocol::Esmtpsa);
}

#[tokio::test]
async fn responses_are_never_commands_and_what_is_none_ends_the_exchange() {
    let relay = offering().await;
    let mut talk = relay.encrypted_pipe();
    talk.runs(HELLO).await;
    for (response, reply) in [
        ("*", "501 5.5.2 cancelled"),
        ("RSET now", "501 5.5.2 not base64"),
        ("QUIT", "501 5.5.2 PLAIN is"),
        ("", "501 5.5.2 PLAIN is"),
    ] {
        talk.runs(&format!("> AUTH PLAIN\n< 334 \n> {response}\n< {reply}"))
            .await;
    }
    talk.runs("> AUTH CRAM-MD5\n< 504 5.5.4 only PLAIN and LOGIN\n> MAIL FROM:<>\n< 250")
        .await;
}

#[tokio::test]
async fn the_third_wrong_login_ends_the_session() {
    let relay = offering().await;
    let mut talk = relay.encrypted_pipe();
    talk.runs(HELLO).await;
    for _ in 0..2 {
        talk.runs("> AUTH PLAIN AGFubgB3cm9uZw==\n< 535 5.7.8 wrong name or password")
            .await;
    }
    talk.runs("> AUTH PLAIN AGFubgB3cm9uZw==\n< 421 4.7.0\n< end").await;
}

#[tokio::test]
async fn what_waits_behind_a_login_or_a_response_ends_the_session() {
    let relay = offering().await;
    for said in [
        format!("> AUTH PLAIN {PLAIN}\n> MAIL FROM:<ann@a.example>\n< 554 5.5.0\n< end"),
        format!("> AUTH LOGIN\n> {NAME}\n< 554 5.5.0\n< end"),
        format!("> AUTH LOGIN\n< 334\n> {NAME}\n> {PASSWORD}\n< 554 5.5.0\n< end"),
    ] {
        let mut talk = relay.encrypted_pipe();
        talk.runs(HELLO).await;
        talk.runs(&said).await;
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_may_be_anybody_has_a_minute_and_whoever_has_logged_in_has_longer() {
    let relay = offering().await;
    relay.script.welcome.lock().unwrap().is_stranger = true;
    let mut talk = relay.encrypted_pipe();
    talk.runs(HELLO).await;
    let began = tokio::time::Instant::now();
    talk.runs("< 421 4.4.2 no MAIL within 60 s\n< end").await;
    assert_eq!(began.elapsed().as_secs(), 60);
    let mut talk = relay.encrypted_pipe();
    talk.runs(HELLO).await;
    talk.runs(&format!("> AUTH PLAIN {PLAIN}\n< 235\n< 421 4.4.2 too slow\n< end"))
        .await;
    assert_eq!(
        began.elapsed().as_secs(),
        60 + 300,
        "the silence that is borne of everybody"
    );
}
