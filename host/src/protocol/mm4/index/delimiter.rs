//! Delimiter lines (RFC 2046, 5.1.1): finding the next one, and the multipart that it belongs to.

use memchr::memmem;

/// A multipart whose closing delimiter has not been found yet.
pub(super) struct Open {
    pub boundary: Vec<u8>,
    pub default_type: &'static str,
    /// For a multipart that must not change: where its body begins.
    pub sealed_from: Option<usize>,
}

/// A multipart inside the current leaf, which is a message.
pub(super) enum Embedded {
    Message,
    Multipart(Open),
}

/// The multiparts that are open where a line begins.
pub(super) struct Frames<'a> {
    pub text: &'a [u8],
    pub open: &'a [Open],
    pub embedded: &'a [Embedded],
}

/// A delimiter line.
pub(super) struct Delimiter {
    /// Where its two hyphens begin.
    pub at: usize,
    /// Where the line ends, behind its CRLF.
    pub end: usize,
    pub closing: bool,
    pub owner: Owner,
}

/// The multipart that a delimiter belongs to: a place in `Walk::open` or in `Walk::embedded`.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    Open(usize),
    Embedded(usize),
}

impl Frames<'_> {
    /// The next delimiter line at or after `from`, which is the start of a line.
    pub fn next(&self, finder: &memmem::Finder<'_>, from: usize) -> Option<Delimiter> {
        if let Some(delimiter) = self.at(from) {
            return Some(delimiter);
        }
        let mut at = from.saturating_sub(1);
        loop {
            at += finder.find(self.text.get(at..)?)? + 1;
            if let Some(delimiter) = self.at(at) {
                return Some(delimiter);
            }
        }
    }

    /// The delimiter line at `at`, which is the start of a line. Inner multiparts are compared before outer ones, and
    /// the indexed ones before those inside a leaf.
    pub fn at(&self, at: usize) -> Option<Delimiter> {
        let line = self.text.get(at..)?.strip_prefix(b"--")?;
        let open = self
            .open
            .iter()
            .enumerate()
            .rev()
            .map(|(i, open)| (open, Owner::Open(i)));
        let embedded = self
            .embedded
            .iter()
            .enumerate()
            .rev()
            .filter_map(|(i, frame)| match frame {
                Embedded::Multipart(open) => Some((open, Owner::Embedded(i))),
                Embedded::Message => None,
            });
        open.chain(embedded).find_map(|(open, owner)| {
            let rest = line.strip_prefix(open.boundary.as_slice())?;
            // A longer boundary that begins with this one does not match: the line must end here, or close the
            // multipart.
            let (closing, rest) = match rest.strip_prefix(b"--") {
                Some(rest) => (true, rest),
                None => (false, rest),
            };
            let padding = rest.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
            let crlf = match &rest[padding..] {
                [] => 0,
                [b'\r', b'\n', ..] => 2,
                _ => return None,
            };
            Some(Delimiter {
                at,
                end: self.text.len() - rest.len() + padding + crlf,
                closing,
                owner,
            })
        })
    }
}

/// Whether one line could be a delimiter of both: `--x--` closes `x`, and opens `x--`.
pub(super) fn ambiguous(one: &[u8], other: &[u8]) -> bool {
    let longer = |one: &[u8], other: &[u8]| one.strip_prefix(other).is_some_and(|rest| matches!(rest, b"" | b"--"));
    longer(one, other) || longer(other, one)
}
