//! Sizes and durations as people write them: `5 MiB`, `300 kB`, `50 ms`, `3 days`.

use std::time::Duration;

/// Powers of 1000 and of 1024, largest first; compared without regard to case.
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// The times in milliseconds, largest first. The first name of a unit is the one that is printed.
const TIMES: [(&[&str], u64); 5] = [
    (&["days", "day", "d"], 86_400_000),
    (&["h"], 3_600_000),
    (&["min"], 60_000),
    (&["s"], 1_000),
    (&["ms"], 1),
];

/// Octets: a whole number and a unit. `None` also without a unit, because the meaning would be unclear.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let (_, octets) = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*octets)
}

/// Durations from milliseconds up: a whole number and a unit.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, millis) = TIMES.iter().find(|(names, _)| names.contains(&unit))?;
    number.checked_mul(*millis).map(Duration::from_millis)
}

/// The size in the largest unit that gives a whole number: `5 MiB`, `300 kB`.
pub fn show_size(octets: u64) -> String {
    let (name, unit) = SIZES
        .iter()
        .find(|(_, unit)| octets >= *unit && octets.is_multiple_of(*unit))
        .unwrap_or(&("B", 1));
    format!("{} {name}", octets / unit)
}

/// The duration in the largest unit that gives a whole number: `90 s`, `3 days`.
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let (names, unit) = TIMES
        .iter()
        .map(|(names, unit)| (names, u128::from(*unit)))
        .find(|(_, unit)| millis >= *unit && millis.is_multiple_of(*unit))
        .unwrap_or((&TIMES[4].0, 1));
    let count = millis / unit;
    let name = if names[0] == "days" && count == 1 {
        "day"
    } else {
        names[0]
    };
    format!("{count} {name}")
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_powers_of_1000_and_1024() {
        for (text, octets) in [
            ("5 MiB", 5_242_880),
            ("300 kB", 300_000),
            ("300KB", 300_000),
            ("1 GiB", 1 << 30),
            ("0 B", 0),
            ("998 B", 998),
        ] {
            assert_eq!(parse_size(text), Some(octets), "{text}");
        }
    }

    #[test]
    fn durations_are_read_from_milliseconds_to_days() {
        for (text, millis) in [
            ("50 ms", 50),
            ("2 s", 2_000),
            ("5 min", 300_000),
            ("1 h", 3_600_000),
            ("1 day", 86_400_000),
            ("3 days", 259_200_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_has_no_unit_or_more_than_a_number_is_refused() {
        for text in [
            "",
            "5",
            "MiB",
            "5 M",
            "-5 MiB",
            "1.5 MiB",
            "5 MiB 3",
            "18446744073709551615 GiB",
        ] {
            assert_eq!(parse_size(text), None, "{text}");
        }
        for text in ["", "5", "5 m", "5 S", "-1 s", "1.5 h", "18446744073709551615 days"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for octets in [0, 1, 998, 1_000, 1_024, 1_536, 300_000, 5 << 20, 1 << 30] {
            assert_eq!(parse_size(&show_size(octets)), Some(octets));
        }
        for millis in [0, 1, 50, 1_000, 90_000, 86_400_000, 259_200_000] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
        }
        assert_eq!(show_size(5 << 20), "5 MiB");
        assert_eq!(show_duration(Duration::from_secs(86_400)), "1 day");
        assert_eq!(show_duration(Duration::from_secs(90)), "90 s");
    }
}
