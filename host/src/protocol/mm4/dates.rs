//! Dates as real peers write them, and the expiry of a message.

use std::time::Duration;

use jiff::civil;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::{Offset, TimeZone};

use super::headers;
use crate::message::Timestamp;

/// An instant, with the way in which its writer gave the zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    pub at: Timestamp,
    pub zone: Zone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Seconds east of UTC, as a number or a name of RFC 5322, 4.3.
    Offset(i32),
    /// `GMT`, `UT`, `UTC` or `Z`: some peers write it behind their local time.
    Universal,
    /// No zone, or an unknown one: read as UTC.
    Unknown,
}

/// `X-Mms-Expiry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    At(Date),
    /// Delta-seconds.
    After(Duration),
}

impl Date {
    /// Reads the value of the field: RFC 5322 and RFC 1123 with their obsolete forms, RFC 850, asctime with or without
    /// a zone, JavaScript's date string, RFC 3339 with or without a zone. The words may come in any order that leaves
    /// no doubt, and in any case; names of weekdays are not checked. `None` for everything else, for days that do not
    /// exist, and for instants before 1970.
    pub fn read(value: &str) -> Option<Self> {
        let text = headers::unquoted(value);
        if text.len() > MAX_DATE_OCTETS {
            return None;
        }
        rfc3339(text).or_else(|| Words::read(text)?.date())
    }
}

impl Expiry {
    pub fn read(value: &str) -> Option<Self> {
        let text = headers::unquoted(value);
        if !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()) {
            // More digits than fit into the type: as far away as any time can be.
            return Some(Self::After(Duration::from_secs(text.parse().unwrap_or(u64::MAX))));
        }
        Date::read(text).map(Self::At)
    }

    /// The expiry that the field states. A relative time counts from `Date`; without `Date`, from reception.
    pub fn stated(&self, date: Option<Date>, received_at: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at.at,
            Self::After(delta) => date.map_or(received_at, |date| date.at).plus(*delta),
        }
    }

    /// The latest instant that the sender may have meant. Before it, the relay does not treat the message as expired.
    ///
    /// Real peers write their local time and label it GMT. The instant that they mean is then later than the stated
    /// one, by their offset west of Greenwich: the one in `Date`, or 12 hours, the westernmost offset, when `Date` has
    /// none. A relative time counts from the later of `Date` and reception, because clocks differ; but a `Date` more
    /// than a day in the future is ignored.
    pub fn latest(&self, date: Option<Date>, received_at: Timestamp) -> Timestamp {
        match self {
            Self::At(Date {
                at,
                zone: Zone::Offset(_),
            }) => *at,
            Self::At(Date { at, .. }) => {
                let west = match date.map(|date| date.zone) {
                    Some(Zone::Offset(seconds)) if seconds != 0 => Duration::from_secs((-seconds).max(0) as u64),
                    _ => WESTERNMOST,
                };
                at.plus(west)
            }
            Self::After(delta) => {
                let believed = received_at.plus(BELIEVED_AHEAD);
                let from = date.map_or(received_at, |date| date.at.min(believed));
                from.max(received_at).plus(*delta)
            }
        }
    }
}

/// The time as RFC 5322, 3.3 wants it, in UTC: `Sat, 21 Nov 2026 22:00:00 +0000`.
pub(super) fn written(at: Timestamp) -> String {
    let timestamp = i64::try_from(at.0)
        .ok()
        .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    // `+0000` stands for UTC; `-0000` would mean an unknown zone (RFC 5322, 3.3).
    DateTimePrinter::new()
        .zoned_to_string(&timestamp.to_zoned(TimeZone::UTC))
        .unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".into())
}

/// The westernmost offset of civil time is UTC-12.
const WESTERNMOST: Duration = Duration::from_secs(12 * 3600);
const BELIEVED_AHEAD: Duration = Duration::from_secs(24 * 3600);

/// The longest date that is read, in octets, with its comments.
const MAX_DATE_OCTETS: usize = 128;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Named zones of RFC 5322, 4.3, in hours.
const NAMED_ZONES: [(&str, i32); 8] = [
    ("est", -5),
    ("edt", -4),
    ("cst", -6),
    ("cdt", -5),
    ("mst", -7),
    ("mdt", -6),
    ("pst", -8),
    ("pdt", -7),
];

fn rfc3339(text: &str) -> Option<Date> {
    let year = text.get(..5)?;
    if !(year.ends_with('-') && year[..4].bytes().all(|octet| octet.is_ascii_digit())) {
        return None;
    }
    let pieces = Pieces::parse(text).ok()?;
    let zone = match pieces.offset() {
        Some(PiecesOffset::Zulu) => Zone::Universal,
        Some(PiecesOffset::Numeric(numeric)) if !numeric.is_negative() || numeric.offset() != Offset::UTC => {
            Zone::Offset(numeric.offset().seconds())
        }
        _ => Zone::Unknown,
    };
    date(pieces.date().to_datetime(pieces.time()?), zone)
}

