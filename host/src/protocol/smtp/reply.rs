//! Replies (RFC 5321, 4.2) with enhanced status codes (RFC 3463, RFC 2034).

use std::fmt;

use bytes::{Buf, BytesMut};

/// How many octets of a reply line are kept, without its line end. RFC 5321, 4.5.3.1.5 allows 512; real servers send
/// more, with long explanations and links. The rest of a longer line is read and dropped: its code is at its beginning.
pub const MAX_REPLY_LINE: usize = 2048;

/// How many lines of one reply are kept. The longest EHLO replies met in the field have fewer than 30. Further lines
/// are read and dropped.
pub const MAX_REPLY_LINES: usize = 128;

/// How many octets of one reply are read. A server that sends more has given its code by then, and is read no further.
pub const MAX_REPLY_SIZE: usize = 256 << 10;

/// How many lines that are no reply are passed over before one.
const MAX_JUNK_LINES: usize = 16;

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

/// Reads replies from the octets that a server sent, however these were split on the way.
///
/// **The code decides** (RFC 5321, 4.2), and no defect of the text may hide it. So a bare LF ends a line too: a
/// server's reply cannot smuggle a message past us. Empty lines are passed over, and so are lines that are no reply
/// where that is [allowed](ReplyReader::pass_junk). A line of a multi-line reply may lack its code. Long lines, and
/// replies of many lines, are cut. Control characters in the text become `?`, so that a reply cannot forge a log line.
#[derive(Debug, Default)]
pub struct ReplyReader {
    /// The lines so far of a reply that is not complete.
    partial: Option<Reply>,
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    /// Octets of the reply so far.
    octets: usize,
    junk: Junk,
    /// Lines that are no reply may be passed over.
    passes_junk: bool,
    /// The last reply did not end, so what follows cannot be distinguished from it.
    endless: bool,
}

/// Lines before a reply that are no reply.
#[derive(Debug, Default)]
struct Junk {
    first: Option<String>,
    lines: usize,
}

/// Why the octets of a server are no reply. The session cannot go on, because nobody knows what the next octets answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    #[error("\"{line}\" is not an SMTP reply: three digits, 200 to 599, are expected")]
    NotAReply { line: String },
    #[error("one reply with codes of two classes, {first} and {second}")]
    CodesDiffer { first: u16, second: u16 },
    #[error("the reply before had no end within {MAX_REPLY_SIZE} octets")]
    Endless,
}

impl ReplyReader {
    /// Takes one whole reply from the front of `buffer`; `None` when more octets are needed. Octets behind the reply
    /// stay: with PIPELINING they are the next one.
    pub fn read(&mut self, buffer: &mut BytesMut) -> Result<Option<Reply>, ReplyError> {
        if self.endless {
            return Err(ReplyError::Endless);
        }
        while !buffer.is_empty() {
            let within = &buffer[..buffer.len().min(MAX_REPLY_SIZE - self.octets)];
            let line_end = memchr::memchr(b'\n', within);
            let taken = line_end.map_or(within.len(), |at| at + 1);
            let text = &buffer[..line_end.unwrap_or(taken)];
            // One octet more than is kept, because it may be the CR.
            let room = (MAX_REPLY_LINE + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            self.octets += taken;
            buffer.advance(taken);
            if line_end.is_some()
                && let Some(reply) = self.end_line()?
            {
                return Ok(Some(reply));
            }
            if self.octets == MAX_REPLY_SIZE {
                self.endless = true;
                return match self.finish() {
                    Some(reply) => Ok(Some(reply)),
                    None => Err(self.not_a_reply()),
                };
            }
        }
        Ok(None)
    }

    /// Allows a few lines that are no reply before the next one. Otherwise the first of them is an error.
    pub fn pass_junk(&mut self, pass: bool) {
        self.passes_junk = pass;
    }

    /// Ends the input: a reply whose code has arrived counts as complete.
    pub fn finish(&mut self) -> Option<Reply> {
        self.octets = 0;
        if split_line(trimmed(&self.line)).is_some()
            && let Ok(Some(reply)) = self.end_line()
        {
            return Some(reply);
        }
        self.line.clear();
        self.partial.take()
    }

    /// Whether the last reply did not end within the octets that are read.
    pub fn is_endless(&self) -> bool {
        self.endless
    }

    /// The first line that arrived in place of the expected reply, if one did.
    pub fn junk(&self) -> Option<&str> {
        self.junk.first.as_deref()
    }

    /// Whether nothing of a reply has arrived.
    pub fn is_between(&self) -> bool {
        self.partial.is_none() && trimmed(&self.line).is_empty()
    }

    /// Handles a complete line. Returns the reply when this was its last line.
    fn end_line(&mut self) -> Result<Option<Reply>, ReplyError> {
        let line = std::mem::take(&mut self.line);
        let line = trimmed(&line);
        match (split_line(line), &mut self.partial) {
            (Some((code, last, text)), _) => {
                if self.add(code, text)? && last {
                    (self.octets, self.junk) = (0, Junk::default());
                    return Ok(self.partial.take());
                }
            }
            (None, Some(partial)) => keep(&mut partial.lines, line),
            (None, None) if line.is_empty() => {}
            (None, None) => {
                self.junk.lines += 1;
                self.junk
                    .first
                    .get_or_insert_with(|| printable(&line[..line.len().min(60)]));
                if !self.passes_junk || self.junk.lines > MAX_JUNK_LINES {
                    return Err(self.not_a_reply());
                }
            }
        }
        Ok(None)
    }

    /// Adds a line to the reply. Always returns true.
    fn add(&mut self, code: u16, text: &[u8]) -> Result<bool, ReplyError> {
        let (enhanced, text) = split_enhanced(code, text);
        let reply = self.partial.get_or_insert_with(|| Reply {
            code,
            enhanced,
            lines: Vec::new(),
        });
        if reply.code / 100 != code / 100 {
            let (first, second) = (reply.code, code);
            return Err(ReplyError::CodesDiffer { first, second });
        }
        // Some servers change the code between lines. The last line, which ends the reply, counts.
        reply.code = code;
        keep(&mut reply.lines, text);
        Ok(true)
    }

    fn not_a_reply(&self) -> ReplyError {
        let line = self.junk.first.clone();
        let line = line.unwrap_or_else(|| printable(&self.line[..self.line.len().min(60)]));
        ReplyError::NotAReply { line }
    }
}

fn keep(lines: &mut Vec<String>, text: &[u8]) {
    if lines.len() < MAX_REPLY_LINES {
        lines.push(printable(&text[..text.len().min(MAX_REPLY_LINE)]));
    }
}

/// The line without surrounding white space and without the CR.
fn trimmed(line: &[u8]) -> &[u8] {
    line.trim_ascii()
}

/// The code, whether the line is the last one, and the text: `250-SIZE`, `250 done`, and the bare `250` that RFC 5321,
/// 4.2 asks clients to accept. Any other octet that a server puts behind the code, a tab or a letter, belongs to the
/// text.
fn split_line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let digits = line.get(..3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !(b'2'..=b'5').contains(&digits[0]) {
        return None;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match line.get(3) {
        None => Some((code, true, &[])),
        Some(b' ' | b'\t') => Some((code, true, &line[4..])),
        Some(b'-') => Some((code, false, &line[4..])),
        Some(b'0'..=b'9') => None,
        Some(_) => Some((code, true, &line[3..])),
    }
}

/// Splits `5.1.1 ` off the front of the text, when its class is that of the code (RFC 2034, 4).
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
mod tests;
