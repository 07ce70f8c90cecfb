//! One test for each quirk of real peers, on the messages of `tests/golden/quirks`: what it means, and that it leaves
//! as it came. The numbers are those of the files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::samples::{incoming, read_bytes, written};
use super::{
    Cause, Date, Expiry, Foreign, Limits, MmStatus, Pdu, ReadStatus, RequestStatus, Zone, loop_evidence, read,
};
use crate::message::{AddressKind, BareId, Message, MessageType, MmsAddress, Refusal, Timestamp};

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/quirks");
    fs::read(folder.join(format!("{name}.eml"))).unwrap()
}

/// Reads the message, and asserts that it leaves as it came.
fn message(name: &str) -> Message {
    let bytes = bytes(name);
    let message = read_bytes(&bytes).unwrap();
    assert!(written(&message) == bytes, "{name}");
    message
}

fn texts(addresses: &[MmsAddress]) -> Vec<&str> {
    addresses.iter().map(MmsAddress::as_str).collect()
}

fn at(text: &str) -> Timestamp {
    Date::read(text).unwrap().at
}

#[test]
fn quirk_1_names_are_the_same_in_any_case() {
    let message = message("01-ids-spelled-id-and-ID");
    let pdu = Pdu::of(&message.header);
    assert_eq!(pdu.kind(), Some(MessageType::ForwardRequest));
    assert_eq!(pdu.transaction_id(), Some("\"t1@mms.a.example\"".into()));
    assert_eq!(pdu.message_id(), Some("\"k1@w.mms.a.example\"".into()));
    assert!(pdu.missing().is_empty());
}

#[test]
fn quirk_2_ids_are_the_same_with_and_without_quotes_and_kept_as_received() {
    let (quoted, bare) = (message("00-plain-forward-request"), message("02-ids-without-quotes"));
    let (quoted, bare) = (Pdu::of(&quoted.header), Pdu::of(&bare.header));
    for (one, other) in [
        (quoted.transaction_id().unwrap(), bare.transaction_id().unwrap()),
        (quoted.message_id().unwrap(), bare.message_id().unwrap()),
    ] {
        assert_eq!(one.bare(), other.bare());
        assert!(one.is_quoted() && one != other && one.as_text().trim_matches('"') == other.as_text());
    }
}

#[test]
fn quirk_3_ids_may_hold_the_recipient() {
    let message = message("03-ids-per-recipient");
    let pdu = Pdu::of(&message.header);
    assert_eq!(pdu.transaction_id(), pdu.message_id());
    assert_ne!(pdu.message_id().unwrap().bare(), BareId::from("tok8861.+15555550202"));
}

#[test]
fn quirk_4_the_listed_recipients_are_not_those_of_the_envelope() {
    let message = message("04-twenty-recipients-listed");
    assert_eq!(Pdu::of(&message.header).recipients().len(), 20);
    assert_eq!(message.envelope.recipients.len(), 2);
}

#[test]
fn quirk_5_addresses_without_type_and_domain_are_addresses() {
    let request = message("05-addresses-without-type-and-domain");
    let pdu = Pdu::of(&request.header);
    assert_eq!(texts(&pdu.recipients()), ["+15555550201"]);
    assert_eq!(pdu.from().unwrap().kind(), AddressKind::Number);
    let response = message("05-response-from-a-bare-word");
    let pdu = Pdu::of(&response.header);
    assert_eq!(pdu.from().unwrap().as_str(), "PostMaster");
    assert_eq!(pdu.answer_to().unwrap().as_str(), "postmaster@mmsc.b.example");
}

#[test]
fn quirk_6_folds_are_no_part_of_values() {
    let to = message("06-to-folded-with-blank-continuation");
    assert_eq!(
        texts(&Pdu::of(&to.header).recipients()),
        [
            "+15555550201/TYPE=PLMN",
            "+15555550202/TYPE=PLMN",
            "+15555550203/TYPE=PLMN"
        ]
    );
    assert_eq!(message("06-boundary-folded-behind-semicolon").parts.len(), 3);
}

