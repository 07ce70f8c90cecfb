//! Replies (RFC 5321, 4.2) with enhanced status codes (RFC 3463, RFC 2034).

use std::fmt;

use bytes::{Buf, BytesMut};

/// The longest reply line taken, in octets without its line end. RFC 5321, 4.5.3.1.5 allows 512; real servers with long
/// explanations and links send more.
pub const MAX_REPLY_LINE: usize = 2048;

/// The most lines taken in one reply. The longest EHLO answers met in the field stay under 30.
pub const MAX_REPLY_LINES: usize = 128;

/// An enhanced status code: `5.1.1`. The class is the reply code's first digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enhanced {
    pub subject: u16,
    pub detail: u16,
}

/// A reply: one code, and at least one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub enhanced: Option<Enhanced>,
    pub lines: Vec<String>,
}

impl Reply {
    pub fn new(code: u16, enhanced: Option<(u16, u16)>, text: impl Into<String>) -> Self {
        let enhanced = enhanced.map(|(subject, detail)| Enhanced { subject, detail });
        Self {
            code,
            enhanced,
            lines: vec![text.into()],
        }
    }

    pub fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }

    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }
}

/// On one line, for logs: `550 5.1.1 no such user`.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(Enhanced { subject, detail }) = self.enhanced {
            write!(f, " {}.{subject}.{detail}", self.code / 100)?;
        }
        for line in &self.lines {
            write!(f, " {line}")?;
        }
        Ok(())
    }
}

/// Reads replies out of the octets that a server sent, however they were cut up on the way.
///
/// Lines end in CRLF; a bare LF is taken too, because nothing that a server says can be smuggled past us by it. Control
/// characters in the text become `?`, so that a reply cannot forge a line of a log.
#[derive(Debug, Default)]
pub struct ReplyReader {
    /// The lines so far of a reply that is not complete.
    partial: Option<Reply>,
    /// Octets of the buffer that are known to hold no line end.
    scanned: usize,
}

/// Why what a server sent is not a reply. The session cannot go on: nobody knows what the next octets answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    #[error("a reply line is longer than {MAX_REPLY_LINE} octets")]
    LineTooLong,
    #[error("a reply has more than {MAX_REPLY_LINES} lines")]
    TooManyLines,
    #[error("\"{line}\" is not an SMTP reply: three digits, 200 to 599, are expected")]
    NotAReply { line: String },
    #[error("one reply with two codes, {first} and {second}")]
    CodesDiffer { first: u16, second: u16 },
}

impl ReplyReader {
    /// Takes one whole reply off the front of `buffer`; `None` when more octets are needed. Octets behind the reply
    /// stay: they are the next one, when commands are pipelined.
    pub fn read(&mut self, buffer: &mut BytesMut) -> Result<Option<Reply>, ReplyError> {
        while let Some(line_end) = memchr::memchr(b'\n', &buffer[self.scanned..]).map(|at| self.scanned + at) {
            let line = buffer[..line_end].strip_suffix(b"\r").unwrap_or(&buffer[..line_end]);
            let complete = self.take_line(line)?;
            buffer.advance(line_end + 1);
            self.scanned = 0;
            if complete {
                return Ok(self.partial.take());
            }
        }
        if buffer.len() > MAX_REPLY_LINE + 1 {
            return Err(ReplyError::LineTooLong);
        }
        self.scanned = buffer.len();
        Ok(None)
    }

    /// Adds a line to the reply, and says whether it was the last one.
    fn take_line(&mut self, line: &[u8]) -> Result<bool, ReplyError> {
        if line.len() > MAX_REPLY_LINE {
            return Err(ReplyError::LineTooLong);
        }
        let (code, last, text) = split_line(line).ok_or_else(|| ReplyError::NotAReply {
            line: printable(&line[..line.len().min(60)]),
        })?;
        let (enhanced, text) = split_enhanced(code, text);
        let reply = self.partial.get_or_insert_with(|| Reply {
            code,
            enhanced,
            lines: Vec::new(),
        });
        if reply.code != code {
            return Err(ReplyError::CodesDiffer {
                first: reply.code,
                second: code,
            });
        }
        if reply.lines.len() == MAX_REPLY_LINES {
            return Err(ReplyError::TooManyLines);
        }
        reply.lines.push(printable(text));
        Ok(last)
    }
}

