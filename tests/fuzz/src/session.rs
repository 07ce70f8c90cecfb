//! Targets over `protocol/smtp`. The first octet of the input says how the rest is cut up on the way.

use bytes::{Bytes, BytesMut};

use crate::message::MmsAddress;
use crate::protocol::proxy::{self, ProxyHeader};
use crate::protocol::smtp::outbound::{self, DotStuffer, Extensions};
use crate::protocol::smtp::{
    Command, DataLimits, DataReader, Found, LineReader, Login, LoginStep, MAX_REPLY_OCTETS, Reply, ReplyReader,
};

pub fn smtp(octets: &[u8]) {
    let Some((cut, stream)) = octets.split_first() else {
        return;
    };
    let whole = lines(stream, stream.len().max(1));
    assert_eq!(
        lines(stream, usize::from(*cut).max(1)),
        whole,
        "splits make no difference"
    );
    for line in whole.iter().flatten() {
        commanded(line);
    }
    let whole = replies(stream, stream.len().max(1));
    assert_eq!(
        replies(stream, usize::from(*cut).max(1)),
        whole,
        "splits make no difference"
    );
    for reply in whole {
        let mut wire = Vec::new();
        reply.encode(&mut wire);
        let is_short = |line: &[u8]| line.len() <= MAX_REPLY_OCTETS;
        assert!(wire.ends_with(b"\r\n") && wire.split(|octet| *octet == b'\n').all(is_short));
        let _ = Extensions::from_reply(&reply);
    }
}

/// What the relay takes an address from, it writes so that it takes the same.
fn commanded(line: &[u8]) {
    let (from, to) = match Command::parse(line) {
        Ok(Command::Mail { from: Some(from), .. }) => (MmsAddress::new(from).ok(), None),
        Ok(Command::Rcpt { to }) => (None, MmsAddress::new(to).ok()),
        Ok(_) => return,
        Err(error) => return drop(error.to_string()),
    };
    let mut wire = Vec::new();
    if let Some(from) = &from {
        outbound::mail(&mut wire, Some(from), Some(1), true);
        let again = Command::parse(wire.trim_ascii_end()).expect("a command");
        assert!(matches!(again, Command::Mail { from: Some(text), .. } if text == from.as_str()));
    }
    if let Some(to) = &to {
        outbound::rcpt(&mut wire, to);
        let again = Command::parse(wire.trim_ascii_end()).expect("a command");
        assert!(matches!(again, Command::Rcpt { to: text } if text == to.as_str()));
    }
}

/// Lines, and `None` for each that is a fault.
fn lines(stream: &[u8], cut: usize) -> Vec<Option<Vec<u8>>> {
    let mut reader = LineReader::new(512, 4_096);
    let (mut buffer, mut found) = (Vec::new(), Vec::new());
    for chunk in stream.chunks(cut) {
        buffer.extend_from_slice(chunk);
        loop {
            let (line, consumed) = match reader.next(&buffer) {
                Found::Line { line, consumed } => (Some(line.to_vec()), consumed),
                Found::Fault { consumed, .. } => (None, consumed),
                Found::More { consumed } => {
                    buffer.drain(..consumed);
                    break;
                }
            };
            buffer.drain(..consumed);
            found.push(line);
        }
    }
    // How soon a line is known to be hopeless depends on how much of it is there.
    found.truncate(found.iter().position(Option::is_none).unwrap_or(found.len()));
    found
}

/// Replies up to the first that is none.
fn replies(stream: &[u8], cut: usize) -> Vec<Reply> {
    let mut reader = ReplyReader::default();
    let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
    for chunk in stream.chunks(cut) {
        buffer.extend_from_slice(chunk);
        loop {
            match reader.read(&mut buffer) {
                Ok(Some(reply)) => found.push(reply),
                Ok(None) => break,
                Err(_) => return found,
            }
        }
    }
    found
}

