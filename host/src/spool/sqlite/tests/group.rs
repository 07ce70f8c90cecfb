//! One flush for many.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use rusqlite::Connection;

use super::*;
use crate::message::ReadAt;
use crate::spool::sqlite::open::QUEUE;
use crate::spool::sqlite::schema;
use crate::spool::{Receipt, SpoolError};

/// Commits all of `acceptances` while the writer is kept from its first transaction, so that all but that one wait
/// in the queue together; then lets it go.
async fn commit_together(
    folder: &Path,
    spool: &Arc<SqliteSpool>,
    acceptances: Vec<Acceptance>,
) -> Vec<Result<Receipt, SpoolError>> {
    let blocker: Connection = schema::open_existing(folder).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting = acceptances.len() - 1;
    let commit = |acceptance| {
        let spool = spool.clone();
        tokio::spawn(async move { spool.commit(acceptance).await })
    };
    let mut acceptances = acceptances.into_iter();
    let mut commits: Vec<_> = acceptances.next().map(commit).into_iter().collect();
    tokio::task::yield_now().await;
    // The writer has taken the first one once the queue is empty again, and cannot take another before the end.
    while spool.requests.capacity() < QUEUE {
        tokio::task::yield_now().await;
    }
    commits.extend(acceptances.map(commit));
    while waiting > 0 {
        tokio::task::yield_now().await;
        waiting = (commits.len() - 1) - (QUEUE - spool.requests.capacity());
    }
    blocker.execute_batch("COMMIT").unwrap();
    let mut results = Vec::new();
    for commit in commits {
        results.push(commit.await.unwrap());
    }
    results
}

struct Unreadable;

impl ReadAt for Unreadable {
    fn size(&self) -> u64 {
        100
    }

    fn read_at(&self, _: Range<u64>) -> io::Result<Bytes> {
        Err(io::Error::other("the temporary file is gone"))
    }
}

#[tokio::test]
async fn concurrent_commits_share_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let acceptances = (0..65).map(|_| relayed(spool.next_id(), "bytes")).collect();
    let results = commit_together(folder.path(), &spool, acceptances).await;
    assert!(results.iter().all(Result::is_ok));
    let counts = spool.counts();
    assert_eq!(counts.requests, 65);
    assert!(counts.flushes <= 2, "{counts:?}");
    assert_eq!(sequences(folder.path()), (1..=65).collect::<Vec<_>>());
    assert_eq!(due(&spool, "operator-b").await.len(), 65);
}

#[tokio::test]
async fn one_bad_request_does_not_fail_its_neighbours() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let mut acceptances: Vec<_> = (0..10).map(|_| relayed(spool.next_id(), "bytes")).collect();
    let unreadable = Content::Stored(Arc::new(Unreadable));
    acceptances[5].content = unreadable;
    acceptances[7].id = acceptances[6].id;
    acceptances[7].outgoing[0].id = acceptances[6].outgoing[0].id;
    let good: Vec<_> = (0..10)
        .filter(|i| ![5, 7].contains(i))
        .map(|i| acceptances[i].id)
        .collect();

    let results = commit_together(folder.path(), &spool, acceptances).await;
    for (i, result) in results.iter().enumerate() {
        match i {
            5 => assert!(matches!(result, Err(SpoolError::Unfit(text)) if text.contains("temporary file is gone"))),
            7 => assert!(matches!(result, Err(SpoolError::Unfit(_))), "{result:?}"),
            _ => assert!(result.is_ok(), "{i}: {result:?}"),
        }
    }
    let found: Vec<_> = due(&spool, "operator-b")
        .await
        .iter()
        .map(|outgoing| outgoing.id.message)
        .collect();
    assert_eq!(found, good);
    assert_eq!(sequences(folder.path()), (1..=8).collect::<Vec<_>>());
}
