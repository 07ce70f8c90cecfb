//! What a plug-in may do with messages: each grant, and its absence, with a plug-in that tries.

use mm4relay_engine::*;
use serde_json::json;

use crate::support::*;

/// A habit with these grants.
async fn tries(habit: serde_json::Value, may: May) -> Result<Judgement, Failure> {
    let plugin = load(PluginSpec { may, ..spec(habit) }).await;
    let watched = plugin.process_with(plugin.services(), Occasion::Arrival, Message::new());
    watched.await
}

fn these(names: &[&str]) -> Which {
    Which::These(names.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test]
async fn what_is_not_granted_is_refused_with_the_word_that_would_grant_it() {
    let nothing = May::nothing;
    let all = Which::All;
    for (name, word, granted) in [
        (
            "refuse",
            "refuse",
            May {
                refuse: true,
                ..nothing()
            },
        ),
        (
            "count",
            "hold",
            May {
                hold: true,
                ..nothing()
            },
        ),
        (
            "discard",
            "discard",
            May {
                discard: true,
                ..nothing()
            },
        ),
        (
            "set-header",
            "edit.headers, for X-Seen",
            May {
                edit_headers: these(&["x-s*"]),
                ..nothing()
            },
        ),
        (
            "address-crlf",
            "edit.recipients",
            May {
                edit_recipients: true,
                ..nothing()
            },
        ),
        (
            "writers",
            "edit.parts",
            May {
                edit_parts: true,
                ..nothing()
            },
        ),
    ] {
        let failure = tries(habit(name), nothing()).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Contract, "{name}");
        assert!(
            failure.text.ends_with(&format!("not granted to it: {word}")),
            "{name}: {failure}"
        );
        let judgement = tries(habit(name), granted).await;
        assert!(judgement.is_ok(), "{name}: {judgement:?}");
    }
    let other = May {
        edit_headers: these(&["X-Other"]),
        ..nothing()
    };
    assert!(tries(habit("set-header"), other).await.is_err());
    assert!(tries(habit("pass"), nothing()).await.is_ok(), "to pass needs no grant");
    let everything = May {
        read_headers: all,
        ..May::default()
    };
    assert_eq!(everything, May::default());
}

#[tokio::test]
async fn what_may_not_be_read_is_not_there() {
    let hold = || May {
        hold: true,
        ..May::nothing()
    };
    let sees = |may| async move { held(tries(habit("message"), may).await) };
    let blind = sees(hold()).await;
    assert!(blind.contains("+15555550100") && blind.contains("id-1"), "{blind}");
    assert!(!blind.contains("greetings") && !blind.contains("image/jpeg"), "{blind}");
    let fields = sees(May {
        read_headers: these(&["SUBJECT"]),
        ..hold()
    })
    .await;
    assert!(
        fields.contains("Some(\"greetings\")") && fields.contains("HeaderField"),
        "{fields}"
    );
    assert!(!fields.contains("image/jpeg"), "{fields}");
    let parts = sees(May {
        read_parts: these(&["image/*"]),
        ..hold()
    })
    .await;
    assert!(parts.contains("image/jpeg") && !parts.contains("greetings"), "{parts}");
}

#[tokio::test]
async fn a_part_that_may_not_be_read_is_a_fault_and_costs_nothing() {
    let read = json!({ "do": "read", "part": 2, "max": 65536 });
    let hold = May {
        hold: true,
        ..May::nothing()
    };
    for may in [
        hold.clone(),
        May {
            read_parts: these(&["text/*"]),
            ..hold.clone()
        },
    ] {
        let failure = tries(read.clone(), may).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Fault);
        assert!(failure.text.contains("read.parts"), "{failure}");
        assert_eq!(failure.spent.body_bytes_read, 0);
    }
    let judgement = tries(
        read,
        May {
            read_parts: these(&["image/jpeg"]),
            ..hold
        },
    )
    .await
    .unwrap();
    assert_eq!(judgement.spent.body_bytes_read, 300_000);
    assert_eq!(
        judgement.used.read_parts.into_iter().collect::<Vec<_>>(),
        ["image/jpeg"]
    );
}

#[tokio::test]
async fn a_call_that_nobody_watches_notes_nothing() {
    let plugin = load(spec(habit("message"))).await;
    assert_eq!(judge(&plugin).await.unwrap().used, Used::default());
}

#[tokio::test]
async fn a_call_tells_what_it_used() {
    let used = tries(habit("message"), May::default()).await.unwrap().used;
    assert!(used.read_headers.contains("*") && used.read_headers.contains("subject"));
    assert_eq!(used.words.iter().collect::<Vec<_>>(), ["hold"]);
    let used = tries(habit("set-header"), May::default()).await.unwrap().used;
    assert_eq!(used.deniable(&May::default())[..2], ["read.headers", "read.parts"]);
    assert_eq!(used.edit_headers.into_iter().collect::<Vec<_>>(), ["x-seen"]);
}
