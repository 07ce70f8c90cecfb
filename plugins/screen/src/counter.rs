//! Rates: how many messages came within a period, counted in durable values.
//!
//! A counter consists of two values. The total is changed by the relay's increments only, so neither concurrent
//! messages nor a crash lose a count. The base records the total at the start of the current window and the count of
//! the window before; the first message of a window writes it, and two messages that write it concurrently write the
//! same.
//!
//! Each rule has a fixed number of counters, so the number of values is bounded. Two keys that hash to the same counter
//! are counted as one: with a million counters and a hundred thousand active keys, that happens to one key in ten.

use sha2::{Digest, Sha256};

/// Counters of one rule: five hexadecimal digits.
const PLACE_DIGITS: usize = 5;

/// The names of the two values of one counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub count: String,
    pub base: String,
}

impl Place {
    /// The counter of the rule `rule` for the key `what`.
    pub fn of(rule: &str, what: &str) -> Self {
        let rule = hex(&Sha256::digest(rule.as_bytes())[..4]);
        let what = hex(&Sha256::digest(what.as_bytes())[..3]);
        let place = format!("count/{rule}/{}", &what[..PLACE_DIGITS]);
        Self {
            base: format!("{place}/base"),
            count: place,
        }
    }
}

/// The contents of both values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// The total since the counter was created.
    pub count: u64,
    /// The window of `base` and `before`, as the number of windows since 1970.
    pub window: u64,
    /// The total when this window began.
    pub at_start: u64,
    /// How many came in the window before this one.
    pub before: u64,
}

impl Seen {
    /// An unreadable value counts as absent: the counter starts anew, which is better than a rule that fails on every
    /// message.
    pub fn read(count: Option<&[u8]>, base: Option<&[u8]>) -> Self {
        let text = |value: &[u8]| std::str::from_utf8(value).map(str::to_owned).unwrap_or_default();
        let count = count.map(text).and_then(|text| text.parse().ok()).unwrap_or(0);
        let base = base.map(text).unwrap_or_default();
        let mut numbers = base.split(' ').map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        match (next(), next(), next()) {
            (Some(window), Some(at_start), Some(before)) if at_start <= count => Self {
                count,
                window,
                at_start,
                before,
            },
            _ => Self {
                count,
                at_start: count,
                ..Self::default()
            },
        }
    }

    /// Moves the counter to the window of `now`. Returns whether that is a new window, whose base must be written.
    pub fn at(self, now: u64, length: u64) -> (Self, bool) {
        let window = now / length.max(1);
        if window == self.window {
            return (self, false);
        }
        let before = match window.checked_sub(self.window) {
            Some(1) => self.count - self.at_start,
            _ => 0,
        };
        let seen = Self {
            window,
            at_start: self.count,
            before,
            ..self
        };
        (seen, true)
    }

    /// How many came within the last `length` milliseconds: the count of this window, plus the share of the previous
    /// window's count that corresponds to the overlap.
    pub fn within(&self, now: u64, length: u64) -> u64 {
        let length = length.max(1);
        let left = length - now % length;
        let share = u128::from(self.before) * u128::from(left) / u128::from(length);
        (self.count - self.at_start).saturating_add(u64::try_from(share).unwrap_or(u64::MAX))
    }

    /// The text of the second value, the base.
    pub fn base(&self) -> String {
        format!("{} {} {}", self.window, self.at_start, self.before)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A digest of a message's content, by which repetitions are recognised: media type and octets of each part.
#[derive(Default)]
pub struct Checksum(Sha256);

impl Checksum {
    pub fn begin_part(&mut self, media_type: &str, size: u64) {
        self.0.update((media_type.len() as u64).to_le_bytes());
        self.0.update(media_type);
        self.0.update(size.to_le_bytes());
    }

    pub fn add(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    pub fn finish(self) -> String {
        hex(&self.0.finalize()[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn read(count: &str, base: &str) -> Seen {
        Seen::read(Some(count.as_bytes()), Some(base.as_bytes()))
    }

    #[test]
    fn of_the_window_before_as_much_counts_as_lies_within_the_time() {
        let start = 1000 * HOUR;
        let seen = read("150", "1000 50 80");
        for (now, within) in [(start, 180), (start + HOUR / 2, 140), (start + HOUR - 1, 100)] {
            assert_eq!(seen.at(now, HOUR), (seen, false));
            assert_eq!(seen.within(now, HOUR), within);
        }
    }

    #[test]
    fn the_first_of_a_window_writes_what_the_one_before_had() {
        let seen = read("150", "1000 50 80");
        let (next, is_new) = seen.at(1001 * HOUR + HOUR / 2, HOUR);
        assert!(is_new);
        assert_eq!(next.base(), "1001 150 100");
        assert_eq!(next.within(1001 * HOUR + HOUR / 2, HOUR), 50);
        let (later, _) = seen.at(1002 * HOUR, HOUR);
        assert_eq!(
            (later.base().as_str(), later.within(1002 * HOUR, HOUR)),
            ("1002 150 0", 0)
        );
    }

    #[test]
    fn a_clock_that_goes_back_counts_anew_and_nothing_overflows() {
        let (back, is_new) = read("150", "1000 50 80").at(HOUR, HOUR);
        assert!(is_new);
        assert_eq!(back.within(HOUR, HOUR), 0);
        let most = read(&u64::MAX.to_string(), &format!("1000 0 {}", u64::MAX));
        assert_eq!(most.within(1000 * HOUR, HOUR), u64::MAX);
        assert_eq!(Seen::default().within(5, 0), 0);
    }

    #[test]
    fn values_that_make_no_sense_begin_anew() {
        for (count, base) in [("x", "1 2 3"), ("5", ""), ("5", "1 9 0"), ("5", "a b c"), ("5", "1 2")] {
            let seen = read(count, base);
            assert_eq!(seen.within(seen.window * HOUR, HOUR), 0, "{count} {base}");
        }
        assert_eq!(Seen::read(None, None), Seen::default());
    }

    #[test]
    fn rules_and_what_they_count_by_have_places_of_their_own() {
        let place = Place::of("flood", "+15555550100");
        assert_eq!(place, Place::of("flood", "+15555550100"));
        assert_ne!(place, Place::of("other", "+15555550100"));
        assert_ne!(place, Place::of("flood", "+15555550101"));
        assert!(place.base.len() < 64 && place.base.starts_with(&place.count));
    }

    #[test]
    fn content_is_the_same_when_types_and_octets_are() {
        let sum = |parts: &[(&str, &[u8])]| {
            let mut sum = Checksum::default();
            for (media_type, octets) in parts {
                sum.begin_part(media_type, octets.len() as u64);
                sum.add(octets);
            }
            sum.finish()
        };
        let one = sum(&[("text/plain", b"ab"), ("text/plain", b"c")]);
        assert_eq!(one, sum(&[("text/plain", b"ab"), ("text/plain", b"c")]));
        assert_ne!(one, sum(&[("text/plain", b"a"), ("text/plain", b"bc")]));
        assert_ne!(one, sum(&[("text/html", b"ab"), ("text/plain", b"c")]));
    }
}
