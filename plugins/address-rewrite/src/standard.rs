//! The standard steps, which today's settings without rules configure: numbers to E.164, ported numbers, short codes, domains.

use std::collections::BTreeMap;

use mm4_filter::address::{is_domain, plmn};

use crate::plan::Plan;
use crate::spelled::{Kind, Parts, plain};

/// What is done to addresses. Made by [`Settings::check`](crate::settings::Settings::check).
#[derive(Debug, Default)]
pub struct Standard {
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

impl Standard {
    /// The originator's new address; `None` when it is right already.
    pub fn originator(&self, plan: &Plan, address: &Parts) -> Option<String> {
        self.rewritten(plan, address, address.domain.map(|domain| self.renamed(domain)))
    }

    /// A recipient's new address; `None` when it is right already. `ported` is asked with the table's name and an E.164 number,
    /// and answers with the domain that the number was ported to.
    ///
    /// # Errors
    /// Those of `ported`.
    pub fn recipient<E>(
        &self,
        plan: &Plan,
        address: &Parts,
        ported: impl FnOnce(&str, &str) -> Result<Option<String>, E>,
    ) -> Result<Option<String>, E> {
        if let Some(Meaning::Address(whole)) = self.codes.meaning(address) {
            return Ok((whole != address.text).then(|| whole.clone()));
        }
        let found = match (&self.portability_table, self.number(plan, address)) {
            (Some(table), Some(number)) => ported(table, &number)?,
            _ => None,
        };
        let domain = found
            .as_deref()
            .or_else(|| address.domain.map(|domain| self.renamed(domain)));
        Ok(self.rewritten(plan, address, domain))
    }

    fn number(&self, plan: &Plan, address: &Parts) -> Option<String> {
        match self.codes.meaning(address) {
            Some(_) => None,
            None => address.number(plan),
        }
    }

    fn renamed<'a>(&'a self, domain: &'a str) -> &'a str {
        self.domains
            .get(&domain.to_ascii_lowercase())
            .map_or(domain, String::as_str)
    }

