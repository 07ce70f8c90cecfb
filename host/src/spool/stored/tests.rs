//! The rows of every format that was ever written stay readable, and mean what they meant.

use super::*;
use crate::message::{Answer, Cause, LegState, MessageId, Mode, RecipientId, ResponseState, Timestamp, Todo};

/// What format 3 wrote, one row a line.
const REQUESTS_3: &str = include_str!("../../../../tests/fixtures/spool-3/requests.jsonl");
const EVENTS_3: &str = include_str!("../../../../tests/fixtures/spool-3/events.jsonl");
const ENVELOPES_3: &str = include_str!("../../../../tests/fixtures/spool-3/envelopes.jsonl");
const JOURNEYS_3: &str = include_str!("../../../../tests/fixtures/spool-3/journeys.jsonl");

/// Today's program writes a row of format 3 octet for octet as it was: until a field is added, which has its default.
fn same<T>(
    rows: &str,
    read: impl Fn(&str) -> Result<T, SpoolError>,
    write: impl Fn(&T) -> Result<String, SpoolError>,
) -> Vec<T> {
    let values: Vec<T> = rows
        .lines()
        .map(|row| read(row).unwrap_or_else(|error| panic!("{error}: {row}")))
        .collect();
    assert!(!values.is_empty());
    for (row, value) in rows.lines().zip(&values) {
        assert_eq!(write(value).unwrap(), row);
    }
    values
}

