//! A parser of address lists (RFC 5322, 3.4, with the obsolete forms of 4.4) that keeps the position of each address.
//!
//! Beyond the RFC, an address may be a bare local part, because real peers write `From: +15555550100/TYPE=PLMN`. The
//! parser goes on after what it does not understand, and reports it: callers that look for an address can ignore that,
//! and callers that decide about rights must not.

use std::ops::Range;

use crate::message::MmsAddress;

/// The mailboxes of a field.
#[derive(Debug, Default)]
pub(super) struct Mailboxes {
    /// The addresses in order, members of groups included.
    pub(super) known: Vec<Mailbox>,
    /// A description of what another reader may read differently.
    pub(super) unclear: Option<&'static str>,
}

#[derive(Debug)]
pub(super) struct Mailbox {
    /// Where the mailbox begins, its display name included.
    pub(super) start: usize,
    /// The address, without the source route that may precede it.
    pub(super) place: Range<usize>,
    pub(super) address: MmsAddress,
}

/// Parses the list that begins at `from`.
pub(super) fn read(raw: &[u8], from: usize) -> Mailboxes {
    let mut reader = Reader {
        raw,
        item: Item::default(),
        in_group: false,
        found: Mailboxes::default(),
    };
    let mut at = from;
    while let Some(token) = token(raw, &mut at, &mut reader.found.unclear) {
        reader.take(token);
    }
    reader.finish();
    reader.found
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Any other run of octets, dots included.
    Atom,
    Quoted,
    /// `[...]`
    Literal,
    /// One of `<>,;:@`.
    Special(u8),
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    place: Range<usize>,
}

/// The next token from `at`, after blanks and comments.
fn token(raw: &[u8], at: &mut usize, unclear: &mut Option<&'static str>) -> Option<Token> {
    loop {
        match raw.get(*at)? {
            octet if octet.is_ascii_whitespace() => *at += 1,
            b'(' => *at = comment(raw, *at, unclear),
            _ => break,
        }
    }
    let start = *at;
    let (kind, end) = match raw[start] {
        b'"' => (Kind::Quoted, enclosed(raw, start, b'"', unclear)),
        b'[' => (Kind::Literal, enclosed(raw, start, b']', unclear)),
        special @ (b'<' | b'>' | b',' | b';' | b':' | b'@') => (Kind::Special(special), start + 1),
        _ => {
            let ends = |octet: &u8| octet.is_ascii_whitespace() || b"\"(<>[,;:@".contains(octet);
            let length = raw[start..].iter().position(ends);
            (Kind::Atom, length.map_or(raw.len(), |length| start + length))
        }
    };
    if kind == Kind::Atom
        && raw[start..end]
            .iter()
            .any(|octet| octet.is_ascii_control() || b")]\\".contains(octet))
    {
        unclear.get_or_insert("a character that needs quotes stands outside of them");
    }
    *at = end;
    Some(Token {
        kind,
        place: start..end,
    })
}

/// The end of the quoted string or literal that begins at `at`.
fn enclosed(raw: &[u8], at: usize, close: u8, unclear: &mut Option<&'static str>) -> usize {
    let mut end = at + 1;
    while let Some(octet) = raw.get(end) {
        match octet {
            b'\\' => end += 2,
            octet if *octet == close => return end + 1,
            _ => end += 1,
        }
    }
    unclear.get_or_insert("a quoted string or literal does not end");
    raw.len()
}

fn comment(raw: &[u8], at: usize, unclear: &mut Option<&'static str>) -> usize {
    let (mut depth, mut end) = (0u32, at);
    while let Some(octet) = raw.get(end) {
        end += 1;
        match octet {
            b'\\' => end += 1,
            b'(' => depth += 1,
            b')' if depth == 1 => return end,
            b')' => depth -= 1,
            _ => (),
        }
    }
    unclear.get_or_insert("a comment does not end");
    raw.len()
}

struct Reader<'a> {
    raw: &'a [u8],
    item: Item,
    in_group: bool,
    found: Mailboxes,
}

/// The tokens between two commas.
#[derive(Debug, Default)]
struct Item {
    /// The tokens before the angle brackets; all tokens when there are none.
    words: Vec<Token>,
    /// The tokens within the angle brackets.
    inner: Option<Vec<Token>>,
    /// The angle brackets have been closed.
    closed: bool,
}

