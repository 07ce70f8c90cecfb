//! Each row: what a request asked for, what happened, and what its sender is told then.

mod records;

use super::*;
use crate::message::transaction::{RepeatKey, TransactionKey, Wants};
use crate::message::{MessageId, MessageType, MmsAddress, Ordinal, PeerName, Place, RecipientId};

const RESPONSE: Wants = Wants {
    response: true,
    delivery_report: false,
    read_reply: false,
};

const NOTHING: Wants = Wants {
    response: false,
    ..RESPONSE
};

fn at(seconds: u64) -> Timestamp {
    Timestamp(seconds * 1000)
}

fn answer(status: &str) -> Answer {
    Answer {
        status: status.into(),
        text: None,
        at: at(5),
        host: None,
    }
}

fn n(ordinal: u32) -> Ordinal {
    Ordinal::new(ordinal).unwrap()
}

fn leg(ordinal: u32, recipients: &[u32]) -> Leg {
    let recipient = |id: &u32| Recipient {
        id: RecipientId(*id),
        address: MmsAddress::new(&format!("+1555555010{id}@mms.b.example")).unwrap(),
    };
    let peer = PeerName::new("b").unwrap();
    let at = match Ordinal::new(ordinal) {
        Some(ordinal) => Place::Destination { ordinal, peer },
        None => Place::Aside(peer.into()),
    };
    Leg::new(at, recipients.iter().map(recipient).collect(), LegState::Waiting)
}

fn request(wants: Wants, mode: Mode, legs: &[Leg]) -> Transaction {
    let mut made = Transaction {
        id: MessageId(1),
        kind: MessageType::ForwardRequest,
        source: PeerName::new("a").unwrap(),
        transaction_id: "\"t1@mms.a.example\"".into(),
        message_id: "\"k1@mms.a.example\"".into(),
        version: None,
        answer_to: None,
        sender: None,
        originator: None,
        wants,
        mode,
        received_at: at(1),
        forget_at: at(1000),
        repeat: RepeatKey(7),
        body: 0,
        like: None,
        legs: Vec::new(),
        response: ResponseState::NotSent,
        revision: 0,
        next: None,
        records: Vec::new(),
    };
    made.apply(&Change::Legs { legs: legs.to_vec() });
    made
}

fn delivered(ordinal: u32) -> Change {
    Change::Leg {
        ordinal: n(ordinal),
        state: LegState::Delivered { at: at(2) },
    }
}

fn answered(ordinal: u32, status: &str) -> Change {
    Change::Leg {
        ordinal: n(ordinal),
        state: LegState::Answered { answer: answer(status) },
    }
}

fn refused(ordinal: u32, recipients: &[u32]) -> Change {
    Change::Refused {
        ordinal: n(ordinal),
        recipients: recipients.iter().copied().map(RecipientId).collect(),
        answer: answer("Error-service-denied"),
        cause: Cause::Refused,
    }
}

fn timed_out(ordinal: u32) -> Change {
    Change::Leg {
        ordinal: n(ordinal),
        state: LegState::TimedOut { at: at(9) },
    }
}

fn told(status: &str) -> Change {
    Change::Told { answer: answer(status) }
}

fn reported(leg: usize, recipients: &[u32]) -> Change {
    Change::Reported {
        leg,
        recipients: recipients.iter().copied().map(RecipientId).collect(),
        to_nobody: false,
    }
}

/// In a word: `-`, `RES status`, or `lost` with the leg's place, the recipients and the cause.
fn news(transaction: &Transaction) -> String {
    let telling = matches!(transaction.next, Some(Task { what: Todo::Tell, .. }));
    assert_eq!(telling, transaction.news().is_some(), "news and only news are due");
    match transaction.news() {
        None => "-".into(),
        Some(News::Answer(answer)) => format!("RES {}", answer.status),
        Some(News::Failure {
            leg, recipients, cause, ..
        }) => {
            let ids: Vec<u32> = recipients.iter().map(|r| r.id.0).collect();
            format!("lost {leg} {ids:?} {cause:?}")
        }
    }
}

