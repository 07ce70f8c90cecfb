//! What is planted in the files of outputs is named, with file, record and message, and nothing else is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::charging::file::Closed;
use crate::charging::output::Output;
use crate::charging::{Format, OutputOptions};
use crate::ledger::Files;
use crate::spool::{StreamReader, Streams};

const IN_A_FILE: u32 = 100;

fn outputs(folder: &Path) -> Vec<OutputOptions> {
    let output = |(name, format): (&str, Format)| OutputOptions {
        name: name.into(),
        folder: folder.into(),
        format,
        record_types: Vec::new(),
        peers: Vec::new(),
        max_size: 1 << 30,
        max_records: IN_A_FILE,
        max_age: Duration::from_secs(86_400),
    };
    let all = [
        ("standard", Format::Ber),
        ("lines", Format::Json),
        ("table", Format::Csv),
    ];
    all.into_iter().map(output).collect()
}

fn stream(folder: &Path) -> StreamReader {
    let beside = spool::open_beside(folder).unwrap();
    StreamReader::new(beside as Arc<dyn Streams>, StreamName::CHARGING)
}

/// Writes what is there into files; closes the last one, or leaves it as a crash does.
fn write(folder: &Path, outputs: &[OutputOptions], close: bool) {
    let stream = stream(folder);
    for options in outputs {
        let mut output = Output::resume(options.clone(), &stream).unwrap();
        while output.step(&stream, AT).unwrap() {}
        if close {
            output.close(&stream, Closed::Normally).unwrap();
        }
    }
}

fn checked_with(folder: &Path, outputs: &[OutputOptions], fetched: &[PathBuf]) -> (CheckSummary, Vec<Finding>) {
    let (beside, stream) = (spool::open_beside(folder).unwrap(), stream(folder));
    let files = Files {
        stream: &stream,
        outputs,
        fetched,
    };
    let mut findings = Vec::new();
    let checked = check(&*beside, all(), Some(files), &mut |finding| {
        findings.push(finding.clone())
    })
    .unwrap();
    (checked, findings)
}

/// A file, taken apart.
struct Apart {
    path: PathBuf,
    head: Vec<u8>,
    records: Vec<Vec<u8>>,
}

impl Apart {
    fn of(path: PathBuf) -> Self {
        let octets = fs::read(&path).unwrap();
        let (mut head, mut records) = (Vec::new(), Vec::new());
        if path.extension().unwrap() == "cdr" {
            head = octets[..54].to_vec();
            let mut rest = &octets[54..];
            while !rest.is_empty() {
                let length = 5 + usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                records.push(rest[..length].to_vec());
                rest = &rest[length..];
            }
        } else {
            records = octets
                .split_inclusive(|octet| *octet == b'\n')
                .map(<[u8]>::to_vec)
                .collect();
            if path.extension().unwrap() == "csv" {
                head = records.remove(0);
            }
        }
        Self { path, head, records }
    }

    /// With a header that says what is there.
    fn together(mut self) {
        let mut octets = self.records.concat();
        if self.path.extension().unwrap() == "cdr" {
            let (length, count) = (self.head.len() + octets.len(), self.records.len());
            self.head[..4].copy_from_slice(&(length as u32).to_be_bytes());
            self.head[18..22].copy_from_slice(&(count as u32).to_be_bytes());
        }
        octets.splice(0..0, self.head);
        fs::write(self.path, octets).unwrap();
    }

    fn change(&mut self, place: usize) {
        let record = &mut self.records[place];
        let at = record.windows(6).position(|octets| octets == b"k1@mms").unwrap();
        record[at + 1] = b'2';
    }
}

type Planted = (Kind, String, Option<u64>, Option<u32>);

/// What was done to files, and is to be named.
#[derive(Default)]
struct Plants(BTreeSet<Planted>);

impl Plants {
    fn add(&mut self, kind: Kind, file: (&OutputOptions, u32), record: Option<u64>, place: Option<u32>) {
        self.0.insert((kind, name_of(file.0, file.1), record, place));
    }

