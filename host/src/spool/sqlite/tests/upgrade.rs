//! A spool of every format that was ever written opens, and nothing of it is lost. Under test: `upgrade.rs`, `schema.rs`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::super::{check, schema, upgrade};
use super::*;
use crate::message::{LegState, TransactionKey};
use crate::spool::SpoolError;
use crate::spool::ledger::Ledger;
use crate::spool::upgrade::Upgraded;
use crate::spool::{Filter, QueueState};

/// When the fixtures were written; nothing in them is forgotten then.
const THEN: Timestamp = Timestamp(1_795_730_210_000);

fn fixture(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(format)
}

/// A folder with the spool that the program of this format wrote and closed.
fn of_format(format: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = fixture(&format!("spool-{format}/spool.db"));
    std::fs::copy(file, folder.path().join("spool.db")).unwrap();
    folder
}

fn of_format_3() -> tempfile::TempDir {
    of_format(3)
}

fn open_then(folder: &Path) -> Arc<SqliteSpool> {
    let options = Options {
        clock: Arc::new(FixedClock(THEN)),
        ..options()
    };
    SqliteSpool::open(folder, options).unwrap()
}

fn raw(folder: &Path) -> Connection {
    Connection::open(folder.join("spool.db")).unwrap()
}

/// Every row of every table, by the columns that it had, under the names that format 3 gave to the tables. Without the marks
/// of readers, which have a table of their own since format 5.
fn everything(db: &Connection) -> BTreeMap<String, Vec<Vec<Value>>> {
    let tables = [
        ("counter", "name, value"),
        (
            "message",
            "id, source, remote, helo, protocol, received_at, since, size, hold, due, failed, attempts, arrived, ordinals,
             request, envelope, journey",
        ),
        ("content", "chunk, octets"),
        (
            "outgoing",
            "message, ordinal, peer, state, due, attempts, size, reason, expires, envelope, pieces",
        ),
        (
            "event",
            "id, message, ordinal, peer, deliveries, due, attempts, outcome, envelope, pieces",
        ),
        ("charging", "sequence, message, ordinal, recorded_at, plugin, version, record"),
        ("request", "id, due, forget_at, state"),
        ("lookup", "hash, request"),
        ("lookup_new", "hash, request"),
        ("asked", "peer"),
        ("history", "request, place, at, event"),
        ("kv", "plugin, key, value"),
    ];
    let rows = |table: &str, columns: &str| {
        let named = match table {
            "charging" if db.prepare("SELECT 1 FROM charging").is_err() => {
                "record WHERE stream = 'charging'".to_owned()
            }
            "counter" => "counter WHERE name NOT IN ('exported', 'ledger') AND name NOT GLOB 'output*'".to_owned(),
            table => table.to_owned(),
        };
        let table = named.as_str();
        let mut query = db
            .prepare(&format!("SELECT {columns} FROM {table} ORDER BY 1, 2"))
            .or_else(|_| db.prepare(&format!("SELECT {columns} FROM {table} ORDER BY 1")))
            .unwrap();
        let width = query.column_count();
        let rows = query.query_map((), |row| (0..width).map(|column| row.get(column)).collect());
        rows.unwrap().map(Result::unwrap).collect()
    };
    tables
        .into_iter()
        .map(|(table, columns)| (table.to_owned(), rows(table, columns)))
        .collect()
}

#[tokio::test]
async fn a_spool_of_format_3_opens_with_its_queue_requests_records_values_and_outcomes() {
    let folder = of_format_3();
    let before = everything(&raw(folder.path()));
    let spool = open_then(folder.path());
    assert_eq!(everything(&raw(folder.path())), before, "nothing is lost or changed");

    let waiting = spool
        .due(&peer("operator-b"), Timestamp(u64::MAX >> 1), 100, &[])
        .await
        .unwrap();
    assert_eq!(waiting.len(), 1);
    let bytes = waiting[0].rope.to_bytes().unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains("\"deferred@mms.a.example\""));

    let unfinished = spool.unfinished(THEN, 100, &[]).await.unwrap();
    assert_eq!(unfinished.len(), 1);
    let untold = spool.pending_events(Timestamp(u64::MAX >> 1), 100).await.unwrap();
    assert_eq!(untold.len(), 2);
    let seen = spool.kv_get("hostile", "seen").await.unwrap();
    assert_eq!(seen.as_deref(), Some(&b"1"[..]));

    let key = TransactionKey::Message {
        message_id: "denied@mms.a.example".into(),
    };
    let found = spool.find(&key).await.unwrap();
    let [request] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert!(matches!(&request.legs[0].state, LegState::Answered { answer } if !answer.is_ok()));

    let operator = Beside::open(folder.path()).unwrap();
    let states = |state| {
        let state = Some(state);
        operator
            .list(&Filter {
                state,
                ..Filter::default()
            })
            .unwrap()
            .len()
    };
    assert_eq!((states(QueueState::Held), states(QueueState::Failed)), (2, 2));
    assert_eq!((states(QueueState::Awaiting), states(QueueState::Unfinished)), (6, 1));
    assert_eq!(exported(&operator), 32);
    assert_eq!(operator.records(&StreamName::CHARGING, 32, 100).unwrap().len(), 3);
    spool.close().await;
}