fn date(clock: civil::DateTime, zone: Zone) -> Option<Date> {
    let seconds = match zone {
        Zone::Offset(seconds) => seconds,
        Zone::Universal | Zone::Unknown => 0,
    };
    let instant = Offset::from_seconds(seconds).ok()?.to_timestamp(clock).ok()?;
    Some(Date {
        at: Timestamp(u64::try_from(instant.as_millisecond()).ok()?),
        zone,
    })
}

/// The words of a date; the shape of each tells what it is.
#[derive(Default)]
struct Words {
    day: Option<i8>,
    month: Option<i8>,
    year: Option<i16>,
    time: Option<civil::Time>,
    zone: Option<Zone>,
}

impl Words {
    fn read(text: &str) -> Option<Self> {
        let mut words = Self::default();
        let lower = text.to_ascii_lowercase();
        // A comment repeats the name of the zone, in RFC 5322 as in JavaScript.
        let outside = lower.split('(').next().unwrap_or_default();
        for word in outside.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
            match word.split('-').collect::<Vec<_>>()[..] {
                // RFC 850: 06-Nov-94.
                [day, month, year] if !day.is_empty() => {
                    words.number(day)?;
                    words.name(month);
                    words.number(year)?;
                }
                _ => words.note(word)?,
            }
        }
        Some(words)
    }

    fn note(&mut self, word: &str) -> Option<()> {
        let first = word.bytes().next()?;
        match first {
            b'+' | b'-' => self.zone = Some(numeric_zone(word)?),
            b'a'..=b'z' => self.name(word),
            _ if word.contains(':') => self.time = Some(time(word)?),
            _ => self.number(word)?,
        }
        Some(())
    }

    fn name(&mut self, word: &str) {
        let month = MONTHS
            .iter()
            .position(|month| word.starts_with(month) && !word.contains(':'));
        if let Some(month) = month.filter(|_| self.month.is_none()) {
            self.month = Some(month as i8 + 1);
            return;
        }
        let (name, offset) = word.split_at(word.find(['+', '-']).unwrap_or(word.len()));
        let universal = matches!(name, "gmt" | "utc" | "ut" | "z");
        if universal {
            self.zone = numeric_zone(offset).or(Some(Zone::Universal));
        } else if let Some((_, hours)) = NAMED_ZONES.iter().find(|(known, _)| *known == name) {
            self.zone = Some(Zone::Offset(hours * 3600));
        }
    }

    /// Reads a number: the first one of one or two digits is the day, the other is the year.
    fn number(&mut self, word: &str) -> Option<()> {
        let number: i16 = word.parse().ok().filter(|number| *number >= 0)?;
        if self.day.is_none() && word.len() <= 2 {
            self.day = Some(number as i8);
        } else if self.year.is_none() {
            // Years of two and three digits: RFC 5322, 4.3.
            self.year = Some(match word.len() {
                ..=2 if number < 50 => number + 2000,
                ..=3 => number + 1900,
                _ => number,
            });
        } else {
            return None;
        }
        Some(())
    }

    fn date(self) -> Option<Date> {
        let day = civil::Date::new(self.year?, self.month?, self.day?).ok()?;
        date(day.to_datetime(self.time?), self.zone.unwrap_or(Zone::Unknown))
    }
}

/// Reads `hh:mm` or `hh:mm:ss`. A leap second is read as the second before it.
fn time(word: &str) -> Option<civil::Time> {
    let mut numbers = word.split(':').map(|number| number.parse::<i8>().ok());
    let (hour, minute) = (numbers.next()??, numbers.next()??);
    let second = numbers.next().unwrap_or(Some(0))?.min(59);
    if numbers.next().is_some() {
        return None;
    }
    civil::Time::new(hour, minute, second, 0).ok()
}