    fn rewritten(&self, plan: &Plan, address: &Parts, domain: Option<&str>) -> Option<String> {
        let text = match (self.number(plan, address), domain) {
            (Some(number), domain) => plmn(&number, domain),
            (None, Some(domain)) => address.with_domain(domain),
            (None, None) => return None,
        };
        (text != address.text).then_some(text)
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
    use crate::plan::tests::german;
    use std::convert::Infallible;

    fn recipient(standard: &Standard, text: &str) -> Option<String> {
        let Ok(change) = standard.recipient(&german(), &Parts::of(text), |_, _| Ok::<_, Infallible>(None));
        change
    }

    #[test]
    fn a_right_address_is_not_touched() {
        assert_eq!(
            recipient(&Standard::default(), "+15555550199/TYPE=PLMN@mms.b.example"),
            None
        );
        assert_eq!(
            Standard::default().originator(&german(), &Parts::of("+15555550100/TYPE=PLMN")),
            None
        );
    }

    #[test]
    fn a_number_without_a_type_gets_one() {
        assert_eq!(
            recipient(&Standard::default(), "15555550199@mms.b.example").as_deref(),
            Some("+15555550199/TYPE=PLMN@mms.b.example")
        );
    }

    #[test]
    fn what_cannot_be_a_number_keeps_its_spelling_but_not_its_old_domain() {
        let mut standard = Standard::default();
        standard.domains.insert("old.example".into(), "new.example".into());
        assert_eq!(
            recipient(&standard, "Some.One@OLD.example").as_deref(),
            Some("Some.One@new.example")
        );
        assert_eq!(
            recipient(&standard, "0012/TYPE=plmn@old.example").as_deref(),
            Some("0012/TYPE=plmn@new.example")
        );
        assert_eq!(recipient(&standard, "postmaster"), None);
    }

    fn codes(listed: &[(&str, Option<&str>, Option<&str>)]) -> Standard {
        let meaning = |to: &Option<&str>| to.map_or(Meaning::Keep, |to| Meaning::Address(to.to_owned()));
        let listed = listed
            .iter()
            .map(|(code, domain, to)| (((*code).to_owned(), domain.map(str::to_owned)), meaning(to)));
        Standard {
            codes: Codes {
                own_domains: vec!["mms.own.example".into()],
                listed: listed.collect(),
            },
            ..Standard::default()
        }
    }

    #[test]
    fn a_code_is_that_of_its_network() {
        let standard = codes(&[
            ("7788", None, Some("+15555550142/TYPE=PLMN@mms.own.example")),
            ("7788", Some("mms.c.example"), Some("vote@mms.c.example")),
        ]);
        for ours in ["7788", "7788/TYPE=PLMN@mms.own.example", "7788@MMS.own.example."] {
            assert_eq!(
                recipient(&standard, ours).as_deref(),
                Some("+15555550142/TYPE=PLMN@mms.own.example"),
                "{ours}"
            );
        }
        assert_eq!(
            recipient(&standard, "7788/TYPE=PLMN@mms.C.example").as_deref(),
            Some("vote@mms.c.example")
        );
        for others in ["7788@mms.b.example", "77881", "77881@mms.own.example", "778"] {
            assert_eq!(recipient(&standard, others), None, "{others}");
        }
        assert_eq!(standard.originator(&german(), &Parts::of("7788@mms.own.example")), None);
    }

    #[test]
    fn a_listed_code_is_no_number_however_many_digits_it_has() {
        let standard = codes(&[
            ("12345678", None, Some("+15555550142/TYPE=PLMN@mms.own.example")),
            ("87654321", Some("mms.b.example"), None),
        ]);
        assert_eq!(
            recipient(&standard, "12345678").as_deref(),
            Some("+15555550142/TYPE=PLMN@mms.own.example")
        );
        assert_eq!(
            standard.originator(&german(), &Parts::of("12345678@mms.own.example")),
            None
        );
        assert_eq!(recipient(&standard, "87654321@mms.b.example"), None);
        assert_eq!(
            standard.originator(&german(), &Parts::of("87654321/TYPE=PLMN@mms.b.example")),
            None
        );
        assert_eq!(
            recipient(&standard, "87654321@mms.c.example").as_deref(),
            Some("+87654321/TYPE=PLMN@mms.c.example"),
            "of another network nothing is known"
        );
    }

    fn with_portability() -> Standard {
        Standard {
            portability_table: Some("portability".into()),
            ..Standard::default()
        }
    }

    #[test]
    fn a_ported_number_goes_to_the_domain_that_serves_it() {
        let mut standard = with_portability();
        standard.domains.insert("b.example".into(), "never.example".into());
        let address = Parts::of("01715550100@b.example");
        let mut asked = Vec::new();
        let Ok(change) = standard.recipient(&german(), &address, |table, number| {
            asked.push(format!("{table} {number}"));
            Ok::<_, Infallible>(Some("mms.c.example".into()))
        });
        assert_eq!(change.as_deref(), Some("+491715550100/TYPE=PLMN@mms.c.example"));
        assert_eq!(asked, ["portability +491715550100"]);
    }

    #[test]
    fn a_number_that_was_not_ported_follows_the_domain_map() {
        let mut standard = with_portability();
        standard.domains.insert("b.example".into(), "c.example".into());
        assert_eq!(
            recipient(&standard, "+15555550199/TYPE=PLMN@B.example").as_deref(),
            Some("+15555550199/TYPE=PLMN@c.example")
        );
    }

    #[test]
    fn only_numbers_are_looked_up() {
        let standard = with_portability();
        for text in ["a@b.example", "12345@b.example", "0012@b.example"] {
            let result = standard.recipient(&german(), &Parts::of(text), |_, _| Err::<Option<String>, _>("asked"));
            assert_eq!(result, Ok(None), "{text}");
        }
    }

    #[test]
    fn a_failing_table_is_not_taken_for_a_number_that_was_not_ported() {
        let standard = with_portability();
        let address = Parts::of("+15555550199@b.example");
        assert_eq!(
            standard.recipient(&german(), &address, |_, _| Err("not loaded")),
            Err("not loaded")
        );
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
