//! The client's half: a server's extensions, commands as they are written on the wire, and dot-stuffing.

use bytes::Bytes;

use super::Reply;
use crate::message::MmsAddress;

/// The extensions that a server offers in its answer to EHLO. The default, none, is also what HELO gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Commands may be sent without waiting for each answer (RFC 2920).
    pub pipelining: bool,
    /// Octets above 127 may be sent (RFC 6152).
    pub eight_bit_mime: bool,
    /// Replies carry codes such as `5.1.1` (RFC 2034).
    pub enhanced_status_codes: bool,
    /// The size of a message may be declared (RFC 1870). The number is the largest size that the server accepts; 0
    /// means that it states no limit.
    pub size: Option<u64>,
    /// The session can be encrypted (RFC 3207).
    pub starttls: bool,
    /// A client can log in with PLAIN (RFC 4954).
    pub auth_plain: bool,
    pub auth_login: bool,
    /// The most recipients that the server takes in one transaction (RFC 9422).
    pub most_recipients: Option<usize>,
}

/// A CR without an LF behind it, or an LF without a CR before it, in a message that is to be sent. Two servers may see
/// different ends of data in it (SMTP smuggling), so the message is not sent, and not repaired either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message holds a bare CR or LF near octet {at}")]
pub struct StrayLineEnd {
    /// Octets of the message before it.
    pub at: u64,
}

/// Frames a message for DATA: doubles a dot at the beginning of a line (RFC 5321, 4.5.2), and ends with CRLF.CRLF.
///
/// Chunks without such a dot are passed through; only a chunk that has one is copied.
#[derive(Debug)]
pub struct DotStuffer {
    place: Place,
    octets: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    LineStart,
    WithinLine,
    AfterCr,
}

impl Extensions {
    /// Reads a positive answer to EHLO. Unknown extensions are passed over; the first line is the server's greeting.
    pub fn from_reply(reply: &Reply) -> Self {
        let mut offered = Self::default();
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let keyword = words.next().unwrap_or_default();
            match keyword.to_ascii_uppercase().as_str() {
                "PIPELINING" => offered.pipelining = true,
                "8BITMIME" => offered.eight_bit_mime = true,
                "STARTTLS" => offered.starttls = true,
                "AUTH" => {
                    for mechanism in words {
                        offered.auth_plain |= mechanism.eq_ignore_ascii_case("PLAIN");
                        offered.auth_login |= mechanism.eq_ignore_ascii_case("LOGIN");
                    }
                }
                "ENHANCEDSTATUSCODES" => offered.enhanced_status_codes = true,
                "LIMITS" => offered.most_recipients = words.find_map(limit_of_recipients),
                "SIZE" => offered.size = Some(words.next().and_then(|limit| limit.parse().ok()).unwrap_or(0)),
                _ => {}
            }
        }
        offered
    }

    /// The largest size that the server accepts, if it states a limit.
    pub fn size_limit(&self) -> Option<u64> {
        self.size.filter(|limit| *limit > 0)
    }
}

/// The number in `RCPTMAX=100`, if it is a plausible one.
fn limit_of_recipients(word: &str) -> Option<usize> {
    let (name, value) = word.split_once('=')?;
    let limit = value.parse().ok().filter(|limit| *limit > 0);
    limit.filter(|_| name.eq_ignore_ascii_case("RCPTMAX"))
}

