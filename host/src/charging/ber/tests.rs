use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::super::record::{Fields, Kind, Record};
use super::{Decoded, decode, encode};
use crate::message::Timestamp;

fn record() -> Record {
    Record {
        sequence: 7,
        recorded_at: Timestamp(1_795_298_400_000),
        relay_id: "001K0T5A63DF8-1".into(),
        plugin: "charging".into(),
        plugin_version: "0.1.0".into(),
        fields: Fields {
            record_type: "o4frq".into(),
            message_id: "k1@mms.a.example".into(),
            version: Some("6.10.0".into()),
            originator: Some("+15555550100/TYPE=PLMN@mms.a.example".into()),
            recipients: vec![
                "+15555550199/TYPE=PLMN@mms.b.example".into(),
                "news@shop.example".into(),
                "7788".into(),
            ],
            content_type: Some("multipart/related".into()),
            message_size: Some(300_000),
            message_class: Some("Personal".into()),
            priority: Some("High".into()),
            submission_time: Some("Sat, 21 Nov 2026 23:00:40 -0530".into()),
            expiry: Some("86400".into()),
            delivery_report_requested: Some(true),
            sender_hidden: Some(true),
            source_peer: Some("operator-a".into()),
            destination_peer: Some("operator-b".into()),
            ..Fields::default()
        },
    }
}

fn decoded(octets: &[u8]) -> Decoded {
    let mut rest = octets;
    let decoded = decode(&mut rest).unwrap();
    assert!(rest.is_empty());
    decoded
}

fn field<'a>(decoded: &'a Decoded, name: &str) -> Option<&'a str> {
    let found = decoded.fields.iter().find(|(field, _)| field == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn a_record_is_a_set_under_the_tag_of_its_type() {
    for (kind, tag) in [
        (Kind::O4frq, [0xbf, 0x1f]),
        (Kind::O4frs, [0xbf, 0x20]),
        (Kind::O4d, [0xbf, 0x21]),
        (Kind::O4r, [0xbf, 0x23]),
        (Kind::R4f, [0xbf, 0x26]),
        (Kind::R4drq, [0xbf, 0x2b]),
        (Kind::R4drs, [0xbf, 0x2c]),
        (Kind::R4rrq, [0xbf, 0x2e]),
        (Kind::R4rrs, [0xbf, 0x2f]),
    ] {
        let octets = encode(&record(), kind);
        assert_eq!(octets[..2], tag, "{kind:?}");
        let content = octets.iter().position(|octet| *octet == 0x80).unwrap();
        assert_eq!(octets[content..content + 3], [0x80, 1, kind.number() as u8], "{kind:?}");
    }
}

#[test]
fn every_field_of_a_request_comes_back() {
    let decoded = decoded(&encode(&record(), Kind::O4frq));
    let expected = [
        ("recordType", "31"),
        ("originatorMmsRSAddress", "mms.a.example"),
        ("recipientMmsRSAddress", "mms.b.example"),
        ("messageID", "k1@mms.a.example"),
        ("mms3GPPVersion", "6.10.0"),
        ("originatorAddress", "+15555550100"),
        ("recipientAddresses", "+15555550199, news@shop.example, 7788"),
        ("contentType", "multipart/related"),
        ("messageSize", "300000"),
        ("messageClass", "0 (personal)"),
        ("submissionTime", "2026-11-21 23:00:40 -0530"),
        ("timeOfExpiry", "2026-11-22 23:00:40 -0530"),
        ("deliveryReportRequested", "yes"),
        ("priority", "2 (high)"),
        ("senderVisibility", "no"),
        ("readReplyRequested", "no"),
        ("acknowledgementRequest", "no"),
        ("recordTimeStamp", "2026-11-21 22:00:00 +0000"),
        ("localSequenceNumber", "7"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(decoded.fields, expected);
}

#[test]
fn a_status_without_a_number_keeps_its_word_in_the_text() {
    let mut report = record();
    for (word, number) in [("Indeterminate", "5 (unrecognised)"), ("Unreachable", "3 (rejected)")] {
        report.fields.status_code = Some(word.into());
        report.fields.status_text = Some("switched off".into());
        let decoded = decoded(&encode(&report, Kind::O4d));
        assert_eq!(field(&decoded, "mmStatusCode"), Some(number));
        assert_eq!(
            field(&decoded, "statusText"),
            Some(format!("{word} switched off").as_str())
        );
    }
}

#[test]
fn mandatory_fields_are_there_when_the_message_had_none_of_them() {
    let bare = Record {
        fields: Fields {
            message_id: "k1".into(),
            ..Fields::default()
        },
        ..record()
    };
    let request = decoded(&encode(&bare, Kind::R4f));
    for (name, value) in [
        ("contentType", ""),
        ("messageSize", "0"),
        ("submissionTime", "2026-11-21 22:00:00 +0000"),
        ("requestStatusCode", "0 (ok)"),
        ("statusText", ""),
        ("senderVisibility", "yes"),
    ] {
        assert_eq!(field(&request, name), Some(value), "{name}");
    }
    assert_eq!(field(&request, "priority"), None);
}

/// The status of a delivery report that was sent is the next hop's SMTP code in the record, and no status of MM4.
#[test]
fn an_smtp_code_is_no_status_of_a_report() {
    let mut sent = record();
    sent.fields.status_code = Some("250".into());
    let decoded = decoded(&encode(&sent, Kind::R4drq));
    assert_eq!(field(&decoded, "mmStatusCode"), None);
}

/// openssl reads the same tags and lengths: a second opinion on the long form and on explicit tags.
#[test]
fn openssl_agrees_on_the_structure() {
    let octets = encode(&record(), Kind::O4frq);
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
        return;
    };
    child.stdin.take().unwrap().write_all(&octets).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // The depth and the tag of each line: offsets and lengths follow from them.
    let shape: Vec<String> = text
        .lines()
        .map(|line| {
            let depth = line.split("d=").nth(1).and_then(|rest| rest.split_whitespace().next());
            let name = line.split(": ").nth(1).unwrap_or("").split("  ").next().unwrap_or("");
            format!("{} {}", depth.unwrap_or("?"), name.trim())
        })
        .collect();
    insta::assert_snapshot!(shape.join("\n"));
}

proptest! {
    #[test]
    fn whatever_a_record_says_it_can_be_read(
        kind in proptest::sample::select(&Kind::ALL[..]),
        sequence in any::<u64>(),
        texts in proptest::collection::vec("\\PC{0,300}", 8),
        size in proptest::option::of(any::<u64>()),
        recipients in proptest::collection::vec("\\PC{0,40}", 0..20),
    ) {
        let mut texts = texts.into_iter();
        let mut text = || texts.next();
        let fields = Fields {
            message_id: text().unwrap_or_default(),
            originator: text(),
            recipients,
            content_type: text(),
            message_size: size,
            submission_time: text(),
            expiry: text(),
            status_code: text(),
            status_text: text(),
            ..Fields::default()
        };
        let octets = encode(&Record { sequence, fields, ..record() }, kind);
        let decoded = decoded(&octets);
        prop_assert_eq!(decoded.kind, kind);
    }

    #[test]
    fn no_octets_make_the_decoder_panic(mut octets in proptest::collection::vec(any::<u8>(), 0..200), flip in any::<usize>()) {
        let _ = decode(&mut &octets[..]);
        octets = encode(&record(), Kind::O4frq);
        let place = flip % octets.len();
        octets[place] ^= (flip >> 8) as u8 | 1;
        let _ = decode(&mut &octets[..]);
    }
}