pub fn data(octets: &[u8]) {
    let Some((cut, stream)) = octets.split_first() else {
        return;
    };
    let cut = usize::from(*cut).max(1);
    let whole = received(stream, stream.len().max(1));
    assert_eq!(received(stream, cut), whole, "splits make no difference");
    let chunked = in_chunks(stream, cut);
    assert_eq!(
        chunked,
        in_chunks(stream, stream.len().max(1)),
        "splits make no difference"
    );
    let (mut stuffer, mut out) = (DotStuffer::default(), Vec::new());
    for chunk in stream.chunks(cut) {
        if stuffer.encode(Bytes::copy_from_slice(chunk), &mut out).is_err() {
            return;
        }
    }
    if stuffer.finish(&mut out).is_err() {
        return;
    }
    if let Some(payload) = chunked {
        assert!(
            stream.is_empty() || payload.ends_with(b"\r\n"),
            "what came in chunks can leave behind DATA"
        );
    }
    if stream.contains(&0) || stream.len() > 4_096 {
        return;
    }
    let wire = out.concat();
    let (payload, consumed, ended, _) = received(&wire, cut);
    assert!(ended && consumed == wire.len(), "the end of data is where we wrote it");
    if let Some(payload) = payload {
        let ends = stream.is_empty() || stream.ends_with(b"\r\n");
        let expected = [stream, if ends { b"" } else { b"\r\n" }].concat();
        assert_eq!(payload, expected);
    }
}

const LIMITS: DataLimits = DataLimits {
    message: 8_192,
    header: 8_192,
    line: 998,
};

/// The payload of these chunks unless there was an error.
fn in_chunks(stream: &[u8], cut: usize) -> Option<Vec<u8>> {
    let mut reader = DataReader::of_chunks(LIMITS);
    let mut payload = Vec::new();
    for chunk in stream.chunks(cut) {
        let progress = reader.read(chunk, |run| payload.extend_from_slice(run));
        assert!(progress.consumed == chunk.len() && !progress.ended);
    }
    reader.finish(|run| payload.extend_from_slice(run));
    reader.error().is_none().then_some(payload)
}

/// The payload unless there was an error, the octets that were taken, whether the end was found, the size.
fn received(stream: &[u8], cut: usize) -> (Option<Vec<u8>>, usize, bool, u64) {
    let mut reader = DataReader::new(LIMITS);
    let (mut payload, mut consumed) = (Vec::new(), 0);
    for chunk in stream.chunks(cut) {
        let progress = reader.read(chunk, |run| payload.extend_from_slice(run));
        consumed += progress.consumed;
        if progress.ended {
            let whole = reader.error().is_none().then_some(payload);
            return (whole, consumed, true, reader.size());
        }
    }
    (
        reader.error().is_none().then_some(payload),
        consumed,
        false,
        reader.size(),
    )
}

/// A header is read as a connection is: never an octet that may be the client's.
pub fn proxy(octets: &[u8]) {
    let (mut known, mut rounds) = (0, 0);
    let whole = loop {
        match proxy::read(&octets[..known]) {
            Ok(ProxyHeader::Whole(_)) => break known,
            Ok(ProxyHeader::Wants(wanted)) => {
                assert!(wanted > 0, "an end is reached");
                known += wanted;
            }
            Err(error) => return drop(error.to_string()),
        }
        rounds += 1;
        assert!(rounds < 200, "an end is reached soon");
        if known > octets.len() {
            return;
        }
    };
    // What is a whole header is one whatever follows, and nothing shorter is.
    for shorter in 0..whole {
        assert!(!matches!(proxy::read(&octets[..shorter]), Ok(ProxyHeader::Whole(_))));
    }
    for login in [Login::Plain, Login::LoginName] {
        if let Ok(LoginStep::Done(credentials)) = login.answer(&octets[whole..]) {
            let wire = credentials.plain();
            assert!(matches!(
                Command::parse(wire.trim_end().as_bytes()),
                Ok(Command::Auth { .. })
            ));
        }
    }
}
