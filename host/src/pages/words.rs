//! Numbers and times, as people read them.

use std::time::Duration;

/// `3 min`, `2 h 5 min`: two units at the most.
pub(super) fn span(of: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let seconds = of.as_secs();
    let Some(first) = UNITS.iter().position(|(unit, _)| seconds >= *unit) else {
        return "0 s".to_owned();
    };
    let (unit, name) = UNITS[first];
    let rest = seconds % unit;
    match UNITS.get(first + 1) {
        Some((small, small_name)) if rest >= *small => {
            format!("{} {name} {} {small_name}", seconds / unit, rest / small)
        }
        _ => format!("{} {name}", seconds / unit),
    }
}

/// `250 ms`, `2.5 s`, `5 min`.
pub(super) fn millis(of: u64) -> String {
    match of {
        0..1000 => format!("{of} ms"),
        1000..60_000 if of.is_multiple_of(1000) => format!("{} s", of / 1000),
        1000..60_000 => format!("{}.{} s", of / 1000, of % 1000 / 100),
        _ => span(Duration::from_millis(of)),
    }
}

/// `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1.5 GB`, with powers of 1,000.
pub(super) fn octets(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut scaled, mut unit) = (number as f64, 0);
    while scaled >= 1000.0 && unit + 1 < UNITS.len() {
        (scaled, unit) = (scaled / 1000.0, unit + 1);
    }
    match unit {
        0 => format!("{number} B"),
        _ => format!("{scaled:.1} {}", UNITS[unit]),
    }
}

/// A value of a query.
pub(super) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_written_for_people() {
        assert_eq!(span(Duration::from_secs(7500)), "2 h 5 min");
        assert_eq!(span(Duration::from_millis(900)), "0 s");
        assert_eq!(span(Duration::from_secs(86_400)), "1 d");
        assert_eq!(
            [millis(250), millis(2500), millis(5000), millis(300_000)],
            ["250 ms", "2.5 s", "5 s", "5 min"]
        );
        assert_eq!([grouped(7), grouped(1_234_567)], ["7", "1,234,567"]);
        assert_eq!([octets(999), octets(1_500_000_000)], ["999 B", "1.5 GB"]);
    }
}