#[tokio::test]
async fn a_spool_of_format_4_keeps_its_records_and_how_far_each_reader_has_come() {
    let folder = of_format(4);
    let before = everything(&raw(folder.path()));
    let spool = open_then(folder.path());
    assert_eq!(everything(&raw(folder.path())), before, "nothing is lost or changed");
    let mark = |reader| spool.mark(&StreamName::CHARGING, reader).unwrap();
    let at = |sequence, file| Some(Mark { sequence, file });
    assert_eq!((mark("export"), mark("output:settlement")), (at(32, 0), at(30, 3)));
    assert_eq!(mark("output:other"), None);
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    let records = spool.records(&StreamName::CHARGING, 34, 10).unwrap();
    assert_eq!(
        records.iter().map(|record| record.sequence).collect::<Vec<_>>(),
        [35, 36]
    );
    spool.close().await;
}

/// Rows of format 5 have no checksums. They are read as they are, and those that are written from now on have one.
#[tokio::test]
async fn a_spool_of_format_5_is_read_without_checksums_and_written_with_them() {
    let folder = of_format(5);
    let before = everything(&raw(folder.path()));
    let spool = open_then(folder.path());
    assert_eq!(everything(&raw(folder.path())), before, "nothing is lost or changed");
    let late = Timestamp(u64::MAX >> 1);
    let waiting = spool.due(&peer("operator-b"), late, 100, &[]).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].rope.to_bytes().unwrap().len() as u64, waiting[0].rope.size());
    let looked = |folder: &Path| check::check(&raw(folder)).unwrap();
    let old = looked(folder.path());
    assert!(old.is_well() && old.without_sum > 50, "{old:?}");
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    let new = looked(folder.path());
    assert!(new.is_well(), "{new:?}");
    assert_eq!(new.without_sum, old.without_sum);
    spool.close().await;
}

/// In format 4 nothing but the marks said so, when every record had been purged.
#[tokio::test]
async fn numbers_go_on_behind_the_marks_of_a_spool_of_format_4_without_records() {
    let folder = of_format(4);
    raw(folder.path())
        .execute_batch("DELETE FROM charging; UPDATE counter SET value = 0 WHERE name = 'exported'")
        .unwrap();
    let spool = open_then(folder.path());
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    assert_eq!(sequences(folder.path()), [31]);
    spool.close().await;
}

/// The ledger of a spool that had none begins with the next message.
#[tokio::test]
async fn the_ledger_of_a_spool_of_format_4_begins_with_the_next_message() {
    let folder = of_format(4);
    let spool = open_then(folder.path());
    let late = Timestamp(u64::MAX >> 1);
    let waiting = spool.due(&peer("operator-b"), late, 100, &[]).await.unwrap();
    spool.record(delivered(waiting[0].id)).await.unwrap();
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    let operator = Beside::open(folder.path()).unwrap();
    let begins = operator.ledger_bounds().unwrap().begins;
    assert!(waiting.iter().all(|old| old.id.message < begins) && number >= begins);
    let page = operator.accounts(begins, MessageId((1 << 51) - 1), 100).unwrap();
    assert_eq!(page.accounts.keys().collect::<Vec<_>>(), [&number]);
    spool.close().await;
}