fn after(transaction: &Transaction, changes: &[Change]) -> String {
    let mut changed = transaction.clone();
    for change in changes {
        changed.apply(change);
    }
    news(&changed)
}

#[test]
fn one_next_hop_in_transparent_mode() {
    let asked = request(RESPONSE, Mode::Transparent, &[leg(1, &[1, 2])]);
    for (changes, expected) in [
        (vec![], "-"),
        (vec![delivered(1)], "-"),
        (vec![answered(1, "Ok")], "RES Ok"),
        (vec![delivered(1), answered(1, "Ok"), told("Ok")], "-"),
        (vec![timed_out(1)], "-"),
        (vec![refused(1, &[1, 2])], "RES Error-service-denied"),
        // One recipient is refused, the other taken: the answer waits for the response, and tells the worst.
        (vec![delivered(1), refused(1, &[2])], "-"),
        (
            vec![delivered(1), refused(1, &[2]), answered(1, "Ok")],
            "RES Error-service-denied",
        ),
        (
            vec![
                delivered(1),
                refused(1, &[2]),
                answered(1, "Ok"),
                told("Error-service-denied"),
            ],
            "-",
        ),
        // Told once, whatever comes later.
        (
            vec![
                refused(1, &[1, 2]),
                told("Error-service-denied"),
                answered(1, "Error-x"),
            ],
            "-",
        ),
    ] {
        assert_eq!(after(&asked, &changes), expected, "{changes:?}");
    }
}

#[test]
fn several_next_hops_have_one_answer_the_worst() {
    let asked = request(RESPONSE, Mode::Transparent, &[leg(1, &[1]), leg(2, &[2])]);
    for (changes, expected) in [
        (vec![answered(1, "Ok")], "-"),
        (vec![answered(1, "Ok"), answered(2, "ok")], "RES Ok"),
        (
            vec![
                answered(1, "Error-network-problem"),
                answered(2, "Error-content-not-accepted"),
            ],
            "RES Error-content-not-accepted",
        ),
        (
            vec![answered(1, "Ok"), answered(2, "Error-network-problem")],
            "RES Error-network-problem",
        ),
        (
            vec![answered(1, "Ok"), delivered(2), timed_out(2)],
            "RES Error-network-problem",
        ),
        (vec![answered(1, "Ok"), refused(2, &[2])], "RES Error-service-denied"),
        // Late: the answer was given.
        (
            vec![
                answered(1, "Ok"),
                timed_out(2),
                told("Error-network-problem"),
                answered(2, "Error-x"),
            ],
            "-",
        ),
    ] {
        assert_eq!(after(&asked, &changes), expected, "{changes:?}");
    }
}

#[test]
fn a_request_that_asked_for_no_response_is_told_of_failures_alone() {
    let asked = request(NOTHING, Mode::Transparent, &[leg(1, &[1]), leg(2, &[2, 3])]);
    for (changes, expected) in [
        (vec![delivered(1), delivered(2)], "-"),
        (vec![refused(1, &[1])], "lost 0 [1] Refused"),
        (vec![refused(2, &[3])], "lost 2 [3] Refused"),
        (vec![refused(2, &[3]), reported(2, &[3])], "-"),
        (vec![refused(2, &[2, 3]), reported(1, &[2])], "lost 1 [3] Refused"),
        (vec![answered(1, "Error-x"), told("Error-x")], "-"),
    ] {
        assert_eq!(after(&asked, &changes), expected, "{changes:?}");
    }
}

#[test]
fn pre_acknowledge_answers_at_once_and_tells_late_failures() {
    let asked = request(RESPONSE, Mode::PreAcknowledge, &[leg(1, &[1])]);
    assert_eq!(news(&asked), "RES Ok");
    for (changes, expected) in [
        (vec![told("Ok")], "-"),
        (vec![told("Ok"), delivered(1), answered(1, "Ok")], "-"),
        (vec![told("Ok"), answered(1, "Error-x")], "lost 0 [1] AnsweredNo"),
        (vec![told("Ok"), delivered(1), timed_out(1)], "lost 0 [1] NoAnswer"),
        // It failed before the answer went out: then the answer says so, and that is all.
        (vec![refused(1, &[1])], "RES Error-service-denied"),
        (vec![refused(1, &[1]), told("Error-service-denied")], "-"),
        // The answer was on its way already.
        (vec![refused(1, &[1]), told("Ok")], "lost 0 [1] Refused"),
    ] {
        assert_eq!(after(&asked, &changes), expected, "{changes:?}");
    }
    let unfinished = request(RESPONSE, Mode::PreAcknowledge, &[]);
    assert_eq!(after(&unfinished, &[delivered(1)]), "RES Ok");
}

