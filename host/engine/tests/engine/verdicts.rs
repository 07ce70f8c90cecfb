//! Every verdict comes out as plain data.

use bytes::Bytes;
use mm4relay_engine::*;

use crate::support::*;

#[tokio::test]
async fn pass_asks_for_nothing() {
    let judgement = judge_habit(habit("pass")).await.unwrap();
    assert_eq!(judgement.verdict, Verdict::Pass);
    assert_eq!((judgement.records.len(), judgement.kv.len()), (0, 0));
}

#[tokio::test]
async fn an_edit_comes_out_as_the_plug_in_wrote_it() {
    for (habit_name, value) in [("set-header", "yes"), ("set-header-crlf", "yes\r\nX-Smuggled: yes")] {
        // What may reach the wire is decided by whoever puts it there, not here.
        let field = HeaderField {
            name: "X-Seen".into(),
            value: value.into(),
        };
        let judgement = judge_habit(habit(habit_name)).await.unwrap();
        assert_eq!(judgement.verdict, Verdict::Edit(vec![Edit::SetHeader(field)]));
    }
}

#[tokio::test]
async fn written_bodies_come_back_inside_their_edits() {
    let judgement = judge_habit(habit("writers")).await.unwrap();
    let replacement = Body {
        media_type: "image/jpeg".into(),
        bytes: Bytes::from_static(b"first, second"),
    };
    let addition = Body {
        media_type: "text/plain; charset=utf-8".into(),
        bytes: Bytes::new(),
    };
    assert_eq!(
        judgement.verdict,
        Verdict::Edit(vec![
            Edit::ReplacePart {
                id: 2,
                body: replacement,
                name: Some("a.jpg".into())
            },
            Edit::AddPart {
                body: addition,
                name: None,
                content_id: Some("new".into())
            },
        ])
    );
}

#[tokio::test]
async fn a_fault_is_a_failure_with_its_text_on_one_line() {
    let failure = judge_habit(habit("fault")).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Fault);
    assert_eq!(failure.text, "unavailable: the well\\nis dry");
}

#[tokio::test]
async fn on_an_outcome_only_pass_is_a_verdict() {
    let outcome = || {
        Occasion::Outcome(Outcome::Delivered(Delivery {
            peer: "south".into(),
            code: 250,
            ..Delivery::default()
        }))
    };
    let passes = load(spec(habit("pass"))).await;
    assert_eq!(
        passes.process(outcome(), Message::new()).await.unwrap().verdict,
        Verdict::Pass
    );
    let discards = load(spec(habit("discard"))).await;
    let failure = discards.process(outcome(), Message::new()).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Contract);
}

#[tokio::test]
async fn an_occasion_arrives_with_its_details() {
    let plugin = load(spec(habit("occasion"))).await;
    let destination = Destination {
        peer: "south".into(),
        domain: "mms.b.example".into(),
        inside: true,
        content_class: Some("image-rich".into()),
        max_image_width: Some(640),
        ..Destination::default()
    };
    let text = held(plugin.process(Occasion::Departure(destination), Message::new()).await);
    for detail in [
        "Departure",
        "south",
        "mms.b.example",
        "inside: true",
        "content-class: Some(\"image-rich\")",
        "max-image-width: Some(640)",
    ] {
        assert!(text.contains(detail), "{detail} is not in {text}");
    }
}

#[tokio::test]
async fn each_outcome_says_what_it_is() {
    let plugin = load(spec(habit("charge-occasion"))).await;
    let delivery = Delivery {
        peer: "south".into(),
        code: 450,
        attempts: 9,
        ..Delivery::default()
    };
    let response = Response {
        peer: "south".into(),
        status: "Error-service-denied".into(),
        text: Some("no credit".into()),
    };
    for (outcome, said) in [
        (Outcome::Delivered(delivery.clone()), "Delivered"),
        (Outcome::Failed(delivery.clone()), "Failed"),
        (Outcome::Expired(delivery), "Expired"),
        (Outcome::Response(response), "Error-service-denied"),
    ] {
        let judgement = plugin
            .process(Occasion::Outcome(outcome), Message::new())
            .await
            .unwrap();
        let heard = &judgement.records[0].message_id;
        assert!(heard.contains(said) && heard.contains("south"), "{heard}");
    }
}

#[tokio::test]
async fn a_writer_cannot_be_handed_over_twice() {
    let failure = judge_habit(habit("writer-twice")).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Contract, "{failure}");
}
