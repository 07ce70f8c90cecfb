use super::*;

fn live(record: &mut Record, digests: &[&str]) {
    digests.iter().for_each(|digest| record.went_live(digest, "1", "now"));
}

fn previous(record: &Record) -> Option<&str> {
    record.previous().map(|version| version.digest.as_str())
}

#[test]
fn going_back_leads_further_down_each_time_and_not_up_again() {
    let mut record = Record::default();
    live(&mut record, &["a", "b", "c"]);
    assert_eq!(previous(&record), Some("b"));
    live(&mut record, &["b"]);
    assert_eq!(previous(&record), Some("a"));
    live(&mut record, &["a"]);
    assert_eq!(previous(&record), None);
    live(&mut record, &["d"]);
    assert_eq!(previous(&record), Some("a"));
}

#[test]
fn a_version_that_goes_live_again_is_one_version() {
    let mut record = Record::default();
    live(&mut record, &["a", "a", "b", "a", "a"]);
    let digests: Vec<_> = record.versions.iter().map(|version| version.digest.as_str()).collect();
    assert_eq!(digests, ["a", "b"]);
}

#[test]
fn six_versions_are_kept_and_the_running_one_is_among_them() {
    let mut record = Record::default();
    live(&mut record, &["1", "2", "3", "4", "5", "6", "7", "8"]);
    assert_eq!(record.versions.len(), VERSIONS_MAX);
    assert_eq!(record.versions[0].digest, "8");
    assert!(record.version("2").is_none() && record.version("3").is_some());
}

#[test]
fn a_version_that_was_rolled_back_is_not_gone_back_to() {
    let mut record = Record::default();
    live(&mut record, &["a", "b"]);
    record.rolled_back("b", "a", "it failed", "stamp".into());
    assert_eq!((record.running.as_deref(), previous(&record)), (Some("a"), None));
    live(&mut record, &["c"]);
    assert_eq!(previous(&record), Some("a"));
    assert_eq!(record.barred.map(|barred| barred.digest), Some("b".to_owned()));
}

#[tokio::test]
async fn what_was_noted_is_read_by_another_process_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path());
    let number = history.begin("p", Cause::File, "d1", "2026-11-21T00:00:00Z".into());
    history.written().await;
    let seen = Book::read(folder.path()).unwrap();
    assert_eq!(seen.plugins["p"].attempts[0].verdict, Verdict::UnderWay);
    history
        .change("p", |record| {
            record.went_live("d1", "1.0", "now");
            record.attempt(number).unwrap().verdict = Verdict::Live;
        })
        .await;
    let again = History::open(folder.path());
    assert_eq!(again.record("p"), history.record("p"));
    assert!(again.begin("p", Cause::Start, "d1", String::new()) > number);
}

#[tokio::test]
async fn an_attempt_that_a_crash_cut_short_is_not_under_way_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path());
    history.begin("p", Cause::File, "d1", String::new());
    history.written().await;
    let attempt = History::open(folder.path()).record("p").attempts.remove(0);
    assert_eq!(
        (attempt.verdict, attempt.why.as_str()),
        (Verdict::Refused, "the relay ended meanwhile")
    );
}

#[tokio::test]
async fn the_history_of_a_plug_in_is_bounded() {
    let history = History::default();
    for _ in 0..ATTEMPTS_MAX + 3 {
        history.begin("p", Cause::File, "d", String::new());
    }
    let numbers: Vec<_> = history
        .record("p")
        .attempts
        .iter()
        .map(|attempt| attempt.number)
        .collect();
    assert_eq!(numbers, (4..=ATTEMPTS_MAX as u64 + 3).collect::<Vec<_>>());
}

#[test]
fn a_spoilt_book_is_put_aside_and_the_relay_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), "{ half").unwrap();
    assert_eq!(History::open(folder.path()).record("p"), Record::default());
    assert!(folder.path().join("plugins.json.bad").exists());
}

/// `tests/fixtures/plugins-1` was written by the first program that kept this file.
#[test]
fn a_history_that_an_earlier_version_wrote_is_read_and_written_as_it_was() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/plugins-1");
    let book = Book::read(&folder).unwrap();
    let then: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join(FILE)).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&book).unwrap(), then);
    let charging = &book.plugins["charging"];
    assert_eq!(charging.running.as_deref(), Some(charging.versions[0].digest.as_str()));
    assert_eq!(charging.attempts[0].verdict, Verdict::Live);
}
