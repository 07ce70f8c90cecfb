//! What commands mean, by what was said before: the cases that have broken servers (Postfix HISTORY) among them.

use super::talk::{ENVELOPE, HELLO, MESSAGE};
use super::*;

#[tokio::test]
async fn ehlo_announces_what_is_offered_and_helo_does_not() {
    let relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs(
        "< 220 relay.example ESMTP
        > EHLO a.example
        < 250-relay.example
        < 250-SIZE 5242880
        < 250-PIPELINING
        < 250-8BITMIME
        < 250-ENHANCEDSTATUSCODES
        < 250 CHUNKING
        > HELO a.example
        < 250 relay.example
        > NOOP
        < 250 2.0.0
        > VRFY ann
        < 252 2.5.0
        > HELP
        < 214 2.0.0
        > QUIT
        < 221 2.0.0
        < end",
    )
    .await;
}

#[tokio::test]
async fn commands_out_of_order_are_refused_and_change_nothing() {
    let relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs(
        "< 220
        > MAIL FROM:<>
        < 503 5.5.1 EHLO first
        > RSET
        < 250 2.0.0
        > HELO a.example
        < 250 relay
        > RCPT TO:<1@b.example>
        < 503 5.5.1 MAIL first
        > DATA
        < 503 5.5.1 MAIL first
        > MAIL FROM:<>
        < 250 2.1.0
        > MAIL FROM:<>
        < 503 5.5.1 MAIL was given
        > DATA
        < 554 5.5.1 no valid recipients
        > RCPT TO:<1@b.example>
        < 250 2.1.5",
    )
    .await;
}

#[tokio::test]
async fn data_after_refused_recipients_only_is_refused() {
    let mut relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(
        "> MAIL FROM:<>
        > RCPT TO:<+15555550101@elsewhere.example>
        > RCPT TO:<+15555550101>
        > DATA
        < 250 2.1.0
        < 550 5.1.2 no route to <+15555550101@elsewhere.example>
        < 550 5.1.1 no route to <+15555550101>
        < 554 5.5.1
        > QUIT
        < 221",
    )
    .await;
    assert!(relay.nothing_arrived());
}

/// Postfix 20260803: state that outlived a refused message let the next one in without MAIL.
#[tokio::test]
async fn nothing_of_a_refused_message_is_left_for_the_next() {
    let mut relay = Relay::start().await;
    relay.refuse_next(Refusal::NotMm4);
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    talk.runs(MESSAGE).await;
    talk.runs(
        "< 554 5.6.0 not an MM4 message: it has no X-Mms-Message-Type [0000000000007]
        > RCPT TO:<+15555550102@b.example>
        < 503 5.5.1
        > DATA
        < 503 5.5.1",
    )
    .await;
    relay.arrived.recv().await.unwrap();
    talk.runs("> MAIL FROM:<>\n< 250\n> RCPT TO:<+15555550103@b.example>\n< 250\n> DATA\n< 354")
        .await;
    talk.runs(MESSAGE).await;
    talk.runs("< 250 2.0.0 0000000000007 accepted").await;
    let envelope = relay.arrived.recv().await.unwrap().envelope;
    assert_eq!(envelope.sender, None);
    assert_eq!(envelope.recipients.len(), 1);
    assert_eq!(envelope.recipients[0].address.as_str(), "+15555550103@b.example");
}

/// Postfix 20260724, 20260812: a reset that was forgotten let DATA through without a recipient.
#[tokio::test]
async fn rset_ehlo_and_an_accepted_message_all_forget_the_envelope() {
    for reset in ["> RSET\n< 250", "> HELO a.example\n< 250"] {
        let relay = Relay::start().await;
        let mut talk = relay.connect().await;
        talk.runs(HELLO).await;
        talk.runs("> MAIL FROM:<>\n< 250\n> RCPT TO:<1@b.example>\n< 250").await;
        talk.runs(reset).await;
        talk.runs("> DATA\n< 503\n> RCPT TO:<1@b.example>\n< 503\n> MAIL FROM:<>\n< 250\n> DATA\n< 554")
            .await;
    }
    let relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(ENVELOPE).await;
    talk.runs(MESSAGE).await;
    talk.runs("< 250\n> DATA\n< 503\n> RCPT TO:<1@b.example>\n< 503").await;
}

