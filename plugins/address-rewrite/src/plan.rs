//! A numbering plan: how telephone numbers are written where messages come from.

use std::collections::BTreeMap;

use mm4_filter::address::is_e164;
use serde::Deserialize;

/// How telephone numbers are written in one place.
#[derive(Clone, Debug, Default)]
pub struct Plan {
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

/// The plans of peers that have one of their own, and that of all others.
#[derive(Debug, Default)]
pub struct Plans {
    pub default: Plan,
    pub peers: BTreeMap<String, Plan>,
}

impl Plans {
    /// How numbers are written in messages of that peer.
    pub fn of(&self, peer: &str) -> &Plan {
        self.peers.get(peer).unwrap_or(&self.default)
    }
}

impl Plan {
    /// The number in E.164, with `+`; `None` when this plan cannot make one of it.
    pub fn e164(&self, user: &str) -> Option<String> {
        let number = if user.starts_with('+') {
            user.to_owned()
        } else if let Some(rest) = self.after_international_prefix(user) {
            format!("+{rest}")
        } else if let Some(rest) = user
            .strip_prefix(self.national_prefix.as_str())
            .filter(|_| !self.national_prefix.is_empty())
        {
            self.of_this_country(rest)?
        } else {
            match self.bare_numbers {
                BareNumbers::International => format!("+{user}"),
                BareNumbers::National => self.of_this_country(user)?,
                BareNumbers::Keep => return None,
            }
        };
        is_e164(&number).then_some(number)
    }

    /// A number in E.164 as it is dialled within this country; `None` when it is another country's.
    pub fn national(&self, e164: &str) -> Option<String> {
        let rest = e164.strip_prefix('+')?.strip_prefix(self.country_code.as_deref()?)?;
        Some(format!("{}{rest}", self.national_prefix))
    }

    /// A number in E.164 as it is dialled in this country, whichever country it is in.
    pub fn dialled(&self, e164: &str) -> Option<String> {
        let abroad = || {
            let prefix = self.international_prefixes.first()?;
            Some(format!("{prefix}{}", e164.strip_prefix('+')?))
        };
        self.national(e164).or_else(abroad)
    }

    /// The longest prefix counts: `011` and `01` may both be listed.
    fn after_international_prefix<'a>(&self, user: &'a str) -> Option<&'a str> {
        self.international_prefixes
            .iter()
            .filter_map(|prefix| user.strip_prefix(prefix.as_str()))
            .min_by_key(|rest| rest.len())
    }

    fn of_this_country(&self, rest: &str) -> Option<String> {
        self.country_code.as_ref().map(|code| format!("+{code}{rest}"))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn german() -> Plan {
        Plan {
            country_code: Some("49".into()),
            national_prefix: "0".into(),
            international_prefixes: vec!["00".into()],
            bare_numbers: BareNumbers::International,
        }
    }

    #[test]
    fn numbers_of_every_spelling_become_e164() {
        let plan = german();
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
            assert_eq!(plan.e164(spelled).as_deref(), expected, "{spelled}");
        }
    }

    #[test]
    fn a_north_american_number_may_come_with_and_without_its_prefix() {
        let plan = Plan {
            country_code: Some("1".into()),
            national_prefix: "1".into(),
            international_prefixes: vec!["011".into()],
            bare_numbers: BareNumbers::National,
        };
        for spelled in ["15555550100", "5555550100", "+15555550100", "01115555550100"] {
            assert_eq!(plan.e164(spelled).as_deref(), Some("+15555550100"), "{spelled}");
        }
    }

    #[test]
    fn bare_numbers_can_be_left_alone() {
        let plan = Plan {
            bare_numbers: BareNumbers::Keep,
            ..Plan::default()
        };
        assert_eq!(plan.e164("15555550100"), None);
    }

    #[test]
    fn the_longest_international_prefix_counts() {
        let plan = Plan {
            international_prefixes: vec!["01".into(), "011".into()],
            ..Plan::default()
        };
        assert_eq!(plan.e164("01115555550100").as_deref(), Some("+15555550100"));
    }

    #[test]
    fn a_number_is_dialled_by_its_trunk_prefix_at_home_and_by_the_international_one_abroad() {
        let plan = german();
        assert_eq!(plan.national("+491715550100").as_deref(), Some("01715550100"));
        assert_eq!(plan.national("+15555550100"), None);
        assert_eq!(plan.dialled("+491715550100").as_deref(), Some("01715550100"));
        assert_eq!(plan.dialled("+15555550100").as_deref(), Some("0015555550100"));
        assert_eq!(Plan::default().dialled("+15555550100"), None);
        for spelled in ["01715550100", "0015555550100"] {
            let number = plan.e164(spelled).unwrap();
            assert_eq!(plan.dialled(&number).as_deref(), Some(spelled), "and back");
        }
    }

    #[test]
    fn a_peer_may_have_a_plan_of_its_own() {
        let plans = Plans {
            default: german(),
            peers: BTreeMap::from([("operator-a".to_owned(), Plan::default())]),
        };
        assert_eq!(plans.of("operator-a").country_code, None);
        assert_eq!(plans.of("operator-b").country_code.as_deref(), Some("49"));
    }
}
