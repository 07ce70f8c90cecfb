use super::*;

fn settings(role: Role, inside: &[&str]) -> Settings {
    Settings {
        role,
        inside: inside.iter().map(|&name| name.into()).collect(),
        ..Settings::default()
    }
}

/// The record of an event of such a message from `source`.
fn record_type(settings: &Settings, event: &Event, message: MessageType, source: &str) -> Option<RecordType> {
    let mut summary = facts(message, &[]).summary;
    summary.source = source.into();
    settings.record_type(event, &summary)
}

fn delivery(code: u16) -> Delivery {
    Delivery {
        peer: "operator-b".into(),
        host: "192.0.2.1:25".into(),
        code,
        text: "queued".into(),
        attempts: 1,
    }
}

fn facts(message_type: MessageType, fields: &[(&'static str, &str)]) -> Facts {
    Facts {
        summary: Summary {
            message_type,
            message_id: "\"k1@mms.a.example\"".into(),
            transaction_id: "\"t1@mms.a.example\"".into(),
            source: "operator-a".into(),
            source_inside: false,
            intra_mmse: false,
            received_at: 1_769_386_663_000,
            size: 30_000,
        },
        originator: Some("+15555550100/TYPE=PLMN@mms.a.example".into()),
        recipients: vec![
            "+15555550199/TYPE=PLMN@mms.b.example".into(),
            "+15555550188/TYPE=PLMN@mms.b.example".into(),
        ],
        answered: None,
        fields: fields.iter().map(|&(name, value)| (name, value.to_owned())).collect(),
        previously_sent_by: Vec::new(),
        parts: Vec::new(),
    }
}

#[test]
fn each_event_makes_the_record_of_its_role() {
    use MessageType::*;
    let sent = delivery(250);
    // Message type; then what arrival and delivery make as originator, and as recipient.
    let table = [
        (
            ForwardRequest,
            None,
            Some(RecordType::O4frq),
            Some(RecordType::R4f),
            None,
        ),
        (ForwardResponse, Some(RecordType::O4frs), None, None, None),
        (
            DeliveryReportRequest,
            Some(RecordType::O4d),
            None,
            None,
            Some(RecordType::R4drq),
        ),
        (DeliveryReportResponse, None, None, Some(RecordType::R4drs), None),
        (
            ReadReplyReportRequest,
            Some(RecordType::O4r),
            None,
            None,
            Some(RecordType::R4rrq),
        ),
        (ReadReplyReportResponse, None, None, Some(RecordType::R4rrs), None),
        (Other, None, None, None, None),
    ];
    for (message, originator_in, originator_out, recipient_in, recipient_out) in table {
        let made = |role, event: &Event| record_type(&settings(role, &[]), event, message, "operator-a");
        assert_eq!(made(Role::Originator, &Event::Arrived), originator_in, "{message:?}");
        assert_eq!(
            made(Role::Originator, &Event::Delivered(&sent)),
            originator_out,
            "{message:?}"
        );
        assert_eq!(made(Role::Recipient, &Event::Arrived), recipient_in, "{message:?}");
        assert_eq!(
            made(Role::Recipient, &Event::Delivered(&sent)),
            recipient_out,
            "{message:?}"
        );
        assert_eq!(made(Role::Relay, &Event::Arrived), Some(RecordType::RelayIn));
        assert_eq!(made(Role::Relay, &Event::Delivered(&sent)), Some(RecordType::RelayOut));
        assert_eq!(made(Role::Relay, &Event::Failed(&sent)), Some(RecordType::RelayFailed));
    }
}

#[test]
fn what_was_refused_late_has_the_record_of_its_arrival_with_what_its_sender_hears() {
    let refusal = LateRefusal {
        status: "Error-service-denied".into(),
        text: Some("not here".into()),
    };
    let late = Event::RefusedLate(&refusal);
    for role in [Role::Relay, Role::Originator, Role::Recipient] {
        for message in [MessageType::ForwardRequest, MessageType::ForwardResponse] {
            let made = |event: &Event| record_type(&settings(role, &[]), event, message, "operator-a");
            assert_eq!(made(&late), made(&Event::Arrived), "{role:?} {message:?}");
        }
    }
    let made = facts(MessageType::ForwardRequest, &[]).record(RecordType::RelayIn, &late);
    assert_eq!(made.record.status_code.as_deref(), Some("Error-service-denied"));
    assert_eq!(made.record.status_text.as_deref(), Some("not here"));
    assert!(made.when_answered, "whoever was answered before has heard that");
    let report = [("X-Mms-MM-Status-Code", "Retrieved")];
    let made = facts(MessageType::DeliveryReportRequest, &report).record(RecordType::O4d, &late);
    assert_eq!(made.record.status_code.as_deref(), Some("Retrieved"));
    assert!(!made.when_answered);
}

#[test]
fn a_failure_is_recorded_only_where_the_delivery_would_have_been() {
    let refused = delivery(550);
    let made = |role, message| record_type(&settings(role, &[]), &Event::Failed(&refused), message, "operator-a");
    assert_eq!(
        made(Role::Originator, MessageType::ForwardRequest),
        Some(RecordType::RelayFailed)
    );
    assert_eq!(made(Role::Recipient, MessageType::ForwardRequest), None);
}

#[test]
fn only_what_crosses_the_border_is_charged() {
    let sent = delivery(250);
    let originator = settings(Role::Originator, &["rs-1"]);
    let forward = MessageType::ForwardRequest;
    assert_eq!(
        record_type(&originator, &Event::Delivered(&sent), forward, "rs-1"),
        Some(RecordType::O4frq)
    );
    assert_eq!(
        record_type(&originator, &Event::Delivered(&sent), forward, "operator-b"),
        None
    );
    let recipient = settings(Role::Recipient, &["rs-1"]);
    assert_eq!(
        record_type(&recipient, &Event::Arrived, forward, "operator-b"),
        Some(RecordType::R4f)
    );
    assert_eq!(record_type(&recipient, &Event::Arrived, forward, "rs-1"), None);
}

#[test]
fn what_the_relay_says_itself_has_not_come_in_and_goes_out_as_from_inside() {
    let (sent, report) = (delivery(250), MessageType::DeliveryReportRequest);
    for (role, inside, sent_makes) in [
        (Role::Relay, &[][..], RecordType::RelayOut),
        (Role::Recipient, &[], RecordType::R4drq),
        (Role::Recipient, &["rs-1"], RecordType::R4drq),
    ] {
        let made = |event: &Event| record_type(&settings(role, inside), event, report, RELAY);
        assert_eq!(made(&Event::Arrived), None, "{role:?}");
        assert_eq!(made(&Event::Delivered(&sent)), Some(sent_makes), "{role:?}");
    }
}

#[test]
fn fields_come_from_what_the_message_says() {
    let facts = facts(
        MessageType::ForwardRequest,
        &[
            ("X-Mms-Message-Type", "MM4_forward.REQ"),
            ("Content-Type", "multipart/related;Start=\"<smil>\""),
            ("Date", "Mon, 26 Jan 2026 00:17:43 +0200"),
            ("X-Mms-Message-Class", "Personal"),
            ("X-Mms-Priority", "High"),
            ("X-Mms-Expiry", "600"),
            ("X-Mms-Delivery-Report", "Yes"),
            ("X-Mms-Read-Reply", "Yes"),
            ("X-Mms-Ack-Request", "Yes"),
            ("X-Mms-Sender-Visibility", "Hide"),
            ("X-Mms-Forward-Counter", "2"),
        ],
    );
    let Record {
        record,
        more,
        when_answered,
    } = facts.record(RecordType::RelayIn, &Event::Arrived);
    assert!(!when_answered, "the relay has taken it over");
    let expected = ChargingRecord {
        record_type: RecordType::RelayIn,
        message_id: "\"k1@mms.a.example\"".into(),
        transaction_id: Some("\"t1@mms.a.example\"".into()),
        source_peer: Some("operator-a".into()),
        destination_peer: None,
        intra_mmse: Some(false),
        originator: Some("+15555550100/TYPE=PLMN@mms.a.example".into()),
        recipients: facts.recipients.clone(),
        content_type: Some("multipart/related;Start=\"<smil>\"".into()),
        message_size: Some(30_000),
        message_class: Some("Personal".into()),
        priority: Some("High".into()),
        submission_time: Some("Mon, 26 Jan 2026 00:17:43 +0200".into()),
        expiry: Some("600".into()),
        delivery_report_requested: Some(true),
        read_reply_requested: Some(true),
        acknowledgement_requested: Some(true),
        sender_hidden: Some(true),
        forward_counter: Some(2),
        status_code: Some("Ok".into()),
        status_text: None,
    };
    assert_eq!(record, expected);
    let more: Vec<(&str, &str)> = more
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let expected = [
        ("message-type", "MM4_forward.REQ"),
        ("message-id-unquoted", "k1@mms.a.example"),
        ("transaction-id-unquoted", "t1@mms.a.example"),
    ];
    assert_eq!(more, expected);
}

/// A field that the contract's record has no place for.
fn further(record: &Record, name: &str) -> Option<String> {
    let field = record.more.iter().find(|(known, _)| known == name);
    field.map(|(_, value)| value.clone())
}

#[test]
fn the_record_of_a_request_at_the_recipients_side_waits_for_its_status() {
    let record = facts(MessageType::ForwardRequest, &[]).record(RecordType::R4f, &Event::Arrived);
    assert!(record.when_answered);
}

#[test]
fn parts_subject_and_those_who_sent_it_before_are_listed() {
    let mut facts = facts(
        MessageType::ForwardRequest,
        &[("Subject", "Hello"), ("X-Mms-3GPP-MMS-Version", "6.10.0")],
    );
    facts.parts = vec![("image/jpeg".into(), 30_123), ("text/plain".into(), 55)];
    facts.previously_sent_by = vec![
        "2, +15555550102/TYPE=PLMN@mms.c.example".into(),
        "1, <+15555550101/TYPE=PLMN@mms.b.example>".into(),
        "no number, nobody".into(),
    ];
    let record = facts.record(RecordType::R4f, &Event::Arrived);
    let further = |name| further(&record, name);
    assert_eq!(further("components").as_deref(), Some("image/jpeg:30123 text/plain:55"));
    assert_eq!(further("subject-size").as_deref(), Some("5"));
    assert_eq!(further("mms-version").as_deref(), Some("6.10.0"));
    assert_eq!(
        further("previously-sent-by").as_deref(),
        Some("+15555550101/TYPE=PLMN@mms.b.example +15555550102/TYPE=PLMN@mms.c.example")
    );
}

#[test]
fn a_list_too_long_for_a_record_ends_with_a_whole_item() {
    let mut facts = facts(MessageType::ForwardRequest, &[]);
    facts.parts = vec![("application/octet-stream".into(), 1); 100];
    let record = facts.record(RecordType::R4f, &Event::Arrived);
    let list = further(&record, "components").expect("a list");
    assert!(
        list.len() <= LONGEST_STRING && list.len() > LONGEST_STRING - 40,
        "{}",
        list.len()
    );
    assert!(
        list.split(' ').all(|part| part == "application/octet-stream:1"),
        "{list}"
    );
}

#[test]
fn a_report_that_was_sent_on_says_its_own_status_beside_the_next_hops() {
    let said = [
        ("X-Mms-MM-Status-Code", "Expired"),
        ("X-Mms-Status-Text", "switched off"),
    ];
    let facts = facts(MessageType::DeliveryReportRequest, &said);
    let sent = delivery(250);
    let record = facts.record(RecordType::R4drq, &Event::Delivered(&sent));
    assert_eq!(record.record.status_code.as_deref(), Some("250"));
    assert_eq!(further(&record, "report-status").as_deref(), Some("Expired"));
    assert_eq!(further(&record, "report-status-text").as_deref(), Some("switched off"));
    let arrived = facts.record(RecordType::O4d, &Event::Arrived);
    assert_eq!(arrived.record.status_code.as_deref(), Some("Expired"));
    assert_eq!(further(&arrived, "report-status"), None);
}

#[test]
fn a_response_that_was_sent_on_says_its_own_status_beside_the_next_hops() {
    let said = [
        ("X-Mms-Request-Status-Code", "Error-service-denied"),
        ("X-Mms-Status-Text", "not here"),
    ];
    let facts = facts(MessageType::ForwardResponse, &said);
    let record = facts.record(RecordType::RelayOut, &Event::Delivered(&delivery(250)));
    assert_eq!(record.record.status_code.as_deref(), Some("250"));
    assert_eq!(
        further(&record, "report-status").as_deref(),
        Some("Error-service-denied")
    );
    assert_eq!(further(&record, "report-status-text").as_deref(), Some("not here"));
}

#[test]
fn what_stays_within_the_mmse_is_marked_or_left_out() {
    let mut summary = facts(MessageType::ForwardRequest, &[]).summary;
    let leaving_out = Settings {
        intra_mmse: IntraMmse::LeaveOut,
        ..settings(Role::Relay, &[])
    };
    assert_eq!(
        leaving_out.record_type(&Event::Arrived, &summary),
        Some(RecordType::RelayIn)
    );
    summary.intra_mmse = true;
    assert_eq!(leaving_out.record_type(&Event::Arrived, &summary), None);
    let marking = settings(Role::Relay, &[]);
    assert_eq!(
        marking.record_type(&Event::Arrived, &summary),
        Some(RecordType::RelayIn)
    );
}

#[test]
fn mandatory_booleans_have_values_when_the_message_says_nothing() {
    let record = facts(MessageType::ForwardRequest, &[])
        .record(RecordType::R4f, &Event::Arrived)
        .record;
    assert_eq!(record.delivery_report_requested, Some(false));
    assert_eq!(record.read_reply_requested, Some(false));
    assert_eq!(record.acknowledgement_requested, Some(false));
    assert_eq!(record.sender_hidden, Some(false));
}

#[test]
fn the_record_of_a_report_names_the_parties_of_the_original_message() {
    let mut facts = facts(
        MessageType::DeliveryReportRequest,
        &[("X-Mms-MM-Status-Code", "Retrieved")],
    );
    facts.recipients.truncate(1);
    let record = facts.record(RecordType::O4d, &Event::Arrived).record;
    assert_eq!(
        record.originator.as_deref(),
        Some("+15555550199/TYPE=PLMN@mms.b.example")
    );
    assert_eq!(record.recipients, ["+15555550100/TYPE=PLMN@mms.a.example"]);
    assert_eq!(record.status_code.as_deref(), Some("Retrieved"));
    let relayed = facts.record(RecordType::RelayIn, &Event::Arrived).record;
    assert_eq!(
        (relayed.originator, relayed.recipients),
        (record.originator, record.recipients),
        "in every role"
    );
}

#[test]
fn the_record_of_a_response_has_its_status_and_no_parties() {
    let headers = [
        ("X-Mms-Request-Status-Code", "Error-service-denied"),
        ("X-Mms-Status-Text", "not here"),
    ];
    let facts = facts(MessageType::ForwardResponse, &headers);
    for record_type in [RecordType::O4frs, RecordType::RelayIn, RecordType::RelayOut] {
        let record = facts.record(record_type, &Event::Arrived).record;
        assert_eq!(
            (record.originator, record.recipients.len()),
            (None, 0),
            "{record_type:?}"
        );
        assert_eq!(record.status_code.as_deref(), Some("Error-service-denied"));
        assert_eq!(record.status_text.as_deref(), Some("not here"));
    }
}

#[test]
fn the_record_of_a_response_is_about_the_message_of_its_request() {
    let request = |message_id: &str| Request {
        message_type: MessageType::ForwardRequest,
        message_id: message_id.into(),
        transaction_id: "\"t1\"".into(),
        source: "operator-b".into(),
    };
    let of = |own: &str, answered: Option<Request>| {
        let mut facts = facts(MessageType::ForwardResponse, &[]);
        facts.summary.message_id = own.into();
        facts.answered = answered;
        let Record { record, more, .. } = facts.record(RecordType::RelayIn, &Event::Arrived);
        let more = |name: &str| {
            let field = more.iter().find(|(known, _)| known == name);
            field.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        (
            record.message_id,
            more("message-id-unquoted"),
            more("response-message-id"),
        )
    };
    let texts = |one: &str, two: &str, three: &str| (one.to_owned(), two.to_owned(), three.to_owned());
    let known = || Some(request("\"k1\""));
    assert_eq!(of("mbuni-7", known()), texts("\"k1\"", "k1", "mbuni-7"));
    assert_eq!(of("k1", known()), texts("\"k1\"", "k1", ""));
    assert_eq!(of("", known()), texts("\"k1\"", "k1", ""));
    assert_eq!(of("\"mbuni-7\"", None), texts("\"mbuni-7\"", "mbuni-7", ""));
}

#[test]
fn an_outcome_is_recorded_with_its_peer_and_reply() {
    let refused = delivery(550);
    let record = facts(MessageType::ForwardRequest, &[])
        .record(RecordType::RelayFailed, &Event::Failed(&refused))
        .record;
    assert_eq!(record.destination_peer.as_deref(), Some("operator-b"));
    assert_eq!(record.status_code.as_deref(), Some("550"));
    assert_eq!(record.status_text.as_deref(), Some("queued"));
}

#[test]
fn a_destination_that_was_never_reached_has_no_code() {
    let silent = Delivery {
        text: "no route to host".into(),
        ..delivery(0)
    };
    let record = facts(MessageType::ForwardRequest, &[])
        .record(RecordType::RelayFailed, &Event::Failed(&silent))
        .record;
    assert_eq!(
        (record.status_code.as_deref(), record.status_text.as_deref()),
        (None, Some("no route to host"))
    );
}

#[test]
fn a_counter_that_is_no_number_is_left_out_and_loses_nothing_else() {
    let facts = facts(
        MessageType::ForwardRequest,
        &[("X-Mms-Forward-Counter", "many"), ("X-Mms-Priority", "Low")],
    );
    let record = facts.record(RecordType::R4f, &Event::Arrived).record;
    assert_eq!(
        (record.forward_counter, record.priority.as_deref()),
        (None, Some("Low"))
    );
}

#[test]
fn a_string_too_long_for_a_record_is_cut_between_characters() {
    let long = "\u{e4}".repeat(700);
    let record = facts(MessageType::ForwardRequest, &[("Content-Type", &long)])
        .record(RecordType::R4f, &Event::Arrived)
        .record;
    assert_eq!(record.content_type.map(|text| text.len()), Some(LONGEST_STRING));
    assert_eq!(clipped(&format!("x{long}")).len(), LONGEST_STRING - 1);
}

#[test]
fn a_null_sender_is_recorded_as_none() {
    let from_nobody = |message_type| Facts {
        originator: None,
        ..facts(message_type, &[])
    };
    let request = from_nobody(MessageType::ForwardRequest).record(RecordType::RelayIn, &Event::Arrived);
    assert_eq!(request.record.originator, None);
    let report = from_nobody(MessageType::DeliveryReportRequest).record(RecordType::O4d, &Event::Arrived);
    assert!(report.record.recipients.is_empty());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    assert!(settings(Role::Relay, &["rs-1"]).check().unwrap_err().contains("role"));
    assert!(settings(Role::Recipient, &[""]).check().unwrap_err().contains("inside"));
    assert!(settings(Role::Recipient, &["rs-1"]).check().is_ok());
}
