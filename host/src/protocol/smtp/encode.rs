//! Replies as they are written on the wire (RFC 5321, 4.2.1).

use std::io::Write;

use super::{Enhanced, Reply};

/// One reply line, its code and CRLF included (RFC 5321, 4.5.3.1.5).
pub const MAX_REPLY_OCTETS: usize = 512;

impl Reply {
    /// Appends the reply, one line on the wire for each line of text.
    ///
    /// Texts may come from plug-ins and peers: an octet that is not printable ASCII becomes `?`, and a line that would
    /// be longer than [`MAX_REPLY_OCTETS`] is cut. So no text can begin a line of its own.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let Some(last) = self.lines.len().checked_sub(1) else {
            self.encode_line(' ', "", out);
            return;
        };
        for (at, text) in self.lines.iter().enumerate() {
            self.encode_line(if at == last { ' ' } else { '-' }, text, out);
        }
    }

    fn encode_line(&self, separator: char, text: &str, out: &mut Vec<u8>) {
        let start = out.len();
        // Writing to a vector cannot fail.
        let _ = write!(out, "{:03}{separator}", self.code.min(999));
        if let Some(Enhanced { subject, detail }) = self.enhanced {
            let _ = write!(out, "{}.{subject}.{detail} ", self.code / 100);
        }
        let room = (MAX_REPLY_OCTETS - 2).saturating_sub(out.len() - start);
        out.extend(text.chars().take(room).map(printable));
        out.extend_from_slice(b"\r\n");
    }
}

fn printable(c: char) -> u8 {
    if c == ' ' || c.is_ascii_graphic() {
        c as u8
    } else {
        b'?'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_line_carries_code_enhanced_code_and_text() {
        assert_eq!(
            wire(&Reply::new(550, Some((1, 2)), "no route")),
            "550 5.1.2 no route\r\n"
        );
        assert_eq!(wire(&Reply::new(354, None, "go on")), "354 go on\r\n");
    }

    #[test]
    fn only_the_last_line_has_a_blank_behind_the_code() {
        let mut reply = Reply::new(250, None, "relay.example");
        reply.lines.extend(["SIZE 10".to_owned(), "PIPELINING".to_owned()]);
        assert_eq!(wire(&reply), "250-relay.example\r\n250-SIZE 10\r\n250 PIPELINING\r\n");
    }

    #[test]
    fn a_text_cannot_start_a_line_of_its_own() {
        let reply = Reply::new(554, Some((7, 1)), "no\r\n250 2.0.0 yes\n\0\u{fc}");
        assert_eq!(wire(&reply), "554 5.7.1 no??250 2.0.0 yes???\r\n");
    }

    #[test]
    fn a_long_text_is_cut_at_512_octets() {
        let text = |length: usize| wire(&Reply::new(554, Some((7, 1)), "x".repeat(length)));
        assert_eq!(text(500).len(), 512);
        assert_eq!(text(501).len(), 512);
        assert!(text(501).ends_with("x\r\n"));
    }
}
