//! What an output must contain of each record, in eight octets a record.

use xxhash_rust::xxh3::xxh3_64;

use super::Sought;

/// What is expected of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// The record is not checked, or this output need not have it.
    NotAsked,
    /// The record was purged, and its content is not known yet.
    Unknown,
    /// The record cannot be written in this format, and is set aside.
    SetAside,
    /// The record's octets have this checksum.
    Sum(u64),
}

/// The expectations of all records that are checked, by their numbers.
pub(super) struct Expectations {
    first: u64,
    packed: Vec<u64>,
}

/// The smallest packed checksum; smaller values stand for the other cases.
const SUMS: u64 = 3;

impl Expected {
    pub fn octets(octets: &[u8]) -> Self {
        Self::Sum(xxh3_64(octets).max(SUMS))
    }

    fn packed(self) -> u64 {
        match self {
            Self::NotAsked => 0,
            Self::Unknown => 1,
            Self::SetAside => 2,
            Self::Sum(sum) => sum,
        }
    }

    fn of_packed(packed: u64) -> Self {
        match packed {
            0 => Self::NotAsked,
            1 => Self::Unknown,
            2 => Self::SetAside,
            sum => Self::Sum(sum),
        }
    }
}

impl Expectations {
    /// Expectations for the purged records only.
    pub fn of(sought: &Sought) -> Self {
        let count = usize::try_from(sought.last.saturating_sub(sought.first) + 1).unwrap_or(usize::MAX);
        let mut expected = Self {
            first: sought.first,
            packed: vec![0; count],
        };
        for purged in &sought.purged {
            expected.set(purged.sequence, Expected::Unknown);
        }
        expected
    }

    pub fn set(&mut self, sequence: u64, expected: Expected) {
        if let Some(place) = self.place(sequence) {
            self.packed[place] = expected.packed();
        }
    }

    pub fn get(&self, sequence: u64) -> Expected {
        let place = self.place(sequence);
        place.map_or(Expected::NotAsked, |place| Expected::of_packed(self.packed[place]))
    }

    /// All records of which something is expected, in order.
    pub fn each(&self) -> impl Iterator<Item = (u64, Expected)> {
        let each = (self.first..).zip(self.packed.iter().map(|packed| Expected::of_packed(*packed)));
        each.filter(|(_, expected)| *expected != Expected::NotAsked)
    }

    fn place(&self, sequence: u64) -> Option<usize> {
        let place = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        (place < self.packed.len()).then_some(place)
    }
}
