//! The protocol of ClamAV's daemon: `INSTREAM` of clamd(8).
//!
//! The command, then chunks with their length in front (four octets, the most significant first), a length of 0, and one
//! line in answer, which ends with a NUL because the command began with `z`. Each part has a connection of its own: a session
//! (`IDSESSION`) would be one of the few that clamd has, kept from its other clients, to spare a connection to this host.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Address;
use super::stream;
use crate::outside::gate::Trouble;

/// Octets of a chunk at most.
const CHUNK: usize = 64 << 10;
/// Longer answers are none of clamd's.
const ANSWER_MAX: u64 = 4096;

/// What the daemon at `address` finds in the octets of `pieces`.
pub(super) async fn scan(address: &Address, pieces: &[Bytes]) -> Result<Option<String>, Trouble> {
    let answer = ask(stream::connect(address).await, pieces).await;
    let answer = answer.map_err(|error| Trouble::Failed(format!("clamd at {address}: {error}")))?;
    read(&answer)
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: io::Result<S>, pieces: &[Bytes]) -> io::Result<Vec<u8>> {
    let mut stream = stream?;
    let sent = send(&mut stream, pieces).await;
    let mut answer = Vec::new();
    let received = stream.take(ANSWER_MAX).read_to_end(&mut answer).await;
    // A daemon that has seen enough says so and hangs up, while there is still something to be sent.
    match answer.is_empty() {
        true => Err(sent
            .and(received.map(drop))
            .err()
            .unwrap_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "it hung up without an answer"))),
        false => Ok(answer),
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), pieces: &[Bytes]) -> io::Result<()> {
    stream.write_all(b"zINSTREAM\0").await?;
    for chunk in pieces.iter().flat_map(|piece| piece.chunks(CHUNK)) {
        // At most CHUNK.
        stream.write_u32(chunk.len() as u32).await?;
        stream.write_all(chunk).await?;
    }
    stream.write_u32(0).await?;
    stream.flush().await
}

/// `stream: OK`, `stream: NAME FOUND`, or what went wrong.
fn read(answer: &[u8]) -> Result<Option<String>, Trouble> {
    let answer = String::from_utf8_lossy(answer);
    let answer = answer.trim_end_matches(['\0', '\n']).trim();
    match answer.strip_prefix("stream: ") {
        Some("OK") => return Ok(None),
        Some(found) => {
            if let Some(name) = found.strip_suffix(" FOUND") {
                return Ok(Some(name.to_owned()));
            }
        }
        None => {}
    }
    let said: String = answer.chars().take(200).collect();
    match said.contains("size limit exceeded") {
        true => Err(Trouble::TooLarge(format!("clamd says {said:?}: its StreamMaxLength"))),
        false => Err(Trouble::Failed(format!("clamd says {said:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_clean_a_name_too_large_or_a_failure() {
        assert_eq!(read(b"stream: OK\0").unwrap(), None);
        let found = read(b"stream: Test.Signature.UNOFFICIAL FOUND\0").unwrap();
        assert_eq!(found.as_deref(), Some("Test.Signature.UNOFFICIAL"));
        let too_large = read(b"INSTREAM size limit exceeded. ERROR\0");
        assert!(matches!(too_large, Err(Trouble::TooLarge(_))));
        for wrong in ["", "UNKNOWN COMMAND\0", "stream: Can't allocate memory ERROR\0"] {
            assert!(matches!(read(wrong.as_bytes()), Err(Trouble::Failed(_))), "{wrong}");
        }
    }

    #[tokio::test]
    async fn chunks_carry_their_length_and_an_empty_one_ends_them() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let large = Bytes::from(vec![b'x'; CHUNK + 1]);
        let asked = tokio::spawn(async move { ask(Ok(ours), &[Bytes::from_static(b"abc"), large]).await });
        let mut got = vec![0; 10 + 4 + 3 + 4 + CHUNK + 4 + 1 + 4];
        theirs.read_exact(&mut got).await.unwrap();
        assert!(got.starts_with(b"zINSTREAM\0\0\0\0\x03abc\0\x01\0\0xx"));
        assert!(got.ends_with(b"xx\0\0\0\x01x\0\0\0\0"));
        theirs.write_all(b"stream: OK\0").await.unwrap();
        drop(theirs);
        assert_eq!(asked.await.unwrap().unwrap(), b"stream: OK\0");
    }

    #[tokio::test]
    async fn a_daemon_that_answers_before_everything_is_sent_is_heard() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let asked = tokio::spawn(async move { ask(Ok(ours), &[Bytes::from(vec![0; 1 << 20])]).await });
        theirs
            .write_all(b"INSTREAM size limit exceeded. ERROR\0")
            .await
            .unwrap();
        drop(theirs);
        let answer = asked.await.unwrap().unwrap();
        assert!(matches!(read(&answer), Err(Trouble::TooLarge(_))));
    }
}
