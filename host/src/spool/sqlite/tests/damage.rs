//! One octet that is not as it was written, anywhere: found and named, and never handed out as if it were right.
//!
//! `MM4RELAY_FLIPS` says how many places are tried in the database and in the log (60 when it is not set).

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileExt;

use super::*;
use crate::message::{Append, KvWrite};
use crate::spool::sqlite::{backup, check, log, schema};
use crate::spool::{Operator, Spool, Streams};

pub(super) const MESSAGES: u64 = 40;

fn flips() -> usize {
    std::env::var("MM4RELAY_FLIPS").map_or(60, |number| number.parse().expect("a number of flips"))
}

/// Bytes that tell which message they are of; some fill several chunks.
fn content(number: MessageId) -> Vec<u8> {
    let size = if number.0.is_multiple_of(17) {
        70_000
    } else {
        900 + number.0 as usize % 4000
    };
    number.0.to_be_bytes().into_iter().cycle().take(size).collect()
}

/// A spool with messages that wait, requests, records, values and a mark.
pub(super) async fn filled(folder: &Path) -> (Arc<SqliteSpool>, Vec<MessageId>) {
    let spool = open(folder);
    let mut all = Vec::new();
    for n in 0..MESSAGES {
        let number = spool.next_id();
        let written = KvWrite::Set {
            plugin: "screen".into(),
            key: format!("k{n}"),
            value: number.0.to_be_bytes().to_vec(),
        };
        let acceptance = Acceptance {
            opens: Some(request(number, number.0)),
            kv: vec![written],
            ..relayed(number, content(number))
        };
        spool.commit(acceptance).await.unwrap();
        all.push(number);
    }
    let mark = crate::spool::Mark { sequence: 3, file: 1 };
    let marked = spool.clone();
    tokio::task::spawn_blocking(move || marked.set_mark(&StreamName::CHARGING, "settlement", mark).unwrap())
        .await
        .unwrap();
    (spool, all)
}

/// What a relay gets out of a spool.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen {
    /// Messages that can be sent as they came.
    pub(super) whole: BTreeSet<MessageId>,
    /// Messages of which reading fails.
    pub(super) unreadable: BTreeSet<MessageId>,
    pub(super) requests: BTreeSet<MessageId>,
    pub(super) values: BTreeSet<u64>,
    pub(super) records: BTreeSet<u64>,
    pub(super) mark: bool,
}

impl Seen {
    pub(super) fn is_all(&self) -> bool {
        let all = MESSAGES as usize;
        self.whole.len() == all
            && self.requests.len() == all
            && self.values.len() == all
            && self.records.len() == all
            && self.mark
    }

    /// How much of what there was is not there.
    fn lacks(&self) -> usize {
        let there = self.whole.len() + self.requests.len() + self.values.len() + self.records.len();
        4 * MESSAGES as usize + 1 - there - usize::from(self.mark)
    }
}

/// Asks again, as a relay does every second, while the spool is being opened anew.
async fn again<T>(spool: &SqliteSpool, mut ask: impl AsyncFnMut() -> Result<T, SpoolError>) -> Result<T, SpoolError> {
    let mut last = ask().await;
    for _ in 0..40 {
        match &last {
            Err(SpoolError::Corrupt(_) | SpoolError::Failed(_)) => {
                let _ = spool.change(Vec::new()).await;
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                last = ask().await;
            }
            _ => break,
        }
    }
    last
}

pub(super) async fn look(spool: &Arc<SqliteSpool>, all: &[MessageId]) -> Seen {
    let mut seen = Seen::default();
    let late = Timestamp(u64::MAX >> 1);
    let waiting = again(spool, async || spool.due(&peer("operator-b"), late, 1000, &[]).await).await;
    for outgoing in waiting.unwrap_or_default() {
        let number = outgoing.id.message;
        match again(spool, async || {
            outgoing.rope.to_bytes().map_err(|e| SpoolError::Damaged(e.to_string()))
        })
        .await
        {
            Ok(bytes) => {
                assert!(bytes == content(number), "{number} would be sent as changed mail");
                assert_eq!(
                    outgoing.envelope,
                    envelope(2),
                    "{number} would be sent to somebody else"
                );
                seen.whole.insert(number);
            }
            Err(_) => {
                seen.unreadable.insert(number);
            }
        }
    }
    for (n, number) in all.iter().enumerate() {
        let key = asked(number.0);
        let found = again(spool, async || spool.find(&key).await).await;
        for request in found.unwrap_or_default() {
            assert_eq!(request, crate::spool::conformance::support::request(*number, number.0));
            seen.requests.insert(request.id);
        }
        let key = format!("k{n}");
        if let Ok(Some(value)) = again(spool, async || spool.kv_get("screen", &key).await).await {
            assert_eq!(value, number.0.to_be_bytes(), "a plug-in would see another value");
            seen.values.insert(n as u64);
        }
    }
    let reading = spool.clone();
    let streams = tokio::task::spawn_blocking(move || {
        let records = reading.records(&StreamName::CHARGING, 0, 1000).unwrap_or_default();
        (records, reading.mark(&StreamName::CHARGING, "settlement"))
    });
    let (records, mark) = streams.await.unwrap();
    for record in records {
        let of = all[record.sequence as usize - 1];
        let Append { record: written, .. } = charge("relay-in");
        assert_eq!((record.id.message(), record.record), (of, written));
        seen.records.insert(record.sequence);
    }
    if let Ok(Some(mark)) = mark {
        assert_eq!((mark.sequence, mark.file), (3, 1), "an output would go on elsewhere");
        seen.mark = true;
    }
    seen
}

