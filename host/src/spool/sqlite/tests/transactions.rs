//! Requests in their table and their hashes: found by the million, told apart, forgotten.

use super::*;
use crate::message::{Task, Todo};
use crate::spool::sqlite::schema;

fn rows(folder: &Path, table: &str) -> u64 {
    let db = schema::open_existing(folder).unwrap();
    let sql = format!("SELECT count(*) FROM {table}");
    db.query_row(&sql, (), |row| row.get::<_, i64>(0)).unwrap() as u64
}

fn hashes(folder: &Path) -> u64 {
    rows(folder, "lookup") + rows(folder, "lookup_new")
}

#[tokio::test]
async fn every_request_is_found_while_hashes_move_on_and_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let ids: Vec<_> = (0..6000).map(|_| spool.next_id()).collect();
    let requests = |range: std::ops::Range<u64>| {
        let commits = range.map(|number| {
            let spool = spool.clone();
            let acceptance = Acceptance {
                opens: Some(request(ids[number as usize], number)),
                ..message(ids[number as usize], "")
            };
            tokio::spawn(async move { spool.commit(acceptance).await })
        });
        commits.collect::<Vec<_>>()
    };
    let mut known = 0;
    while known < 6000 {
        for commit in requests(known..known + 200) {
            commit.await.unwrap().unwrap();
        }
        known += 200;
        let number = fastrand::u64(0..known);
        assert_eq!(found(&*spool, &asked(number)).await, [ids[number as usize]]);
    }
    assert_eq!(hashes(folder.path()), 18_000);
    assert!(
        rows(folder.path(), "lookup_new") < 9000,
        "the table of the new ones stays small"
    );
    for (number, id) in (0..).zip(&ids) {
        assert_eq!(found(&*spool, &asked(number)).await, [*id]);
    }
}

#[tokio::test]
async fn keys_that_share_a_hash_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let (one, other) = (spool.next_id(), spool.next_id());
    spool.commit(asking(one, 1)).await.unwrap();
    spool.commit(asking(other, 2)).await.unwrap();
    let db = schema::open_existing(folder.path()).unwrap();
    let sql = "INSERT OR IGNORE INTO lookup SELECT hash, ?1 FROM lookup_new WHERE request = ?2";
    db.execute(sql, (other.0 as i64, one.0 as i64)).unwrap();
    assert_eq!(found(&*spool, &asked(1)).await, [one]);
    assert_eq!(found(&*spool, &asked(2)).await, [other]);
}

#[tokio::test]
async fn the_second_of_two_copies_is_refused_and_nothing_of_it_happens() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let ids: Vec<_> = (0..4).map(|_| spool.next_id()).collect();
    // Together, so that they can share a transaction: the first copy is not durable yet when the second comes.
    let (first, second, third, alone) = tokio::join!(
        spool.commit(asking(ids[0], 1)),
        spool.commit(asking(ids[1], 1)),
        spool.commit(asking(ids[2], 1)),
        spool.commit(asking(ids[3], 2)),
    );
    first.unwrap();
    alone.unwrap();
    for copy in [second, third] {
        assert!(matches!(copy, Err(SpoolError::Repeat(id)) if id == ids[0]), "{copy:?}");
    }
    let waiting: Vec<_> = due(&spool, "operator-b").await.iter().map(|o| o.id.message).collect();
    assert_eq!(waiting, [ids[0], ids[3]]);
    assert_eq!(sequences(folder.path()), [1, 2]);
    assert_eq!(rows(folder.path(), "request"), 2);
}

#[tokio::test]
async fn a_number_that_two_requests_share_by_chance_makes_none_of_them_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    spool.commit(asking(spool.next_id(), 1)).await.unwrap();
    let mut another = asking(spool.next_id(), 2);
    another.opens.as_mut().unwrap().repeat = RepeatKey(1);
    spool.commit(another).await.unwrap();
    assert_eq!(rows(folder.path(), "request"), 2);
}

#[tokio::test]
async fn a_damaged_request_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let ids = [spool.next_id(), spool.next_id()];
    for (number, id) in (1..).zip(ids) {
        let mut acceptance = asking(id, number);
        let opens = acceptance.opens.as_mut().unwrap();
        opens.message_id = "m".into();
        opens.next = Some(Task {
            due: NOW,
            what: Todo::Tell,
        });
        spool.commit(acceptance).await.unwrap();
    }
    let db = schema::open_existing(folder.path()).unwrap();
    let damage = "UPDATE request SET state = substr(state, 9), forget_at = ?2 WHERE id = ?1";
    db.execute(damage, (ids[0].0 as i64, NOW.0 as i64 + 1)).unwrap();
    let message_id = BareId::from("m");
    assert_eq!(found(&*spool, &TransactionKey::Message { message_id }).await, [ids[1]]);
    let due = spool.transactions_due(NOW, 1, &[]).await.unwrap();
    assert_eq!(due.iter().map(|t| t.id).collect::<Vec<_>>(), [ids[1]]);
    let mut changes = leg(ids[0], LegState::Delivered { at: NOW });
    changes.extend(leg(ids[1], LegState::Delivered { at: NOW }));
    spool.change(changes).await.unwrap();
    assert_eq!(
        only(&*spool, &asked(2)).await.legs[0].state,
        LegState::Delivered { at: NOW }
    );
    spool.commit(asking(spool.next_id(), 1)).await.unwrap();
    spool.close().await;

    let clock = Arc::new(FixedClock(Timestamp(NOW.0 + 1)));
    let spool = SqliteSpool::open(folder.path(), Options { clock, ..options() }).unwrap();
    spool.forget_now().await;
    assert_eq!(spool.counts().forgotten, 1, "what is damaged is forgotten too");
    assert_eq!(rows(folder.path(), "request"), 2);
}

