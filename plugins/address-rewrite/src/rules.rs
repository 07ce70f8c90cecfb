//! From one address to another. Nothing here knows of the relay.

use std::collections::BTreeMap;

use mm4_filter::address::{is_domain, is_e164, plmn};
use serde::Deserialize;

/// What is done to addresses. Made by [`Settings::check`](crate::settings::Settings::check).
#[derive(Debug, Default)]
pub struct Rules {
    pub numbering: Numbering,
    pub portability_table: Option<String>,
    /// Keys in lower case.
    pub domains: BTreeMap<String, String>,
    pub codes: Codes,
}

/// Short codes, each of one network: `7788` of one operator is not `7788` of another.
#[derive(Debug, Default)]
pub struct Codes {
    /// In lower case: a code in one of them, or in none, is ours.
    pub own_domains: Vec<String>,
    pub listed: BTreeMap<Code, Meaning>,
}

/// Digits, and the domain of their network in lower case; `None`: ours.
pub type Code = (String, Option<String>);

/// What a code stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A recipient gets this address.
    Address(String),
    /// It is a code, and no number, however many digits it has.
    Keep,
}

impl Codes {
    fn meaning(&self, address: &Parts) -> Option<&Meaning> {
        if address.kind == Kind::Other {
            return None;
        }
        let domain = address.domain.map(plain);
        let is_ours = domain.as_ref().is_none_or(|domain| self.own_domains.contains(domain));
        let listed = |network: Option<String>| self.listed.get(&(address.user.to_owned(), network));
        let of_domain = domain.clone().and_then(|domain| listed(Some(domain)));
        of_domain.or_else(|| listed(None).filter(|_| is_ours))
    }
}

/// A domain as it is compared.
pub fn plain(domain: &str) -> String {
    domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase()
}

/// How telephone numbers are written where these messages come from.
#[derive(Debug, Default)]
pub struct Numbering {
    pub country_code: Option<String>,
    /// Empty: there is none.
    pub national_prefix: String,
    pub international_prefixes: Vec<String>,
    pub bare_numbers: BareNumbers,
}

/// What digits are that have no prefix at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BareNumbers {
    /// A country code and a number; only the `+` got lost. Real peers do that.
    #[default]
    International,
    /// A number of our own country.
    National,
    /// Nobody knows: leave them.
    Keep,
}

/// What these rules distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Number,
    ShortCode,
    Other,
}

/// An address, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// All of it, as received.
    pub text: &'a str,
    pub kind: Kind,
    /// What stands before `/TYPE=` and `@`.
    pub user: &'a str,
    pub domain: Option<&'a str>,
}

impl Rules {
    /// The originator's new address; `None` when it is right already.
    pub fn originator(&self, address: &Parts) -> Option<String> {
        self.rewritten(address, address.domain.map(|domain| self.renamed(domain)))
    }

    /// A recipient's new address; `None` when it is right already. `ported` is asked with the table's name and an E.164 number,
    /// and answers with the domain that the number was ported to.
    ///
    /// # Errors
    /// Those of `ported`.
    pub fn recipient<E>(
        &self,
        address: &Parts,
        ported: impl FnOnce(&str, &str) -> Result<Option<String>, E>,
    ) -> Result<Option<String>, E> {
        if let Some(Meaning::Address(whole)) = self.codes.meaning(address) {
            return Ok((whole != address.text).then(|| whole.clone()));
        }
        let found = match (&self.portability_table, self.number(address)) {
            (Some(table), Some(number)) => ported(table, &number)?,
            _ => None,
        };
        let domain = found
            .as_deref()
            .or_else(|| address.domain.map(|domain| self.renamed(domain)));
        Ok(self.rewritten(address, domain))
    }

    fn number(&self, address: &Parts) -> Option<String> {
        (address.kind == Kind::Number && self.codes.meaning(address).is_none())
            .then(|| self.numbering.e164(address.user))
            .flatten()
    }

