//! From a number to a name in DNS, and from NAPTR records to the domain of an MMSE (RFC 6116, RFC 3402, RFC 4355).
//!
//! Nothing here does I/O. Regular expressions come from DNS, so strangers write them: matching takes time linear in
//! their length, and the results are checked like any other input.

use regex_automata::nfa::thompson;
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::util::syntax;

/// One NAPTR record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    pub order: u16,
    pub preference: u16,
    pub flags: String,
    pub services: String,
    pub regexp: String,
}

/// The most octets of a compiled expression. It has at most 255 octets in DNS, but counted repetitions multiply.
const MAX_COMPILED: usize = 256 << 10;

/// `0.0.1.0.5.5.5.1.<suffix>.` for `+1555...0100`. `None` for anything but `+` and 1 to 15 digits (ITU-T E.164).
pub fn query_name(number: &str, suffix: &str) -> Option<String> {
    let digits = number.strip_prefix('+')?;
    if !(1..=15).contains(&digits.len()) || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let mut name = String::with_capacity(2 * digits.len() + suffix.len() + 1);
    for digit in digits.chars().rev() {
        name.push(digit);
        name.push('.');
    }
    name.push_str(suffix);
    name.push('.');
    Some(name)
}

/// The domain from the first usable record for `mms:mailto`, by order and then by preference. Passes over records that
/// cannot be applied, and those that would lead to other records.
pub fn domain(number: &str, records: &[Naptr]) -> Option<String> {
    let mut usable: Vec<_> = records.iter().filter(|record| record.is_usable()).collect();
    usable.sort_by_key(|record| (record.order, record.preference));
    usable.iter().find_map(|record| {
        let uri = substitute(&record.regexp, number)?;
        mailto_domain(&uri)
    })
}

impl Naptr {
    /// Whether this is a terminal record for the service: `E2U+mms:mailto`, alone or among others (RFC 6116, 3.4.2.2).
    fn is_usable(&self) -> bool {
        let mut services = self.services.split('+');
        let enumservice = services.next().is_some_and(|first| first.eq_ignore_ascii_case("e2u"));
        self.flags.eq_ignore_ascii_case("u")
            && enumservice
            && services.any(|service| service.eq_ignore_ascii_case("mms:mailto"))
    }
}

/// Applies `!expression!replacement!flags` (RFC 3402, 3.2) to a number.
fn substitute(rule: &str, number: &str) -> Option<String> {
    let delimiter = rule.chars().next().filter(char::is_ascii_punctuation)?;
    let mut parts = split(&rule[1..], delimiter).into_iter();
    let (expression, replacement, flags) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !matches!(flags.as_str(), "" | "i") {
        return None;
    }
    let matcher = PikeVM::builder()
        .syntax(
            syntax::Config::new()
                .unicode(false)
                .utf8(false)
                .case_insensitive(flags == "i"),
        )
        .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(MAX_COMPILED)))
        .build(&expression)
        .ok()?;
    let (mut cache, mut found) = (matcher.create_cache(), matcher.create_captures());
    matcher.captures(&mut cache, number, &mut found);
    let whole = found.get_match()?;
    let mut result = number[..whole.start()].to_owned();
    let mut rest = replacement.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next()? {
                digit @ '1'..='9' => {
                    let group = found.get_group(digit as usize - '0' as usize)?;
                    result.push_str(&number[group.range()]);
                }
                other => result.push(other),
            },
            other => result.push(other),
        }
    }
    result.push_str(&number[whole.end()..]);
    Some(result)
}

/// The parts between delimiters. A delimiter behind a backslash does not count.
fn split(text: &str, delimiter: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let last = parts.len() - 1;
        if character == delimiter {
            parts.push(String::new());
        } else if character == '\\' {
            match characters.next() {
                Some(next) if next == delimiter => parts[last].push(next),
                Some(next) => parts[last].extend(['\\', next]),
                None => parts[last].push('\\'),
            }
        } else {
            parts[last].push(character);
        }
    }
    parts
}

