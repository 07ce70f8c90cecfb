//! The end of the listener: idle sessions hear it, busy ones finish.

use std::time::Duration;

use super::talk::{ENVELOPE, HELLO, MESSAGE};
use super::*;

#[tokio::test]
async fn idle_sessions_hear_421_and_busy_ones_finish_their_message() {
    let mut relay = Relay::start().await;
    let (mut fresh, mut idle, mut busy) = (relay.connect().await, relay.connect().await, relay.connect().await);
    fresh.runs("< 220").await;
    idle.runs(HELLO).await;
    busy.runs(HELLO).await;
    busy.runs(ENVELOPE).await;
    relay.stop.send(true).unwrap();
    fresh.runs("< 421 4.3.2 stopping\n< end").await;
    idle.runs("< 421 4.3.2 stopping\n< end").await;
    busy.runs(MESSAGE).await;
    busy.runs("< 250 2.0.0\n< 421 4.3.2\n< end").await;
    relay.arrived.recv().await.unwrap();
    drop((fresh, idle, busy));
    relay.server.await.unwrap();
    assert!(
        TcpStream::connect(relay.address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn a_second_message_of_a_group_is_not_begun_when_the_relay_stops() {
    let mut relay = Relay::start().await;
    let permit = relay.script.gate.acquire().await.unwrap();
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    talk.runs(MESSAGE).await;
    talk.runs("> MAIL FROM:<>\n> RCPT TO:<1@b.example>").await;
    relay.arrived.recv().await.unwrap();
    relay.stop.send(true).unwrap();
    drop(permit);
    talk.runs("< 250 2.0.0\n< 421 4.3.2\n< end").await;
}

#[tokio::test]
async fn sessions_that_do_not_finish_are_cut_off() {
    let relay = Relay::with(|options| options.farewell = Duration::from_millis(20)).await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    relay.stop.send(true).unwrap();
    relay.server.await.unwrap();
    talk.hears_the_end().await;
}

#[tokio::test]
async fn a_session_that_panics_costs_its_own_connection_and_no_other() {
    let mut relay = Relay::start().await;
    let (mut other, mut doomed) = (relay.connect().await, relay.connect().await);
    other.runs(HELLO).await;
    doomed.runs(HELLO).await;
    doomed.runs(ENVELOPE).await;
    // The script panics when nobody is there to see what arrived.
    relay.arrived = mpsc::unbounded_channel().1;
    doomed.runs(MESSAGE).await;
    doomed.hears_the_end().await;
    other.runs("> NOOP\n< 250 2.0.0").await;
    relay.connect().await.runs(HELLO).await;
}