/// Reads `+hhmm`, `+hh:mm` or `+hh`. `-0000` says that the zone is not known (RFC 5322, 3.3).
fn numeric_zone(word: &str) -> Option<Zone> {
    let sign = match word.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = word[1..].chars().filter(|c| *c != ':').collect();
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let (hours, minutes) = match digits.len() {
        ..=2 => (number, 0),
        _ => (number / 100, number % 100),
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some(match sign * (hours * 3600 + minutes * 60) {
        0 if sign < 0 => Zone::Unknown,
        seconds => Zone::Offset(seconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i32 = 3600;
    /// Wed, 26 Jan 2022 00:17:43 UTC.
    const AT: u64 = 1_643_156_263_000;

    fn read(text: &str) -> Option<(u64, Zone)> {
        Date::read(text).map(|date| (date.at.0, date.zone))
    }

    #[test]
    fn dates_are_read_in_every_form_met() {
        let cases = [
            ("Wed, 26 Jan 2022 00:17:43 GMT", AT, Zone::Universal),
            ("wed, 26 jan 2022 00:17:43 utc", AT, Zone::Universal),
            ("26 Jan 22 00:17:43 UT", AT, Zone::Universal),
            ("Wed, 26 Jan 2022 02:17:43 +0200", AT, Zone::Offset(2 * HOUR)),
            ("Wed,26 Jan 2022 02:17:43 +0200 (IST)", AT, Zone::Offset(2 * HOUR)),
            ("Tue, 25 Jan 2022 19:17:43 EST", AT, Zone::Offset(-5 * HOUR)),
            ("Wed, 26 Jan 2022 00:17:43 -0000", AT, Zone::Unknown),
            ("Wed, 26 Jan 2022 00:17:43 XYZ", AT, Zone::Unknown),
            ("Wednesday, 26-Jan-22 00:17:43 GMT", AT, Zone::Universal),
            ("Wed Jan 26 00:17:43 2022", AT, Zone::Unknown),
            ("Wed Jan 26 00:17:43 UTC 2022", AT, Zone::Universal),
            (
                "Wed Jan 26 2022 02:17:43 GMT+0200 (Israel Standard Time)",
                AT,
                Zone::Offset(2 * HOUR),
            ),
            ("2022-01-26T00:17:43Z", AT, Zone::Universal),
            ("2022-01-26T02:17:43.5+02:00", AT + 500, Zone::Offset(2 * HOUR)),
            ("2022-01-26 00:17:43", AT, Zone::Unknown),
            ("2022-01-26T00:17:43-00:00", AT, Zone::Unknown),
            ("\"Wed, 26 Jan 2022 00:17:43 GMT\" ", AT, Zone::Universal),
            ("Wed, 26 Jan 2022 00:17 GMT", AT - 43_000, Zone::Universal),
            ("Tue, 31 Dec 2024 23:59:60 GMT", 1_735_689_599_000, Zone::Universal),
        ];
        for (text, at, zone) in cases {
            assert_eq!(read(text), Some((at, zone)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        let cases = [
            "",
            "600",
            "yesterday",
            "26 Jan 2022",
            "Wed, 31 Feb 2022 00:17:43 GMT",
            "Wed, 26 Jan 2022 25:17:43 GMT",
            "Wed, 26 Jan 2022 00:17:43 +9900",
            "Wed, 26 Jan 1960 00:17:43 GMT",
            "1 2 3 4",
            "2022-13-26T00:17:43Z",
            "Wed, 26 Jan 99999 00:17:43 GMT",
        ];
        for text in cases
            .iter()
            .copied()
            .chain([" \u{fc}:\u{fc} - +".repeat(4).as_str(), &"1 ".repeat(100)])
        {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_we_write_we_read() {
        for at in [0, AT, 4_102_444_800_000] {
            assert_eq!(read(&written(Timestamp(at))), Some((at, Zone::Offset(0))));
        }
    }

    fn expiry(text: &str, date: &str) -> (u64, u64) {
        let (expiry, date) = (Expiry::read(text).unwrap(), Date::read(date));
        let received_at = Timestamp(AT + 60_000);
        (expiry.stated(date, received_at).0, expiry.latest(date, received_at).0)
    }

    #[test]
    fn a_relative_expiry_counts_from_date_and_without_it_from_reception() {
        let date = "Wed, 26 Jan 2022 00:17:43 GMT";
        assert_eq!(expiry("600 ", date), (AT + 600_000, AT + 660_000));
        assert_eq!(expiry("\"600\"", ""), (AT + 660_000, AT + 660_000));
        // A message of a clock that is years ahead does not stay for years.
        let ahead = expiry("600", "Wed, 26 Jan 2050 00:17:43 GMT").1;
        assert_eq!(ahead, AT + 660_000 + 24 * 3_600_000);
        assert_eq!(expiry("99999999999999999999999", "").1, u64::MAX);
    }

    #[test]
    fn local_time_that_is_called_gmt_never_expires_too_early() {
        let stated = "Wed, 26 Jan 2022 00:17:43 GMT";
        let hours = |hours: u64| hours * 3_600_000;
        // East of Greenwich, the label GMT makes the instant later than meant; west of it, earlier.
        assert_eq!(expiry(stated, "Tue, 25 Jan 2022 00:17:43 +0200"), (AT, AT));
        assert_eq!(expiry(stated, "Tue, 25 Jan 2022 00:17:43 -0500"), (AT, AT + hours(5)));
        for unknown in ["", "Tue, 25 Jan 2022 00:17:43 GMT", "Tue, 25 Jan 2022 00:17:43 +0000"] {
            assert_eq!(expiry(stated, unknown), (AT, AT + hours(12)), "{unknown}");
        }
        assert_eq!(expiry("Wed, 26 Jan 2022 02:17:43 +0200", ""), (AT, AT));
    }

    #[test]
    fn an_expiry_that_is_neither_is_none() {
        for text in ["", "-600", "600s", "never"] {
            assert_eq!(Expiry::read(text), None, "{text:?}");
        }
    }
}
