//! What a plug-in sees of the message and of the relay.

use std::sync::atomic::Ordering;

use mm4relay_engine::*;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn a_plug_in_sees_the_message_as_it_is() {
    let text = finding(habit("message")).await;
    for detail in [
        "MessageType::ForwardRequest",
        "message-id: \"\\\"id-1\\\"\"",
        "source: \"north\"",
        "+15555550100/TYPE=PLMN@mms.a.example",
        "id: 7",
        "Some(\"greetings\")",
        "name: \"Subject\"",
        "media-type: \"image/jpeg\"",
        "content-id: Some(\"pic\")",
    ] {
        assert!(text.contains(detail), "{detail} is not in {text}");
    }
}

#[tokio::test]
async fn a_body_is_read_in_pieces_and_counted() {
    let plugin = load(spec(json!({ "do": "read", "part": 2, "max": 70_000 }))).await;
    let message = Message::new();
    let judgement = plugin.process(Occasion::Arrival, message.clone()).await.unwrap();
    let sum: u64 = message.picture.iter().map(|octet| u64::from(*octet)).sum();
    assert_eq!(judgement.spent.body_bytes_read, 300_000);
    assert_eq!(
        judgement.spent.host_calls, 6,
        "five pieces, and an empty one at the end"
    );
    assert_eq!(judgement.verdict, Verdict::Hold(format!("300000 {sum}")));
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_never_copied() {
    let plugin = load(spec(habit("message"))).await;
    let message = Message::new();
    let judgement = plugin.process(Occasion::Arrival, message.clone()).await.unwrap();
    assert_eq!(judgement.spent.body_bytes_read, 0);
    assert_eq!(message.read.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_piece_is_never_larger_than_a_mebibyte() {
    let plugin = load(spec(json!({ "do": "read", "part": 2, "max": u32::MAX }))).await;
    assert!(held(judge(&plugin).await).starts_with("300000 "));
}

#[tokio::test]
async fn the_host_s_fault_reaches_the_plug_in() {
    let failure = judge_habit(json!({ "do": "read", "part": 3, "max": 10 }))
        .await
        .unwrap_err();
    assert_eq!(failure.text, "invalid: no part 3");
}

#[tokio::test]
async fn tables_are_looked_up_in_one_generation() {
    let plugin = load(spec(habit("tables"))).await;
    let row = r#"Some(("+999", "a.example"))"#;
    for generation in [0, 2] {
        // Each call asks for `networks` once, and once for a table that there is not.
        let text = held(judge(&plugin).await);
        let expected = format!(
            r#"Some("a.example") Some("{generation}") {row} Err(Fault::Invalid("no table \"nowhere\" is configured"))"#
        );
        assert_eq!(text, expected);
    }
}

#[tokio::test]
async fn values_are_read_with_the_call_s_own_writes_and_folded() {
    let judgement = judge_habit(habit("kv")).await.unwrap();
    assert_eq!(judgement.verdict, Verdict::Hold("42 15 none [true, true, true]".into()));
    assert_eq!(
        judgement.kv,
        [
            KvWrite::Increment {
                key: "counter".into(),
                by: 5
            },
            KvWrite::Set {
                key: "mine".into(),
                value: b"42".to_vec()
            },
            KvWrite::Delete { key: "old".into() },
        ]
    );
}

#[tokio::test]
async fn a_charging_record_comes_out_whole_and_reads_back_from_json() {
    let judgement = judge_habit(json!({ "do": "charge", "records": 1, "length": 2 }))
        .await
        .unwrap();
    let record = &judgement.records[0];
    assert_eq!(record.record_type, RecordType::RelayIn);
    assert_eq!(record.message_id, "ii");
    assert_eq!(record.recipients, ["+15555550101"]);
    assert_eq!(
        (record.message_size, record.delivery_report_requested),
        (Some(1234), Some(true))
    );
    let json = serde_json::to_value(record).unwrap();
    assert_eq!(json["record-type"], "relay-in");
    assert_eq!(&serde_json::from_value::<ChargingRecord>(json).unwrap(), record);
}

#[tokio::test]
async fn random_numbers_are_others_in_every_call_and_the_same_for_the_same_seed() {
    let settings = json!({ "do": "random", "octets": 3 });
    let plugin = load(spec(settings.clone())).await;
    let drawn = [held(judge(&plugin).await), held(judge(&plugin).await)];
    assert_ne!(drawn[0], drawn[1]);
    // This world gives its seeds in order, so a new one begins anew.
    let again = load(spec(settings)).await;
    assert_eq!([held(judge(&again).await), held(judge(&again).await)], drawn);
}

#[tokio::test]
async fn random_octets_come_in_pieces_of_64_kib_at_most() {
    let text = finding(json!({ "do": "random", "octets": u32::MAX })).await;
    assert_eq!(text.matches(',').count() + 1, 64 << 10);
}

#[tokio::test]
async fn what_is_counted_comes_out_folded_with_the_verdict() {
    let judgement = judge_habit(habit("measure")).await.unwrap();
    assert_eq!(judgement.verdict, Verdict::Hold("[true, true, true]".into()));
    let measure = |name: &str, value| Measure {
        name: name.into(),
        value,
    };
    assert_eq!(
        judgement.measures,
        [
            measure("seen", MeasureValue::Count(5)),
            measure("width", MeasureValue::Observe(640.0)),
            measure("width", MeasureValue::Observe(0.5)),
        ]
    );
}

#[tokio::test]
async fn a_number_s_network_is_the_relay_s_answer() {
    let text = finding(habit("number")).await;
    for part in [
        "310-002",
        "mms.mnc002.mcc310.gprs",
        "Ok(None)",
        "Unavailable(\"no answer\")",
        "Invalid(",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}
