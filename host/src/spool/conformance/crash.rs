//! The program dies during a change: before the change is durable nothing has happened, afterwards everything has,
//! once.

use super::support::*;
use crate::message::KvWrite;

pub(super) async fn a_message_whose_commit_is_cut_off_is_there_as_a_whole_or_not_at_all(stage: &dyn Stage) {
    for (durable, there) in [(false, 0), (true, 1)] {
        let spool = stage.open();
        if !stage.dies(durable) {
            return;
        }
        let number = spool.next_id();
        let mut acceptance = asking(number, u64::from(durable));
        acceptance.kv.push(KvWrite::Increment {
            plugin: "p".into(),
            key: "k".into(),
            by: 1,
        });
        spool.commit(acceptance).await.unwrap_err();
        spool.close().await;
        let spool = stage.open();
        assert_eq!(stage.messages(), there);
        assert_eq!(sequences(&*spool).len() as u64, there);
        assert_eq!(found(&*spool, &asked(u64::from(durable))).await.len() as u64, there);
        assert_eq!(due(&*spool, "operator-b").await.len() as u64, there);
        assert_eq!(spool.kv_get("p", "k").await.unwrap().is_some(), durable);
        assert!(spool.next_id() > number);
        spool.close().await;
    }
}

pub(super) async fn an_outcome_whose_record_is_cut_off_is_charged_once_in_the_end(stage: &dyn Stage) {
    for (round, durable) in [false, true].into_iter().enumerate() {
        let spool = stage.open();
        let number = spool.next_id();
        spool.commit(relayed(number, "bytes")).await.unwrap();
        if !stage.dies(durable) {
            return;
        }
        let charged = Outcome {
            appends: vec![charge("relay-out")],
            ..delivered(id(number, 1))
        };
        spool.record(charged.clone()).await.unwrap_err();
        spool.close().await;
        let spool = stage.open();
        let waiting = due(&*spool, "operator-b").await.len();
        assert_eq!(
            waiting,
            usize::from(!durable),
            "it waits, and is sent once more, or it is gone"
        );
        if waiting > 0 {
            record(&*spool, charged).await.unwrap();
        }
        assert_eq!(sequences(&*spool).len(), 2 * (round + 1));
        spool.close().await;
    }
}

pub(super) async fn a_response_whose_commit_is_cut_off_leaves_the_request_open_or_answered(stage: &dyn Stage) {
    for (number, durable) in (1..).zip([false, true]) {
        let spool = stage.open();
        let request = spool.next_id();
        spool.commit(asking(request, number)).await.unwrap();
        if !stage.dies(durable) {
            return;
        }
        let seen = only(&*spool, &asked(number)).await;
        let response = Acceptance {
            changes: leg(request, LegState::Answered { answer: ok() }),
            expects: vec![Expect::unchanged(&seen)],
            ..message(spool.next_id(), "MM4_forward.RES")
        };
        spool.commit(response).await.unwrap_err();
        spool.close().await;
        let spool = stage.open();
        let after = only(&*spool, &asked(number)).await;
        let answered = matches!(after.legs[0].state, LegState::Answered { .. });
        assert_eq!((answered, after.revision > seen.revision), (durable, durable));
        spool.close().await;
    }
}
