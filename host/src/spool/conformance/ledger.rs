//! The ledger: what opens and ends a recipient leaves a line of its own, whoever does it.

use super::support::*;
use crate::message::{End, RecipientEnd};
use crate::spool::ledger::{Account, Ledger, Moved};
use crate::spool::{Finish, Hold, Selection};

const CONTENT: &str = "Subject: one\r\n\r\nbody";

fn account(ledger: &dyn Ledger, message: MessageId) -> Account {
    let page = ledger.accounts(message, MessageId(message.0 + 1), 10).unwrap();
    page.accounts.get(&message).cloned().unwrap_or_default()
}

/// What moved, for which destination, and whose.
fn moved(ledger: &dyn Ledger, message: MessageId) -> Vec<(Moved, u32, Vec<u32>)> {
    let lines = account(ledger, message).movements.into_iter();
    lines.map(|line| (line.what, line.ordinal, line.recipients)).collect()
}

fn ended(end: End, recipients: &[u32]) -> Vec<RecipientEnd> {
    recipients
        .iter()
        .map(|recipient| RecipientEnd {
            recipient: RecipientId(*recipient),
            end,
        })
        .collect()
}

pub(super) async fn a_message_is_opened_with_what_it_is_and_ended_with_what_became_of_it_and_both_name_their_records(
    stage: &dyn Stage,
) {
    let spool = stage.open();
    let Some(ledger) = stage.ledger() else { return };
    let ledger = &*ledger;
    let number = spool.next_id();
    spool.commit(relayed(number, CONTENT)).await.unwrap();
    let here = account(ledger, number).here;
    assert_eq!(here, [(1, vec![0, 1])].into());
    let charged = Outcome {
        appends: vec![charge("relay-out"), charge("relay-out")],
        ended: ended(End::Delivered, &[0, 1]),
        ..delivered(id(number, 1))
    };
    spool.record(charged).await.unwrap();
    let account = account(ledger, number);
    let [opened, ended] = account.movements.as_slice() else {
        panic!("{account:?}")
    };
    assert_eq!((opened.what, opened.ordinal), (Moved::Opened, 1));
    assert_eq!(opened.peer, Some(peer("operator-b").into()));
    let about = opened.about.as_ref().unwrap();
    assert_eq!(
        (about.source.as_str(), about.size),
        ("operator-a", CONTENT.len() as u64)
    );
    assert_eq!(opened.records.as_ref().unwrap().range(), (1, 1));
    assert_eq!(
        (ended.what, ended.recipients.clone()),
        (Moved::Ended(End::Delivered), vec![0, 1])
    );
    assert_eq!(ended.records.as_ref().unwrap().range(), (2, 3));
    assert!(account.here.is_empty() && !account.owed && account.damaged.is_empty());
    let named = account.movements.iter().filter_map(|line| line.records.as_ref());
    let named: Vec<(u64, u64)> = named.flat_map(|records| records.each().collect::<Vec<_>>()).collect();
    let found: Vec<(u64, u64)> = account
        .records
        .iter()
        .map(|record| (record.sequence, record.sum))
        .collect();
    assert_eq!(named, found, "each is in the spool, as it was written");
}

pub(super) async fn what_an_operator_does_stands_in_the_ledger(stage: &dyn Stage) {
    let spool = stage.open();
    let Some(ledger) = stage.ledger() else { return };
    let ledger = &*ledger;
    let number = spool.next_id();
    spool.commit(relayed(number, CONTENT)).await.unwrap();
    let failed = Outcome {
        ended: ended(End::Refused, &[0, 1]),
        ..outcome(id(number, 1), DeliveryResult::Failed { reason: "no".into() })
    };
    spool.record(failed).await.unwrap();
    let operator = stage.operator();
    operator
        .retry(Selection::Ids(&[QueueId::of(number, 1)]), &by())
        .unwrap();
    // It waits already: that is no movement.
    operator
        .retry(Selection::Ids(&[QueueId::of(number, 1)]), &by())
        .unwrap();
    operator.remove(&[QueueId::of(number, 1)], &by()).unwrap();
    operator.remove(&[QueueId::of(number, 1)], &by()).unwrap();
    let both = vec![0, 1];
    assert_eq!(
        moved(ledger, number),
        [
            (Moved::Opened, 1, both.clone()),
            (Moved::Ended(End::Refused), 1, both.clone()),
            (Moved::Reopened, 1, both.clone()),
            (Moved::Ended(End::Dropped), 1, both),
        ]
    );
}

pub(super) async fn what_was_held_is_carried_on_into_what_it_comes_to(stage: &dyn Stage) {
    let spool = stage.open();
    let Some(ledger) = stage.ledger() else { return };
    let ledger = &*ledger;
    let number = spool.next_id();
    let held = Acceptance {
        hold: Some(Hold::until(NOW, "for later")),
        ..message(number, CONTENT)
    };
    spool.commit(held).await.unwrap();
    assert_eq!(account(ledger, number).here, [(0, vec![0, 1])].into());
    let mut done = relayed(number, CONTENT);
    done.outgoing[0].envelope.recipients.pop();
    done.end_others(&envelope(2).recipients, End::Discarded);
    spool.finish(number, Finish::Done(Box::new(done))).await.unwrap();
    assert_eq!(
        moved(ledger, number),
        [
            (Moved::Opened, 0, vec![0, 1]),
            (Moved::CarriedOn, 0, vec![0, 1]),
            (Moved::Opened, 1, vec![0]),
            (Moved::Opened, 0, vec![1]),
            (Moved::Ended(End::Discarded), 0, vec![1]),
        ]
    );
}

pub(super) async fn a_bounce_ends_what_was_delivered_once(stage: &dyn Stage) {
    let spool = stage.open();
    let Some(ledger) = stage.ledger() else { return };
    let ledger = &*ledger;
    let number = spool.next_id();
    spool.commit(asking(number, 7)).await.unwrap();
    let delivered = Outcome {
        ended: ended(End::Delivered, &[0, 1]),
        ..delivered(id(number, 1))
    };
    spool.record(delivered).await.unwrap();
    let bounce = |number_of_bounce| Acceptance {
        ended: ended(End::Taken, &[0, 1]),
        changes: vec![TransactionChange {
            id: number,
            change: Change::Refused {
                ordinal: Ordinal::FIRST,
                recipients: vec![RecipientId(0), RecipientId(1)],
                answer: Answer {
                    status: "Error-service-denied".into(),
                    text: None,
                    at: NOW,
                    host: None,
                },
                cause: Cause::Refused,
            },
        }],
        ..message(number_of_bounce, "a bounce")
    };
    for _ in 0..2 {
        spool.commit(bounce(spool.next_id())).await.unwrap();
    }
    let bounced: Vec<_> = moved(ledger, number)
        .into_iter()
        .filter(|(what, ..)| *what == Moved::Ended(End::Bounced))
        .collect();
    assert_eq!(bounced, [(Moved::Ended(End::Bounced), 1, vec![0, 1])]);
}
