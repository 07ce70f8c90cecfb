use std::collections::BTreeMap;
use std::path::Path;

use mm4relay_engine::RecordType;
use rusqlite::Connection;

use super::super::options::Format;
use super::*;
use crate::message::PeerName;

const NOW: Timestamp = Timestamp(1_795_298_400_000);

struct Fixture {
    spool_folder: tempfile::TempDir,
    files: tempfile::TempDir,
    stream: StreamReader,
}

impl Fixture {
    async fn new() -> Self {
        use crate::spool::Spool;
        use crate::spool::sqlite::{Options, SqliteSpool};
        let spool_folder = tempfile::tempdir().unwrap();
        // The relay makes the tables; records are written behind its back here.
        let spool = SqliteSpool::open(spool_folder.path(), Options::default()).unwrap();
        spool.close().await;
        Self {
            stream: StreamReader::new(
                crate::spool::open_beside(spool_folder.path()).unwrap(),
                crate::message::StreamName::CHARGING,
            ),
            files: tempfile::tempdir().unwrap(),
            spool_folder,
        }
    }

    fn add(&self, sequences: std::ops::RangeInclusive<u64>, kind: &str, peer: &str) {
        let mut db = Connection::open(self.spool_folder.path().join("spool.db")).unwrap();
        let db = db.transaction().unwrap();
        for sequence in sequences {
            let record = serde_json::json!({
                "record-type": kind, "message-id": format!("k{sequence}"), "source-peer": peer, "recipients": [],
            });
            db.execute(
                "INSERT INTO record VALUES('charging', ?1, ?1, 0, ?2, 'charging', '0.1.0', ?3, NULL)",
                (sequence as i64, NOW.0 as i64, record.to_string()),
            )
            .unwrap();
        }
        db.commit().unwrap();
    }

    /// A record as it is stored.
    fn add_text(&self, sequence: u64, record: &str) {
        let db = Connection::open(self.spool_folder.path().join("spool.db")).unwrap();
        db.execute(
            "INSERT INTO record VALUES('charging', ?1, ?1, 0, ?2, 'charging', '0.1.0', ?3, NULL)",
            (sequence as i64, NOW.0 as i64, record),
        )
        .unwrap();
    }

    fn output(&mut self, format: Format, max_records: u32) -> Output {
        let options = OutputOptions {
            name: "settlement".into(),
            folder: self.files.path().into(),
            format,
            record_types: Vec::new(),
            peers: Vec::new(),
            max_size: 1 << 30,
            max_records,
            max_age: Duration::from_secs(60),
        };
        Output::resume(options, &self.stream).unwrap()
    }

    /// The sequence numbers in each file, by its name.
    fn files(&self) -> BTreeMap<String, Vec<u64>> {
        let entries = fs::read_dir(self.files.path()).unwrap().flatten();
        entries
            .map(|entry| (entry.file_name().into_string().unwrap(), sequences(&entry.path())))
            .collect()
    }
}

fn sequences(path: &Path) -> Vec<u64> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("cdr") => {
            let mut all = Vec::new();
            super::super::file::read(&fs::read(path).unwrap(), |record| {
                all.push(record.fields.last().unwrap().1.parse().unwrap());
            })
            .unwrap();
            all
        }
        Some("csv") => {
            let text = fs::read_to_string(path).unwrap();
            text.lines()
                .skip(1)
                .map(|line| line.split(',').next().unwrap().parse().unwrap())
                .collect()
        }
        Some("jsonl") => {
            let text = fs::read_to_string(path).unwrap();
            let sequence = |line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["sequence"]
                    .as_u64()
                    .unwrap()
            };
            text.lines().map(sequence).collect()
        }
        _ => Vec::new(),
    }
}

const ALL: [(Format, &str); 3] = [(Format::Ber, "cdr"), (Format::Json, "jsonl"), (Format::Csv, "csv")];