#[tokio::test]
async fn what_is_over_is_forgotten_with_everything_that_was_kept_for_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let (kept, waits, lives) = (spool.next_id(), spool.next_id(), spool.next_id());
    spool.commit(taken_over(kept, 1)).await.unwrap();
    spool.record(handed_over(kept)).await.unwrap();
    let told = TransactionChange {
        id: kept,
        change: Change::Told { answer: ok() },
    };
    spool.change(vec![told]).await.unwrap();
    spool.commit(asking(waits, 2)).await.unwrap();
    let mut later = asking(lives, 3);
    later.opens.as_mut().unwrap().forget_at = Timestamp(FORGET.0 + 1);
    spool.commit(later).await.unwrap();
    spool.close().await;

    let clock = Arc::new(FixedClock(FORGET));
    let spool = SqliteSpool::open(folder.path(), Options { clock, ..options() }).unwrap();
    spool.forget_now().await;
    assert_eq!(spool.counts().forgotten, 1);
    assert_eq!(found(&*spool, &asked(2)).await, [waits], "its message waits still");
    assert_eq!(found(&*spool, &asked(3)).await, [lives]);
    assert_eq!(hashes(folder.path()), 6, "of the two that are known");
    assert_eq!(rows(folder.path(), "history"), 2);
    let queue: Vec<_> = due(&spool, "operator-b").await.iter().map(|o| o.id.message).collect();
    assert_eq!(queue, [waits, lives], "what waits for its next hop still does");
    assert_eq!(stored(folder.path()).0, 2);
}

#[tokio::test]
async fn what_is_still_open_at_its_time_is_known_until_its_end_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let number = spool.next_id();
    let mut over = asking(number, 1);
    over.opens.as_mut().unwrap().forget_at = NOW;
    spool.commit(over).await.unwrap();
    spool.forget_now().await;
    assert_eq!(spool.counts().forgotten, 0, "its message waits");
    assert_eq!(found(&*spool, &asked(1)).await, [number], "and is known for longer");

    spool.record(given_up(number)).await.unwrap();
    let db = schema::open_existing(folder.path()).unwrap();
    let at_its_time = || db.execute("UPDATE request SET forget_at = ?1", [NOW.0 as i64]).unwrap();
    at_its_time();
    spool.forget_now().await;
    assert_eq!(spool.counts().forgotten, 0, "nobody has been told yet");
    let told = TransactionChange {
        id: number,
        change: Change::Told { answer: no() },
    };
    spool.change(vec![told]).await.unwrap();
    at_its_time();
    spool.forget_now().await;
    assert_eq!(spool.counts().forgotten, 1);
}

#[tokio::test]
async fn the_spool_forgets_by_itself_a_few_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    for number in 0..200 {
        let id = spool.next_id();
        let mut over = asking(id, number);
        over.opens.as_mut().unwrap().forget_at = NOW;
        spool.commit(over).await.unwrap();
        spool.record(handed_over(id)).await.unwrap();
    }
    spool.close().await;
    let forget = Some(std::time::Duration::from_millis(1));
    let _spool = SqliteSpool::open(folder.path(), Options { forget, ..options() }).unwrap();
    let started = std::time::Instant::now();
    while rows(folder.path(), "request") > 0 {
        assert!(started.elapsed() < std::time::Duration::from_secs(10));
        std::thread::yield_now();
    }
    assert_eq!(hashes(folder.path()), 0);
}

#[tokio::test]
async fn a_message_without_a_request_has_no_history() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    spool.record(delivered(id(number, 1))).await.unwrap();
    assert_eq!(rows(folder.path(), "history"), 0);
}

#[tokio::test]
async fn indexes_are_what_finds_requests() {
    let folder = tempfile::tempdir().unwrap();
    let _spool = open(folder.path());
    let db = schema::open_existing(folder.path()).unwrap();
    let plan = |sql: &str| {
        let mut query = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = query.query_map((), |row| row.get::<_, String>(3)).unwrap();
        lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    for (sql, uses) in [
        ("SELECT id FROM request WHERE due <= 1 ORDER BY due, id", "request_due"),
        ("SELECT min(due) FROM request WHERE due IS NOT NULL", "request_due"),
        (
            "SELECT id FROM request WHERE forget_at <= 1 ORDER BY forget_at LIMIT 9",
            "request_forget",
        ),
        (
            "SELECT request FROM lookup WHERE hash = 1 UNION ALL SELECT request FROM lookup_new WHERE hash = 1 ORDER BY 1 DESC",
            "MERGE (UNION ALL)",
        ),
        ("SELECT max(place) FROM history WHERE request = 1", "SEARCH history"),
    ] {
        let plan = plan(sql);
        assert!(plan.contains(uses) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
    }
}
