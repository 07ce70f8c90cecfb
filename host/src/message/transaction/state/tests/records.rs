//! Charging records that wait for the answer: which status they get, and when.

use serde_json::json;

use super::*;
use crate::message::{Append, StreamName};

fn waiting(wants: Wants, mode: Mode, legs: &[Leg]) -> Transaction {
    let mut made = request(wants, mode, legs);
    made.records.push(WaitingRecord {
        of: MessageId(1),
        entry: Append {
            stream: StreamName::CHARGING,
            plugin: "charging".into(),
            version: "0.1.0".into(),
            record: json!({"record-type": "r4f", "status-code": "Ok"}),
            when_answered: true,
        },
    });
    made
}

/// Status and text of the record that has waited; `None` while it waits.
fn settled(of: &mut Transaction) -> Option<(String, Option<String>)> {
    let records = of.settled();
    let record = &records.first()?.entry.record;
    let text = |key: &str| record[key].as_str().map(str::to_owned);
    Some((text("status-code")?, text("status-text")))
}

fn status(of: &mut Transaction) -> Option<String> {
    settled(of).map(|(status, _)| status)
}

#[test]
fn a_record_has_the_status_of_the_response_and_is_given_out_once() {
    let mut of = waiting(RESPONSE, Mode::Transparent, &[leg(1, &[1])]);
    assert_eq!(status(&mut of), None);
    of.apply(&delivered(1));
    assert_eq!(status(&mut of), None, "delivered is not answered");
    of.apply(&answered(1, "Error-service-denied"));
    assert_eq!(status(&mut of).as_deref(), Some("Error-service-denied"));
    assert_eq!(status(&mut of), None);
    assert!(of.records.is_empty());
}

#[test]
fn nobody_says_more_of_a_request_that_asked_for_no_response_than_that_it_was_taken() {
    let mut of = waiting(NOTHING, Mode::Transparent, &[leg(1, &[1]), leg(2, &[2])]);
    of.apply(&delivered(1));
    assert_eq!(status(&mut of), None, "the other one is under way");
    of.apply(&delivered(2));
    assert_eq!(status(&mut of).as_deref(), Some("Ok"));
}

#[test]
fn of_several_next_hops_the_worst_is_what_the_originator_hears() {
    let mut of = waiting(RESPONSE, Mode::Transparent, &[leg(1, &[1]), leg(2, &[2])]);
    of.apply(&answered(1, "Ok"));
    assert_eq!(status(&mut of), None);
    of.apply(&answered(2, "Error-content-not-accepted"));
    assert_eq!(status(&mut of).as_deref(), Some("Error-content-not-accepted"));
}

#[test]
fn what_the_relay_answers_at_once_is_known_at_once() {
    let mut of = waiting(RESPONSE, Mode::PreAcknowledge, &[leg(1, &[1])]);
    assert_eq!(status(&mut of).as_deref(), Some("Ok"));
}

#[test]
fn a_request_that_was_given_up_has_the_status_of_the_failure() {
    let mut of = waiting(NOTHING, Mode::Transparent, &[leg(1, &[1])]);
    of.apply(&Change::Refused {
        ordinal: n(1),
        recipients: vec![RecipientId(1)],
        answer: answer("Error-message-format-corrupt"),
        cause: Cause::Refused,
    });
    assert_eq!(status(&mut of).as_deref(), Some("Error-message-format-corrupt"));
}

/// A lone next hop may answer as late as it likes; only the record does not wait so long.
#[test]
fn a_record_waits_no_longer_for_a_lone_next_hop_than_its_peer_may_take() {
    let mut of = waiting(RESPONSE, Mode::Transparent, &[leg(1, &[1])]);
    of.apply(&delivered(1));
    of.apply(&Change::Await { due: at(60) });
    let due = of.next.map(|task| (task.due, task.what));
    assert_eq!(due, Some((at(60), Todo::Await)));
    of.apply(&Change::Leg {
        ordinal: n(1),
        state: LegState::TimedOut { at: at(60) },
    });
    let late = (
        "Error-network-problem".to_owned(),
        Some("no response came in time".to_owned()),
    );
    assert_eq!(settled(&mut of), Some(late));
    assert_eq!(of.news(), None, "nobody is told");
    of.apply(&answered(1, "Ok"));
    assert!(
        of.news().is_some() || of.passes_on(),
        "its response is an answer all the same"
    );
    let mut without = request(RESPONSE, Mode::Transparent, &[leg(1, &[1])]);
    without.apply(&delivered(1));
    without.apply(&Change::Await { due: at(60) });
    assert_eq!(without.next, None, "without a record nobody waits");
}

#[test]
fn a_record_whose_request_is_forgotten_says_that_nobody_answered() {
    let mut of = waiting(RESPONSE, Mode::Transparent, &[leg(1, &[1])]);
    let records = of.settled_at_last(at(900));
    assert_eq!(records[0].entry.record["status-code"], "Error-network-problem");
}