#[tokio::test]
async fn vrfy_noop_help_and_refused_commands_leave_the_envelope_alone() {
    let mut relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs("> MAIL FROM:<>\n< 250\n> RCPT TO:<1@b.example>\n< 250\n> VRFY x\n< 252\n> NOOP\n< 250\n> HELP\n< 214 2.0.0 EHLO HELO MAIL")
        .await;
    talk.runs("> RCPT TO:<x y@b.example>\n< 553 5.1.3\n> XYZZY\n< 500 5.5.2\n> EXPN x\n< 502 5.5.1\n> DATA\n< 354")
        .await;
    talk.runs(MESSAGE).await;
    talk.runs("< 250 2.0.0").await;
    assert_eq!(relay.arrived.recv().await.unwrap().envelope.recipients.len(), 1);
}

#[tokio::test]
async fn each_mistake_in_a_command_has_its_code() {
    let relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(
        "> MAIL FROM:ann@a.example
        < 501 5.5.4 write it as: MAIL FROM:<address>
        > MAIL FROM:<a b@a.example>
        < 553 5.1.7
        > MAIL FROM:<stranger@c.example>
        < 550 5.7.1 <stranger@c.example> is not yours
        > MAIL FROM:<> RET=HDRS
        < 555 5.5.4 parameter RET
        > MAIL FROM:<> SIZE=x
        < 501 5.5.4 parameter SIZE
        > STARTTLS
        < 502 5.5.1 STARTTLS
        > MAIL FROM:<>
        < 250",
    )
    .await;
}

#[tokio::test]
async fn a_group_of_commands_is_answered_in_order() {
    let mut relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs(
        "> MAIL FROM:<>
        > RCPT TO:<1@b.example>
        > RCPT TO:<1@c.example>
        > RCPT TO:<2@b.example>
        > DATA
        < 250 2.1.0
        < 250 2.1.5
        < 550 5.1.2
        < 250 2.1.5
        < 354
        > x: y
        > .
        > MAIL FROM:<>
        > RCPT TO:<3@b.example>
        > QUIT
        < 250 2.0.0 0000000000007 accepted
        < 250 2.1.0
        < 250 2.1.5
        < 221
        < end",
    )
    .await;
    let recipients = relay.arrived.recv().await.unwrap().envelope.recipients;
    let seen: Vec<_> = recipients.iter().map(|r| (r.id, r.address.as_str())).collect();
    assert_eq!(seen, [(RecipientId(1), "1@b.example"), (RecipientId(2), "2@b.example")]);
}

#[tokio::test]
async fn octets_behind_ehlo_or_data_end_the_session() {
    let mut relay = Relay::start().await;
    let mut talk = relay.connect().await;
    talk.runs("< 220\n> EHLO a.example\n> MAIL FROM:<>\n< 554 5.5.0\n< end")
        .await;
    let mut talk = relay.connect().await;
    talk.runs(HELLO).await;
    talk.runs("> MAIL FROM:<>\n> RCPT TO:<1@b.example>\n> DATA\n> x: y\n> .\n< 250\n< 250\n< 554 5.5.0\n< end")
        .await;
    assert!(relay.nothing_arrived());
}

#[tokio::test]
async fn a_message_behind_a_refused_data_is_never_taken_for_commands() {
    let mut relay = Relay::start().await;
    relay.script.welcome.lock().unwrap().talks_early = true;
    let mut talk = relay.connect().await;
    talk.runs("< 220\n> HELO a.example\n> MAIL FROM:<>\n> RCPT TO:<1@b.example>\n> DATA\n> x: y\n> .")
        .await;
    talk.runs("< 250\n< 250\n< 250\n< 354\n< 250 2.0.0").await;
    relay.arrived.recv().await.unwrap();
    talk.runs("> MAIL FROM:<>\n> DATA\n> RCPT TO:<1@b.example>\n< 250\n< 554 5.5.0\n< end")
        .await;
}

#[tokio::test]
async fn a_client_that_is_no_peer_hears_why_and_is_gone() {
    let relay = Relay::start().await;
    let remote = "192.0.2.9".to_owned();
    *relay.script.unwelcome.lock().unwrap() = Some(Refusal::UnknownClient { remote });
    relay
        .connect()
        .await
        .runs("< 554 192.0.2.9 is not a peer here\n< end")
        .await;
}