#[test]
fn an_upgrade_copies_the_database_first_and_the_copy_is_the_spool_as_it_was() {
    let folder = of_format_3();
    let before = everything(&raw(folder.path()));
    let done = upgrade::run(folder.path(), true)
        .unwrap()
        .expect("there was something to do");
    let backup = folder.path().join("spool.db.format-3");
    assert_eq!(
        done,
        Upgraded {
            from: 3,
            to: schema::FORMAT,
            backup: Some(backup.clone()),
        }
    );
    let copy = Connection::open(&backup).unwrap();
    assert_eq!(schema::format(&copy).unwrap(), 3);
    assert_eq!(everything(&copy), before);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "subscribers' numbers are in it");
    assert!(!folder.path().join("spool.db.format-3.part").exists());
    assert_eq!(upgrade::run(folder.path(), true).unwrap(), None, "once is enough");
}

#[test]
fn an_earlier_backup_is_not_overwritten() {
    let folder = of_format_3();
    std::fs::write(folder.path().join("spool.db.format-3"), "precious").unwrap();
    let done = upgrade::run(folder.path(), true).unwrap().expect("an upgrade");
    assert_eq!(done.backup, Some(folder.path().join("spool.db.format-3.1")));
    let kept = std::fs::read(folder.path().join("spool.db.format-3")).unwrap();
    assert_eq!(kept, b"precious");
}

#[test]
fn without_a_backup_none_is_made() {
    let folder = of_format_3();
    let done = upgrade::run(folder.path(), false).unwrap().expect("an upgrade");
    assert_eq!(done.backup, None);
    assert!(!folder.path().join("spool.db.format-3").exists());
}

#[test]
fn a_spool_of_a_newer_format_is_refused_and_left_as_it_is() {
    let folder = of_format_3();
    raw(folder.path())
        .pragma_update(None, "user_version", schema::FORMAT + 1)
        .unwrap();
    let before = everything(&raw(folder.path()));
    let refusals = [
        SqliteSpool::open(folder.path(), options()).map(drop).unwrap_err(),
        Beside::open(folder.path()).map(drop).unwrap_err(),
        upgrade::run(folder.path(), true).map(drop).unwrap_err(),
        upgrade::survey(folder.path()).map(drop).unwrap_err(),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, SpoolError::Newer { .. }), "{refusal}");
        assert!(refusal.to_string().contains("run the newer program"), "{refusal}");
    }
    assert_eq!(everything(&raw(folder.path())), before);
    assert!(!folder.path().join("spool.db.format-3").exists());
}

#[test]
fn a_database_of_no_known_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    raw(folder.path()).execute_batch("CREATE TABLE letters(text)").unwrap();
    let refusal = SqliteSpool::open(folder.path(), options()).map(drop).unwrap_err();
    assert!(matches!(refusal, SpoolError::Unknown { found: 0, .. }), "{refusal}");
}

#[test]
fn an_operators_command_does_not_upgrade_and_says_what_does() {
    let folder = of_format_3();
    let refusal = Beside::open(folder.path()).map(drop).unwrap_err();
    assert!(
        refusal.to_string().contains("mm4relay spool upgrade --run"),
        "{refusal}"
    );
    assert_eq!(schema::format(&raw(folder.path())).unwrap(), 3);
}

#[tokio::test]
async fn nobody_upgrades_under_a_running_relay() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let refusal = upgrade::run(folder.path(), true).unwrap_err();
    assert!(matches!(refusal, SpoolError::InUse(_)), "{refusal}");
    spool.close().await;
}

#[test]
fn an_upgraded_database_has_the_tables_of_a_new_one() {
    let (old, new) = (of_format_3(), tempfile::tempdir().unwrap());
    upgrade::run(old.path(), false).unwrap();
    drop(super::super::writable::open(new.path(), &options()).unwrap());
    let shape = |folder: &Path| {
        let db = raw(folder);
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let names = |sql: &str| -> Vec<String> {
            let mut query = db.prepare(sql).unwrap();
            let names = query.query_map((), |row| row.get(0)).unwrap();
            names.map(Result::unwrap).collect()
        };
        let columns = |table: &String| {
            let mut columns = names(&format!(
                "SELECT name || ' ' || type || ' ' || \"notnull\" || ' ' || coalesce(dflt_value, '-') || ' ' || pk
                 FROM pragma_table_info('{table}')"
            ));
            // An added column comes last, wherever a new table has it.
            columns.sort();
            columns
        };
        let indexes = names("SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name");
        let tables: Vec<_> = names(tables)
            .into_iter()
            .map(|table| (columns(&table), table))
            .collect();
        (tables, indexes)
    };
    assert_eq!(shape(old.path()), shape(new.path()));
}

