//! Pages that cannot be read: what is not on them is saved into a new database, and the damaged one is kept.

use std::os::unix::fs::FileExt;

use rusqlite::Connection;

use super::damage::{MESSAGES, filled, look};
use super::*;
use crate::spool::Inbox;
use crate::spool::sqlite::schema::{self, PAGE};
use crate::spool::sqlite::{check, mend};

/// Which page of a table, or of an index that holds its rows, is lost.
enum Page {
    /// The only one, or the one that leads to all others.
    Root,
    /// One of those with rows.
    Leaf,
}

/// Fills a page with what was never written there. The relay has closed the spool.
fn lose(folder: &Path, table: &str, page: Page) {
    let path = schema::database(folder);
    let db = Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let sql = "SELECT rootpage FROM sqlite_master WHERE name = ?1";
    let root: u32 = db.query_row(sql, [table], |row| row.get(0)).unwrap();
    drop(db);
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let begins = |page: u32| u64::from(page - 1) * u64::from(PAGE);
    let mut octets = vec![0; PAGE as usize];
    file.read_exact_at(&mut octets, begins(root)).unwrap();
    let lost = match page {
        Page::Root => root,
        // An inner page: its cells begin with the number of the page below them.
        Page::Leaf => {
            assert!([2, 5].contains(&octets[0]), "{table} has one page only");
            let cell = usize::from(u16::from_be_bytes([octets[14], octets[15]]));
            u32::from_be_bytes(octets[cell..cell + 4].try_into().unwrap())
        }
    };
    file.write_all_at(&vec![0xa5; PAGE as usize], begins(lost)).unwrap();
    file.sync_all().unwrap();
}

/// A spool with a lost page, saved. What a relay sees in it then, and all that there was.
async fn saved(table: &str, page: Page) -> (tempfile::TempDir, Arc<SqliteSpool>, super::damage::Seen, Vec<MessageId>) {
    let folder = tempfile::tempdir().unwrap();
    let (spool, all) = filled(folder.path()).await;
    spool.close().await;
    drop(spool);
    lose(folder.path(), table, page);
    mend::save_what_can_be_read(folder.path(), &options(), true).unwrap();
    let spool = open(folder.path());
    let seen = look(&spool, &all).await;
    (folder, spool, seen, all)
}

#[tokio::test]
async fn a_lost_page_of_bodies_costs_the_messages_on_it_and_nothing_else() {
    let (folder, spool, seen, _) = saved("content", Page::Leaf).await;
    let there = seen.whole.len() as u64;
    assert!((1..MESSAGES).contains(&there), "{there} messages are whole");
    assert_eq!(seen.requests.len() as u64, MESSAGES);
    assert_eq!(
        (seen.values.len(), seen.records.len()),
        (MESSAGES as usize, MESSAGES as usize)
    );
    assert!(seen.mark);
    let kept = folder.path().join("spool.db.damaged-1");
    assert!(kept.exists(), "the damaged database is kept");
    spool.close().await;
}

#[tokio::test]
async fn rows_on_both_sides_of_a_lost_page_are_saved() {
    let (_folder, spool, seen, all) = saved("content", Page::Leaf).await;
    let is_whole = |number: &MessageId| seen.whole.contains(number);
    // The lost page is the second one: its rows are in the midst of the others.
    assert!(is_whole(&all[0]) && is_whole(&all[MESSAGES as usize - 1]), "{seen:?}");
    spool.close().await;
}

#[tokio::test]
async fn lost_look_up_tables_are_made_anew_from_the_requests() {
    for table in ["lookup", "lookup_new", "asked"] {
        let (folder, spool, seen, _) = saved(table, Page::Root).await;
        assert!(seen.is_all(), "{table}: {seen:?}");
        let db = schema::open_existing(folder.path()).unwrap();
        let checked = check::check(&db).unwrap();
        assert!(checked.is_well(), "{table}: {checked:?}");
        spool.close().await;
    }
}

#[tokio::test]
async fn ids_are_not_given_again_when_the_counters_are_lost() {
    let (_folder, spool, seen, all) = saved("counter", Page::Root).await;
    assert!(seen.is_all(), "{seen:?}");
    let next = spool.next_id();
    assert!(all.iter().all(|given| *given < next), "{next} was given before");
    spool.close().await;
}

#[tokio::test]
async fn a_second_damaged_database_is_kept_beside_the_first() {
    let (folder, spool, _, all) = saved("content", Page::Leaf).await;
    spool.close().await;
    drop(spool);
    lose(folder.path(), "kv", Page::Root);
    mend::save_what_can_be_read(folder.path(), &options(), true).unwrap();
    for number in [1, 2] {
        assert!(folder.path().join(format!("spool.db.damaged-{number}")).exists());
    }
    let spool = open(folder.path());
    let seen = look(&spool, &all).await;
    assert_eq!((seen.values.len(), seen.requests.len() as u64), (0, MESSAGES));
    spool.close().await;
}

#[tokio::test]
async fn a_sound_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, _) = filled(folder.path()).await;
    spool.close().await;
    drop(spool);
    mend::save_what_can_be_read(folder.path(), &options(), true).unwrap();
    assert!(!folder.path().join("spool.db.damaged-1").exists());
}
