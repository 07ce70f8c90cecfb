//! Which telephone numbers somebody may read in what stands before the `@`.
//!
//! `0015555550100`, `+1-555-555-0100` and, at home, `05555550100` are one number. A Relay/Server, a phone or a plug-in
//! behind us may read them so. Whether an originator is one of our own is therefore asked of every number that can be
//! read, not of the spelling. Routing does not read: it goes by what is written.

/// How numbers are dialled where our subscribers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialling {
    /// `None`: numbers without an international prefix are not read as national ones.
    pub country_code: Option<String>,
    /// What stands before a national number.
    pub national_prefix: String,
    /// What stands before a country code in place of `+`.
    pub international_prefixes: Vec<String>,
}

impl Default for Dialling {
    fn default() -> Self {
        Self {
            country_code: None,
            national_prefix: "0".into(),
            international_prefixes: vec!["00".into()],
        }
    }
}

/// ITU-T E.164: at most 15 digits; shorter than 7 is nobody's number.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

impl Dialling {
    /// The numbers in E.164, with `+`; none when the local part is no number in any reading.
    pub fn readings(&self, local_part: &str) -> Vec<String> {
        let Some((has_plus, digits)) = digits(local_part) else {
            return Vec::new();
        };
        let mut readings = vec![digits.clone()];
        if !has_plus || digits.starts_with('0') {
            let after = self
                .international_prefixes
                .iter()
                .filter_map(|prefix| digits.strip_prefix(prefix.as_str()));
            readings.extend(after.map(str::to_owned));
            if let Some(country) = &self.country_code {
                let national = [
                    Some(digits.as_str()),
                    digits.strip_prefix(self.national_prefix.as_str()),
                ];
                readings.extend(national.into_iter().flatten().map(|rest| format!("{country}{rest}")));
            }
        }
        // `+49 (0) 171`: the national prefix is shown, and not dialled behind the country code.
        let shown = self
            .country_code
            .as_ref()
            .map(|country| (country, format!("{country}{}", self.national_prefix)));
        let without = shown.iter().flat_map(|(country, shown)| {
            let rests = readings
                .iter()
                .filter_map(|reading| reading.strip_prefix(shown.as_str()));
            rests.map(|rest| format!("{country}{rest}")).collect::<Vec<_>>()
        });
        let without: Vec<String> = without.collect();
        readings.extend(without);
        readings.retain(|reading| DIGITS.contains(&reading.len()) && !reading.starts_with('0'));
        readings.into_iter().map(|reading| format!("+{reading}")).collect()
    }
}

/// Whether it begins with `+`, and its digits. What people put between them to read them better is passed over, and what
/// stands behind a slash is the address's type.
fn digits(local_part: &str) -> Option<(bool, String)> {
    let number = local_part.split('/').next().unwrap_or_default();
    let legal = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '_' | '(' | ')' | ' ' | ',' | '~');
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    (number.chars().all(legal) && !digits.is_empty()).then(|| (number.starts_with('+'), digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "+17771230001";

    fn home() -> Dialling {
        Dialling {
            country_code: Some("1".into()),
            national_prefix: "9".into(),
            international_prefixes: vec!["00".into(), "011".into()],
        }
    }

    #[test]
    fn every_spelling_of_a_number_is_read_as_it() {
        for spelled in [
            "+17771230001",
            "0017771230001",
            "01117771230001",
            "17771230001",
            "97771230001",
            "7771230001",
            "+1-777-123-0001",
            "+1.777.123.0001",
            "(+1)(777)123-0001",
            "+1(9)777-123-0001",
            "0019-777-1230001",
            "+0017771230001",
            "+17771230001/TYPE=PLMN",
            "+17771230001/anything",
        ] {
            assert!(home().readings(spelled).contains(&NUMBER.to_owned()), "{spelled}");
        }
    }

    #[test]
    fn without_a_country_nothing_is_read_as_a_national_number() {
        let abroad = Dialling::default();
        assert_eq!(abroad.readings("0017771230001"), [NUMBER]);
        assert_eq!(abroad.readings("17771230001"), [NUMBER]);
        assert_eq!(abroad.readings("07771230001"), [""; 0]);
        assert_eq!(abroad.readings("7771230001"), ["+7771230001"]);
    }

    #[test]
    fn what_is_no_number_is_none() {
        for other in ["", "+", "7788", "ann", "+1777ann", "a17771230001", "1234567890123456"] {
            assert_eq!(
                home().readings(other).iter().filter(|r| r.len() < 8).count(),
                0,
                "{other}"
            );
            assert!(Dialling::default().readings(other).is_empty(), "{other}");
        }
        assert_eq!(home().readings("+491715550100"), ["+491715550100"], "another country's");
    }
}