/// The domain of a `mailto:` URI (RFC 6068), in lower case.
fn mailto_domain(uri: &str) -> Option<String> {
    let (scheme, address) = uri.split_once(':')?;
    let address = address.split(['?', ',']).next()?;
    let (_, domain) = address.rsplit_once('@')?;
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let good = scheme.eq_ignore_ascii_case("mailto") && domain.len() <= 253 && domain.split('.').all(label);
    good.then(|| domain.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "+15555550100";

    fn record(order: u16, preference: u16, services: &str, regexp: &str) -> Naptr {
        Naptr {
            order,
            preference,
            flags: "u".into(),
            services: services.into(),
            regexp: regexp.into(),
        }
    }

    fn by(regexp: &str) -> Option<String> {
        domain(NUMBER, &[record(1, 1, "E2U+mms:mailto", regexp)])
    }

    #[test]
    fn a_number_is_asked_for_backwards() {
        assert_eq!(
            query_name(NUMBER, "e164.arpa").as_deref(),
            Some("0.0.1.0.5.5.5.5.5.5.1.e164.arpa.")
        );
        for text in ["15555550100", "+", "+1234567890123456", "+1555a", "2020", ""] {
            assert_eq!(query_name(text, "e164.arpa"), None, "{text}");
        }
    }

    #[test]
    fn the_first_good_record_by_order_and_preference_counts() {
        let to = |domain: &str| format!("!^.*$!mailto:+15555550100@{domain}!");
        let records = [
            record(20, 1, "E2U+mms:mailto", &to("last.example")),
            record(10, 9, "E2U+mms:mailto", &to("second.example")),
            record(10, 5, "e2u+sip+MMS:mailto", &to("First.example")),
            record(1, 1, "E2U+mms:tel", "!^.*$!tel:+15555550100!"),
            record(1, 1, "E2U+sip", &to("sip.example")),
            record(1, 1, "mms:mailto", &to("no-e2u.example")),
            record(1, 1, "E2U+mms:mailto", "!^.*$!mailto:nobody!"),
        ];
        assert_eq!(domain(NUMBER, &records).as_deref(), Some("first.example"));
        let not_terminal = Naptr {
            flags: String::new(),
            ..records[0].clone()
        };
        assert_eq!(domain(NUMBER, &[not_terminal]), None);
        assert_eq!(domain(NUMBER, &[]), None);
    }

    #[test]
    fn expressions_are_applied_to_the_number() {
        for (regexp, expected) in [
            ("!^.*$!mailto:ann@mms.b.example!", "mms.b.example"),
            (r"!^\+1555(555)(.*)$!mailto:\2@n\1.example!", "n555.example"),
            (r"/^(\+1.*)$/mailto:\1@mms.b.example?subject=x/i", "mms.b.example"),
            (r"!^\+([0-9]{3}).*$!MAILTO:+\1\!x@MMS.B.example!", "mms.b.example"),
        ] {
            assert_eq!(by(regexp).as_deref(), Some(expected), "{regexp}");
        }
    }

    #[test]
    fn what_strangers_write_does_no_harm() {
        for regexp in [
            "",
            "!",
            "!!!",
            "!^.*$!mailto:a@b.example",
            "!^.*$!mailto:a@b.example!x",
            "!^.*$!mailto:a@b.example!i!",
            "!^+49.*$!mailto:a@b.example!",
            r"!^.*$!mailto:a@b.example\",
            r"!^.*$!mailto:\1@b.example!",
            "!(!mailto:a@b.example!",
            "!^.*$!http://b.example/!",
            "!^.*$!mailto:a@b\u{e9}.example!",
            "!^.*$!mailto:a@b..example!",
            "!^.*$!mailto:a@b.example\r\nX: y!",
            "\u{e9}^.*$\u{e9}mailto:a@b.example\u{e9}",
            "!((((.{9}){99}){99}){99})$!mailto:a@b.example!",
        ] {
            assert_eq!(by(regexp), None, "{regexp:?}");
        }
    }
}