#[test]
fn requests_of_format_3_are_read_with_every_state_cause_and_type() {
    let requests = same(REQUESTS_3, read_request, write_request);
    let kinds: Vec<MessageType> = requests.iter().map(|request| request.kind).collect();
    assert_eq!(
        kinds,
        [
            MessageType::ForwardRequest,
            MessageType::DeliveryReportRequest,
            MessageType::ForwardResponse,
            MessageType::DeliveryReportResponse,
            MessageType::ReadReplyReportRequest,
            MessageType::ReadReplyReportResponse,
            MessageType::Other,
        ]
    );
    let (full, bare) = (&requests[0], &requests[1]);
    let at = Timestamp(1_790_000_000_400);
    assert_eq!(full.transaction_id.as_text(), "\"t-1@mms.a.example\"");
    assert_eq!((full.repeat.0, full.body), (u64::MAX, u128::MAX));
    assert_eq!((full.mode, bare.mode), (Mode::PreAcknowledge, Mode::Transparent));
    assert_eq!((full.wants.response, bare.wants.response), (true, false));
    let task = |request: &Transaction| request.next.map(|task| task.what);
    assert_eq!((task(full), task(bare)), (Some(Todo::Await), Some(Todo::Tell)));
    assert_eq!(full.response, ResponseState::DueAgain(Answer::ok(at)));

    let [waiting, delivered, answered, timed_out, failed @ ..] = full.legs.as_slice() else {
        panic!("{:?}", full.legs)
    };
    assert_eq!(waiting.state, LegState::Waiting);
    assert_eq!(delivered.state, LegState::Delivered { at });
    assert!(matches!(&answered.state, LegState::Answered { answer } if answer.is_ok()));
    assert_eq!(timed_out.state, LegState::TimedOut { at });
    let causes: Vec<Cause> = failed
        .iter()
        .map(|leg| match &leg.state {
            LegState::Failed { cause, .. } => *cause,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        causes,
        [
            Cause::Refused,
            Cause::Unreachable,
            Cause::Expired,
            Cause::NoRoute,
            Cause::Rejected,
            Cause::AnsweredNo,
            Cause::NoAnswer,
        ]
    );
    assert_eq!(
        (failed[1].told.as_slice(), answered.repeats),
        (&[0, 1].map(RecipientId)[..], 2)
    );
    assert_eq!(delivered.transaction_id, Some("\"t-1@mm4.hub.example\"".into()));
}

#[test]
fn histories_of_format_3_are_read_with_every_event() {
    let events = same(EVENTS_3, read_event, write_event);
    let words: Vec<&str> = events
        .iter()
        .map(|event| match event {
            Event::Accepted(_) => "accepted",
            Event::Finished(_) => "finished",
            Event::Later { .. } => "later",
            Event::Refused { .. } => "refused",
            Event::Outcome { .. } => "outcome",
            Event::Settled { .. } => "settled",
            Event::Changed { .. } => "changed",
            Event::Operator { .. } => "operator",
        })
        .collect();
    assert_eq!(
        words,
        [
            "accepted", "accepted", "finished", "later", "refused", "outcome", "outcome", "settled", "changed",
            "operator", "operator",
        ]
    );
    let Event::Accepted(arrival) = &events[0] else {
        panic!("{:?}", events[0])
    };
    assert_eq!(
        (arrival.id, arrival.size, arrival.charged),
        (MessageId(1_790_000_000_000_001), 700, Some((1, 2)))
    );
    assert_eq!(arrival.destinations[1].2.as_deref(), Some("refused by hostile: no"));
    assert_eq!(arrival.hold.as_deref(), Some("deferred 3 times"));
    assert_eq!(events[7].charged(), Some((4, 5)));
}

#[test]
fn envelopes_and_steps_of_format_3_are_read() {
    let envelopes = same(ENVELOPES_3, read_envelope, write_envelope);
    assert_eq!(envelopes[0].recipients[1].id, RecipientId(1));
    assert_eq!(envelopes[1].sender, None);
    let journeys: Vec<Vec<Step>> = JOURNEYS_3.lines().map(|row| read_journey(row).unwrap()).collect();
    assert_eq!(
        (journeys[0][0].body_octets_read, journeys[1][0].body_octets_read),
        (7, 0)
    );
}

#[test]
fn what_is_not_set_takes_no_room_in_the_store() {
    let bare = REQUESTS_3.lines().nth(2).expect("a request without anything");
    assert!(bare.len() < 260, "{} octets: {bare}", bare.len());
    assert_eq!(write_request(&read_request(bare).unwrap()).unwrap(), bare);
}

#[test]
fn an_address_that_was_accepted_once_is_read_however_strict_the_rule_has_become() {
    let long = format!("{}@mms.a.example", "1".repeat(300));
    let row = format!(r#"{{"sender":"{long}","recipients":[]}}"#);
    let sender = read_envelope(&row).unwrap().sender.expect("a sender");
    assert_eq!(sender.as_str(), long);
    assert!(read_envelope(r#"{"sender":"a b\r\nRCPT TO:<c>","recipients":[]}"#).is_err());
}

/// Written by format 4; an earlier version did not say who holds a message.
#[test]
fn holders_and_whom_a_message_was_released_past_are_read() {
    use crate::message::HoldRule;
    let row = r#"[{"plugin":"scanner","rule":"verdict","reason":"looks like fraud"},{"plugin":"adapt","rule":"failure","to":"operator-b","reason":"trap"},{"plugin":"adapt","rule":"deferrals","reason":"deferred 3 times"}]"#;
    let holders = read_holders(Some(row)).unwrap();
    let rules: Vec<HoldRule> = holders.iter().map(|holder| holder.rule).collect();
    assert_eq!(rules, [HoldRule::Verdict, HoldRule::Failure, HoldRule::Deferrals]);
    assert_eq!(holders[1].to.as_ref().map(|peer| peer.as_str()), Some("operator-b"));
    assert_eq!(write_holders(&holders).unwrap().as_deref(), Some(row));
    assert_eq!(read_holders(None).unwrap(), []);
    let past = ["scanner".to_owned(), "adapt".to_owned()];
    assert_eq!(write_past(&past).unwrap().as_deref(), Some(r#"["scanner","adapt"]"#));
    assert_eq!(read_past(Some(r#"["scanner","adapt"]"#)).unwrap(), past);
}
