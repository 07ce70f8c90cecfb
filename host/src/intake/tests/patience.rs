//! Time: how long a session may wait, dribble and dawdle. The clock stands still and jumps to the next deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::talk::{ENVELOPE, HELLO, MESSAGE};
use super::*;

const SLOW: &str = "< 421 4.4.2 too slow\n< end";

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_session_after_five_minutes_and_not_before() {
    let relay = Relay::start().await;
    let mut talk = relay.pipe();
    talk.runs(HELLO).await;
    sleep(seconds(299)).await;
    talk.runs("> NOOP\n< 250").await;
    let began = Instant::now();
    talk.runs(SLOW).await;
    assert_eq!(began.elapsed().as_secs(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_dribbles_ends_the_session_after_a_minute() {
    let relay = Relay::start().await;
    let mut talk = relay.pipe();
    talk.runs(HELLO).await;
    let began = Instant::now();
    for _ in 0..6 {
        talk.says(b"x").await;
        sleep(seconds(9)).await;
    }
    talk.runs(SLOW).await;
    assert_eq!(began.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_dribbles_falls_behind_its_pace() {
    let mut relay = Relay::start().await;
    let mut talk = relay.pipe();
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    let began = Instant::now();
    for _ in 0..299 {
        talk.says(b"x").await;
        sleep(seconds(1)).await;
    }
    talk.runs(SLOW).await;
    assert_eq!(began.elapsed().as_secs(), 300);
    assert!(relay.nothing_arrived());
}

#[tokio::test(start_paused = true)]
async fn a_slow_message_that_keeps_its_pace_is_taken() {
    let mut relay = Relay::start().await;
    let mut talk = relay.pipe();
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    let began = Instant::now();
    talk.says(b"A: b\r\n\r\n").await;
    for _ in 0..60 {
        talk.says(format!("{}\r\n", "x".repeat(900)).repeat(6).as_bytes()).await;
        sleep(seconds(10)).await;
    }
    talk.runs("> .\n< 250 2.0.0").await;
    assert!(began.elapsed() >= seconds(600));
    assert!(!relay.nothing_arrived());
}

#[tokio::test(start_paused = true)]
async fn a_transaction_ends_when_its_time_is_over_come_what_may() {
    let relay = Relay::start().await;
    let mut talk = relay.pipe();
    talk.runs(HELLO).await;
    talk.runs("> MAIL FROM:<>\n< 250").await;
    let began = Instant::now();
    for _ in 0..7 {
        sleep(seconds(240)).await;
        talk.runs("> NOOP\n< 250").await;
    }
    talk.runs(SLOW).await;
    assert_eq!(began.elapsed().as_secs(), 1800);
}

#[tokio::test(start_paused = true)]
async fn the_time_that_the_relay_takes_is_not_the_peers() {
    let mut relay = Relay::start().await;
    let permit = relay.script.gate.acquire().await.unwrap();
    let mut talk = relay.pipe();
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    talk.runs(MESSAGE).await;
    relay.arrived.recv().await.unwrap();
    sleep(seconds(3_000)).await;
    drop(permit);
    talk.runs("< 250 2.0.0\n> NOOP\n< 250").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_cannot_wait_for_the_greeting_is_refused() {
    let relay = Relay::with(|options| options.greet_delay = seconds(5)).await;
    let mut talk = relay.pipe();
    talk.runs("> EHLO a.example\n< 554 5.5.0\n< end").await;
    let mut patient = relay.pipe();
    let began = Instant::now();
    patient.runs(HELLO).await;
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_replies_loses_the_session() {
    let relay = Relay::with(|options| options.useless = u32::MAX).await;
    let mut talk = relay.pipe();
    talk.runs(HELLO).await;
    let began = Instant::now();
    // More commands than the pipe holds, and more replies: saying them ends only when the relay has gone.
    talk.says("NOOP\r\n".repeat(40_000).as_bytes()).await;
    assert_eq!(began.elapsed().as_secs(), 305);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_never_comes_to_mail_ends_after_ten_minutes_whatever_it_says() {
    for keeps in ["> NOOP\n< 250", "> RSET\n< 250", "> HELO again.example\n< 250"] {
        let relay = Relay::start().await;
        let mut talk = relay.pipe();
        let began = Instant::now();
        talk.runs(HELLO).await;
        for _ in 0..4 {
            sleep(seconds(120)).await;
            talk.runs(keeps).await;
        }
        talk.runs("< 421 4.4.2 no MAIL within 600 s\n< end").await;
        assert_eq!(began.elapsed().as_secs(), 600, "{keeps}");
    }
}

#[tokio::test(start_paused = true)]
async fn mail_and_rset_keep_no_session() {
    let relay = Relay::start().await;
    let mut talk = relay.pipe();
    let began = Instant::now();
    talk.runs(HELLO).await;
    for _ in 0..4 {
        sleep(seconds(120)).await;
        talk.runs("> MAIL FROM:<>\n< 250\n> RSET\n< 250").await;
    }
    talk.runs("< 421 4.4.2 no MAIL\n< end").await;
    assert_eq!(began.elapsed().as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_brings_messages_stays() {
    let relay = Relay::start().await;
    let mut talk = relay.pipe();
    talk.runs(HELLO).await;
    for _ in 0..10 {
        sleep(seconds(280)).await;
        talk.runs(ENVELOPE).await;
        talk.runs(MESSAGE).await;
        talk.runs("< 250 2.0.0").await;
    }
}

#[tokio::test(start_paused = true)]
async fn in_overload_silence_and_talk_without_mail_are_borne_for_less_and_no_mistake_is() {
    let relay = Relay::start().await;
    let (mut silent, mut talks, mut errs) = (relay.pipe(), relay.pipe(), relay.pipe());
    for talk in [&mut silent, &mut talks, &mut errs] {
        talk.runs(HELLO).await;
    }
    let began = Instant::now();
    // It begins while they wait.
    relay.overload.send_replace(true);
    errs.runs("> XYZZY\n< 421 4.7.0 too many errors\n< end").await;
    silent.runs(SLOW).await;
    assert_eq!(began.elapsed().as_secs(), 10);
    let mut talks_on = relay.pipe();
    talks_on.runs(HELLO).await;
    for _ in 0..3 {
        sleep(seconds(9)).await;
        talks_on.runs("> NOOP\n< 250").await;
    }
    talks_on.runs("< 421 4.4.2 no MAIL within 30 s\n< end").await;
}

#[tokio::test(start_paused = true)]
async fn behind_overload_a_session_has_its_usual_time_again() {
    let relay = Relay::start().await;
    let mut talk = relay.pipe();
    talk.runs(HELLO).await;
    let began = Instant::now();
    relay.overload.send_replace(true);
    sleep(seconds(5)).await;
    relay.overload.send_replace(false);
    talk.runs(SLOW).await;
    assert_eq!(began.elapsed().as_secs(), 300);
}
