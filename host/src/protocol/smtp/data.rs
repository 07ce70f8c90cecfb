//! The message behind DATA or in chunks: its end, its dots, and the octets that it must not contain (RFC 5321, 4.5.2
//! and 4.1.1.4).
//!
//! Only CRLF "." CRLF ends a message, where the CRLF of the DATA command counts as the first. Servers that accept
//! anything else allow one message to be smuggled inside another (CVE-2023-51764 to -51766). A message with a bare CR,
//! a bare LF or a NUL is read to its real end, so that the position in the stream stays exact, and is then refused.
//!
//! In chunks (RFC 3030) a message ends with its last chunk, and dots mean nothing. The same octets are forbidden,
//! because the next hop may get the message behind DATA. A CR at the end of one chunk and an LF at the beginning of the
//! next are one line end, so the same machine reads both forms.
//!
//! Some old systems end lines as their disk does. For a peer configured so, a bare CR or LF is taken for a line end and
//! leaves as CRLF ([`DataReader::mending`]). The end of the message is recognised as strictly as ever: a dot behind a
//! bare line end never ends anything.

use memchr::memchr3;

/// Limits on a message, all in octets after dot-unstuffing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataLimits {
    pub message: u64,
    /// The header with the empty line that ends it.
    pub header: u64,
    /// One line, without its CRLF.
    pub line: u64,
}

/// Reads a message incrementally. How the octets are split between calls makes no difference.
#[derive(Debug)]
pub struct DataReader {
    limits: DataLimits,
    framing: Framing,
    /// Bare CRs and LFs become line ends.
    mends: bool,
    /// The present line began behind a mended line end.
    behind_bare: bool,
    place: Place,
    error: Option<DataError>,
    /// Octets of payload so far, including those that exceeded a limit.
    size: u64,
    /// Octets of the present line, without its CRLF.
    line: u64,
    in_header: bool,
}

/// The end of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// A line with only a dot.
    Dot,
    /// The end of its last chunk, which the caller counts.
    Chunks,
}

/// The result of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Octets of the input that belong to the message, its end included. The rest are commands.
    pub consumed: usize,
    pub ended: bool,
}

/// Why the message cannot be accepted: the first reason that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    #[error("a CR that no LF follows")]
    BareCr,
    #[error("an LF that stands behind no CR")]
    BareLf,
    #[error("a NUL octet")]
    Nul,
    #[error("the message is larger than {limit} octets")]
    TooLarge { limit: u64 },
    #[error("the header is larger than {limit} octets")]
    HeaderTooLarge { limit: u64 },
    #[error("a line is longer than {limit} octets")]
    LineTooLong { limit: u64 },
}

/// The position of the reader in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Behind a CRLF.
    LineStart,
    /// Behind a dot that begins a line, which is not payload.
    Dot,
    /// Behind a dot and a CR at the beginning of a line.
    DotCr,
    Inside,
    /// Behind a CR.
    Cr,
    /// Behind an LF without a CR, which is to become a line end.
    Lf,
    Ended,
}

impl DataReader {
    /// Begins behind the CRLF of the DATA command.
    pub fn new(limits: DataLimits) -> Self {
        Self::framed_by(Framing::Dot, limits)
    }

    /// Begins with the first octet of the first chunk. [`read`](Self::read) then consumes all of each chunk, and never
    /// reports the end of the message, which is [`finish`](Self::finish).
    pub fn of_chunks(limits: DataLimits) -> Self {
        Self::framed_by(Framing::Chunks, limits)
    }

    fn framed_by(framing: Framing, limits: DataLimits) -> Self {
        Self {
            limits,
            framing,
            mends: false,
            behind_bare: false,
            place: Place::LineStart,
            error: None,
            size: 0,
            line: 0,
            in_header: true,
        }
    }

    /// Takes bare CRs and LFs for line ends.
    #[must_use]
    pub fn mending(self, mends: bool) -> Self {
        Self { mends, ..self }
    }