#[test]
fn a_survey_counts_what_is_there_and_names_what_is_damaged() {
    let folder = of_format_3();
    let survey = upgrade::survey(folder.path()).unwrap();
    assert_eq!((survey.format, survey.known), (3, schema::FORMAT));
    assert!(survey.rows.contains(&("requests", 13)), "{survey:?}");
    assert_eq!(survey.damaged, [] as [&str; 0]);
    let break_one = "UPDATE request SET state = '{' WHERE id = 1795730197638000";
    raw(folder.path()).execute_batch(break_one).unwrap();
    let survey = upgrade::survey(folder.path()).unwrap();
    assert_eq!(survey.damaged.len(), 1, "{survey:?}");
    assert!(
        survey.damaged[0].starts_with("request 1795730197638000: "),
        "{survey:?}"
    );
    // What is damaged keeps nobody from the upgrade, nor from the rest.
    upgrade::run(folder.path(), false).unwrap().expect("an upgrade");
}

/// How often the relay asked again stood in the request alone.
#[test]
fn repeats_of_format_3_are_known_of_the_outgoing_message_too() {
    let folder = of_format_3();
    let asked_twice = "UPDATE request SET state = json_set(state, '$.l[0].n', 2) WHERE id = 1795730197638000";
    raw(folder.path()).execute_batch(asked_twice).unwrap();
    upgrade::run(folder.path(), false).unwrap();
    let sql = "SELECT repeats FROM outgoing WHERE message = ?1 AND ordinal = 1";
    let repeats = |id: i64| {
        raw(folder.path())
            .query_row(sql, [id], |row| row.get::<_, u32>(0))
            .unwrap()
    };
    assert_eq!((repeats(1_795_730_197_638_000), repeats(1_795_730_197_765_000)), (2, 0));
}

/// Copies the fixture's rows until there are `count` open requests, with all that hangs on each of them.
fn multiply(folder: &Path, count: u32) {
    let db = raw(folder);
    let salt = schema::salt(&db).unwrap();
    let copies = count.div_ceil(13);
    db.execute_batch("BEGIN").unwrap();
    for copy in 1..copies {
        let by = i64::from(copy) * 100_000_000;
        let batch = format!(
            "INSERT INTO message SELECT id + {by}, source, remote, helo, protocol, received_at, since, size, hold, due,
                 failed, attempts, arrived, ordinals, request + {by}, envelope, journey FROM message WHERE id < 1795730204000000;
             INSERT INTO content SELECT chunk + ({by} << 12), octets FROM content WHERE chunk < 1795730204000000 << 12;
             INSERT INTO outgoing SELECT message + {by}, ordinal, peer, state, due, attempts, size, reason, expires, envelope,
                 pieces FROM outgoing WHERE message < 1795730204000000;
             INSERT INTO event(message, ordinal, peer, deliveries, due, attempts, outcome, envelope, pieces)
                 SELECT message + {by}, ordinal, peer, deliveries, due, attempts, outcome, envelope, pieces FROM event
                 WHERE message < 1795730204000000;
             INSERT INTO charging(message, ordinal, recorded_at, plugin, version, record)
                 SELECT message + {by}, ordinal, recorded_at, plugin, version, record FROM charging
                 WHERE message < 1795730204000000 AND sequence > 32;
             INSERT INTO request SELECT id + {by}, due, forget_at,
                 json_set(state, '$.i', id + {by}, '$.m', 'copy-{copy}-' || id) FROM request WHERE id < 1795730204000000;
             INSERT INTO history SELECT request + {by}, place, at, event FROM history WHERE request < 1795730204000000;
             INSERT INTO kv SELECT plugin, key || '-{copy}', value FROM kv WHERE key = 'seen';"
        );
        db.execute_batch(&batch).unwrap();
        for id in [1_795_730_197_638_000 + by, 1_795_730_197_765_000 + by] {
            let key = TransactionKey::Message {
                message_id: format!("copy-{copy}-{}", id - by).into(),
            };
            let row = (crate::spool::hash::hash(salt, &key), id);
            db.execute("INSERT INTO lookup_new(hash, request) VALUES(?1, ?2)", row)
                .unwrap();
        }
    }
    db.execute_batch("COMMIT").unwrap();
}