fn copy(from: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["spool.db", "spool.db-wal", log::NOTE] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), folder.path().join(name)).unwrap();
        }
    }
    folder
}

/// Changes one octet of a file. Which, and to what.
fn flip(file: &Path) -> (u64, u8) {
    let file = std::fs::File::options().read(true).write(true).open(file).unwrap();
    let at = fastrand::u64(..file.metadata().unwrap().len());
    let mut octet = [0];
    file.read_exact_at(&mut octet, at).unwrap();
    octet[0] ^= fastrand::u8(1..);
    file.write_all_at(&octet, at).unwrap();
    (at, octet[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn one_octet_of_the_database_that_changed_is_found_and_named_and_nothing_is_handed_out_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, all) = filled(folder.path()).await;
    spool.close().await;
    drop(spool);
    let mut tally = BTreeMap::<&str, usize>::new();
    let mut lacking = Vec::new();
    for _ in 0..flips() {
        let damaged = copy(folder.path());
        let (at, octet) = flip(&damaged.path().join("spool.db"));
        let checked = backup::verify(&damaged.path().join("spool.db"));
        let found = !checked.as_ref().is_ok_and(crate::spool::Soundness::is_well);
        let Ok(spool) = SqliteSpool::open(damaged.path(), options()) else {
            assert!(
                found,
                "octet {at} to {octet}: it does not open, and the check finds nothing"
            );
            *tally.entry("does not open").or_default() += 1;
            continue;
        };
        let seen = look(&spool, &all).await;
        assert!(
            found || seen.is_all(),
            "octet {at} to {octet}: {} lack, and the check finds nothing: {seen:?}",
            seen.lacks()
        );
        let what = match (found, seen.lacks()) {
            (false, _) => "in space that nothing uses",
            (true, 0) => "found, and everything is there",
            (true, 1) => "found, one row is left alone",
            (true, _) => "found, with its neighbours",
        };
        *tally.entry(what).or_default() += 1;
        lacking.push(seen.lacks());
        spool.close().await;
    }
    lacking.sort_unstable();
    println!("{tally:?}; rows that lack: {lacking:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_ends_early_because_one_octet_changed_is_said_with_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, all) = filled(folder.path()).await;
    // As a kill leaves it: nothing is in the database yet.
    let killed = copy(folder.path());
    spool.close().await;
    assert_eq!(
        log::missing(killed.path()).unwrap(),
        None,
        "nothing is missing from a sound log"
    );
    let (mut said, mut whole) = (0, 0);
    for _ in 0..flips() {
        let damaged = copy(killed.path());
        let (at, octet) = flip(&damaged.path().join("spool.db-wal"));
        let missing = log::missing(damaged.path()).unwrap();
        let Ok(spool) = SqliteSpool::open(damaged.path(), options()) else {
            assert!(
                missing.is_some(),
                "octet {at} to {octet}: it does not open, and nothing is said"
            );
            said += 1;
            continue;
        };
        let seen = look(&spool, &all).await;
        assert!(
            seen.is_all() || missing.is_some(),
            "octet {at} to {octet}: {} lack, and nothing is said",
            seen.lacks()
        );
        if seen.is_all() {
            whole += 1;
        } else {
            said += 1;
            assert!(
                damaged.path().join("spool.db-wal.damaged-1").exists(),
                "the log is kept"
            );
        }
        spool.close().await;
    }
    println!("{said} said, {whole} without consequences");
    assert!(said > flips() / 2);
}

/// The last commit has nothing behind it that would show it: the note alone does.
#[tokio::test]
async fn a_damaged_last_commit_is_said_and_one_that_was_never_promised_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, _) = filled(folder.path()).await;
    let killed = copy(folder.path());
    spool.close().await;
    let path = killed.path().join("spool.db-wal");
    let length = path.metadata().unwrap().len();
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    // A commit under way when the power went: its pages are there in part, and the note does not know of it.
    let mut page = vec![0; log::PAGE_HEADER + schema::PAGE as usize];
    file.read_exact_at(&mut page, length - (log::PAGE_HEADER as u64 + u64::from(schema::PAGE)))
        .unwrap();
    file.write_all_at(&page, length).unwrap();
    assert_eq!(log::missing(killed.path()).unwrap(), None);
    file.set_len(length).unwrap();
    file.write_all_at(&[0xff; 8], length - 100).unwrap();
    let missing = log::missing(killed.path()).unwrap().expect("the last commit");
    assert_eq!(missing.commits, 1);
    assert!(missing.last.is_some());
}

