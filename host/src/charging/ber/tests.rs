mod another_make;
mod golden;

use mm4relay_engine::RecordType;
use proptest::prelude::*;

use super::super::record::{Fields, Record};
use super::{Decoded, decode, layout};
use crate::message::Timestamp;

fn record() -> Record {
    Record {
        sequence: 7,
        recorded_at: Timestamp(1_795_298_400_000),
        relay_id: "001K0T5A63DF8-1".into(),
        plugin: "charging".into(),
        plugin_version: "0.1.0".into(),
        fields: Fields {
            record_type: Some(RecordType::O4frq),
            message_id: "k1@mms.a.example".into(),
            mms_version: Some("6.10.0".into()),
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

/// The record as one of that type.
fn encode(record: &Record, of: RecordType) -> Vec<u8> {
    let mut record = record.clone();
    record.fields.record_type = Some(of);
    super::encode(&record).unwrap()
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
        (RecordType::O4frq, [0xbf, 0x1f]),
        (RecordType::O4frs, [0xbf, 0x20]),
        (RecordType::O4d, [0xbf, 0x21]),
        (RecordType::O4r, [0xbf, 0x23]),
        (RecordType::R4f, [0xbf, 0x26]),
        (RecordType::R4drq, [0xbf, 0x2b]),
        (RecordType::R4drs, [0xbf, 0x2c]),
        (RecordType::R4rrq, [0xbf, 0x2e]),
        (RecordType::R4rrs, [0xbf, 0x2f]),
    ] {
        let octets = encode(&record(), kind);
        assert_eq!(octets[..2], tag, "{kind:?}");
        let content = octets.iter().position(|octet| *octet == 0x80).unwrap();
        assert_eq!(
            octets[content..content + 3],
            [0x80, 1, layout::number(kind).unwrap() as u8],
            "{kind:?}"
        );
    }
}

#[test]
fn every_field_of_a_request_comes_back() {
    let decoded = decoded(&encode(&record(), RecordType::O4frq));
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
        let decoded = decoded(&encode(&report, RecordType::O4d));
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
    let request = decoded(&encode(&bare, RecordType::R4f));
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

/// One table, in the code and in the documentation; each row has a test in this file.
#[test]
fn the_documentation_has_the_table_of_values_without_a_number() {
    let page = include_str!("../../../../docs/charging.md");
    for (says, record) in super::values::UNMAPPED {
        let row = format!("| {says} | {record} |");
        assert!(page.contains(&row), "{row}");
    }
    let head = "| MM4 says | the record says |\n|---|---|\n";
    let table = page.split(head).nth(1).expect("the table");
    let rows = table.lines().take_while(|line| line.starts_with('|')).count();
    assert_eq!(rows, super::values::UNMAPPED.len());
}

#[test]
fn a_request_status_without_a_number_is_an_unspecified_error_with_its_word() {
    let mut response = record();
    response.fields.status_code = Some("Blocked-by-policy".into());
    let denied = decoded(&encode(&response, RecordType::O4frs));
    assert_eq!(field(&denied, "requestStatusCode"), Some("4 (error unspecified)"));
    assert_eq!(field(&denied, "statusText"), Some("Blocked-by-policy"));
    response.fields.status_code = Some("Error-network-problem".into());
    response.fields.status_text = Some("no response came in time".into());
    let silent = decoded(&encode(&response, RecordType::R4f));
    assert_eq!(field(&silent, "requestStatusCode"), Some("34 (network problem)"));
    assert_eq!(field(&silent, "statusText"), Some("no response came in time"));
}

#[test]
fn dates_are_read_as_real_peers_write_them() {
    let mut request = record();
    for (date, written) in [
        ("Wed Jan 26 00:17:43 2022", "2022-01-26 00:17:43 +0000"),
        ("2022-01-26T02:17:43+02:00", "2022-01-26 02:17:43 +0200"),
        ("Wed, 26 Jan 2022 00:17:43 GMT", "2022-01-26 00:17:43 +0000"),
        ("yesterday", "2026-11-21 22:00:00 +0000"),
    ] {
        request.fields.submission_time = Some(date.into());
        let decoded = decoded(&encode(&request, RecordType::O4frq));
        assert_eq!(field(&decoded, "submissionTime"), Some(written), "{date}");
    }
    // Relative, with the blank that some write behind it.
    request.fields.submission_time = Some("Wed, 26 Jan 2022 00:17:43 GMT".into());
    request.fields.expiry = Some("600 ".into());
    let relative = decoded(&encode(&request, RecordType::O4frq));
    assert_eq!(field(&relative, "timeOfExpiry"), Some("2022-01-26 00:27:43 +0000"));
    let report = decoded(&encode(&request, RecordType::R4drq));
    assert_eq!(field(&report, "mmDateAndTime"), Some("2022-01-26 00:17:43 +0000"));
}

#[test]
fn what_a_transit_records_of_a_leg_is_the_record_of_that_legs_end() {
    let standard = |of, about: &str| {
        let mut record = record();
        record.fields.record_type = Some(of);
        record.fields.message_type = Some(about.into());
        record.standard()
    };
    let (came, went) = (RecordType::RelayIn, RecordType::RelayOut);
    for (about, inbound, outbound) in [
        ("MM4_forward.REQ", Some(RecordType::R4f), Some(RecordType::O4frq)),
        ("MM4_forward.RES", Some(RecordType::O4frs), Some(RecordType::O4frs)),
        (
            "MM4_delivery_report.REQ",
            Some(RecordType::O4d),
            Some(RecordType::R4drq),
        ),
        (
            "MM4_delivery_report.RES",
            Some(RecordType::R4drs),
            Some(RecordType::R4drs),
        ),
        (
            "MM4_read_reply_report.REQ",
            Some(RecordType::O4r),
            Some(RecordType::R4rrq),
        ),
        (
            "MM4_read_reply_report.RES",
            Some(RecordType::R4rrs),
            Some(RecordType::R4rrs),
        ),
        ("notification", None, None),
    ] {
        assert_eq!(
            (standard(came, about), standard(went, about)),
            (inbound, outbound),
            "{about}"
        );
    }
    assert_eq!(standard(RecordType::RelayFailed, "MM4_forward.REQ"), None);
}

#[test]
fn a_report_that_was_sent_on_has_its_own_status_and_not_the_next_hops() {
    let mut sent = record();
    sent.fields.status_code = Some("250".into());
    sent.fields.status_text = Some("2.0.0 taken".into());
    sent.fields.report_status = Some("Expired".into());
    let plain = decoded(&encode(&sent, RecordType::R4drq));
    assert_eq!(field(&plain, "mmStatusCode"), Some("2 (expired)"));
    assert_eq!(field(&plain, "statusText"), None);
    sent.fields.report_status = Some("Indeterminate".into());
    sent.fields.report_status_text = Some("no idea".into());
    let worded = decoded(&encode(&sent, RecordType::R4drq));
    assert_eq!(field(&worded, "mmStatusCode"), Some("5 (unrecognised)"));
    assert_eq!(field(&worded, "statusText"), Some("Indeterminate no idea"));
}

#[test]
fn a_response_that_was_sent_on_has_its_own_status_and_not_the_next_hops() {
    let mut sent = record();
    sent.fields.message_type = Some("MM4_forward.RES".into());
    sent.fields.status_code = Some("250".into());
    sent.fields.status_text = Some("2.0.0 taken".into());
    sent.fields.report_status = Some("Error-service-denied".into());
    sent.fields.report_status_text = Some("not here".into());
    let plain = decoded(&encode(&sent, RecordType::RelayOut));
    assert_eq!(plain.record_type, RecordType::O4frs);
    assert_eq!(field(&plain, "requestStatusCode"), Some("30 (service denied)"));
    assert_eq!(field(&plain, "statusText"), Some("not here"));
    // A plug-in that does not say it.
    (sent.fields.report_status, sent.fields.report_status_text) = (None, None);
    let silent = decoded(&encode(&sent, RecordType::RelayOut));
    assert_eq!(
        (field(&silent, "requestStatusCode"), field(&silent, "statusText")),
        (None, None)
    );
}

#[test]
fn a_class_or_priority_without_a_number_is_left_out_and_no_subject_has_no_octets() {
    let mut request = record();
    request.fields.message_class = Some("Urgent".into());
    request.fields.priority = Some("9".into());
    request.fields.components = Some("image/jpeg:30123".into());
    let decoded = decoded(&encode(&request, RecordType::R4f));
    assert_eq!(field(&decoded, "messageClass"), None);
    assert_eq!(field(&decoded, "priority"), None);
    assert_eq!(field(&decoded, "mmComponentType"), Some("subject 0, image/jpeg 30123"));
}

/// The status of a delivery report that was sent is the next hop's SMTP code in the record, and no status of MM4.
#[test]
fn an_smtp_code_is_no_status_of_a_report() {
    let mut sent = record();
    sent.fields.status_code = Some("250".into());
    let decoded = decoded(&encode(&sent, RecordType::R4drq));
    assert_eq!(field(&decoded, "mmStatusCode"), None);
}

proptest! {
    #[test]
    fn whatever_a_record_says_it_can_be_read(
        kind in proptest::sample::select(layout::types().collect::<Vec<_>>()),
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
        prop_assert_eq!(decoded.record_type, kind);
    }

    #[test]
    fn no_octets_make_the_decoder_panic(mut octets in proptest::collection::vec(any::<u8>(), 0..200), flip in any::<usize>()) {
        let _ = decode(&mut &octets[..]);
        octets = encode(&record(), RecordType::O4frq);
        let place = flip % octets.len();
        octets[place] ^= (flip >> 8) as u8 | 1;
        let _ = decode(&mut &octets[..]);
    }
}
