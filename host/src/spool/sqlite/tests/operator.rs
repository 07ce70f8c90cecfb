//! An operator beside a relay that is busy, or beside none.

use super::*;
use crate::spool::Selection;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_gets_through_while_the_relay_is_busy() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    let busy = (0..8).map(|_| {
        let spool = spool.clone();
        tokio::spawn(async move {
            loop {
                spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
            }
        })
    });
    let busy: Vec<_> = busy.collect();
    let operator = Beside::open(folder.path()).unwrap();
    let retries = tokio::task::spawn_blocking(move || {
        let started = std::time::Instant::now();
        for _ in 0..50 {
            operator.retry(Selection::Ids(&[entry(number, 1)]), &by()).unwrap();
        }
        started.elapsed()
    });
    let took = retries.await.unwrap();
    busy.iter().for_each(|task| task.abort());
    assert!(took < std::time::Duration::from_secs(10), "50 changes took {took:?}");
}

#[test]
fn a_folder_without_a_spool_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Beside::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains(&folder.path().display().to_string()), "{error}");
}