    fn renamed<'a>(&'a self, domain: &'a str) -> &'a str {
        self.domains
            .get(&domain.to_ascii_lowercase())
            .map_or(domain, String::as_str)
    }

    fn rewritten(&self, address: &Parts, domain: Option<&str>) -> Option<String> {
        let text = match (self.number(address), domain) {
            (Some(number), domain) => plmn(&number, domain),
            (None, Some(domain)) => format!("{}@{domain}", address.local()),
            (None, None) => return None,
        };
        (text != address.text).then_some(text)
    }
}

impl<'a> Parts<'a> {
    /// Everything before the `@` of the domain, as received.
    fn local(&self) -> &'a str {
        match self.domain {
            Some(domain) => self
                .text
                .get(..self.text.len().saturating_sub(domain.len() + 1))
                .unwrap_or(self.text),
            None => self.text,
        }
    }
}

impl Numbering {
    /// The number in E.164, with `+`; `None` when these rules cannot make one of it.
    pub fn e164(&self, user: &str) -> Option<String> {
        let number = if user.starts_with('+') {
            user.to_owned()
        } else if let Some(rest) = self.after_international_prefix(user) {
            format!("+{rest}")
        } else if let Some(rest) = user
            .strip_prefix(self.national_prefix.as_str())
            .filter(|_| !self.national_prefix.is_empty())
        {
            self.national(rest)?
        } else {
            match self.bare_numbers {
                BareNumbers::International => format!("+{user}"),
                BareNumbers::National => self.national(user)?,
                BareNumbers::Keep => return None,
            }
        };
        is_e164(&number).then_some(number)
    }

    /// The longest prefix counts: `011` and `01` may both be listed.
    fn after_international_prefix<'a>(&self, user: &'a str) -> Option<&'a str> {
        self.international_prefixes
            .iter()
            .filter_map(|prefix| user.strip_prefix(prefix.as_str()))
            .min_by_key(|rest| rest.len())
    }

    fn national(&self, rest: &str) -> Option<String> {
        self.country_code.as_ref().map(|code| format!("+{code}{rest}"))
    }
}

