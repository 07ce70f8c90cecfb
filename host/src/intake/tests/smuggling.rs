//! Every known way to smuggle a message in another, behind DATA and in chunks, at every split, each with a complete second
//! transaction behind it.

use super::talk::{ENVELOPE, HELLO};
use super::*;

const SEQUENCES: [&str; 13] = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r\n.\r",
    "\r.\r",
    "\r.\n",
    "\n.\r",
    "\r.\r\n",
    "\r\n.\r\r\n",
    "\r\r\n.\r\r\n",
    "\r\r\n.\r\n",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
];

const SECOND: &str = "MAIL FROM:<+15555550199@a.example>\r\nRCPT TO:<+15555550102@b.example>\r\nDATA\r\n\
                      Subject: smuggled\r\n\r\nsecond\r\n.\r\nQUIT\r\n";

#[tokio::test]
async fn no_sequence_smuggles_a_message_at_any_split() {
    let mut relay = Relay::start().await;
    for sequence in SEQUENCES {
        let input = format!("Subject: x\r\n\r\nhello{sequence}{SECOND}");
        for split in 0..input.len() {
            let mut talk = relay.pipe();
            talk.runs(HELLO).await;
            talk.runs(ENVELOPE).await;
            let (first, rest) = input.as_bytes().split_at(split);
            talk.says(first).await;
            // The session reads the first piece alone.
            tokio::task::yield_now().await;
            talk.says(rest).await;
            let heard = talk.rest().await;
            let refusal = if sequence.contains('\0') {
                "554 5.6.0 NUL"
            } else {
                "550 5.6.11 bare"
            };
            assert!(
                heard.len() == 1 && heard[0].starts_with(refusal),
                "{sequence:?} at {split}: {heard:?}"
            );
            assert!(relay.nothing_arrived(), "{sequence:?} at {split}");
        }
    }
}

/// The same in chunks, and the second transaction as part of the message: nothing in a chunk is a command, and the next hop
/// gets none of the sequences, behind DATA or in chunks.
#[tokio::test]
async fn no_sequence_smuggles_a_message_in_chunks_at_any_split() {
    let mut relay = Relay::start().await;
    for sequence in SEQUENCES {
        let input = format!("Subject: x\r\n\r\nhello{sequence}{SECOND}");
        for split in 0..input.len() {
            let (first, rest) = input.split_at(split);
            // Where one chunk ends and the next begins, and where one segment does.
            let in_two = format!("BDAT {}\r\n{first}BDAT {} LAST\r\n{rest}", first.len(), rest.len());
            let head = format!("BDAT {} LAST\r\n", input.len());
            for (said, then) in [(in_two.as_str(), ""), (&format!("{head}{first}"), rest)] {
                let mut talk = relay.pipe();
                talk.runs(HELLO).await;
                talk.runs(ENVELOPE.strip_suffix("> DATA\n< 354 ").unwrap()).await;
                talk.says(said.as_bytes()).await;
                tokio::task::yield_now().await;
                talk.says(then.as_bytes()).await;
                let heard = talk.rest().await;
                let (chunks, end) = heard.split_at(heard.len() - 1);
                let refusal = if sequence.contains('\0') {
                    "554 5.6.0 NUL"
                } else {
                    "550 5.6.11 bare"
                };
                assert!(
                    end[0].starts_with(refusal) && chunks.iter().all(|line| line.starts_with("250 2.0.0 ")),
                    "{sequence:?} at {split}: {heard:?}"
                );
                assert!(chunks.len() < 2 && relay.nothing_arrived(), "{sequence:?} at {split}");
            }
        }
    }
}
