//! Streams: each with numbers without gaps, marks and a purge of its own.

use super::support::*;
use crate::spool::StreamReader;

fn other() -> StreamName {
    StreamName::new("audit").unwrap()
}

/// A message that appends to two streams.
fn of_two(number: MessageId) -> Acceptance {
    let mut acceptance = relayed(number, "bytes");
    acceptance.appends.push(Append {
        stream: other(),
        ..charge("who")
    });
    acceptance
}

fn numbers(streams: &dyn Streams, stream: &StreamName, after: u64, limit: usize) -> Vec<u64> {
    let records = streams.records(stream, after, limit).unwrap();
    records.iter().map(|record| record.sequence).collect()
}

fn at(sequence: u64) -> Mark {
    Mark { sequence, file: 1 }
}

pub(super) async fn each_stream_has_its_own_numbers(stage: &dyn Stage) {
    let spool = stage.open();
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    spool.commit(of_two(spool.next_id())).await.unwrap();
    spool.commit(of_two(spool.next_id())).await.unwrap();
    assert_eq!(numbers(&*spool, &StreamName::CHARGING, 0, 10), [1, 2, 3]);
    assert_eq!(numbers(&*spool, &other(), 0, 10), [1, 2]);
    assert_eq!(numbers(&*spool, &StreamName::CHARGING, 1, 1), [2]);
    let record = spool.records(&other(), 1, 10).unwrap().remove(0);
    assert_eq!(record.record, charge("who").record);
}

pub(super) async fn a_reader_reads_its_stream_and_no_other(stage: &dyn Stage) {
    let spool = stage.open();
    spool.commit(of_two(spool.next_id())).await.unwrap();
    let reader = StreamReader::new(stage.operator(), other());
    let records = reader.records(0, 10).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].record, charge("who").record);
}

pub(super) async fn a_mark_never_goes_back_nor_beyond_the_last_record(stage: &dyn Stage) {
    let spool = stage.open();
    for _ in 0..3 {
        spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    }
    let operator = stage.operator();
    let mark = || operator.mark(&StreamName::CHARGING, "one").unwrap();
    let set = |sequence| operator.set_mark(&StreamName::CHARGING, "one", at(sequence)).unwrap();
    assert_eq!(mark(), None);
    set(2);
    set(1);
    assert_eq!(mark(), Some(at(2)));
    set(99);
    assert_eq!(mark(), Some(at(3)));
    assert_eq!(operator.mark(&other(), "one").unwrap(), None, "another stream");
    assert!(operator.forget_mark(&StreamName::CHARGING, "one").unwrap());
    assert!(!operator.forget_mark(&StreamName::CHARGING, "one").unwrap());
    assert_eq!(mark(), None);
}

pub(super) async fn what_every_reader_has_passed_is_purged_and_nothing_else(stage: &dyn Stage) {
    let spool = stage.open();
    for _ in 0..3 {
        spool.commit(of_two(spool.next_id())).await.unwrap();
    }
    let operator = stage.operator();
    let purge = |stream: &StreamName, before| operator.purge(stream, before).unwrap();
    let later = Timestamp(NOW.0 + 1);
    assert_eq!(purge(&StreamName::CHARGING, later), 0, "nobody has taken any");
    operator.set_mark(&StreamName::CHARGING, "one", at(3)).unwrap();
    operator.set_mark(&StreamName::CHARGING, "two", at(1)).unwrap();
    assert_eq!(purge(&StreamName::CHARGING, NOW), 0, "not older than that");
    assert_eq!(purge(&StreamName::CHARGING, later), 1);
    assert_eq!(numbers(&*spool, &StreamName::CHARGING, 0, 10), [2, 3]);
    assert_eq!(numbers(&*spool, &other(), 0, 10), [1, 2, 3], "another stream");
    operator.forget_mark(&StreamName::CHARGING, "two").unwrap();
    assert_eq!(purge(&StreamName::CHARGING, later), 2);
}

pub(super) async fn numbers_go_on_after_everything_was_purged_whoever_had_taken_it(stage: &dyn Stage) {
    let spool = stage.open();
    for _ in 0..3 {
        spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    }
    let operator = stage.operator();
    operator.set_mark(&StreamName::CHARGING, "output:one", at(3)).unwrap();
    assert_eq!(operator.purge(&StreamName::CHARGING, Timestamp(NOW.0 + 1)).unwrap(), 3);
    operator.forget_mark(&StreamName::CHARGING, "output:one").unwrap();
    spool.close().await;
    let spool = stage.open();
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    assert_eq!(numbers(&*spool, &StreamName::CHARGING, 0, 10), [4]);
}

pub(super) async fn who_waits_for_a_stream_is_woken_by_a_commit_that_appends(stage: &dyn Stage) {
    let spool = stage.open();
    let appended = spool.appended();
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    let woken = tokio::time::timeout(std::time::Duration::from_secs(60), appended).await;
    assert!(woken.is_ok());
}
