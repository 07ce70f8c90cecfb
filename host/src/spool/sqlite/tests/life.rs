//! What a restart leaves.

use super::*;

#[tokio::test]
async fn ids_grow_even_when_the_clock_went_back_while_the_relay_was_down() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let (first, second) = (spool.next_id(), spool.next_id());
    assert!(first.0 == NOW.0 * 1000 && second > first);
    spool.commit(relayed(second, "bytes")).await.unwrap();
    spool.record(delivered(id(second, 1))).await.unwrap();
    spool.close().await;

    let earlier = Arc::new(FixedClock(Timestamp(NOW.0 - 3_600_000)));
    let spool = SqliteSpool::open(
        folder.path(),
        Options {
            clock: earlier,
            ..options()
        },
    )
    .unwrap();
    assert!(spool.next_id() > second);
}

#[tokio::test]
async fn the_index_is_what_finds_due_messages() {
    let folder = tempfile::tempdir().unwrap();
    let _spool = open(folder.path());
    let db = crate::spool::sqlite::schema::open_existing(folder.path()).unwrap();
    let sql = "EXPLAIN QUERY PLAN SELECT id FROM message WHERE due <= 1 ORDER BY due, id";
    let plan: String = db.query_row(sql, (), |row| row.get(3)).unwrap();
    assert!(plan.contains("USING") && plan.contains("message_due"), "{plan}");
}