#[test]
fn quirk_7_blanks_around_the_colon_do_not_matter() {
    let none = message("07-no-blank-after-the-colon");
    assert!(none.parts.iter().any(|part| part.content_id.as_deref() == Some("smil")));
    let before = message("07-blanks-before-the-colon");
    assert!(Pdu::of(&before.header).content_class().is_some());
}

#[test]
fn quirk_8_parts_are_found_however_they_are_named() {
    let types = |name: &str| {
        let message = message(name);
        let types = message.parts.iter().map(|part| part.media_type.clone());
        types.collect::<Vec<_>>()
    };
    for name in [
        "08-capitalised-parameters",
        "08-content-ids-without-brackets",
        "08-mixed-with-smil-and-no-start",
    ] {
        assert_eq!(types(name)[..2], ["application/smil", "image/jpeg"], "{name}");
    }
    let bare = message("08-content-ids-without-brackets");
    assert!(bare.parts.iter().all(|part| part.content_id.is_some()));
}

#[test]
fn quirk_9_what_is_missing_is_not_missed() {
    let request = message("09-request-with-only-what-is-needed");
    let pdu = Pdu::of(&request.header);
    assert_eq!(pdu.missing(), ["Sender", "Date", "Content-Type"]);
    assert_eq!(
        (pdu.date(), pdu.expiry(), pdu.priority(), pdu.message_class()),
        (None, None, None, None)
    );
    assert_eq!((pdu.subject(), pdu.sender_visibility()), (None, None));
    assert!(pdu.wants().response);
    let late = message("09-date-after-all-other-fields");
    assert!(Pdu::of(&late.header).date().is_some());
    let empty = message("09-empty-subject");
    assert_eq!(Pdu::of(&empty.header).subject().as_deref(), Some(""));
    let response = message("09-response-without-date-and-mime");
    assert_eq!(Pdu::of(&response.header).request_status(), Some(RequestStatus::Ok));
}

#[test]
fn quirk_10_a_response_may_say_more_than_it_should() {
    let message = message("10-response-with-extra-fields");
    let pdu = Pdu::of(&message.header);
    assert_eq!(pdu.request_status(), Some(RequestStatus::Ok));
    assert_eq!(pdu.status_text().as_deref(), Some("All is good."));
    assert_eq!(message.parts[0].body.size(), 0);
}

#[test]
fn quirk_11_an_expiry_is_relative_or_absolute_and_never_too_early() {
    let relative = message("11-expiry-relative-with-trailing-blank");
    let pdu = Pdu::of(&relative.header);
    assert_eq!(pdu.expiry(), Some(Expiry::After(Duration::from_secs(600))));
    assert_eq!(
        pdu.expiry().unwrap().stated(pdu.date(), Timestamp(0)),
        at("Wed, 26 Jan 2022 00:27:43 +0200")
    );
    // The clock's time of `Date`, which says +0200: meant is two hours before what is said.
    let mislabelled = message("11-expiry-local-time-labelled-gmt");
    let pdu = Pdu::of(&mislabelled.header);
    let latest = pdu.expiry().unwrap().latest(pdu.date(), relative.origin.received_at);
    assert_eq!(latest, at("Wed, 02 Feb 2022 00:17:43 GMT"));
    assert!(latest > at("Wed, 02 Feb 2022 00:17:43 +0200"));
}

#[test]
fn quirk_12_a_first_hop_may_count_one_forwarding() {
    let message = message("12-forwarded-by-on-the-first-hop");
    let pdu = Pdu::of(&message.header);
    assert_eq!(pdu.forward_counter(), Some(1));
    assert!(pdu.previously_sent().is_empty());
    assert_eq!(loop_evidence(&message.header, "relay.example", 1, 10), None);
}

#[test]
fn quirk_13_mail_security_may_bloat_the_header() {
    let message = message("13-security-header-bloat");
    assert_eq!(message.header.all("Received").count(), 5);
    assert_eq!(loop_evidence(&message.header, "relay.example", 1, 10), None);
    assert!(Pdu::of(&message.header).missing().is_empty());
    let long = self::message("13-line-longer-than-998-octets");
    let longest = long.header.fields.iter().map(|field| field.raw().len()).max();
    assert!(longest > Some(1_000));
}

