//! MMS addresses on MM4 (TS 23.140, 7.2 and 8.4.5): `+15555550100/TYPE=PLMN@mms.a.example`.

use crate::Address;

/// What plug-ins ask of an [`Address`], and make of it.
pub trait AddressExt {
    /// Whether `/TYPE=` is missing or says PLMN: the address may be a telephone number.
    fn may_be_plmn(&self) -> bool;
    /// The E.164 number with its `+`, if the address is one already.
    fn e164(&self) -> Option<&str>;
    /// What tables of end points know it by: the E.164 number, or else the user with its domain, in lower case.
    fn end_point(&self) -> String;
    /// The same address in another domain; everything before the `@` stays as it was received.
    fn with_domain(&self, domain: &str) -> String;
}

impl AddressExt for Address {
    fn may_be_plmn(&self) -> bool {
        self.address_type
            .as_deref()
            .is_none_or(|value| value.eq_ignore_ascii_case("PLMN"))
    }

    fn e164(&self) -> Option<&str> {
        (self.may_be_plmn() && is_e164(&self.user)).then_some(self.user.as_str())
    }

    fn end_point(&self) -> String {
        match (self.e164(), &self.domain) {
            (Some(number), _) => number.to_owned(),
            (None, Some(domain)) => {
                let domain = domain.strip_suffix('.').unwrap_or(domain);
                format!("{}@{domain}", self.user).to_ascii_lowercase()
            }
            (None, None) => self.user.to_ascii_lowercase(),
        }
    }

    fn with_domain(&self, domain: &str) -> String {
        let local = match &self.domain {
            Some(old) => self
                .text
                .strip_suffix(old.as_str())
                .and_then(|rest| rest.strip_suffix('@'))
                .unwrap_or(&self.text),
            None => &self.text,
        };
        format!("{local}@{domain}")
    }
}

/// `+` and 7 to 15 digits, the first of them not 0 (ITU-T E.164: at most 15 digits, no country code begins with 0).
pub fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else {
        return false;
    };
    (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `number/TYPE=PLMN`, with `@domain` when there is one.
pub fn plmn(number: &str, domain: Option<&str>) -> String {
    match domain {
        Some(domain) => format!("{number}/TYPE=PLMN@{domain}"),
        None => format!("{number}/TYPE=PLMN"),
    }
}

/// Whether `text` can be a domain: dot-separated labels of 1 to 63 letters, digits and inner hyphens, at most 255 octets
/// (RFC 1123, 2.1).
pub fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 255 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AddressKind;

    fn address(user: &str, address_type: Option<&str>, domain: Option<&str>) -> Address {
        let mut text = user.to_owned();
        if let Some(value) = address_type {
            text += &format!("/TYPE={value}");
        }
        if let Some(domain) = domain {
            text += &format!("@{domain}");
        }
        Address {
            text,
            kind: AddressKind::Number,
            user: user.into(),
            address_type: address_type.map(Into::into),
            domain: domain.map(Into::into),
        }
    }

    #[test]
    fn e164_is_seven_to_fifteen_digits_with_a_plus() {
        assert!(is_e164("+1234567") && is_e164("+123456789012345"));
        for wrong in [
            "+123456",
            "+1234567890123456",
            "15555550100",
            "+05555550100",
            "+1555555010a",
            "+",
            "",
        ] {
            assert!(!is_e164(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_number_of_another_address_type_is_not_e164() {
        assert_eq!(address("+15555550100", Some("plmn"), None).e164(), Some("+15555550100"));
        assert_eq!(address("+15555550100", Some("IPv4"), None).e164(), None);
    }

    #[test]
    fn an_end_point_is_a_number_or_a_user_in_a_domain() {
        assert_eq!(
            address("+15555550100", Some("PLMN"), Some("b.example")).end_point(),
            "+15555550100"
        );
        assert_eq!(
            address("7788", None, Some("MMS.b.example.")).end_point(),
            "7788@mms.b.example"
        );
        assert_eq!(address("PostMaster", None, None).end_point(), "postmaster");
    }

    #[test]
    fn another_domain_keeps_the_spelling_of_the_rest() {
        let with = address("15555550100", Some("plmn"), Some("A.Example")).with_domain("b.example");
        assert_eq!(with, "15555550100/TYPE=plmn@b.example");
        assert_eq!(address("x", None, None).with_domain("b.example"), "x@b.example");
    }

    #[test]
    fn domains_are_labels_of_letters_digits_and_inner_hyphens() {
        assert!(is_domain("mms.mnc002.mcc310.gprs") && is_domain("a-b.example") && is_domain("localhost"));
        for wrong in ["", "a..b", "-a.example", "a-.example", "a b", "a@b", "b\u{e4}r.example"] {
            assert!(!is_domain(wrong), "{wrong}");
        }
    }
}