impl Reader<'_> {
    fn take(&mut self, token: Token) {
        let in_brackets = self.item.inner.is_some() && !self.item.closed;
        match (token.kind, in_brackets) {
            (Kind::Special(b'>'), true) => self.item.closed = true,
            // Within angle brackets, commas and a colon belong to a source route.
            (Kind::Special(b',' | b':'), true) if self.item.is_routed() => self.item.push(token),
            (Kind::Special(b','), _) => self.finish(),
            (Kind::Special(b';'), _) => {
                if !self.in_group {
                    self.unclear("a semicolon stands outside of a group");
                }
                self.finish();
                self.in_group = false;
            }
            (Kind::Special(b':'), false) if self.item.is_phrase() && !self.in_group => {
                self.in_group = true;
                self.item = Item::default();
            }
            (Kind::Special(b'<'), false) if self.item.inner.is_none() => self.item.inner = Some(Vec::new()),
            (Kind::Special(b'<' | b'>'), _) => self.unclear("the angle brackets do not match"),
            _ => self.item.push(token),
        }
    }

    fn unclear(&mut self, why: &'static str) {
        self.found.unclear.get_or_insert(why);
    }

    fn finish(&mut self) {
        let item = std::mem::take(&mut self.item);
        if item.inner.is_some() && !item.closed {
            self.unclear("the angle brackets do not match");
        }
        if item.inner.is_some() && !item.words.is_empty() && !item.is_named() {
            self.unclear("the name before the angle brackets is no phrase");
        }
        let tokens = item.inner.as_deref().map_or(&*item.words, behind_route);
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
            return;
        };
        let place = first.place.start..last.place.end;
        let start = item
            .words
            .first()
            .map_or(place.start, |word| word.place.start.min(place.start));
        match self.address(tokens) {
            Some(address) => self.found.known.push(Mailbox { start, place, address }),
            None => self.unclear("a mailbox has no address that can be read"),
        }
    }

    /// The address that these tokens form.
    fn address(&self, tokens: &[Token]) -> Option<MmsAddress> {
        let at = tokens.iter().position(|token| token.kind == Kind::Special(b'@'));
        let (local, domain) = tokens.split_at(at.unwrap_or(tokens.len()));
        if local.windows(2).any(|pair| self.has_digits_between(&pair[0], &pair[1])) {
            return None;
        }
        let local = self.local_part(local)?;
        let domain = match domain.get(1..) {
            None => String::new(),
            Some([literal]) if literal.kind == Kind::Literal => format!("@{}", self.text(literal)?),
            Some(labels) => format!("@{}", self.joined(labels, |token| token.kind == Kind::Atom)?),
        };
        MmsAddress::new(&format!("{local}{domain}")).ok()
    }

    /// In `+1.(777).1230001`, RFC 5322 sees a comment, and other readers see a telephone number.
    fn has_digits_between(&self, one: &Token, next: &Token) -> bool {
        self.raw[one.place.end..next.place.start].iter().any(u8::is_ascii_digit)
    }

    /// The local part: atoms as they stand, in quotes when one of the words is quoted. `MmsAddress` drops unnecessary
    /// quotes.
    fn local_part(&self, words: &[Token]) -> Option<String> {
        let text = self.joined(words, |token| matches!(token.kind, Kind::Atom | Kind::Quoted))?;
        // RFC 2047, 5 allows no encoded word here, and some readers decode it all the same.
        if text.is_empty() || text.contains("=?") {
            return None;
        }
        match words.iter().any(|word| word.kind == Kind::Quoted) {
            true => Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))),
            false => Some(text),
        }
    }

    /// Words joined by dots, around which blanks and comments may stand (RFC 5322, 4.4).
    fn joined(&self, words: &[Token], legal: impl Fn(&Token) -> bool) -> Option<String> {
        let mut joined = String::new();
        for (i, word) in words.iter().enumerate() {
            let text = self.text(word).filter(|_| legal(word))?;
            let dotted = || {
                words[i - 1].kind == Kind::Atom && joined.ends_with('.')
                    || word.kind == Kind::Atom && text.starts_with('.')
            };
            if i > 0 && !dotted() {
                return None;
            }
            joined.push_str(&text);
        }
        Some(joined)
    }

    /// The meaning of a token: a quoted string without its quotes and folds.
    fn text(&self, token: &Token) -> Option<String> {
        let text = std::str::from_utf8(&self.raw[token.place.clone()]).ok()?;
        if token.kind != Kind::Quoted {
            return Some(text.to_owned());
        }
        let mut escaped = false;
        let inner = text.strip_prefix('"')?.strip_suffix('"')?.chars();
        let keeps = |c: &char| {
            escaped = *c == '\\' && !escaped;
            !escaped && !matches!(c, '\r' | '\n')
        };
        Some(inner.filter(keeps).collect())
    }
}