    /// In a file: two records taken out, two changed, one twice. `shift` keeps outputs apart: what JSON does not say of a
    /// purged record, nobody knows.
    fn spoil_records(&mut self, options: &OutputOptions, number: u32, shift: usize) {
        let mut file = Apart::of(options.path(number));
        let sequence = |place: usize| Some(u64::from(number - 1) * u64::from(IN_A_FILE) + place as u64 + 1);
        let at = |place: usize| Some(place as u32 + 1);
        // From the end, so that places in front of it stay what they are.
        for gone in [85 + shift, 65 + shift] {
            file.records.remove(gone);
            self.add(Kind::FileRecordMissing, (options, number), sequence(gone), None);
        }
        let twice = 45 + shift;
        file.records.insert(twice + 1, file.records[twice].clone());
        self.add(
            Kind::FileRecordDoubled,
            (options, number),
            sequence(twice),
            at(twice + 1),
        );
        for changed in [5 + shift, 25 + shift] {
            file.change(changed);
            self.add(
                Kind::FileRecordChanged,
                (options, number),
                sequence(changed),
                at(changed),
            );
        }
        file.together();
    }

    /// Each of them is named, and nothing else is.
    fn are_all_that_is_named(&self, findings: &[Finding]) {
        let named = |found: &Finding| (found.kind, found.file.clone().unwrap(), found.record, found.place);
        let named: BTreeSet<Planted> = findings.iter().map(named).collect();
        let beyond: Vec<_> = named.difference(&self.0).collect();
        let missed: Vec<_> = self.0.difference(&named).collect();
        assert!(beyond.is_empty(), "named, and not planted: {beyond:#?}");
        assert!(missed.is_empty(), "planted, and not named: {missed:#?}");
    }
}