#[test]
fn quirk_14_the_originator_system_is_any_mail_address() {
    let answer_to = |name: &str| {
        let message = message(name);
        Pdu::of(&message.header).answer_to().unwrap().to_string()
    };
    assert_eq!(
        answer_to("14-originator-system-is-a-mailbox"),
        "Ann.Example@mail.a.example"
    );
    assert_eq!(answer_to("00-plain-forward-request"), "PostMaster@mms.a.example");
    assert_eq!(answer_to("10-response-with-extra-fields"), "system-user@mmsc.b.example");
}

#[test]
fn quirk_15_no_version_is_refused() {
    let major = |name: &str| Pdu::of(&message(name).header).version().unwrap().major;
    assert_eq!(major("00-plain-forward-request"), 5);
    assert_eq!(major("15-another-version"), 6);
}

/// Peers refuse unknown types with 501 or 554, responses too. The relay reports the type, and can be told to let it
/// pass.
#[test]
fn quirk_16_unknown_types_are_refused_or_pass() {
    let bytes = bytes("16-unknown-message-type");
    let refusal = read_bytes(&bytes).unwrap_err();
    assert!(matches!(refusal, Refusal::UnknownMessageType { .. }));
    assert_eq!(
        Cause::of_refusal(&refusal).request_status(),
        RequestStatus::UnsupportedMessage
    );
    let limits = Limits {
        unknown_types: Foreign::Pass,
        ..Limits::default()
    };
    let message = read(incoming(&bytes), &limits).unwrap();
    assert_eq!(message.kind, MessageType::Other);
    assert!(written(&message) == bytes);
    for code in [501, 554] {
        assert_eq!(Cause::of_reply(code, None), Cause::Unspecified);
    }
}

#[test]
fn quirk_17_values_and_dates_are_read_in_other_spellings() {
    let read = |name: &str| message(name).header;
    let response = read("17-response-with-a-stray-blank-in-the-status");
    assert_eq!(Pdu::of(&response).request_status(), Some(RequestStatus::ServiceDenied));
    assert_eq!(Pdu::of(&response).date().unwrap().zone, Zone::Unknown);
    let zero = read("17-response-with-status-0");
    assert_eq!(Pdu::of(&zero).request_status(), Some(RequestStatus::Ok));
    assert_eq!(Pdu::of(&zero).version().unwrap().minor, 5);
    let delivery = read("17-delivery-report-in-other-spellings");
    assert_eq!(Pdu::of(&delivery).mm_status(), Some(MmStatus::Unrecognised));
    assert_eq!(Pdu::of(&delivery).date().unwrap().at, at("26 Jan 2022 00:18 GMT"));
    let other = read("17-delivery-report-under-another-name");
    assert_eq!(Pdu::of(&other).mm_status(), Some(MmStatus::Retrieved));
    assert_eq!(Pdu::of(&other).from().unwrap().as_str(), "mms.b.example");
    assert!(Pdu::of(&other).expiry().is_some());
    let read_reply = read("17-read-reply-report-in-other-spellings");
    assert_eq!(
        Pdu::of(&read_reply).read_status(),
        Some(ReadStatus::DeletedWithoutBeingRead)
    );
    assert_eq!(texts(&Pdu::of(&read_reply).recipients()), ["15555550100"]);
    assert_eq!(Pdu::of(&read_reply).date().unwrap().at, at("26 Jan 2022 00:30 GMT"));
    let mm1 = read("17-read-reply-under-the-name-of-mm1");
    assert_eq!(Pdu::of(&mm1).read_reply(), Some(true));
    let script = read("17-dates-of-a-script");
    assert_eq!(Pdu::of(&script).date().unwrap().at, at("25 Jan 2022 22:17:43 GMT"));
    assert!(Pdu::of(&script).expiry().is_some());
    let without_id = read("17-read-reply-response-without-message-id");
    assert_eq!(Pdu::of(&without_id).message_id(), None);
}
