//! Tests of `values.rs`.

use super::*;

#[test]
fn every_name_that_we_write_is_read_as_itself() {
    for (status, _) in REQUEST_STATUSES {
        assert_eq!(RequestStatus::read(status.name()), Some(status));
    }
    for (status, _) in MM_STATUSES {
        assert_eq!(MmStatus::read(status.name()), Some(status));
    }
    for (extension, _) in STATUS_EXTENSIONS {
        assert_eq!(StatusExtension::read(extension.name()), Some(extension));
    }
    for (word, class) in ContentClass::WORDS {
        assert_eq!(ContentClass::read(word), Some(*class));
    }
    for (status, _) in READ_STATUSES {
        assert_eq!(ReadStatus::read(status.name()), Some(status));
    }
    for (class, _) in CLASSES {
        assert_eq!(MessageClass::read(class.name()), Some(class));
    }
    for (priority, _) in PRIORITIES {
        assert_eq!(Priority::read(priority.name()), Some(priority));
    }
    for (visibility, _) in VISIBILITIES {
        assert_eq!(Visibility::read(visibility.name()), Some(visibility));
    }
}

#[test]
fn request_statuses_are_read_in_every_spelling_met() {
    let cases = [
        ("ok", RequestStatus::Ok),
        ("\"OK\" ", RequestStatus::Ok),
        ("0", RequestStatus::Ok),
        ("Error- service-denied", RequestStatus::ServiceDenied),
        ("ERROR_SERVICE_DENIED", RequestStatus::ServiceDenied),
        ("err-content-not-accept", RequestStatus::ContentNotAccepted),
        ("Error-test-failed", RequestStatus::Unspecified),
        ("Error", RequestStatus::Unspecified),
        ("Error-transient-network-problem", RequestStatus::NetworkProblem),
        (
            "Error-permanent-message-format-corrupt",
            RequestStatus::MessageFormatCorrupt,
        ),
        (
            "Error-permanent-reply-charging-limitations-not-met",
            RequestStatus::Unspecified,
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(RequestStatus::read(text), Some(expected), "{text:?}");
    }
    for text in ["", "Okay", "1", "All is good.", &"Error".repeat(100)] {
        assert_eq!(RequestStatus::read(text), None, "{text:?}");
    }
}

#[test]
fn report_values_are_read_in_every_spelling_met() {
    assert_eq!(MmStatus::read("Unrecognized"), Some(MmStatus::Unrecognised));
    assert_eq!(MmStatus::read("FORWARDED"), Some(MmStatus::Forwarded));
    assert_eq!(MmStatus::read("ForwardedToMMBox"), Some(MmStatus::Forwarded));
    assert_eq!(MmStatus::read("Ok"), None);
    for text in [
        "Deletedwithoutbeingread",
        "Deleted without being read",
        "deleted-without-being-read",
    ] {
        assert_eq!(
            ReadStatus::read(text),
            Some(ReadStatus::DeletedWithoutBeingRead),
            "{text}"
        );
    }
    assert_eq!(
        StatusExtension::read("Rejection-by-Other-RS"),
        Some(StatusExtension::RejectionByOtherRs)
    );
    assert_eq!(
        StatusExtension::read("Rejected-by-recipient"),
        Some(StatusExtension::RejectionByRecipient)
    );
    assert_eq!(StatusExtension::read("Rejected-by-VAS-area-limit"), None);
}

#[test]
fn an_answer_is_ok_when_its_status_is_read_so() {
    let spelled = [
        "Ok", "OK ", "\"ok\"", "o k", "o-k", "0", " \"0\"", "Okay", "1", "", "Error", "Error-Ok",
    ];
    for status in spelled {
        let answer = Answer {
            status: status.into(),
            text: None,
            at: crate::message::Timestamp(0),
            host: None,
        };
        let read = RequestStatus::read(status) == Some(RequestStatus::Ok);
        assert_eq!(answer.is_ok(), read, "{status:?}");
    }
}

#[test]
fn a_peer_is_told_no_value_that_its_release_does_not_know() {
    for (version, expected) in [
        (None, MmStatus::Indeterminate),
        (Some("4.2.0"), MmStatus::Indeterminate),
        (Some("5.5.0"), MmStatus::Indeterminate),
        (Some("\"5\""), MmStatus::Indeterminate),
        (Some("what?"), MmStatus::Indeterminate),
        (Some("6.0.0"), MmStatus::Unreachable),
        (Some("16.1.0"), MmStatus::Unreachable),
    ] {
        assert_eq!(MmStatus::Unreachable.known_to(version), expected, "{version:?}");
        let extension = StatusExtension::RejectionByOtherRs.known_to(version);
        assert_eq!(extension.is_some(), expected == MmStatus::Unreachable, "{version:?}");
    }
    for (status, _) in MM_STATUSES
        .iter()
        .filter(|(status, _)| *status != MmStatus::Unreachable)
    {
        assert_eq!(status.known_to(Some("4.0.0")), *status);
    }
}

#[test]
fn charging_codes_are_those_of_the_standard() {
    assert_eq!(RequestStatus::Unspecified.charging_code(), 4);
    assert_eq!(RequestStatus::UnsupportedMessage.charging_code(), 36);
    assert_eq!(MmStatus::Unrecognised.charging_code(), Some(5));
    assert_eq!(MmStatus::Unreachable.charging_code(), None);
    assert_eq!(ReadStatus::DeletedWithoutBeingRead.charging_code(), 7);
    assert_eq!(MessageClass::Auto.charging_code(), 3);
    assert_eq!(Priority::High.charging_code(), 2);
}

#[test]
fn the_worst_status_is_the_one_that_comes_again() {
    use RequestStatus::{NetworkProblem, Ok, ServiceDenied};
    assert_eq!(RequestStatus::worst([Ok, NetworkProblem, Ok]), Some(NetworkProblem));
    assert_eq!(
        RequestStatus::worst([NetworkProblem, ServiceDenied, Ok]),
        Some(ServiceDenied)
    );
    assert_eq!(RequestStatus::worst([Ok]), Some(Ok));
    assert_eq!(RequestStatus::worst([]), None);
}

#[test]
fn versions_are_read_with_one_to_three_numbers() {
    let version = |text| Version::read(text).map(|v| (v.major, v.minor, v.service));
    assert_eq!(version("6.16.0"), Some((6, 16, 0)));
    assert_eq!(version("\"5.5.0\" "), Some((5, 5, 0)));
    assert_eq!(version("6"), Some((6, 0, 0)));
    assert_eq!(version("6.1"), Some((6, 1, 0)));
    for text in ["", "six", "6.x", "99999999999.0"] {
        assert_eq!(version(text), None, "{text:?}");
    }
}
