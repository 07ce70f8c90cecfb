//! MM4 addresses: `+15555550100/TYPE=PLMN@mms.a.example` (TS 23.140, 7.2 and 8.4.4).

use std::borrow::Cow;
use std::fmt;

use super::{Illegal, path};

/// RFC 5321, 4.5.3.1.3 limits a path to 256 octets, its angle brackets included; the relay counts without them.
pub const MAX_ADDRESS_OCTETS: usize = 256;

/// An address as it was received, taken apart on demand.
///
/// Reading is tolerant, because real peers leave out the domain, the type, or both. The relay sends on the text that it
/// received, without the parts that mean nothing: a source route, and quotes that are not needed. So two addresses of
/// one mailbox cannot differ in these. An address is never empty, has at most 256 octets, and consists of visible ASCII
/// without `<`, `>` and blanks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MmsAddress(String);

/// What the local part of an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// A telephone number: `+` and digits, or seven or more digits.
    Number,
    /// Six or fewer digits.
    ShortCode,
    /// Not a number, and has a domain.
    Email,
    /// A bare word, such as `postmaster`.
    Other,
}

impl MmsAddress {
    /// Reads the text between the angle brackets of a path, or an address from a header.
    pub fn new(text: &str) -> Result<Self, Illegal> {
        let text = path::without_source_route(text)
            .ok_or_else(|| Illegal("a source route must have a mailbox behind it".into()))?;
        if text.is_empty() {
            return Err(Illegal("an address must not be empty".into()));
        }
        if text.len() > MAX_ADDRESS_OCTETS {
            return Err(Illegal(format!(
                "an address of {} octets is longer than {MAX_ADDRESS_OCTETS}",
                text.len()
            )));
        }
        if let Some(bad) = text.bytes().find(|b| !b.is_ascii_graphic() || matches!(b, b'<' | b'>')) {
            let name = match bad {
                b' ' => " (a space)".to_owned(),
                b'\r' | b'\n' => " (a line end)".to_owned(),
                graphic if graphic.is_ascii_graphic() => format!(" ({})", char::from(graphic)),
                _ => String::new(),
            };
            return Err(Illegal(format!("an address must not hold the octet 0x{bad:02x}{name}")));
        }
        Ok(Self(path::in_one_spelling(text)?.into_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads an address that the relay accepted earlier and has stored since. Refuses only what could break a command
    /// line: a rule that [`MmsAddress::new`] gained later must not make stored messages unreadable.
    pub fn from_store(text: String) -> Result<Self, Illegal> {
        match text.bytes().find(|b| !b.is_ascii_graphic() || matches!(b, b'<' | b'>')) {
            Some(bad) => Err(Illegal(format!("an address must not hold the octet 0x{bad:02x}"))),
            None if text.is_empty() => Err(Illegal("an address must not be empty".into())),
            None => Ok(Self::new(&text).unwrap_or(Self(text))),
        }
    }

    /// The domain behind the `@`, if there is one.
    pub fn domain(&self) -> Option<&str> {
        path::split(&self.0).1
    }

    /// The local part with its type, without quotes.
    pub fn local_part(&self) -> Cow<'_, str> {
        path::unquoted(path::split(&self.0).0)
    }

    /// Whether every reader takes the address apart as the relay does: its local part is a dot-string or quoted, and
    /// its domain, if it has one, is a host name or an address literal (RFC 5321, 4.1.2 and 4.1.3; underscores are
    /// tolerated).
    pub fn is_unambiguous(&self) -> bool {
        let legal = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
        let literal = |domain: &str| {
            let inner = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            inner.is_some_and(|inner| inner.bytes().all(|octet| legal(octet) || octet == b':'))
        };
        let local = path::split(&self.0).0;
        (local.starts_with('"') || path::is_dot_string(local))
            && !self.0.ends_with('@')
            && self
                .domain()
                .is_none_or(|domain| (domain.bytes().all(legal) && !domain.contains("..")) || literal(domain))
    }

    /// The same local part in another domain.
    ///
    /// # Errors
    /// The address would be longer than [`MAX_ADDRESS_OCTETS`].
    pub fn at(&self, domain: &str) -> Result<Self, Illegal> {
        Self::new(&format!("{}@{domain}", path::split(&self.0).0))
    }

    /// The local part without its `/TYPE=`.
    pub fn user(&self) -> &str {
        self.split_type().0
    }

    /// The value of `/TYPE=`, as received.
    pub fn address_type(&self) -> Option<&str> {
        self.split_type().1
    }

    /// The address without `/TYPE=`; `None` when it has no type, or would be nothing without it.
    pub fn without_type(&self) -> Option<Self> {
        self.address_type()?;
        let domain = self.domain().map(|domain| format!("@{domain}")).unwrap_or_default();
        Self::new(self.user())
            .ok()
            .and_then(|user| Self::new(&format!("{user}{domain}")).ok())
    }

    pub fn kind(&self) -> AddressKind {
        let user = self.user();
        let digits = user.strip_prefix('+').unwrap_or(user);
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        match (all_digits, user.starts_with('+'), self.domain()) {
            (true, true, _) => AddressKind::Number,
            (true, false, _) if digits.len() >= 7 => AddressKind::Number,
            (true, false, _) => AddressKind::ShortCode,
            (false, _, Some(_)) => AddressKind::Email,
            (false, _, None) => AddressKind::Other,
        }
    }

    fn split_type(&self) -> (&str, Option<&str>) {
        let local = path::split(&self.0).0;
        let marker = local
            .as_bytes()
            .windows(6)
            .position(|w| w.eq_ignore_ascii_case(b"/TYPE="));
        match marker {
            Some(at) => (&local[..at], Some(&local[at + 6..])),
            None => (local, None),
        }
    }
}

impl fmt::Display for MmsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_type_only_the_type_is_missing() {
        let without = |text: &str| {
            MmsAddress::new(text)
                .unwrap()
                .without_type()
                .map(|bare| bare.to_string())
        };
        assert_eq!(
            without("+1555/TYPE=PLMN@mms.b.example").as_deref(),
            Some("+1555@mms.b.example")
        );
        assert_eq!(without("+1555/type=plmn").as_deref(), Some("+1555"));
        assert_eq!(without("+1555@mms.b.example"), None);
        assert_eq!(without("/TYPE=PLMN@mms.b.example"), None, "nobody would be left");
    }

    fn parts(text: &str) -> (AddressKind, String, Option<String>, Option<String>) {
        let address = MmsAddress::new(text).unwrap();
        let owned = |s: Option<&str>| s.map(str::to_owned);
        (
            address.kind(),
            address.user().to_owned(),
            owned(address.address_type()),
            owned(address.domain()),
        )
    }

    #[test]
    fn every_form_that_real_peers_send_is_taken_apart() {
        let some = |s: &str| Some(s.to_owned());
        let full = parts("+15555550100/TYPE=PLMN@mms.a.example");
        assert_eq!(
            full,
            (
                AddressKind::Number,
                "+15555550100".into(),
                some("PLMN"),
                some("mms.a.example")
            )
        );
        assert_eq!(
            parts("+15555550100/type=plmn"),
            (AddressKind::Number, "+15555550100".into(), some("plmn"), None)
        );
        assert_eq!(
            parts("15555550100"),
            (AddressKind::Number, "15555550100".into(), None, None)
        );
        assert_eq!(
            parts("2020@mms.a.example"),
            (AddressKind::ShortCode, "2020".into(), None, some("mms.a.example"))
        );
        assert_eq!(
            parts("ann@mail.example"),
            (AddressKind::Email, "ann".into(), None, some("mail.example"))
        );
        assert_eq!(
            parts("PostMaster"),
            (AddressKind::Other, "PostMaster".into(), None, None)
        );
    }

    #[test]
    fn only_what_everybody_reads_alike_is_unambiguous() {
        for text in [
            "+15555550100/TYPE=PLMN@mms.a.example",
            "2020",
            "\"a b\"".replace(' ', ",").as_str(),
            "x@[192.0.2.1]",
            "x@mms_1.a.example.",
        ] {
            assert!(MmsAddress::new(text).unwrap().is_unambiguous(), "{text}");
        }
        for text in [
            "a(b)@c.example",
            "a,b@c.example",
            "x@c.example(d)",
            "x@",
            "a:b@c.example",
            "x@[1",
            "a;b",
        ] {
            assert!(!MmsAddress::new(text).unwrap().is_unambiguous(), "{text}");
        }
    }

    #[test]
    fn a_source_route_and_idle_quotes_are_not_part_of_an_address() {
        let address = MmsAddress::new("@one.example,@two.example:\"+15555550100\"@mms.a.example").unwrap();
        assert_eq!(address.as_str(), "+15555550100@mms.a.example");
        assert_eq!(address.kind(), AddressKind::Number);
    }

    #[test]
    fn what_could_break_a_command_line_is_refused() {
        for text in ["", "a b@c.example", "a\r\nRCPT TO:<x>", "<a@b.example>", "a\0b"] {
            assert!(MmsAddress::new(text).is_err(), "{text:?}");
        }
        assert!(MmsAddress::new(&"1".repeat(256)).is_ok());
        assert!(MmsAddress::new(&"1".repeat(257)).is_err());
    }
}