#[tokio::test]
async fn a_spool_with_ten_thousand_open_requests_is_upgraded_and_nothing_is_lost() {
    let folder = of_format_3();
    multiply(folder.path(), 10_000);
    let before = everything(&raw(folder.path()));
    let count = |table: &str| before[table].len();
    assert!(count("request") >= 10_000, "{}", count("request"));
    assert!(count("outgoing") > 5_000 && count("message") > 7_000 && count("kv") > 700 && count("event") > 1_000);

    let spool = open_then(folder.path());
    assert_eq!(everything(&raw(folder.path())), before);
    // As a caller sees it: each request is found, each message has its bytes, each outcome is read.
    let key = TransactionKey::Message {
        message_id: "copy-700-1795730197638000".into(),
    };
    assert_eq!(spool.find(&key).await.unwrap().len(), 1);
    let late = Timestamp(u64::MAX >> 1);
    let waiting = spool.due(&peer("operator-b"), late, 100_000, &[]).await.unwrap();
    assert_eq!(waiting.len(), count("message") / 11, "one of each copy");
    for outgoing in &waiting {
        assert_eq!(outgoing.rope.to_bytes().unwrap().len() as u64, outgoing.rope.size());
    }
    assert_eq!(spool.pending_events(late, 100_000).await.unwrap().len(), count("event"));
    // Before their time is over: from then on they are not due any more.
    let known = Timestamp(1_795_730_204_000 + 2 * 86_400_000);
    assert_eq!(
        spool.transactions_due(known, 100_000, &[]).await.unwrap().len(),
        before["request"].iter().filter(|row| row[1] != Value::Null).count()
    );
    let survey = upgrade::survey(folder.path()).unwrap();
    assert_eq!(survey.damaged, [] as [&str; 0]);
    spool.close().await;
}

/// Format 3 let an operator retry what has no next hop: it waited for ever.
#[test]
fn what_format_3_let_wait_for_no_next_hop_has_failed_after_the_upgrade() {
    let folder = of_format_3();
    let retry = "UPDATE outgoing SET state = 0 WHERE peer = 'no-route'";
    assert_eq!(raw(folder.path()).execute(retry, ()).unwrap(), 1);
    upgrade::run(folder.path(), false).unwrap();
    let states = "SELECT group_concat(state) FROM outgoing WHERE peer = 'no-route'";
    let states: String = raw(folder.path()).query_row(states, (), |row| row.get(0)).unwrap();
    assert_eq!(states, "1");
}

#[test]
fn without_room_for_the_backup_nothing_is_upgraded_and_the_way_round_is_named() {
    let folder = of_format_3();
    // Whatever keeps the copy from being written; here, somebody's folder.
    std::fs::create_dir(folder.path().join("spool.db.format-3.part")).unwrap();
    let before = everything(&raw(folder.path()));
    let refusal = upgrade::run(folder.path(), true).unwrap_err();
    assert!(
        refusal.to_string().contains("mm4relay spool upgrade --run --no-backup"),
        "{refusal}"
    );
    assert!(
        SqliteSpool::open(folder.path(), options()).is_err(),
        "the relay does not start either"
    );
    assert_eq!(schema::format(&raw(folder.path())).unwrap(), 3);
    assert_eq!(everything(&raw(folder.path())), before);
    assert!(upgrade::run(folder.path(), false).unwrap().is_some());
}

/// A program that was killed leaves its last commits in the log.
#[test]
fn what_is_in_the_log_of_a_killed_program_is_upgraded_and_in_the_backup() {
    let (running, killed) = (of_format_3(), tempfile::tempdir().unwrap());
    let writer = raw(running.path());
    writer.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    writer
        .execute("INSERT INTO kv VALUES('late', 'key', x'01')", ())
        .unwrap();
    for file in ["spool.db", "spool.db-wal"] {
        std::fs::copy(running.path().join(file), killed.path().join(file)).unwrap();
    }
    let done = upgrade::run(killed.path(), true).unwrap().expect("an upgrade");
    let late = |db: &Connection| {
        let sql = "SELECT count(*) FROM kv WHERE plugin = 'late'";
        db.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(late(&raw(killed.path())), 1);
    assert_eq!(late(&Connection::open(done.backup.unwrap()).unwrap()), 1);
}
