//! A movement of the ledger, in the columns of that name.

use serde::{Deserialize, Serialize};

use crate::message::End;
use crate::spool::ledger::{About, Moved};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredAbout {
    #[serde(rename = "s")]
    source: String,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(rename = "z")]
    size: u64,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
}

impl From<&About> for StoredAbout {
    fn from(plain: &About) -> Self {
        let About {
            source,
            kind,
            size,
            message_id,
        } = plain.clone();
        Self {
            source,
            kind,
            size,
            message_id,
        }
    }
}

impl From<StoredAbout> for About {
    fn from(stored: StoredAbout) -> Self {
        let StoredAbout {
            source,
            kind,
            size,
            message_id,
        } = stored;
        Self {
            source,
            kind,
            size,
            message_id,
        }
    }
}

/// The numbers in the column `what`.
const MOVED: [(i64, Moved); 11] = [
    (0, Moved::Opened),
    (1, Moved::CarriedOn),
    (2, Moved::Reopened),
    (3, Moved::Charged),
    (10, Moved::Ended(End::Delivered)),
    (11, Moved::Ended(End::Refused)),
    (12, Moved::Ended(End::Expired)),
    (13, Moved::Ended(End::Bounced)),
    (14, Moved::Ended(End::Discarded)),
    (15, Moved::Ended(End::Dropped)),
    (16, Moved::Ended(End::Taken)),
];

pub(super) fn code(what: Moved) -> i64 {
    let known = MOVED.iter().find(|(_, one)| *one == what);
    known.map_or(-1, |(code, _)| *code)
}

pub(super) fn of_code(code: i64) -> Option<Moved> {
    MOVED.iter().find(|(one, _)| *one == code).map(|(_, what)| *what)
}

/// `1,2,5`.
pub(super) fn ids(recipients: &[u32]) -> String {
    let ids: Vec<String> = recipients.iter().map(u32::to_string).collect();
    ids.join(",")
}

pub(super) fn of_ids(text: &str) -> Option<Vec<u32>> {
    match text {
        "" => Some(Vec::new()),
        text => text.split(',').map(|id| id.parse().ok()).collect(),
    }
}

/// Eight octets each.
pub(super) fn sums(sums: &[u64]) -> Vec<u8> {
    sums.iter().flat_map(|sum| sum.to_le_bytes()).collect()
}

pub(super) fn of_sums(octets: &[u8]) -> Option<Vec<u64>> {
    let (sums, rest) = octets.as_chunks::<8>();
    let whole = rest.is_empty() && !sums.is_empty();
    whole.then(|| sums.iter().map(|octets| u64::from_le_bytes(*octets)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_movement_has_a_number_of_its_own() {
        for end in End::ALL {
            let what = Moved::Ended(end);
            assert_eq!(of_code(code(what)), Some(what));
        }
        for what in [Moved::Opened, Moved::CarriedOn, Moved::Reopened, Moved::Charged] {
            assert_eq!(of_code(code(what)), Some(what));
        }
        assert_eq!((of_code(-1), of_code(99)), (None, None));
    }

    #[test]
    fn ids_and_sums_come_back_as_they_were_and_damaged_ones_not_at_all() {
        assert_eq!(of_ids(&ids(&[1, 20, 3])), Some(vec![1, 20, 3]));
        assert_eq!((of_ids(""), of_ids("1,x")), (Some(vec![]), None));
        assert_eq!(of_sums(&sums(&[1, u64::MAX])), Some(vec![1, u64::MAX]));
        assert_eq!((of_sums(&[]), of_sums(&[0; 9])), (None, None));
    }
}