/// The tokens within angle brackets that follow a source route (RFC 5322, 4.4).
fn behind_route(inner: &[Token]) -> &[Token] {
    let is_routed = inner.first().is_some_and(|first| first.kind == Kind::Special(b'@'));
    let colon = inner.iter().position(|token| token.kind == Kind::Special(b':'));
    &inner[colon.filter(|_| is_routed).map_or(0, |colon| colon + 1)..]
}

impl Item {
    fn push(&mut self, token: Token) {
        match &mut self.inner {
            Some(inner) if !self.closed => inner.push(token),
            // With further tokens behind the brackets, the words before them are no display name.
            Some(_) => self.words.push(Token {
                kind: Kind::Special(b'>'),
                ..token
            }),
            None => self.words.push(token),
        }
    }

    fn is_routed(&self) -> bool {
        let first = self.inner.as_ref().and_then(|inner| inner.first());
        first.is_some_and(|first| first.kind == Kind::Special(b'@'))
    }

    /// Whether the words are a phrase: then they name a group, if a colon follows.
    fn is_phrase(&self) -> bool {
        self.inner.is_none() && !self.words.is_empty() && self.is_named()
    }

    fn is_named(&self) -> bool {
        self.words
            .iter()
            .all(|word| matches!(word.kind, Kind::Atom | Kind::Quoted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The addresses, and whether all of the list was understood.
    fn parts(list: &str) -> (Vec<String>, bool) {
        let read = read(list.as_bytes(), 0);
        let texts = read.known.iter().map(|mailbox| mailbox.address.to_string());
        (texts.collect(), read.unclear.is_none())
    }

    #[test]
    fn every_form_of_a_mailbox_is_the_same_address() {
        const ONE: &str = "+15555550100/TYPE=PLMN@mms.a.example";
        for written in [
            ONE.to_owned(),
            format!("<{ONE}>"),
            format!("Ann <{ONE}>"),
            format!("\"Ann, \\\"x\\\"\" (comment (nested) \\) ) <{ONE}> (more)"),
            format!("=?utf-8?Q?Ann?= J. Smith <{ONE}>"),
            format!("<@one.example,@two.example:{ONE}>"),
            "\"+15555550100/TYPE=PLMN\"@mms.a.example".to_owned(),
            "+15555550100/TYPE=PLMN (x) @\r\n\tmms . a . example".to_owned(),
            "+15555550100/TYPE=PLMN@mms.a(x).example".to_owned(),
            format!("Team: {ONE};"),
            format!("Team:<{ONE}>;"),
            format!(",, {ONE} ,"),
        ] {
            assert_eq!(parts(&written), (vec![ONE.to_owned()], true), "{written}");
        }
    }

    #[test]
    fn several_are_several_and_nobody_is_nobody() {
        let (two, clear) = parts("a@x.example, Team: \"b\"@x.example, c@x.example;, 2020");
        assert_eq!(
            (two.join(" ").as_str(), clear),
            ("a@x.example b@x.example c@x.example 2020", true)
        );
        for nobody in ["", " ", "undisclosed:;", "<>", "Mail System <>", "(only a comment)"] {
            assert_eq!(parts(nobody), (Vec::new(), true), "{nobody}");
        }
    }

    #[test]
    fn what_another_reader_may_read_otherwise_is_said_to_be_unclear() {
        for unclear in [
            "+1555 two words",
            "+1.(777).1230001@x.example",
            "+1(7)771230001@x.example",
            "+1(555)1230001",
            "<+1(555)1230001@mms.b.example>",
            "a@x.example b@y.example",
            "a@x.example <b@y.example>",
            "<a@x.example> b@y.example",
            "<a@x.example> <b@y.example>",
            "<a@x.example",
            "a@x.example>",
            "\"a@x.example",
            "(a@x.example",
            "a@b@x.example",
            "a\\@b@x.example",
            "=?utf-8?Q?=2B15551230001?=",
            "=?utf-8?Q?=2B15551230001?=@mms.b.example",
            "system=HOST;party=+1555",
            "\u{fc}@x.example",
            "\"Ann Smith\"",
            "a: b: c@x.example;",
            "@mms.b.example",
        ] {
            let (found, clear) = parts(unclear);
            assert!(!clear, "{unclear}: {found:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_list_makes_the_reader_panic_or_lie_about_places(list in "[-a1+.@<>,;:()\"\\\\\\[\\] =?\r\n\u{fc}]{0,60}") {
            for mailbox in read(list.as_bytes(), 0).known {
                proptest::prop_assert!(mailbox.start <= mailbox.place.start && mailbox.place.end <= list.len());
            }
        }
    }
}
