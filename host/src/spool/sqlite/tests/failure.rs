//! When the disk is full, the folder taken, the file foreign.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::spool::SpoolError;
use crate::spool::sqlite::schema;

#[tokio::test]
async fn a_full_disk_gives_no_receipt_and_recovers_when_space_returns() {
    let folder = tempfile::tempdir().unwrap();
    let limit = Some(2 * 1024 * 1024);
    let spool = SqliteSpool::open(folder.path(), Options { limit, ..options() }).unwrap();
    let mut accepted = Vec::new();
    let refused = loop {
        let number = spool.next_id();
        match spool.commit(relayed(number, vec![b'x'; 300_000])).await {
            Ok(receipt) => accepted.push(receipt.id()),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, SpoolError::Full(_)), "{refused:?}");
    assert!((3..8).contains(&accepted.len()), "{}", accepted.len());
    let waiting: Vec<_> = due(&spool, "operator-b")
        .await
        .iter()
        .map(|outgoing| outgoing.id.message)
        .collect();
    assert_eq!(waiting, accepted, "what was acknowledged, and nothing else");

    // Two, because what they leave free lies in other places than what the next one needs.
    for number in &accepted[..2] {
        spool.record(delivered(id(*number, 1))).await.unwrap();
    }
    spool
        .commit(relayed(spool.next_id(), vec![b'x'; 300_000]))
        .await
        .unwrap();
    assert_eq!(
        sequences(folder.path()),
        (1..=accepted.len() as u64 + 1).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_second_relay_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let second = SqliteSpool::open(folder.path(), options()).err();
    assert!(matches!(second, Some(SpoolError::InUse(name)) if name == folder.path().display().to_string()));
    spool.close().await;
    open(folder.path());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = SqliteSpool::open(&file, options()).err().unwrap();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

#[tokio::test]
async fn a_closed_spool_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    spool.close().await;
    spool.close().await;
    let error = spool.commit(relayed(spool.next_id(), "")).await.unwrap_err();
    assert!(matches!(error, SpoolError::Closed), "{error:?}");
}

#[tokio::test]
async fn other_users_of_the_machine_cannot_read_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("spool");
    let spool = open(&inner);
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    assert_eq!(inner.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    for name in ["spool.db", "spool.db-wal", "spool.db-shm", "spool.lock"] {
        let mode = inner.join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_damaged_row_does_not_stop_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let (damaged, sound) = (spool.next_id(), spool.next_id());
    for number in [damaged, sound] {
        spool.commit(relayed(number, "bytes")).await.unwrap();
    }
    let db = schema::open_existing(folder.path()).unwrap();
    let sql = "UPDATE outgoing SET pieces = x'07' WHERE message = ?1";
    db.execute(sql, [damaged.0 as i64]).unwrap();
    let found = due(&spool, "operator-b").await;
    assert_eq!(
        found.iter().map(|outgoing| outgoing.id.message).collect::<Vec<_>>(),
        [sound]
    );
}

#[tokio::test]
async fn the_log_and_the_database_stay_small_while_messages_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let log = 1024 * 1024;
    let spool = SqliteSpool::open(folder.path(), Options { log, ..options() }).unwrap();
    let mut largest = 0;
    for _ in 0..300 {
        let number = spool.next_id();
        spool.commit(relayed(number, vec![b'x'; 100_000])).await.unwrap();
        spool.record(delivered(id(number, 1))).await.unwrap();
        largest = largest.max(folder.path().join("spool.db-wal").metadata().unwrap().len());
    }
    // 30 MB went through. The log may pass its limit by what the writer copies itself, and by one transaction.
    assert!(largest < 6 * 1024 * 1024, "log of {largest} octets");
    let database = folder.path().join("spool.db").metadata().unwrap().len();
    assert!(database < 2 * 1024 * 1024, "database of {database} octets");
}

#[tokio::test]
async fn a_reader_that_lingers_stops_no_commit_and_the_log_shrinks_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = 1024 * 1024;
    let spool = SqliteSpool::open(folder.path(), Options { log, ..options() }).unwrap();
    let traffic = async |messages| {
        for _ in 0..messages {
            let number = spool.next_id();
            spool.commit(relayed(number, vec![b'x'; 100_000])).await.unwrap();
            spool.record(delivered(id(number, 1))).await.unwrap();
        }
        folder.path().join("spool.db-wal").metadata().unwrap().len()
    };
    traffic(1).await;
    let reader = schema::open_existing(folder.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM message").unwrap();
    assert!(
        traffic(100).await > 10 * log,
        "the reader still sees what was there when it began"
    );
    let state = crate::spool::Spool::state(&*spool);
    assert!(state.log > 10 * log && state.held_up == 1, "it is noticed: {state:?}");
    reader.execute_batch("COMMIT").unwrap();
    assert!(traffic(50).await <= 4 * log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_takes_too_long_is_stopped_and_its_connection_reads_on() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let readers = spool.readers.clone();
    let endless = tokio::task::spawn_blocking(move || {
        readers.with(|db| {
            const ENDLESS: &str =
                "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT sum(x) FROM n";
            Ok(db.query_row(ENDLESS, (), |row| row.get::<_, f64>(0))?)
        })
    });
    while !endless.is_finished() {
        spool.readers.stop_long_ones(std::time::Duration::from_millis(5));
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let stopped = endless.await.unwrap();
    assert!(
        matches!(&stopped, Err(SpoolError::Broken(why)) if why.contains("interrupted")),
        "{stopped:?}"
    );
    assert_eq!(due(&spool, "operator-b").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_panics_takes_no_connection_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    for _ in 0..20 {
        let read = spool.read(|readers| -> Result<(), SpoolError> { readers.with(|_| panic!("planted")) });
        assert!(matches!(read.await, Err(SpoolError::Broken(_))));
    }
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    assert_eq!(due(&spool, "operator-b").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_over_which_the_writer_panics_is_the_only_one_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let operation = |work: fn(&rusqlite::Connection) -> Result<(), SpoolError>| {
        spool.submit(Work::Operate(crate::spool::sqlite::work::Operation(Box::new(work))))
    };
    let number = spool.next_id();
    let (before, panicked, after) = tokio::join!(
        spool.commit(relayed(number, "bytes")),
        operation(|_| panic!("planted")),
        spool.commit(relayed(spool.next_id(), "bytes")),
    );
    assert!(before.is_ok() && after.is_ok(), "{before:?} {after:?}");
    assert!(matches!(panicked, Err(SpoolError::Unfit(_))), "{panicked:?}");
    assert_eq!(due(&spool, "operator-b").await.len(), 2);
}
