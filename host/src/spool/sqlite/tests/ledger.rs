//! What the ledger forgets, and its pages, where rows are looked into. What it says is in the conformance suite.

use super::*;
use crate::spool::ledger::{Account, Ledger, Moved};

const CONTENT: &str = "Subject: one\r\n\r\nbody";

fn account(folder: &Path, message: MessageId) -> Account {
    let page = Beside::open(folder)
        .unwrap()
        .accounts(message, MessageId(message.0 + 1), 10)
        .unwrap();
    page.accounts.get(&message).cloned().unwrap_or_default()
}

/// What moved, for which destination, and whose.
fn moved(folder: &Path, message: MessageId) -> Vec<(Moved, u32, Vec<u32>)> {
    let lines = account(folder, message).movements.into_iter();
    lines.map(|line| (line.what, line.ordinal, line.recipients)).collect()
}

#[tokio::test]
async fn the_ledger_forgets_what_is_older_than_it_is_kept_and_enters_nothing_more_about_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let (old, young) = (spool.next_id(), spool.next_id());
    for number in [old, young] {
        spool.commit(relayed(number, CONTENT)).await.unwrap();
    }
    spool.submit(Work::ForgetMovements(young)).await.unwrap();
    spool.record(delivered(id(old, 1))).await.unwrap();
    assert_eq!(moved(folder.path(), old), []);
    assert_eq!(moved(folder.path(), young).len(), 1);
    let bounds = Beside::open(folder.path()).unwrap().ledger_bounds().unwrap();
    assert_eq!(bounds.begins, young);
}

#[tokio::test]
async fn accounts_come_in_pages_and_show_what_the_ledger_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let mut numbers = Vec::new();
    for _ in 0..5 {
        numbers.push(spool.next_id());
        spool
            .commit(relayed(numbers[numbers.len() - 1], CONTENT))
            .await
            .unwrap();
    }
    let operator = Beside::open(folder.path()).unwrap();
    let raw = rusqlite::Connection::open(folder.path().join("spool.db")).unwrap();
    raw.execute("DELETE FROM ledger WHERE message = ?1", [numbers[3].0 as i64])
        .unwrap();
    let (mut from, mut seen, mut pages) = (Some(MessageId(0)), Vec::new(), 0);
    while let Some(begin) = from {
        let page = operator.accounts(begin, MessageId((1 << 51) - 1), 2).unwrap();
        seen.extend(page.accounts.iter().map(|(id, account)| (*id, account.movements.len())));
        (from, pages) = (page.next, pages + 1);
    }
    let expected: Vec<_> = numbers
        .iter()
        .zip([1, 1, 1, 0, 1])
        .map(|(id, lines)| (*id, lines))
        .collect();
    assert_eq!((seen, pages), (expected, 2));
}
