//! Tests of `pdu.rs`.

use bytes::Bytes;

use super::*;

fn header(text: &str) -> Header {
    let fields = text.split_inclusive("\r\n").map(|line| {
        let raw = Bytes::copy_from_slice(line.as_bytes());
        Field::parse(raw).unwrap()
    });
    Header {
        fields: fields.collect(),
    }
}

#[test]
fn a_forward_request_says_all_that_release_6_lets_it_say() {
    let header = header(
        "From: Ann <+15555550100/TYPE=PLMN@mms.a.example>\r\nTo: +15555550201/TYPE=PLMN, x@b.example\r\nCc: 2020\r\n\
             Sender: <+15555550100/TYPE=PLMN@mms.a.example>\r\nDate: Wed, 26 Jan 2022 00:17:43 +0200\r\n\
             Subject: =?utf-8?Q?gr=C3=BCn?=\r\nX-Mms-3GPP-MMS-Version: 6.10.0\r\nX-Mms-Message-Type: mm4_forward.req\r\n\
             X-Mms-Transaction-Id: \"t1@mms.a.example\"\r\nX-Mms-Message-Id: k1\r\nX-Mms-Message-Class: personal\r\n\
             X-Mms-Priority: HIGH\r\nX-Mms-Sender-Visibility: Hide\r\nX-Mms-Expiry: 600 \r\nX-Mms-Delivery-Report: Yes\r\n\
             X-Mms-Originator-R/S-Delivery-Report: No\r\nX-Mms-Read-Reply: no\r\nX-Mms-Ack-Request: \"Yes\"\r\n\
             X-Mms-Originator-System: system-user@mms.a.example\r\nX-Mms-Forward-Counter: 2\r\n\
             X-Mms-Previously-sent-by: 2, +15555550102/TYPE=PLMN\r\nX-Mms-Previously-sent-by: 1, ann@mail.example\r\n\
             X-Mms-Previously-sent-date-and-time: 2, Wed, 26 Jan 2022 00:17:43 GMT\r\nX-Mms-Applic-ID: org.a.game\r\n\
             X-Mms-Reply-Applic-ID: org.a.game2\r\nX-Mms-Aux-Applic-Info: x y\r\nX-Mms-Content-Class: image-rich\r\n\
             X-Mms-Drm-Content: No\r\nX-Mms-Adaptations: Yes\r\n",
    );
    let pdu = Pdu::of(&header);
    let texts = |addresses: Vec<MmsAddress>| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(pdu.kind(), Some(MessageType::ForwardRequest));
    assert_eq!(pdu.from().unwrap().as_str(), "+15555550100/TYPE=PLMN@mms.a.example");
    assert_eq!(
        texts(pdu.recipients()),
        ["+15555550201/TYPE=PLMN", "x@b.example", "2020"]
    );
    assert_eq!(pdu.subject().as_deref(), Some("gr\u{fc}n"));
    assert_eq!(pdu.version().unwrap().major, 6);
    assert_eq!(pdu.transaction_id(), Some("\"t1@mms.a.example\"".into()));
    assert_eq!(pdu.message_id(), Some("k1".into()));
    assert_eq!(pdu.message_class(), Some(MessageClass::Personal));
    assert_eq!(pdu.priority(), Some(Priority::High));
    assert_eq!(pdu.sender_visibility(), Some(Visibility::Hide));
    assert_eq!(pdu.expiry(), Some(Expiry::After(std::time::Duration::from_secs(600))));
    assert_eq!(
        pdu.wants(),
        Wants {
            response: true,
            delivery_report: true,
            read_reply: false
        }
    );
    assert_eq!(pdu.originator_rs_delivery_report(), Some(false));
    assert_eq!(pdu.forward_counter(), Some(2));
    let sent = pdu.previously_sent();
    assert_eq!(sent.iter().map(|sent| sent.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(sent[0].address.as_str(), "ann@mail.example");
    assert!(sent[0].date.is_none() && sent[1].date.is_some());
    assert_eq!(pdu.applic_id().as_deref(), Some("org.a.game"));
    assert_eq!(pdu.reply_applic_id().as_deref(), Some("org.a.game2"));
    assert_eq!(pdu.aux_applic_info().as_deref(), Some("x y"));
    assert_eq!(pdu.content_class(), Some(ContentClass::ImageRich));
    assert_eq!((pdu.drm_content(), pdu.adaptation_allowed()), (Some(false), Some(true)));
    assert_eq!(pdu.missing(), ["Content-Type"]);
}

#[test]
fn reports_and_responses_are_read_under_the_names_that_peers_give_their_fields() {
    let delivery = header(
        "X-Mms-Status: Unrecognized\r\nX-Mms-MM-Status-Extension: Rejection-by-Other-RS\r\nX-Mms-Forward-To-Originator-UA: Yes\r\n",
    );
    assert_eq!(Pdu::of(&delivery).mm_status(), Some(MmStatus::Unrecognised));
    assert_eq!(
        Pdu::of(&delivery).mm_status_extension(),
        Some(StatusExtension::RejectionByOtherRs)
    );
    assert_eq!(Pdu::of(&delivery).forward_to_originator_ua(), Some(true));
    let both = header("X-Mms-Status: Expired\r\nX-Mms-MM-Status-Code: Retrieved\r\n");
    assert_eq!(Pdu::of(&both).mm_status(), Some(MmStatus::Retrieved));
    let read = header("X-Mms-Read-Status: \r\nX-Mms-MM-Read-Status: Read\r\n");
    assert_eq!(Pdu::of(&read).read_status(), Some(ReadStatus::Read));
    let response = header("X-Mms-3GPP-Version: 5.5.0\r\nX-Mms-Request-Status-Code: Error- service-denied\r\nX-Mms-Status-Text: All is\r\n\tgood.\r\n".replace("\r\n\t", " ").as_str());
    assert_eq!(Pdu::of(&response).request_status(), Some(RequestStatus::ServiceDenied));
    assert_eq!(Pdu::of(&response).status_text().as_deref(), Some("All is good."));
    assert_eq!(Pdu::of(&response).version().unwrap().minor, 5);
}

#[test]
fn a_response_goes_to_the_first_address_that_leads_somewhere() {
    let answer = |text: &str| Pdu::of(&header(text)).answer_to().map(|address| address.to_string());
    let system = "X-Mms-Originator-System: PostMaster@mms.a.example\r\n";
    let sender = "Sender: <+15555550100/TYPE=PLMN@mms.a.example>\r\n";
    assert_eq!(
        answer(&format!("{sender}{system}")).as_deref(),
        Some("PostMaster@mms.a.example")
    );
    assert_eq!(answer(sender).as_deref(), Some("+15555550100/TYPE=PLMN@mms.a.example"));
    // VectorCore's, which is no address.
    let odd = "X-Mms-Originator-System: system=mms.a.example;party=1\r\n";
    assert_eq!(
        answer(&format!("{odd}{sender}")).as_deref(),
        Some("+15555550100/TYPE=PLMN@mms.a.example")
    );
    assert_eq!(
        answer("X-Mms-Originator-System: PostMaster\r\n").as_deref(),
        Some("PostMaster")
    );
    assert_eq!(answer("From: +15555550100\r\n"), None);
    assert_eq!(answer(odd), None);
    let envelope = MmsAddress::new("+15555550100@mms.a.example").unwrap();
    let or = |text: &str| {
        Pdu::of(&header(text))
            .answer_to_or(Some(&envelope))
            .map(|address| address.to_string())
    };
    for nowhere in [
        "",
        odd,
        "X-Mms-Originator-System: undisclosed:;\r\n",
        "X-Mms-Originator-System: PostMaster\r\n",
    ] {
        assert_eq!(or(nowhere).as_deref(), Some(envelope.as_str()), "{nowhere}");
    }
    assert_eq!(or(system).as_deref(), Some("PostMaster@mms.a.example"));
}

#[test]
fn what_a_field_states_is_in_the_words_of_the_standard() {
    let stated = |line: &str, name: &str| Pdu::of(&header(&format!("{line}\r\n"))).stated(name);
    let cases = [
        (
            "X-Mms-Message-Type: \"mm4_FORWARD.req\"",
            "x-mms-message-type",
            "MM4_forward.REQ",
        ),
        ("X-Mms-Message-Type: MM4_x.REQ", "X-Mms-Message-Type", "MM4_x.REQ"),
        ("X-Mms-Transaction-Id: \" t1\" ", "X-Mms-Transaction-ID", "t1"),
        ("X-Mms-3GPP-Version: \"5.5.0\"", "X-Mms-3GPP-MMS-Version", "5.5.0"),
        ("X-Mms-Read-Report: \"yes \"", "X-Mms-Read-Reply", "Yes"),
        ("X-Mms-Ack-Request: NO", "X-Mms-Ack-Request", "No"),
        ("X-Mms-Ack-Request: perhaps", "X-Mms-Ack-Request", "perhaps"),
        (
            "X-Mms-Request-Status-Code: Error- service-denied",
            "X-Mms-Request-Status-Code",
            "Error-service-denied",
        ),
        ("X-Mms-Request-Status-Code: 0", "X-Mms-Request-Status-Code", "Ok"),
        // It counts as another, and is not it.
        (
            "X-Mms-Request-Status-Code: Error-test-failed",
            "X-Mms-Request-Status-Code",
            "Error-test-failed",
        ),
        ("X-Mms-Status: unrecognized", "X-Mms-MM-Status-Code", "Unrecognised"),
        (
            "X-Mms-MM-Read-Status: Deletedwithoutbeingread",
            "X-Mms-Read-Status",
            "Deleted without being read",
        ),
        ("X-Mms-Priority: HIGH", "X-Mms-Priority", "High"),
        ("X-Mms-Expiry: 600 ", "X-Mms-Expiry", "600"),
        ("Subject: \"x\" Y", "subject", "\"x\" Y"),
    ];
    for (line, name, expected) in cases {
        assert_eq!(stated(line, name).as_deref(), Some(expected), "{line}");
    }
    assert_eq!(stated("X-Mms-Priority:", "X-Mms-Priority"), None);
}

#[test]
fn what_cannot_be_read_is_none() {
    let odd = header(
        "X-Mms-Message-Type: MM4_x\r\nX-Mms-Priority: urgent\r\nX-Mms-Forward-Counter: -1\r\nX-Mms-Ack-Request: maybe\r\n\
             X-Mms-Previously-Sent-By: +1555\r\nX-Mms-Previously-Sent-By: x, y\r\nFrom: two words\r\nDate: today\r\n",
    );
    let pdu = Pdu::of(&odd);
    assert_eq!(pdu.kind(), Some(MessageType::Other));
    assert_eq!(
        (pdu.priority(), pdu.forward_counter(), pdu.ack_request()),
        (None, None, None)
    );
    assert_eq!(
        (pdu.previously_sent(), pdu.from(), pdu.date()),
        (Vec::new(), None, None)
    );
    assert_eq!(pdu.wants(), Wants::default());
    assert!(pdu.missing().is_empty());
    assert_eq!(Pdu::of(&Header::default()).kind(), None);
}