#[tokio::test]
async fn a_look_through_a_sound_spool_finds_nothing_and_names_a_row_that_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, all) = filled(folder.path()).await;
    let db = schema::open_existing(folder.path()).unwrap();
    let checked = check::check(&db).unwrap();
    assert!(checked.is_well(), "{checked:?}");
    assert_eq!(checked.without_sum, 0, "every row has a sum: {checked:?}");
    let rows = |what: &str| checked.rows.iter().find(|row| row.0 == what).map(|row| row.1);
    assert_eq!((rows("message"), rows("request")), (Some(MESSAGES), Some(MESSAGES)));
    let sql = "UPDATE outgoing SET envelope = replace(envelope, '1', '2') WHERE message = ?1";
    db.execute(sql, [all[5].0 as i64]).unwrap();
    db.execute(
        "UPDATE content SET octets = zeroblob(length(octets)) WHERE chunk = ?1",
        [schema::chunk_key(all[6].0 as i64, 0)],
    )
    .unwrap();
    let checked = check::check(&db).unwrap();
    assert_eq!(
        checked.damaged,
        [
            format!("content of message {}, part 0: is not as it was written", all[6]),
            format!("destination {}-1: is not as it was written", all[5]),
        ]
    );
    let shown = spool.list(&crate::spool::Filter::default()).unwrap();
    let damaged: Vec<_> = shown
        .iter()
        .filter(|entry| entry.damaged)
        .map(|entry| entry.id)
        .collect();
    assert_eq!(damaged, [id(all[5], 1).into()], "a list says so, and shows the others");
    assert_eq!(
        (shown.len() as u64, shown[5].standing(), shown[5].due),
        (MESSAGES, "damaged", None)
    );
    let seen = look(&spool, &all).await;
    assert_eq!(seen.whole.len() as u64, MESSAGES - 2, "and nothing else suffers");
    spool.close().await;
}

#[tokio::test]
async fn a_request_that_a_look_up_does_not_find_is_named_and_found_again_when_a_copy_is_put_back() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (spool, all) = filled(folder.path()).await;
    let db = schema::open_existing(folder.path()).unwrap();
    let hidden = db.execute(
        "UPDATE lookup_new SET hash = hash + 1 WHERE request = ?1",
        [all[7].0 as i64],
    );
    assert!(hidden.unwrap() > 1);
    db.execute("DELETE FROM asked", ()).unwrap();
    let checked = check::check(&db).unwrap();
    drop(db);
    assert_eq!(
        checked.faults, MESSAGES,
        "who was asked is missing for each: {checked:?}"
    );
    let its = checked
        .damaged
        .iter()
        .find(|line| line.contains(&all[7].to_string()))
        .unwrap();
    assert!(
        its.contains("a response of operator-b, a copy of it, its message ID"),
        "{its}"
    );
    let seen = look(&spool, &all).await;
    assert!(!seen.requests.contains(&all[7]) && seen.requests.len() as u64 == MESSAGES - 1);
    let copy = elsewhere.path().join("copy.db");
    let (copying, to) = (spool.clone(), copy.clone());
    let copied = tokio::task::spawn_blocking(move || copying.back_up(&to)).await.unwrap();
    assert!(!copied.unwrap().1.is_well(), "the copy is as the spool is");
    spool.close().await;
    drop(spool);
    backup::restore(&copy, folder.path()).unwrap();
    let spool = open(folder.path());
    assert!(look(&spool, &all).await.is_all());
    let db = schema::open_existing(folder.path()).unwrap();
    assert!(check::check(&db).unwrap().is_well());
    spool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_beside_the_relay_is_whole_and_can_be_put_back() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (spool, all) = filled(folder.path()).await;
    let file = elsewhere.path().join("copy.db");
    let (copying, to) = (spool.clone(), file.clone());
    let (octets, checked) = tokio::task::spawn_blocking(move || copying.back_up(&to))
        .await
        .unwrap()
        .unwrap();
    assert!(checked.is_well() && octets > 0, "{checked:?}");
    spool.commit(relayed(spool.next_id(), "later")).await.unwrap();
    assert!(backup::restore(&file, folder.path()).is_err(), "a relay runs on it");
    spool.close().await;
    drop(spool);
    let kept = backup::restore(&file, folder.path()).unwrap().expect("what was there");
    assert!(kept.exists());
    let spool = open(folder.path());
    assert!(look(&spool, &all).await.is_all());
    assert_eq!(
        due(&spool, "operator-b").await.len() as u64,
        MESSAGES,
        "without what came later"
    );
    spool.close().await;
}