#[test]
fn held_and_discarded_messages_look_taken_and_what_becomes_of_them_later_is_told_as_a_failure() {
    let mut aside = leg(0, &[1]);
    aside.state = LegState::Answered { answer: answer("Ok") };
    let held = request(RESPONSE, Mode::Transparent, &[aside]);
    assert_eq!(news(&held), "RES Ok");
    let released = [
        told("Ok"),
        Change::Legs {
            legs: vec![leg(1, &[1])],
        },
    ];
    assert_eq!(after(&held, &released), "-");
    let lost = [&released[..], &[refused(1, &[1])]].concat();
    assert_eq!(after(&held, &lost), "lost 1 [1] Refused");
}

#[test]
fn a_repeat_of_an_answered_request_makes_the_answer_due_once_more() {
    let again = Change::CameAgain { at: at(7) };
    let asked = request(RESPONSE, Mode::Transparent, &[leg(1, &[1])]);
    assert_eq!(
        after(&asked, std::slice::from_ref(&again)),
        "-",
        "there is no answer yet"
    );
    let changes = [answered(1, "Error-x"), told("Error-x"), again.clone()];
    assert_eq!(after(&asked, &changes), "RES Error-x");
    assert_eq!(after(&asked, &[&changes[..], &[told("Error-x")]].concat()), "-");
}

#[test]
fn a_change_that_comes_twice_or_too_late_changes_nothing() {
    let mut first = request(RESPONSE, Mode::Transparent, &[leg(1, &[1, 2])]);
    for change in [refused(1, &[2]), answered(1, "Ok")] {
        first.apply(&change);
        let once = first.clone();
        first.apply(&change);
        assert_eq!(first, once, "{change:?}");
    }
    for late in [delivered(1), timed_out(1), refused(1, &[1]), answered(1, "Error-x")] {
        let before = first.clone();
        first.apply(&late);
        assert_eq!(first, before, "{late:?}");
    }
    let unknown = first.clone();
    first.apply(&delivered(9));
    assert_eq!(first, unknown);
}

#[test]
fn the_relay_looks_after_responses_only_where_nobody_else_would_miss_them() {
    let due = at(60);
    let armed = |wants, mode, legs: &[Leg]| {
        let mut asked = request(wants, mode, legs);
        asked.apply(&told("Ok"));
        if mode == Mode::Transparent {
            asked.response = ResponseState::NotSent;
        }
        asked.next = None;
        asked.apply(&Change::Await { due });
        asked.next.is_some()
    };
    let (one, two) = ([leg(1, &[1])], [leg(1, &[1]), leg(2, &[2])]);
    assert!(!armed(RESPONSE, Mode::Transparent, &one));
    assert!(armed(RESPONSE, Mode::Transparent, &two));
    assert!(!armed(NOTHING, Mode::Transparent, &two));
    assert!(armed(NOTHING, Mode::PreAcknowledge, &one));
}

#[test]
fn a_leg_that_is_asked_again_is_not_overdue_before_it_is_delivered_again() {
    let mut asked = request(NOTHING, Mode::PreAcknowledge, &[leg(1, &[1])]);
    asked.apply(&delivered(1));
    assert_eq!(asked.unanswered().count(), 1);
    asked.apply(&Change::Repeated {
        ordinal: n(1),
        at: at(300),
    });
    assert_eq!((asked.unanswered().count(), asked.legs[0].repeats), (0, 1));
    asked.apply(&delivered(1));
    assert_eq!(asked.unanswered().count(), 1);
}