#[tokio::test]
async fn files_hold_every_record_once_and_are_numbered_without_gaps() {
    for (format, extension) in ALL {
        let mut fixture = Fixture::new().await;
        fixture.add(1..=2500, "o4frq", "operator-a");
        let mut output = fixture.output(format, 1000);
        while output.step(&fixture.stream, NOW).unwrap() {}
        output.close(&fixture.stream, Closed::Normally).unwrap();
        let files = fixture.files();
        let name = |number: u32| format!("settlement-{number:08}.{extension}");
        assert_eq!(files.keys().cloned().collect::<Vec<_>>(), [name(1), name(2), name(3)]);
        let all: Vec<u64> = files.into_values().flatten().collect();
        assert_eq!(all, (1..=2500).collect::<Vec<_>>(), "{extension}");
        assert_eq!(
            output.mark(),
            Mark {
                sequence: 2500,
                file: 3
            }
        );
    }
}

/// A crash leaves a file that is not finished, or one whose mark was not set: neither is lost, neither is written twice.
#[tokio::test]
async fn a_crash_at_any_step_of_closing_neither_loses_nor_doubles_records() {
    for (format, extension) in ALL {
        let mut fixture = Fixture::new().await;
        fixture.add(1..=5, "o4frq", "operator-a");
        // Killed while it wrote: the part file stays behind.
        let mut output = fixture.output(format, 1000);
        output.step(&fixture.stream, NOW).unwrap();
        drop(output);
        assert_eq!(fixture.files().len(), 1, "the part file");
        let mut output = fixture.output(format, 1000);
        assert!(fixture.files().is_empty(), "a part file was kept");
        output.step(&fixture.stream, NOW).unwrap();
        output.close(&fixture.stream, Closed::Normally).unwrap();
        // Killed between the rename and the mark.
        fixture.stream.forget_mark(&reader("settlement")).unwrap();
        fixture.add(6..=7, "o4frq", "operator-a");
        let mut output = fixture.output(format, 1000);
        assert_eq!(output.mark(), Mark { sequence: 5, file: 1 }, "{extension}");
        output.step(&fixture.stream, NOW).unwrap();
        output.close(&fixture.stream, Closed::Normally).unwrap();
        let all: Vec<Vec<u64>> = fixture.files().into_values().collect();
        assert_eq!(all, [vec![1, 2, 3, 4, 5], vec![6, 7]], "{extension}");
    }
}

#[tokio::test]
async fn a_file_is_closed_when_its_first_record_is_old_enough() {
    let mut fixture = Fixture::new().await;
    fixture.add(1..=1, "o4frq", "operator-a");
    let mut output = fixture.output(Format::Json, 1000);
    output.step(&fixture.stream, NOW).unwrap();
    output.step(&fixture.stream, Timestamp(NOW.0 + 59_999)).unwrap();
    assert_eq!(output.mark().file, 0);
    output.step(&fixture.stream, Timestamp(NOW.0 + 60_000)).unwrap();
    assert_eq!(output.mark(), Mark { sequence: 1, file: 1 });
}

#[tokio::test]
async fn an_output_takes_the_types_and_peers_that_it_was_asked_for_and_passes_the_others() {
    let mut fixture = Fixture::new().await;
    fixture.add(1..=2, "o4frq", "operator-a");
    fixture.add(3..=4, "r4f", "operator-a");
    fixture.add(5..=6, "o4frq", "operator-b");
    let mut output = fixture.output(Format::Csv, 1000);
    output.options.record_types = vec![RecordType::O4frq];
    output.options.peers = vec![PeerName::new("operator-a").unwrap()];
    output.step(&fixture.stream, NOW).unwrap();
    output.close(&fixture.stream, Closed::Normally).unwrap();
    assert_eq!(fixture.files().into_values().flatten().collect::<Vec<_>>(), [1, 2]);
    // What nobody wants does not keep records from being purged.
    assert_eq!(output.mark().sequence, 6);
}

#[tokio::test]
async fn what_has_no_form_in_ber_is_left_out_and_counted() {
    let mut fixture = Fixture::new().await;
    fixture.add(1..=1, "relay-failed", "operator-a");
    fixture.add(2..=2, "o4frq", "operator-a");
    let mut output = fixture.output(Format::Ber, 1000);
    output.step(&fixture.stream, NOW).unwrap();
    output.close(&fixture.stream, Closed::Normally).unwrap();
    assert_eq!(output.left_out(), 1);
    assert_eq!(fixture.files().into_values().flatten().collect::<Vec<_>>(), [2]);
}