fn name_of(options: &OutputOptions, number: u32) -> String {
    options.path(number).file_name().unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn files_with_every_record_are_balanced_whether_the_records_are_in_the_spool_or_purged() {
    let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let outputs = outputs(files.path());
    let spool = open(folder.path());
    deliver(&spool, 300).await;
    write(folder.path(), &outputs, true);
    assert_eq!(stream(folder.path()).purge(Timestamp(u64::MAX >> 1)).unwrap(), 600);
    deliver(&spool, 300).await;
    write(folder.path(), &outputs, true);
    deliver(&spool, 30).await;
    write(folder.path(), &outputs, false);

    let (checked, findings) = checked_with(folder.path(), &outputs, &[]);
    assert_eq!(findings, []);
    let read = checked.files.unwrap();
    assert_eq!((checked.purged, read.purged_compared, read.purged_found), (600, 600, 0));
    assert_eq!(
        (read.files, read.records, read.gone),
        (3 * 13, 3 * 1260, 0),
        "with those that are being written"
    );

    // Fetched: moved to where they can be read, and moved to where nobody looks.
    let archive = tempfile::tempdir().unwrap();
    for (number, options) in (1..=4).flat_map(|number| outputs.iter().map(move |options| (number, options))) {
        let path = options.path(number);
        fs::rename(&path, archive.path().join(path.file_name().unwrap())).unwrap();
    }
    let (checked, findings) = checked_with(folder.path(), &outputs, &[archive.path().to_owned()]);
    assert_eq!((findings.as_slice(), checked.files.unwrap().gone), (&[][..], 0));
    let (checked, findings) = checked_with(folder.path(), &outputs, &[]);
    assert_eq!((findings.as_slice(), checked.files.unwrap().gone), (&[][..], 3 * 4));
    assert_eq!(checked.files.unwrap().purged_compared, 200);
    spool.close().await;
}

#[tokio::test]
async fn three_hundred_and_sixty_losses_doubles_and_changes_in_files_are_named_and_nothing_else_is() {
    let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let outputs = outputs(files.path());
    let spool = open(folder.path());
    deliver(&spool, 400).await;
    write(folder.path(), &outputs, true);
    stream(folder.path()).purge(Timestamp(u64::MAX >> 1)).unwrap();
    deliver(&spool, 800).await;
    write(folder.path(), &outputs, true);
    let mut planted = Plants::default();
    for (shift, options) in outputs.iter().enumerate() {
        for number in 1..=24 {
            planted.spoil_records(options, number, shift);
        }
    }
    assert_eq!(planted.0.len(), 360);
    let (checked, findings) = checked_with(folder.path(), &outputs, &[]);
    assert_eq!(findings.len(), 360);
    planted.are_all_that_is_named(&findings);
    assert!(findings.iter().all(|found| found.id.is_some()), "each with its message");
    let changed = findings
        .iter()
        .filter(|found| found.kind == Kind::FileRecordChanged && found.record > Some(800));
    for found in changed {
        assert!(
            found.text.contains("is k2@mms.a.example, was k1@mms.a.example") || found.text.contains("k2@"),
            "{}",
            found.text
        );
    }
    assert!(!checked.is_balanced());
    spool.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_file_as_a_whole_is_named_once_and_its_records_are_not_blamed() {
    let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let outputs = outputs(files.path());
    let spool = open(folder.path());
    deliver(&spool, 500).await;
    write(folder.path(), &outputs, true);
    let mut planted = Plants::default();
    for options in &outputs {
        fs::remove_file(options.path(3)).unwrap();
        planted.add(Kind::FileMissing, (options, 3), None, None);
        fs::remove_file(options.path(10)).unwrap();
        planted.add(Kind::FileMissing, (options, 10), None, None);
        fs::copy(options.path(4), options.path(99)).unwrap();
        planted.add(Kind::FileUnknown, (options, 99), None, None);
        // What cannot be read, in the middle; and a file that ends in a record.
        let mut broken = Apart::of(options.path(5));
        let record = &mut broken.records[50];
        let at = if options.format == Format::Ber { 5 } else { 0 };
        record[at] = b'?';
        broken.records.remove(20);
        broken.together();
        planted.add(Kind::FileDamaged, (options, 5), None, Some(50));
        planted.add(Kind::FileRecordMissing, (options, 5), Some(421), None);
        let cut = fs::read(options.path(7)).unwrap();
        fs::write(options.path(7), &cut[..cut.len() - 20]).unwrap();
        let place = (options.format != Format::Ber).then_some(100);
        planted.add(Kind::FileDamaged, (options, 7), None, place);
    }
    // A header that does not say what is there.
    for (number, octet) in [(6, 21), (8, 25)] {
        let path = outputs[0].path(number);
        let mut octets = fs::read(&path).unwrap();
        octets[octet] ^= 1;
        fs::write(&path, octets).unwrap();
        planted.add(Kind::FileDamaged, (&outputs[0], number), None, None);
    }
    let (_, findings) = checked_with(folder.path(), &outputs, &[]);
    planted.are_all_that_is_named(&findings);
    spool.close().await;
}

/// It is in no file of two outputs, and its number is accounted for all the same.
#[tokio::test]
async fn a_record_that_an_output_cannot_write_is_named_as_set_aside_in_the_spool_and_when_it_was_purged() {
    let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let outputs = outputs(files.path());
    let spool = open(folder.path());
    deliver(&spool, 3).await;
    let id = spool.next_id();
    let mut wrong = message(id);
    wrong.appends[0].record["message-size"] = "many".into();
    spool.commit(wrong).await.unwrap();
    spool.record(delivered(id)).await.unwrap();
    deliver(&spool, 3).await;
    write(folder.path(), &outputs, true);
    for _ in 0..2 {
        let (_, findings) = checked_with(folder.path(), &outputs, &[]);
        let kinds: Vec<Kind> = findings.iter().map(|found| found.kind).collect();
        assert_eq!(kinds, [Kind::RecordSetAside; 2], "{findings:?}");
        for (found, name) in findings.iter().zip(["standard", "table"]) {
            assert_eq!(found.file, Some(format!("{name}.set-aside.jsonl")));
            assert_eq!((found.record, found.id.map(QueueId::message)), (Some(7), Some(id)));
            assert!(found.text.contains("is set aside here: invalid type"), "{}", found.text);
        }
        stream(folder.path()).purge(Timestamp(u64::MAX >> 1)).unwrap();
    }
    spool.close().await;
}
