//! `configure`: once, apart from all messages, and kept.

use std::time::Duration;

use mm4relay_engine::*;
use serde_json::{Value, json};

use crate::support::*;

fn at_configure(habit: &str) -> Value {
    json!({ "configure": habit })
}

#[tokio::test]
async fn a_configure_that_says_no_is_quoted_on_one_line() {
    let error = refusal(spec(at_configure("refuse"))).await;
    assert!(matches!(error.kind, LoadErrorKind::ConfigureRefused { .. }));
    assert!(
        error
            .to_string()
            .contains(r#"`rate` is "often", but must be\na number"#),
        "{error}"
    );
}

#[tokio::test]
async fn a_panic_in_configure_is_quoted() {
    let error = refusal(spec(at_configure("trap"))).await;
    assert!(matches!(
        error.kind,
        LoadErrorKind::ConfigureFailed {
            class: FailureClass::Trap,
            ..
        }
    ));
    assert!(error.to_string().contains("the moon is full"), "{error}");
}

#[tokio::test]
async fn what_traps_as_it_starts_does_not_load() {
    let error = refusal(PluginSpec {
        wasm: guest("stillborn"),
        ..spec(json!({}))
    })
    .await;
    assert!(
        matches!(
            error.kind,
            LoadErrorKind::ConfigureFailed {
                class: FailureClass::Trap,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_configure_that_never_ends_is_stopped() {
    let mut spec = spec(at_configure("loop"));
    spec.limits.configure_time = Duration::from_millis(50);
    let error = refusal(spec).await;
    assert!(matches!(error.kind, LoadErrorKind::ConfigureTime { .. }), "{error}");
    assert!(error.to_string().contains("configure-time"), "{error}");
}

#[tokio::test]
async fn a_configure_that_hoards_memory_is_stopped() {
    let error = refusal(spec(at_configure("bomb"))).await;
    assert!(matches!(error.kind, LoadErrorKind::ConfigureMemory { .. }), "{error}");
    assert!(error.to_string().contains("limit memory"), "{error}");
}

#[tokio::test]
async fn a_handle_that_outlives_configure_is_refused() {
    let error = refusal(spec(at_configure("handle"))).await;
    assert!(matches!(error.kind, LoadErrorKind::HandlesLeft), "{error}");
}

#[tokio::test]
async fn what_exists_only_with_a_message_is_refused_by_name() {
    for interface in [
        "message",
        "kv",
        "charging",
        "random",
        "metrics",
        "numbering",
        "scan",
        "http",
    ] {
        let error = refusal(spec(at_configure(&format!("ask-{interface}")))).await;
        assert!(
            matches!(error.kind, LoadErrorKind::OnlyInProcess { interface: it } if it == interface),
            "{error}"
        );
    }
}

#[tokio::test]
async fn configure_may_log_look_up_and_ask_the_time() {
    let world = World::new();
    load_with(spec(at_configure("chat")), world.clone()).await;
    let expected = Line {
        plugin: "under-test".into(),
        message: String::new(),
        level: Level::Warn,
        text: "logged by configure".into(),
    };
    assert_eq!(world.lines(), [expected]);
}

#[tokio::test]
async fn what_configure_prints_is_shown_although_it_cannot_go_live() {
    // The standard library opens standard output once, and keeps the handle in memory that would become the snapshot.
    let world = World::new();
    let refused = engine().load(spec(at_configure("print")), world.clone()).await;
    let error = refused.expect_err("it must not load");
    assert!(matches!(error.kind, LoadErrorKind::HandlesLeft), "{error}");
    assert!(error.to_string().contains("log instead of printing"), "{error}");
    let printed = world.lines().pop().unwrap();
    assert_eq!(
        (printed.level, printed.text.as_str()),
        (Level::Debug, "printed by configure")
    );
}

#[tokio::test]
async fn a_big_table_built_in_configure_is_there_for_every_message() {
    let plugin = load(spec(json!({ "configure": "table", "rows": 300_000, "do": "table" }))).await;
    let expected = format!("Some({})", 299_999 ^ 0x5555);
    for _ in 0..3 {
        let started = std::time::Instant::now();
        assert_eq!(held(judge(&plugin).await), expected);
        // Building it takes tens of milliseconds; a copy-on-write snapshot takes none.
        assert!(started.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn the_snapshot_fits_even_when_configure_used_all_its_memory() {
    // About 10 MB of table: a limit just above is enough for `configure`, and the snapshot needs its own room.
    let mut fits = None;
    for pages in (64..512).step_by(4) {
        let mut spec = spec(json!({ "configure": "table", "rows": 300_000, "do": "table" }));
        spec.limits.memory_bytes = pages << 16;
        match engine().load(spec, World::new()).await {
            Ok(plugin) => {
                fits = Some(held(judge(&plugin).await));
                break;
            }
            Err(error) => assert!(
                matches!(error.kind, LoadErrorKind::ConfigureMemory { .. }),
                "{pages}: {error}"
            ),
        }
    }
    assert_eq!(fits, Some(format!("Some({})", 299_999 ^ 0x5555)));
}

#[tokio::test]
async fn what_does_not_fit_the_pool_is_refused_and_what_does_goes_on() {
    let options = EngineOptions {
        max_instances: 1,
        max_memory_bytes: 1 << 20,
        ..EngineOptions::default()
    };
    let engine = Engine::new(options).unwrap();
    // Its own stack alone takes 1 MiB.
    let mut spec = spec(habit("pass"));
    spec.limits.memory_bytes = 1 << 20;
    let error = engine.load(spec, World::new()).await.expect_err("it must not load");
    assert!(!matches!(error.kind, LoadErrorKind::Internal { .. }), "{error}");
    assert!(error.to_string().contains("memory"), "{error}");
}

#[tokio::test]
async fn settings_of_two_plug_ins_do_not_mix() {
    let (refuses, discards) = tokio::join!(load(spec(habit("refuse"))), load(spec(habit("discard"))));
    assert_eq!(
        judge(&refuses).await.unwrap().verdict,
        Verdict::Refuse {
            code: 554,
            text: "no".into()
        }
    );
    assert_eq!(judge(&discards).await.unwrap().verdict, Verdict::Discard("dull".into()));
}
