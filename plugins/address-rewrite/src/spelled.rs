//! An address, taken apart as the relay takes it apart.

use mm4_filter::address::is_domain;

use crate::plan::Plan;

/// What the rules distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `+` and digits, or seven or more digits; with `/TYPE=PLMN` or without a type.
    Number,
    /// Six or fewer digits; types as above.
    ShortCode,
    /// Anything else.
    Other,
}

/// An address, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// All of it.
    pub text: &'a str,
    pub kind: Kind,
    /// What stands before `/TYPE=` and `@`.
    pub user: &'a str,
    pub domain: Option<&'a str>,
}

impl<'a> Parts<'a> {
    pub fn of(text: &'a str) -> Self {
        let (local, domain) = match text.rsplit_once('@') {
            Some((local, domain)) => (local, Some(domain)),
            None => (text, None),
        };
        let marker = local
            .as_bytes()
            .windows(6)
            .position(|window| window.eq_ignore_ascii_case(b"/TYPE="));
        let (user, of_type) = match marker {
            Some(at) => (&local[..at], Some(&local[at + 6..])),
            None => (local, None),
        };
        let plmn = of_type.is_none_or(|value| value.eq_ignore_ascii_case("PLMN"));
        let digits = user.strip_prefix('+').unwrap_or(user);
        let numeric = plmn && !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
        let kind = match (numeric, user.starts_with('+') || digits.len() >= 7) {
            (true, true) => Kind::Number,
            (true, false) => Kind::ShortCode,
            (false, _) => Kind::Other,
        };
        Self {
            text,
            kind,
            user,
            domain,
        }
    }

    /// Everything before the `@` of the domain.
    pub fn local(&self) -> &'a str {
        match self.domain {
            Some(domain) => self
                .text
                .get(..self.text.len().saturating_sub(domain.len() + 1))
                .unwrap_or(self.text),
            None => self.text,
        }
    }

    /// The E.164 number that the plan makes of it.
    pub fn number(&self, plan: &Plan) -> Option<String> {
        (self.kind == Kind::Number).then(|| plan.e164(self.user)).flatten()
    }

    /// What tables and patterns know it by: the E.164 number, or else the user with its domain, in lower case.
    pub fn end_point(&self, plan: &Plan) -> String {
        self.number(plan).unwrap_or_else(|| match self.domain {
            Some(domain) => format!("{}@{}", self.user.to_ascii_lowercase(), plain(domain)),
            None => self.user.to_ascii_lowercase(),
        })
    }

    /// The same with another user: its type and domain stay.
    pub fn with_user(&self, user: &str) -> String {
        let rest = self.text.get(self.user.len()..).unwrap_or_default();
        format!("{user}{rest}")
    }

    /// The same in another domain.
    pub fn with_domain(&self, domain: &str) -> String {
        format!("{}@{domain}", self.local())
    }

    /// A name of letters and digits, such as a bank or a shop signs with: 1 to 20, at least one letter.
    pub fn is_alphanumeric(&self) -> bool {
        self.kind == Kind::Other
            && (1..=20).contains(&self.user.len())
            && self.user.bytes().all(|octet| octet.is_ascii_alphanumeric())
            && self.user.bytes().any(|octet| octet.is_ascii_alphabetic())
    }
}

/// A domain as it is compared.
pub fn plain(domain: &str) -> String {
    domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase()
}

/// What the relay accepts as an address (256 octets of ASCII without blanks and brackets), with a domain.
pub fn is_whole_address(text: &str) -> bool {
    is_address(text)
        && text
            .rsplit_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && is_domain(domain))
}

/// As above, with a domain or without.
pub fn is_address(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b',' | b';');
    (1..=256).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_as_the_relay_does() {
        for (text, kind, user, domain) in [
            (
                "+15555550100/TYPE=PLMN@mms.a.example",
                Kind::Number,
                "+15555550100",
                Some("mms.a.example"),
            ),
            ("15555550100", Kind::Number, "15555550100", None),
            ("+1/type=plmn", Kind::Number, "+1", None),
            ("2020@mms.a.example", Kind::ShortCode, "2020", Some("mms.a.example")),
            (
                "192.0.2.1/TYPE=IPv4@a.example",
                Kind::Other,
                "192.0.2.1",
                Some("a.example"),
            ),
            ("15555550100/TYPE=IPv4", Kind::Other, "15555550100", None),
            ("ann@mail.example", Kind::Other, "ann", Some("mail.example")),
            ("PostMaster", Kind::Other, "PostMaster", None),
        ] {
            let parts = Parts::of(text);
            assert_eq!((parts.kind, parts.user, parts.domain), (kind, user, domain), "{text}");
        }
    }

    #[test]
    fn one_part_is_changed_and_the_others_keep_their_spelling() {
        let parts = Parts::of("0171/type=Plmn@A.example");
        assert_eq!(parts.with_user("+49171"), "+49171/type=Plmn@A.example");
        assert_eq!(parts.with_domain("b.example"), "0171/type=Plmn@b.example");
        assert_eq!(Parts::of("x").with_domain("b.example"), "x@b.example");
    }

    #[test]
    fn names_of_letters_and_digits_are_told_from_numbers_and_mailboxes() {
        assert!(Parts::of("MyBank24").is_alphanumeric() && Parts::of("shop@mms.b.example").is_alphanumeric());
        for other in [
            "some.one@b.example",
            "12345",
            "+15555550100",
            "a-b",
            "123456789012345678901x",
        ] {
            assert!(!Parts::of(other).is_alphanumeric(), "{other}");
        }
    }
}