/// The domain that a row of the portability table means: itself, or for `mncNN.mccNNN` the one of TS 23.140's GRX scheme, the
/// network code in three digits. `None` when the value is neither.
pub fn ported_domain(value: &str) -> Option<String> {
    let value = value.trim();
    if let Some((mnc, mcc)) = value.split_once('.').filter(|(_, mcc)| !mcc.contains('.')) {
        let digits = |text: &str, name: &str| {
            let (head, tail) = text.split_at_checked(3)?;
            (head.eq_ignore_ascii_case(name) && tail.bytes().all(|byte| byte.is_ascii_digit())).then(|| tail.to_owned())
        };
        if let (Some(mnc), Some(mcc)) = (digits(mnc, "mnc"), digits(mcc, "mcc")) {
            let legal = (2..=3).contains(&mnc.len()) && mcc.len() == 3;
            return legal.then(|| format!("mms.mnc{mnc:0>3}.mcc{mcc}.gprs"));
        }
    }
    (value.contains('.') && is_domain(value)).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn parts<'a>(text: &'a str, kind: Kind) -> Parts<'a> {
        let (local, domain) = match text.rsplit_once('@') {
            Some((local, domain)) => (local, Some(domain)),
            None => (text, None),
        };
        Parts {
            text,
            kind,
            user: local.split("/TYPE=").next().unwrap_or(local),
            domain,
        }
    }

    fn german() -> Rules {
        Rules {
            numbering: Numbering {
                country_code: Some("49".into()),
                national_prefix: "0".into(),
                international_prefixes: vec!["00".into()],
                bare_numbers: BareNumbers::International,
            },
            ..Rules::default()
        }
    }

    fn recipient(rules: &Rules, text: &str, kind: Kind) -> Option<String> {
        let Ok(change) = rules.recipient(&parts(text, kind), |_, _| Ok::<_, Infallible>(None));
        change
    }

    #[test]
    fn numbers_of_every_spelling_become_e164() {
        let numbering = german().numbering;
        for (spelled, expected) in [
            ("+15555550100", Some("+15555550100")),
            ("0015555550100", Some("+15555550100")),
            ("01715550100", Some("+491715550100")),
            ("15555550100", Some("+15555550100")),
            ("00", None),
            ("0012", None),
            ("+0123456789", None),
            ("1234567890123456", None),
        ] {
            assert_eq!(numbering.e164(spelled).as_deref(), expected, "{spelled}");
        }
    }

    #[test]
    fn a_north_american_number_may_come_with_and_without_its_prefix() {
        let numbering = Numbering {
            country_code: Some("1".into()),
            national_prefix: "1".into(),
            international_prefixes: vec!["011".into()],
            bare_numbers: BareNumbers::National,
        };
        for spelled in ["15555550100", "5555550100", "+15555550100", "01115555550100"] {
            assert_eq!(numbering.e164(spelled).as_deref(), Some("+15555550100"), "{spelled}");
        }
    }

    #[test]
    fn bare_numbers_can_be_left_alone() {
        let numbering = Numbering {
            bare_numbers: BareNumbers::Keep,
            ..Numbering::default()
        };
        assert_eq!(numbering.e164("15555550100"), None);
    }

    #[test]
    fn the_longest_international_prefix_counts() {
        let numbering = Numbering {
            international_prefixes: vec!["01".into(), "011".into()],
            ..Numbering::default()
        };
        assert_eq!(numbering.e164("01115555550100").as_deref(), Some("+15555550100"));
    }

    #[test]
    fn a_right_address_is_not_touched() {
        assert_eq!(
            recipient(&german(), "+15555550199/TYPE=PLMN@mms.b.example", Kind::Number),
            None
        );
        assert_eq!(
            german().originator(&parts("+15555550100/TYPE=PLMN", Kind::Number)),
            None
        );
    }

    #[test]
    fn a_number_without_a_type_gets_one() {
        assert_eq!(
            recipient(&german(), "15555550199@mms.b.example", Kind::Number).as_deref(),
            Some("+15555550199/TYPE=PLMN@mms.b.example")
        );
    }

    #[test]
    fn what_cannot_be_a_number_keeps_its_spelling_but_not_its_old_domain() {
        let mut rules = german();
        rules.domains.insert("old.example".into(), "new.example".into());
        assert_eq!(
            recipient(&rules, "Some.One@OLD.example", Kind::Other).as_deref(),
            Some("Some.One@new.example")
        );
        assert_eq!(
            recipient(&rules, "0012/TYPE=plmn@old.example", Kind::Number).as_deref(),
            Some("0012/TYPE=plmn@new.example")
        );
        assert_eq!(recipient(&rules, "postmaster", Kind::Other), None);
    }

    fn codes(listed: &[(&str, Option<&str>, Option<&str>)]) -> Rules {
        let meaning = |to: &Option<&str>| to.map_or(Meaning::Keep, |to| Meaning::Address(to.to_owned()));
        let listed = listed
            .iter()
            .map(|(code, domain, to)| (((*code).to_owned(), domain.map(str::to_owned)), meaning(to)));
        Rules {
            codes: Codes {
                own_domains: vec!["mms.own.example".into()],
                listed: listed.collect(),
            },
            ..german()
        }
    }

    #[test]
    fn a_code_is_that_of_its_network() {
        let rules = codes(&[
            ("7788", None, Some("+15555550142/TYPE=PLMN@mms.own.example")),
            ("7788", Some("mms.c.example"), Some("vote@mms.c.example")),
        ]);
        for ours in ["7788", "7788/TYPE=PLMN@mms.own.example", "7788@MMS.own.example."] {
            assert_eq!(
                recipient(&rules, ours, Kind::ShortCode).as_deref(),
                Some("+15555550142/TYPE=PLMN@mms.own.example"),
                "{ours}"
            );
        }
        assert_eq!(
            recipient(&rules, "7788/TYPE=PLMN@mms.C.example", Kind::ShortCode).as_deref(),
            Some("vote@mms.c.example")
        );
        for others in ["7788@mms.b.example", "77881", "77881@mms.own.example", "778"] {
            assert_eq!(recipient(&rules, others, Kind::ShortCode), None, "{others}");
        }
        assert_eq!(rules.originator(&parts("7788@mms.own.example", Kind::ShortCode)), None);
    }

    #[test]
    fn a_listed_code_is_no_number_however_many_digits_it_has() {
        let rules = codes(&[
            ("12345678", None, Some("+15555550142/TYPE=PLMN@mms.own.example")),
            ("87654321", Some("mms.b.example"), None),
        ]);
        assert_eq!(
            recipient(&rules, "12345678", Kind::Number).as_deref(),
            Some("+15555550142/TYPE=PLMN@mms.own.example")
        );
        assert_eq!(rules.originator(&parts("12345678@mms.own.example", Kind::Number)), None);
        assert_eq!(recipient(&rules, "87654321@mms.b.example", Kind::Number), None);
        assert_eq!(
            rules.originator(&parts("87654321/TYPE=PLMN@mms.b.example", Kind::Number)),
            None
        );
        assert_eq!(
            recipient(&rules, "87654321@mms.c.example", Kind::Number).as_deref(),
            Some("+87654321/TYPE=PLMN@mms.c.example"),
            "of another network nothing is known"
        );
    }

    #[test]
    fn a_ported_number_goes_to_the_domain_that_serves_it() {
        let mut rules = german();
        rules.portability_table = Some("portability".into());
        rules.domains.insert("b.example".into(), "never.example".into());
        let address = parts("01715550100@b.example", Kind::Number);
        let mut asked = Vec::new();
        let Ok(change) = rules.recipient(&address, |table, number| {
            asked.push(format!("{table} {number}"));
            Ok::<_, Infallible>(Some("mms.c.example".into()))
        });
        assert_eq!(change.as_deref(), Some("+491715550100/TYPE=PLMN@mms.c.example"));
        assert_eq!(asked, ["portability +491715550100"]);
    }

    #[test]
    fn a_number_that_was_not_ported_follows_the_domain_map() {
        let mut rules = german();
        rules.portability_table = Some("portability".into());
        rules.domains.insert("b.example".into(), "c.example".into());
        assert_eq!(
            recipient(&rules, "+15555550199/TYPE=PLMN@B.example", Kind::Number).as_deref(),
            Some("+15555550199/TYPE=PLMN@c.example")
        );
    }

    #[test]
    fn only_numbers_are_looked_up() {
        let mut rules = german();
        rules.portability_table = Some("portability".into());
        for (text, kind) in [
            ("a@b.example", Kind::Other),
            ("12345@b.example", Kind::ShortCode),
            ("0012@b.example", Kind::Number),
        ] {
            let result = rules.recipient(&parts(text, kind), |_, _| Err::<Option<String>, _>("asked"));
            assert_eq!(result, Ok(None), "{text}");
        }
    }

    #[test]
    fn a_failing_table_is_not_taken_for_a_number_that_was_not_ported() {
        let mut rules = german();
        rules.portability_table = Some("portability".into());
        let address = parts("+15555550199@b.example", Kind::Number);
        assert_eq!(rules.recipient(&address, |_, _| Err("not loaded")), Err("not loaded"));
    }

    #[test]
    fn table_values_are_network_codes_or_domains() {
        for (value, domain) in [
            ("mnc002.mcc310", Some("mms.mnc002.mcc310.gprs")),
            (" MNC02.mcc310 ", Some("mms.mnc002.mcc310.gprs")),
            ("mms.c.example", Some("mms.c.example")),
            ("mnc1.mcc310", None),
            ("mnc0002.mcc310", None),
            ("mnc002.mcc31", None),
            ("", None),
            ("nowhere", None),
            ("a b.example", None),
        ] {
            assert_eq!(ported_domain(value).as_deref(), domain, "{value:?}");
        }
    }
}