    /// Consumes the octets of the message at the front of `input`, and hands the payload to `sink` in as few runs as
    /// dot-unstuffing allows. After an error nothing more is handed out.
    pub fn read(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Progress {
        // The octets of `input` from `run` to `at` are payload that has not been handed out.
        let (mut at, mut run) = (0, 0);
        while let Some(&octet) = input.get(at) {
            match (self.place, octet) {
                (Place::LineStart, b'.') if self.framing == Framing::Dot => {
                    self.pay(&input[run..at], &mut sink);
                    at += 1;
                    run = at;
                    self.place = Place::Dot;
                }
                (Place::Dot, b'\r') => {
                    at += 1;
                    run = at;
                    self.place = Place::DotCr;
                }
                (Place::DotCr, b'\n') if !self.behind_bare => {
                    at += 1;
                    run = at;
                    self.place = Place::Ended;
                }
                (Place::DotCr, b'\n') => {
                    at += 1;
                    run = at;
                    self.mend(b"\r\n", &mut sink);
                    self.behind_bare = false;
                }
                (Place::Cr, b'\n') => {
                    at += 1;
                    self.end_line(at - run);
                    (self.place, self.behind_bare) = (Place::LineStart, false);
                }
                (Place::DotCr, _) if self.mends => self.mend(b"\r\n", &mut sink),
                (Place::Cr, _) if self.mends => {
                    self.pay(&input[run..at], &mut sink);
                    run = at;
                    self.mend(b"\n", &mut sink);
                }
                (Place::DotCr | Place::Cr, _) => {
                    self.fail(DataError::BareCr);
                    self.place = Place::Inside;
                }
                (Place::LineStart | Place::Dot | Place::Inside, _) => {
                    at = self.inside(input, at);
                    if self.place == Place::Lf {
                        self.pay(&input[run..at - 1], &mut sink);
                        run = at;
                        self.mend(b"\r\n", &mut sink);
                    }
                }
                (Place::Ended | Place::Lf, _) => break,
            }
        }
        self.pay(&input[run..at], &mut sink);
        Progress {
            consumed: at,
            ended: self.place == Place::Ended,
        }
    }

    /// Ends the message after the last chunk. A last line without CRLF gets one, because a relay that sends the message
    /// behind DATA must end the line too.
    pub fn finish(&mut self, sink: impl FnMut(&[u8])) {
        match self.place {
            Place::Cr if !self.mends => self.fail(DataError::BareCr),
            Place::Cr => {
                self.read(b"\n", sink);
            }
            Place::Inside => {
                self.read(b"\r\n", sink);
            }
            _ => {}
        }
    }

    /// Why the message cannot be accepted, if so.
    pub fn error(&self) -> Option<DataError> {
        self.error
    }

    /// Octets of payload so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Completes a line that ended with a bare CR or LF.
    fn mend(&mut self, missing: &[u8], sink: &mut impl FnMut(&[u8])) {
        self.pay(missing, sink);
        self.end_line(0);
        (self.place, self.behind_bare) = (Place::LineStart, true);
    }

    /// Skips to the next octet that needs a decision, or to the end, and returns its position.
    #[inline]
    fn inside(&mut self, input: &[u8], from: usize) -> usize {
        self.place = Place::Inside;
        let rest = &input[from..];
        let Some(skipped) = memchr3(b'\r', b'\n', 0, rest) else {
            self.lengthen(rest.len());
            return input.len();
        };
        self.lengthen(skipped);
        match rest[skipped] {
            b'\r' => self.place = Place::Cr,
            b'\n' if self.mends => self.place = Place::Lf,
            b'\n' => self.fail(DataError::BareLf),
            _ => self.fail(DataError::Nul),
        }
        from + skipped + 1
    }

    #[inline]
    fn lengthen(&mut self, octets: usize) {
        self.line += octets as u64;
        if self.line > self.limits.line {
            let limit = self.limits.line;
            self.fail(DataError::LineTooLong { limit });
        }
    }

    /// Ends the present line, of whose payload `unpaid` octets have not been counted yet.
    #[inline]
    fn end_line(&mut self, unpaid: usize) {
        if self.in_header && self.line == 0 {
            self.in_header = false;
            self.check_header(self.size + unpaid as u64);
        }
        self.line = 0;
    }

    fn pay(&mut self, payload: &[u8], sink: &mut impl FnMut(&[u8])) {
        self.size += payload.len() as u64;
        if self.size > self.limits.message {
            let limit = self.limits.message;
            self.fail(DataError::TooLarge { limit });
        } else if self.in_header {
            self.check_header(self.size);
        }
        if self.error.is_none() && !payload.is_empty() {
            sink(payload);
        }
    }

    fn check_header(&mut self, octets: u64) {
        let limit = self.limits.header;
        if octets > limit {
            self.fail(DataError::HeaderTooLarge { limit });
        }
    }

    fn fail(&mut self, error: DataError) {
        self.error.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests;
