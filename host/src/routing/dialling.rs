//! The telephone numbers that somebody may read in a local part.
//!
//! `0015555550100`, `+1-555-555-0100` and, at home, `05555550100` are one number. A Relay/Server, a phone or a plug-in
//! behind us may read them so. Whether an originator is one of our own subscribers is therefore decided for every
//! number that can be read, and not for the spelling. Routing goes by the spelling alone.

/// How numbers are dialled where our subscribers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialling {
    /// `None`: numbers without an international prefix are not read as national ones.
    pub country_code: Option<String>,
    /// The prefix of a national number.
    pub national_prefix: String,
    /// The prefixes that stand for `+` before a country code.
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

/// ITU-T E.164 allows at most 15 digits; fewer than 7 are nobody's number.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

impl Dialling {
    /// The numbers in E.164, with `+`, that the local part may be read as, or may contain.
    pub fn readings(&self, local_part: &str) -> Vec<String> {
        let mut numbers = Vec::from_iter(digits(local_part));
        for within in within(local_part).into_iter().filter_map(digits) {
            if !numbers.contains(&within) {
                numbers.push(within);
            }
        }
        let read = |(has_plus, digits)| self.readings_of(has_plus, digits);
        numbers.into_iter().flat_map(read).collect()
    }

    fn readings_of(&self, has_plus: bool, digits: String) -> Vec<String> {
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
        // `+49 (0) 171`: the national prefix is written, but not dialled behind the country code.
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

/// Whether the local part begins with `+`, and its digits. Separators between digits are passed over, and what follows
/// a slash is the address's type.
fn digits(local_part: &str) -> Option<(bool, String)> {
    let number = local_part.split('/').next().unwrap_or_default();
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    (number.chars().all(is_of_a_number) && !digits.is_empty()).then(|| (number.starts_with('+'), digits))
}

fn is_of_a_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '_' | '(' | ')' | ' ' | ',' | '~')
}

/// The numbers inside a longer text, as in `FAX=+15555550100` (RFC 3191), `tel:+15555550100;ext=1` (RFC 3966) and
/// `+15555550100+x`. A number that begins with `+` counts anywhere. Other digits count where no letter touches them:
/// `order-5555550100` is a word.
fn within(local_part: &str) -> Vec<&str> {
    let mut numbers = Vec::new();
    let mut before = None;
    let mut rest = local_part;
    while let Some(first) = rest.chars().next() {
        // A `+` begins a number, so it also ends the one before.
        let is_end = |(at, c): (usize, char)| (!is_of_a_number(c) || (c == '+' && at > 0)).then_some(at);
        let length = rest
            .char_indices()
            .find_map(is_end)
            .unwrap_or(rest.len())
            .max(first.len_utf8());
        let (number, behind) = rest.split_at(length);
        let touches = |c: Option<char>| c.is_some_and(char::is_alphabetic);
        if first == '+' || !(touches(before) || touches(behind.chars().next())) {
            numbers.push(number);
        }
        before = number.chars().next_back();
        rest = behind;
    }
    numbers
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
            "FAX=+17771230001",
            "FAX=+1-777-123-0001/T33S=1",
            "WAPPUSH=+17771230001/TYPE=PLMN",
            "wappush=0017771230001",
            "/TYPE=PLMN/+17771230001",
            "tel:+17771230001",
            "sip:+1.777.123.0001;user=phone",
            "+17771230001;ext=1",
            "+17771230001:5060",
            "+17771230001+x",
            "x+17771230001",
            "0+17771230001",
            "+1555+17771230001",
            "*31#+17771230001",
            "+17771230001#",
            "'+17771230001'",
            "+17771230001x5",
            "+1/7771230001",
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
        for other in [
            "",
            "+",
            "7788",
            "ann",
            "+1777ann",
            "a17771230001",
            "order-17771230001",
            "17771230001x",
            "1234567890123456",
        ] {
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