/// Appends `MAIL FROM`, with `SIZE=` and `BODY=8BITMIME` if wanted.
pub fn mail(out: &mut Vec<u8>, sender: Option<&MmsAddress>, size: Option<u64>, eight_bit: bool) {
    out.extend_from_slice(b"MAIL FROM:<");
    out.extend_from_slice(sender.map_or("", MmsAddress::as_str).as_bytes());
    out.push(b'>');
    if let Some(size) = size {
        out.extend_from_slice(format!(" SIZE={size}").as_bytes());
    }
    if eight_bit {
        out.extend_from_slice(b" BODY=8BITMIME");
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends `RCPT TO`.
pub fn rcpt(out: &mut Vec<u8>, recipient: &MmsAddress) {
    out.extend_from_slice(b"RCPT TO:<");
    out.extend_from_slice(recipient.as_str().as_bytes());
    out.extend_from_slice(b">\r\n");
}

impl Default for DotStuffer {
    /// The beginning of a message is the beginning of a line.
    fn default() -> Self {
        Self {
            place: Place::LineStart,
            octets: 0,
        }
    }
}

impl DotStuffer {
    /// Appends `chunk`, dot-stuffed, to `out`.
    pub fn encode(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), StrayLineEnd> {
        if chunk.is_empty() {
            return Ok(());
        }
        // `copied` holds the octets up to `done`, once a dot has been doubled.
        let (mut copied, mut done, mut at) = (Vec::new(), 0, 0);
        while at < chunk.len() {
            match self.place {
                Place::AfterCr if chunk[at] == b'\n' => {
                    self.place = Place::LineStart;
                    at += 1;
                }
                Place::AfterCr => return Err(self.stray(at)),
                Place::LineStart if chunk[at] == b'.' => {
                    // The octets are copied up to and including the dot; the remainder begins with the same dot again.
                    copied.reserve(chunk.len() - done + 16);
                    copied.extend_from_slice(&chunk[done..=at]);
                    done = at;
                    at += 1;
                    self.place = Place::WithinLine;
                }
                Place::LineStart | Place::WithinLine => match memchr::memchr2(b'\r', b'\n', &chunk[at..]) {
                    Some(offset) if chunk[at + offset] == b'\r' => {
                        self.place = Place::AfterCr;
                        at += offset + 1;
                    }
                    Some(offset) => return Err(self.stray(at + offset)),
                    None => {
                        self.place = Place::WithinLine;
                        at = chunk.len();
                    }
                },
            }
        }
        self.octets += chunk.len() as u64;
        if copied.is_empty() {
            out.push(chunk);
        } else {
            copied.extend_from_slice(&chunk[done..]);
            out.push(copied.into());
        }
        Ok(())
    }

    /// Appends the end of data. A message that does not end in CRLF gets one, because the framing requires it.
    pub fn finish(self, out: &mut Vec<Bytes>) -> Result<(), StrayLineEnd> {
        let end: &'static [u8] = match self.place {
            Place::LineStart => b".\r\n",
            Place::WithinLine => b"\r\n.\r\n",
            Place::AfterCr => return Err(self.stray(0)),
        };
        out.push(Bytes::from_static(end));
        Ok(())
    }

    fn stray(&self, at: usize) -> StrayLineEnd {
        StrayLineEnd {
            at: self.octets + at as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuff(message: &[u8], step: usize) -> Result<Vec<u8>, StrayLineEnd> {
        let (mut stuffer, mut out) = (DotStuffer::default(), Vec::new());
        for chunk in message.chunks(step.max(1)) {
            stuffer.encode(Bytes::copy_from_slice(chunk), &mut out)?;
        }
        stuffer.finish(&mut out)?;
        Ok(out.concat())
    }

    #[test]
    fn dots_at_line_starts_are_doubled_at_any_split() {
        let message = b".\r\n..a\r\nb.c\r\n\r\n.\r\n.";
        for step in 1..=message.len() {
            let sent = stuff(message, step).unwrap();
            assert_eq!(
                sent, b"..\r\n...a\r\nb.c\r\n\r\n..\r\n..\r\n.\r\n",
                "in steps of {step}"
            );
        }
    }

    #[test]
    fn the_end_of_data_stands_on_its_own_line() {
        assert_eq!(stuff(b"", 1).unwrap(), b".\r\n");
        assert_eq!(stuff(b"a\r\n", 9).unwrap(), b"a\r\n.\r\n");
        assert_eq!(stuff(b"a", 9).unwrap(), b"a\r\n.\r\n");
    }

    #[test]
    fn a_bare_cr_or_lf_is_refused_at_any_split() {
        for message in [
            "a\nb\r\n",
            "a\rb\r\n",
            "\n",
            "a\r\n\n.\r\n",
            "a\r\r\n",
            "a\n.\nMAIL",
            "a\r.\r",
            "end\r",
        ] {
            for step in 1..=message.len() {
                assert!(
                    stuff(message.as_bytes(), step).is_err(),
                    "{message:?} in steps of {step}"
                );
            }
        }
        assert_eq!(stuff(b"ab\nc", 2).unwrap_err(), StrayLineEnd { at: 2 });
    }

    #[test]
    fn a_chunk_without_a_leading_dot_is_not_copied() {
        let chunk = Bytes::from_static(b"Subject: none.\r\n\r\nno dot first\r\n");
        let mut out = Vec::new();
        DotStuffer::default().encode(chunk.clone(), &mut out).unwrap();
        assert_eq!(out[0].as_ptr(), chunk.as_ptr());
    }

    #[test]
    fn offers_are_read_in_any_case_and_unknown_ones_passed_over() {
        let mut reply = Reply::new(250, None, "SIZE is my name");
        reply.lines.extend(
            [
                "size 1000",
                "Pipelining",
                "8BITMIME",
                "X-ODD 1",
                "AUTH CRAM-MD5 plain",
                "DSN",
                "LIMITS MAILMAX=5 RcptMax=100",
            ]
            .map(str::to_owned),
        );
        let offered = Extensions::from_reply(&reply);
        assert_eq!(
            offered,
            Extensions {
                pipelining: true,
                eight_bit_mime: true,
                enhanced_status_codes: false,
                size: Some(1000),
                starttls: false,
                auth_plain: true,
                auth_login: false,
                most_recipients: Some(100),
            }
        );
        assert_eq!(Extensions::from_reply(&Reply::new(250, None, "SIZE 5")).size, None);
        assert_eq!(
            Extensions {
                size: Some(0),
                ..offered
            }
            .size_limit(),
            None
        );
    }

    #[test]
    fn commands_are_what_the_rfc_says() {
        let address = MmsAddress::new("+15555550100/TYPE=PLMN@mms.a.example").unwrap();
        let mut out = Vec::new();
        mail(&mut out, Some(&address), Some(300_000), true);
        mail(&mut out, None, None, false);
        rcpt(&mut out, &address);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "MAIL FROM:<+15555550100/TYPE=PLMN@mms.a.example> SIZE=300000 BODY=8BITMIME\r\nMAIL FROM:<>\r\n\
             RCPT TO:<+15555550100/TYPE=PLMN@mms.a.example>\r\n"
        );
    }

    proptest! {
        /// A receiver that takes single dots off line starts, and stops at the first lone one, reads the message back.
        #[test]
        fn what_is_stuffed_reads_back(lines in prop::collection::vec("[.a]{0,4}", 0..20), step in 1usize..40) {
            let message: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let sent = String::from_utf8(stuff(message.as_bytes(), step).unwrap()).unwrap();
            let mut read = String::new();
            let mut rest = sent.split_inclusive("\r\n");
            for line in rest.by_ref().take_while(|line| *line != ".\r\n") {
                read.push_str(line.strip_prefix('.').unwrap_or(line));
            }
            prop_assert_eq!(read, message);
            prop_assert_eq!(rest.next(), None);
        }
    }
}