/// A folder that cannot be written keeps the records in the spool, and the output goes on when it can be again.
#[tokio::test]
async fn a_folder_that_is_gone_for_a_while_loses_nothing() {
    let mut fixture = Fixture::new().await;
    fixture.add(1..=3, "o4frq", "operator-a");
    let mut output = fixture.output(Format::Json, 1000);
    let away = fixture.files.path().with_extension("away");
    fs::rename(fixture.files.path(), &away).unwrap();
    output.step(&fixture.stream, NOW).unwrap_err();
    fs::rename(&away, fixture.files.path()).unwrap();
    output.step(&fixture.stream, NOW).unwrap();
    output.close(&fixture.stream, Closed::Normally).unwrap();
    assert_eq!(fixture.files().into_values().flatten().collect::<Vec<_>>(), [1, 2, 3]);
}

const DAMAGED: &str = r#"{"record-type":"o4frq","message-id":"k","message-size":"many","recipients":[]}"#;

/// A record that cannot be decoded holds up nothing: it is in a file of its own once, whatever happens in between.
#[tokio::test]
async fn what_cannot_be_written_is_set_aside_once_and_what_comes_behind_it_is_written() {
    for (format, extension) in ALL {
        let mut fixture = Fixture::new().await;
        fixture.add(1..=2, "o4frq", "operator-a");
        fixture.add_text(3, DAMAGED);
        fixture.add(4..=5, "o4frq", "operator-a");
        let mut output = fixture.output(format, 1000);
        while output.step(&fixture.stream, NOW).unwrap() {}
        drop(output);
        let mut output = fixture.output(format, 1000);
        output.step(&fixture.stream, NOW).unwrap();
        output.close(&fixture.stream, Closed::Normally).unwrap();
        assert_eq!(output.mark(), Mark { sequence: 5, file: 1 });
        let set_aside = output.options.set_aside().unwrap();
        // JSON says whatever was recorded.
        let is_written = format == Format::Json;
        let written = if is_written {
            vec![1, 2, 3, 4, 5]
        } else {
            vec![1, 2, 4, 5]
        };
        let file = format!("settlement-00000001.{extension}");
        assert_eq!(fixture.files()[&file], written, "{extension}");
        assert_eq!(
            set_aside.keys().copied().collect::<Vec<_>>(),
            if is_written { vec![] } else { vec![3] }
        );
        if !is_written {
            assert!(set_aside[&3].contains("invalid type"), "{set_aside:?}");
            let text = fs::read_to_string(output.options.set_aside_file()).unwrap();
            assert!(text.lines().count() == 1 && text.contains("\"many\""), "{text}");
        }
    }
}

#[tokio::test]
async fn a_record_that_is_too_long_for_a_file_of_the_standard_is_set_aside() {
    let mut fixture = Fixture::new().await;
    let recipients: Vec<String> = (0..5000).map(|n| format!("somebody-{n}@mms.b.example")).collect();
    let record = serde_json::json!({"record-type": "o4frq", "message-id": "k", "recipients": recipients});
    fixture.add_text(1, &record.to_string());
    fixture.add(2..=2, "o4frq", "operator-a");
    let mut output = fixture.output(Format::Ber, 1000);
    output.step(&fixture.stream, NOW).unwrap();
    output.close(&fixture.stream, Closed::Normally).unwrap();
    assert!(output.options.set_aside().unwrap()[&1].contains("room for 65535"));
    assert_eq!(
        (output.set_aside(), &fixture.files()["settlement-00000001.cdr"]),
        (1, &vec![2])
    );
}

/// What a crash left of a line is no line.
#[tokio::test]
async fn a_line_that_a_crash_cut_is_written_again() {
    let mut fixture = Fixture::new().await;
    fixture.add_text(1, DAMAGED);
    let mut output = fixture.output(Format::Csv, 1000);
    fs::write(output.options.set_aside_file(), "{\"sequence\":1,\"rec").unwrap();
    output.step(&fixture.stream, NOW).unwrap();
    assert_eq!(output.options.set_aside().unwrap().len(), 1);
    assert_eq!(
        fs::read_to_string(output.options.set_aside_file())
            .unwrap()
            .lines()
            .count(),
        2
    );
}
