//! Delimiter lines (RFC 2046, 5.1.1): where the next one is, and whose.

use memchr::memmem;

/// A multipart whose closing delimiter has not come yet.
pub(super) struct Open {
    pub boundary: Vec<u8>,
    pub default_type: &'static str,
    /// Where the body of one begins whose octets must not change.
    pub sealed_from: Option<usize>,
}

/// What is open inside the current leaf, if that is a message.
pub(super) enum Embedded {
    Message,
    Multipart(Open),
}

/// What is open where a line begins.
pub(super) struct Frames<'a> {
    pub text: &'a [u8],
    pub open: &'a [Open],
    pub embedded: &'a [Embedded],
}

/// A delimiter line.
pub(super) struct Delimiter {
    /// Of the two hyphens.
    pub at: usize,
    /// Behind its CRLF.
    pub end: usize,
    pub closing: bool,
    pub owner: Owner,
}

/// Whose delimiter it is: a place in `Walk::open` or in `Walk::embedded`.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    Open(usize),
    Embedded(usize),
}

impl Frames<'_> {
    /// The next delimiter line at or behind `from`, which is the start of a line.
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

    /// The delimiter line at `at`, which is the start of a line. Inner multiparts are asked before outer ones, and the
    /// indexed ones before those inside a leaf.
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
            // A longer boundary that begins with this one is no match: the line must end here, or close.
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

/// Whether one line can be a delimiter of both: `--x--` closes `x`, and opens `x--`.
pub(super) fn ambiguous(one: &[u8], other: &[u8]) -> bool {
    let longer = |one: &[u8], other: &[u8]| one.strip_prefix(other).is_some_and(|rest| matches!(rest, b"" | b"--"));
    longer(one, other) || longer(other, one)
}
