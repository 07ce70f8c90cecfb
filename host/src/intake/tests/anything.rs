//! Sessions of anything: whatever is said, in whatever pieces, the relay answers in SMTP, and answers `accepted` exactly
//! as often as a message was handed over.

use proptest::prelude::*;

use super::*;

const WORDS: [&str; 23] = [
    "EHLO a.example\r\n",
    "HELO a.example\r\n",
    "MAIL FROM:<+15555550100@a.example>\r\n",
    "MAIL FROM:<> SIZE=10\r\n",
    "RCPT TO:<+15555550101@b.example>\r\n",
    "RCPT TO:<+15555550101@c.example>\r\n",
    "DATA\r\n",
    "RSET\r\n",
    "NOOP\r\n",
    "VRFY x\r\n",
    "BDAT 3\r\n",
    "BDAT 0 LAST\r\n",
    "BDAT 6 LAST\r\nA: b\r\n",
    "BDAT x\r\n",
    "A: b\r\n\r\nbody\r\n",
    ".\r\n",
    "\r\n.\r\n",
    ".",
    "\r",
    "\n",
    "\0",
    "\u{fc}",
    "..\r\n",
];

/// Said as one piece each, so that the session finds nothing behind DATA.
const TRANSACTION: [&str; 2] = [
    "RSET\r\nMAIL FROM:<+15555550100@a.example>\r\nRCPT TO:<+15555550101@b.example>\r\nDATA\r\n",
    "A: b\r\n\r\nbody\r\n.\r\n",
];

/// Pieces of a conversation: something senseless, or a whole transaction.
fn pieces() -> impl Strategy<Value = Vec<String>> {
    let senseless = prop::collection::vec(prop::sample::select(WORDS.to_vec()), 1..4);
    let piece = prop_oneof![
        2 => senseless.prop_map(|words| vec![words.concat()]),
        1 => Just(TRANSACTION.map(str::to_owned).to_vec()),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

fn session(pieces: &[String], talks_early: bool) -> (Vec<String>, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut relay = Relay::start().await;
        relay.script.welcome.lock().unwrap().talks_early = talks_early;
        let mut talk = relay.pipe();
        talk.runs("< 220\n> HELO a.example\n< 250").await;
        for piece in pieces {
            talk.says(piece.as_bytes()).await;
            tokio::task::yield_now().await;
        }
        talk.falls_silent().await;
        let heard = talk.rest().await;
        let arrived = std::iter::from_fn(|| relay.arrived.try_recv().ok()).count();
        (heard, arrived)
    })
}

proptest! {
    #[test]
    fn any_session_is_answered_in_smtp_and_accepts_what_it_hands_over(
        pieces in pieces(),
        tolerant in any::<bool>(),
    ) {
        let (heard, arrived) = session(&pieces, tolerant);
        for line in &heard {
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
            prop_assert!(code.is_some_and(|code| (200..600).contains(&code)), "{line:?}");
            prop_assert!(matches!(line.as_bytes().get(3), Some(b' ' | b'-')), "{line:?}");
        }
        let accepted = heard.iter().filter(|line| line.ends_with("accepted")).count();
        prop_assert_eq!(accepted, arrived);
    }
}

#[test]
fn the_transaction_of_the_property_above_is_accepted() {
    let (heard, arrived) = session(&TRANSACTION.map(str::to_owned), false);
    assert_eq!(arrived, 1, "{heard:?}");
}