/// Code, whether it is the last line, and text: `250-SIZE`, `250 done`, and the bare `250` that RFC 5321, 4.2 asks
/// clients to accept.
fn split_line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let digits = line.get(..3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !(b'2'..=b'5').contains(&digits[0]) {
        return None;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match line.get(3) {
        None => Some((code, true, &[])),
        Some(b' ') => Some((code, true, &line[4..])),
        Some(b'-') => Some((code, false, &line[4..])),
        Some(_) => None,
    }
}

/// Takes `5.1.1 ` off the front of the text, when its class is that of the code (RFC 2034, 4).
fn split_enhanced(code: u16, text: &[u8]) -> (Option<Enhanced>, &[u8]) {
    let end = text.iter().position(|b| *b == b' ').unwrap_or(text.len());
    let parse = || {
        let mut numbers = std::str::from_utf8(&text[..end]).ok()?.split('.').map(|part| {
            let legal = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            legal.then(|| part.parse::<u16>().ok()).flatten()
        });
        let (class, subject, detail) = (numbers.next()??, numbers.next()??, numbers.next()??);
        (numbers.next().is_none() && class == code / 100).then_some(Enhanced { subject, detail })
    };
    match parse() {
        Some(enhanced) => (Some(enhanced), text[end..].strip_prefix(b" ").unwrap_or_default()),
        None => (None, text),
    }
}

fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(octets: &[u8], step: usize) -> Result<Vec<Reply>, ReplyError> {
        let (mut reader, mut buffer, mut replies) = (ReplyReader::default(), BytesMut::new(), Vec::new());
        for chunk in octets.chunks(step) {
            buffer.extend_from_slice(chunk);
            while let Some(reply) = reader.read(&mut buffer)? {
                replies.push(reply);
            }
        }
        Ok(replies)
    }

    #[test]
    fn pipelined_replies_come_out_one_by_one_at_any_split() {
        let octets = b"250-mms.b.example greets you\r\n250-SIZE 5242880\r\n250 PIPELINING\r\n\
                       250 2.1.0 sender ok\r\n550 5.1.1 nobody\r\n354\r\n";
        let whole = read_all(octets, octets.len()).unwrap();
        assert_eq!(
            whole[0].lines,
            ["mms.b.example greets you", "SIZE 5242880", "PIPELINING"]
        );
        assert_eq!(whole[1], Reply::new(250, Some((1, 0)), "sender ok"));
        assert_eq!(whole[2], Reply::new(550, Some((1, 1)), "nobody"));
        assert_eq!(whole[3], Reply::new(354, None, ""));
        for step in 1..octets.len() {
            assert_eq!(read_all(octets, step).unwrap(), whole, "in steps of {step}");
        }
    }

    #[test]
    fn garbage_is_an_error_that_shows_it() {
        for octets in [
            "HTTP/1.1 400 Bad Request\r\n",
            "25\r\n",
            "\r\n",
            "250_ok\r\n",
            "199 x\r\n",
            "600 x\r\n",
        ] {
            let error = read_all(octets.as_bytes(), 3).unwrap_err();
            assert!(matches!(error, ReplyError::NotAReply { .. }), "{octets:?}: {error}");
        }
        assert_eq!(
            read_all(b"\x1b[2J\r\n", 99).unwrap_err(),
            ReplyError::NotAReply { line: "?[2J".into() }
        );
    }

    #[test]
    fn one_reply_has_one_code() {
        let error = read_all(b"250-one\r\n251 two\r\n", 99).unwrap_err();
        assert_eq!(
            error,
            ReplyError::CodesDiffer {
                first: 250,
                second: 251
            }
        );
    }

    #[test]
    fn lines_and_their_number_are_bounded() {
        let line = |text: usize| format!("250 {}\r\n", "x".repeat(text));
        assert!(read_all(line(MAX_REPLY_LINE - 4).as_bytes(), 7).is_ok());
        assert_eq!(
            read_all(line(MAX_REPLY_LINE - 3).as_bytes(), 7).unwrap_err(),
            ReplyError::LineTooLong
        );
        assert_eq!(
            read_all(&[b'2'; MAX_REPLY_LINE + 2], 100).unwrap_err(),
            ReplyError::LineTooLong,
            "without waiting for a line end"
        );
        let many = |lines: usize| format!("{}250 end\r\n", "250-x\r\n".repeat(lines - 1));
        assert_eq!(
            read_all(many(MAX_REPLY_LINES).as_bytes(), 99).unwrap()[0].lines.len(),
            MAX_REPLY_LINES
        );
        assert_eq!(
            read_all(many(MAX_REPLY_LINES + 1).as_bytes(), 99).unwrap_err(),
            ReplyError::TooManyLines
        );
    }

    #[test]
    fn an_enhanced_code_of_another_class_is_text() {
        let replies = read_all(b"250 5.1.1 odd\r\n550 5.1.1111 odd\r\n550 5.7.1\r\n", 99).unwrap();
        assert_eq!(replies[0], Reply::new(250, None, "5.1.1 odd"));
        assert_eq!(replies[1], Reply::new(550, None, "5.1.1111 odd"));
        assert_eq!(replies[2], Reply::new(550, Some((7, 1)), ""));
    }

    #[test]
    fn a_reply_cannot_forge_a_log_line() {
        let replies = read_all(b"550 no\rNov 21 relay: all is well\n", 99).unwrap();
        assert_eq!(replies[0].lines, ["no?Nov 21 relay: all is well"]);
    }
}