#[test]
fn the_sooner_time_counts_and_news_come_before_waiting() {
    let mut asked = request(RESPONSE, Mode::Transparent, &[leg(1, &[1]), leg(2, &[2])]);
    for due in [60, 90, 30] {
        asked.apply(&Change::Await { due: at(due) });
    }
    assert_eq!(asked.next.unwrap().due, at(30));
    asked.apply(&answered(1, "Ok"));
    asked.apply(&answered(2, "Ok"));
    asked.apply(&Change::Await { due: at(1) });
    assert_eq!(
        asked.next,
        Some(Task {
            due: at(5),
            what: Todo::Tell
        })
    );
}

/// Telling takes the place of waiting: whoever has told asks for the wait anew, and where nobody waits that is nothing.
#[test]
fn what_was_told_can_be_followed_by_a_wait() {
    for (mode, waits) in [(Mode::PreAcknowledge, true), (Mode::Transparent, false)] {
        let mut asked = request(RESPONSE, mode, &[leg(1, &[1])]);
        asked.apply(&delivered(1));
        asked.apply(&Change::Await { due: at(30) });
        asked.apply(&told("Ok"));
        assert_eq!(asked.next, None, "{mode:?}");
        asked.apply(&Change::Await { due: at(40) });
        assert_eq!(asked.next.is_some(), waits, "{mode:?}");
    }
}

#[test]
fn it_is_found_by_what_responses_repeats_and_reports_bring() {
    let mut minted = leg(2, &[2]);
    minted.transaction_id = Some("001-2@relay.example".into());
    let asked = request(RESPONSE, Mode::Transparent, &[leg(1, &[1]), minted, leg(0, &[3])]);
    let b = PeerName::new("b").unwrap();
    assert_eq!(
        asked.keys(),
        [
            asked.asked(&b, Some(&"t1@mms.a.example".into())),
            asked.asked(&b, Some(&"\"001-2@relay.example\"".into())),
            TransactionKey::Repeat(RepeatKey(7)),
            TransactionKey::Message {
                message_id: "k1@mms.a.example".into()
            },
        ]
    );
    assert_eq!(
        asked.leg_asked(&b, &"t1@mms.a.example".into()).unwrap().ordinal(),
        Ordinal::new(1)
    );
    assert_eq!(
        asked.leg_asked(&b, &"001-2@relay.example".into()).unwrap().ordinal(),
        Ordinal::new(2)
    );
    assert!(asked.leg_asked(&asked.source, &"t1@mms.a.example".into()).is_none());
}

#[test]
fn a_request_came_to_nothing_when_nobody_got_it_and_no_response_tells_of_it() {
    let failed = |wants, legs: &[u32]| {
        let mut made = request(wants, Mode::Transparent, &[leg(1, &[1]), leg(2, &[2])]);
        for ordinal in legs {
            made.apply(&refused(*ordinal, &[*ordinal]));
        }
        made.came_to_nothing()
    };
    assert!(failed(NOTHING, &[1, 2]));
    assert!(!failed(NOTHING, &[1]), "the other may get it");
    assert!(!failed(RESPONSE, &[1, 2]), "its copy gets the same response");
    let nowhere_yet = request(NOTHING, Mode::Transparent, &[]);
    assert!(!nowhere_yet.came_to_nothing(), "it may still be in its plug-ins");
}

#[test]
fn a_revision_counts_what_decides_what_the_asking_peer_is_told() {
    let before = request(Wants::default(), Mode::Transparent, &[leg(1, &[0])]);
    let after = |change: Change| {
        let mut after = before.clone();
        after.apply(&change);
        after.revised(&before).revision
    };
    assert_eq!(after(delivered(1)), 0, "that a next hop took it is no news");
    assert_eq!(after(Change::Next { task: None }), 0);
    let answer = Answer::ok(at(5));
    assert_eq!(after(Change::Told { answer: answer.clone() }), 1);
    let state = LegState::Answered { answer };
    assert_eq!(
        after(Change::Leg {
            ordinal: Ordinal::FIRST,
            state,
        }),
        1
    );
}
