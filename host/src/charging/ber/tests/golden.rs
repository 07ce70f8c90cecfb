//! A file of TS 32.297 with a record of each type, as others read it: `tests/golden/charging`.

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::super::super::file::{Closed, FileWriter};
use super::super::super::record::zoned;
use super::*;

const NAME: &str = "settlement-00000001.cdr";

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden/charging")
        .join(NAME)
}

/// A record of each type, with every field that it can have.
fn records() -> Vec<Vec<u8>> {
    let whole = |of| {
        let mut record = record();
        let fields = &mut record.fields;
        fields.status_code = Some(match of {
            RecordType::O4d | RecordType::R4drq => "Unreachable".into(),
            RecordType::O4r | RecordType::R4rrq => "Read".into(),
            _ => "Error-service-denied".into(),
        });
        fields.status_text = Some("switched off".into());
        fields.forward_counter = Some(2);
        fields.previously_sent_by = Some("+15555550101/TYPE=PLMN@mms.c.example 7788".into());
        fields.subject_size = Some("5".into());
        fields.components = Some("application/smil:640 image/jpeg:30123".into());
        encode(&record, of)
    };
    layout::types().map(whole).collect()
}

fn file() -> Vec<u8> {
    let at = zoned(record().recorded_at);
    let mut writer = FileWriter::begin(Cursor::new(Vec::new()), 1, at.clone()).unwrap();
    for record in records() {
        writer.append(&record, at.clone()).unwrap();
    }
    writer.finish(Closed::ByCount).unwrap().into_inner()
}

/// With `MM4RELAY_BLESS=1` it is written anew: then look at the difference that the two tests below show.
#[test]
fn the_golden_file_is_what_is_written_today() {
    if std::env::var_os("MM4RELAY_BLESS").is_some() {
        std::fs::create_dir_all(golden().parent().unwrap()).unwrap();
        std::fs::write(golden(), file()).unwrap();
    }
    let kept = std::fs::read(golden()).unwrap();
    assert!(kept == file(), "{NAME} is not what this program writes");
}

#[test]
fn the_golden_file_says_what_its_records_were_made_of() {
    let mut text = String::new();
    let kept = std::fs::read(golden()).unwrap();
    let header = super::super::super::file::read(&kept, |record| {
        text.push_str(&format!("{:?}\n", record.record_type));
        for (name, value) in &record.fields {
            text.push_str(&format!("  {name}: {value}\n"));
        }
    });
    assert_eq!(header.unwrap().records, 9);
    insta::assert_snapshot!(text);
}

/// Offsets, lengths, tags and contents, by a program of others.
#[test]
fn openssl_reads_every_record_of_the_golden_file() {
    let mut text = String::new();
    for record in records() {
        let Some(parsed) = asn1parse(&record) else { return };
        text.push_str(&parsed);
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}

/// `None` where openssl is missing and may be.
fn asn1parse(octets: &[u8]) -> Option<String> {
    let child = Command::new("openssl")
        .args(["asn1parse", "-inform", "DER", "-i"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        assert!(
            std::env::var_os("MM4RELAY_REQUIRE_TOOLS").is_none(),
            "openssl is missing"
        );
        eprintln!("SKIPPED: openssl is missing");
        return None;
    };
    child.stdin.take().unwrap().write_all(octets).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().map(|line| format!("{}\n", line.trim_end())).collect())
}
