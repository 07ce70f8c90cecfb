//! What does not load, and what the operator reads about it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use mm4relay_engine::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::*;

/// The hostile component, changed, in a file of its own.
fn changed(change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> (TempDir, PluginSpec) {
    let dir = tempfile::tempdir().unwrap();
    let wasm = dir.path().join("changed.wasm");
    fs::write(&wasm, change(fs::read(guest("hostile")).unwrap())).unwrap();
    (
        dir,
        PluginSpec {
            wasm,
            ..spec(habit("pass"))
        },
    )
}

/// Replaces a name of the same length wherever it stands.
fn rename(mut wasm: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    for at in 0..wasm.len() - from.len() {
        if wasm[at..].starts_with(from.as_bytes()) {
            wasm[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    wasm
}

#[track_caller]
fn says(error: &LoadError, words: &[&str]) {
    let text = error.to_string();
    assert!(text.starts_with("plug-in \"under-test\": "), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let error = refusal(PluginSpec {
        wasm: PathBuf::from("/nowhere/x.wasm"),
        ..spec(json!({}))
    })
    .await;
    assert!(matches!(error.kind, LoadErrorKind::Read { .. }));
    says(&error, &["/nowhere/x.wasm"]);
}

#[tokio::test]
async fn a_component_may_be_as_large_as_its_limit_and_no_larger() {
    let mut exact = spec(habit("pass"));
    exact.limits.component_bytes = fs::metadata(guest("hostile")).unwrap().len();
    let mut larger = exact.clone();
    larger.limits.component_bytes -= 1;
    load(exact).await;
    let error = refusal(larger).await;
    assert!(matches!(error.kind, LoadErrorKind::TooLarge { .. }));
    says(&error, &["raise the limit component"]);
}

#[tokio::test]
async fn a_core_module_is_told_how_to_become_a_component() {
    let (_dir, spec) = changed(|_| b"\0asm\x01\0\0\0".to_vec());
    let error = refusal(spec).await;
    assert!(matches!(error.kind, LoadErrorKind::CoreModule));
    says(&error, &["wasm32-wasip2", "wasm-tools component new"]);
}

#[tokio::test]
async fn a_truncated_component_is_refused_wherever_it_ends() {
    // None of them is the end of a section.
    for keep in [6, 100, 5_001, 100_000] {
        let (_dir, spec) = changed(|wasm| wasm[..keep].to_vec());
        let error = refusal(spec).await;
        assert!(matches!(error.kind, LoadErrorKind::Invalid { .. }), "{keep}: {error}");
        says(&error, &["cut short or damaged"]);
    }
}

#[tokio::test]
async fn damage_anywhere_is_refused_or_harmless_but_never_kills_the_relay() {
    let whole = fs::read(guest("hostile")).unwrap().len();
    for at in (8..whole).step_by(whole / 23) {
        let (_dir, spec) = changed(|mut wasm| {
            wasm[at] ^= 0xff;
            wasm
        });
        if let Err(error) = engine().load(spec, World::new()).await {
            assert!(
                !matches!(error.kind, LoadErrorKind::Internal { .. }),
                "octet {at}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn another_api_version_is_refused_with_both_versions() {
    for (other, remedy) in [("0.2.0", "newer relay"), ("0.0.9", "build it again")] {
        let (_dir, spec) = changed(|mut wasm| {
            for interface in ["types", "message", "config", "plugin"].into_iter().chain(Grant::NAMES) {
                let name = |version: &str| format!("mm4:filter/{interface}@{version}");
                wasm = rename(wasm, &name("0.1.0"), &name(other));
            }
            wasm
        });
        let error = refusal(spec).await;
        assert!(matches!(error.kind, LoadErrorKind::ApiVersion { .. }), "{error}");
        says(&error, &[other, "0.1.0", remedy]);
    }
}

#[tokio::test]
async fn an_import_without_a_grant_is_refused_with_the_line_to_add() {
    let grants = BTreeSet::from([Grant::Log, Grant::Tables, Grant::Clock]);
    let error = refusal(PluginSpec {
        grants,
        ..spec(json!({}))
    })
    .await;
    assert!(matches!(&error.kind, LoadErrorKind::NotGranted { missing, .. } if missing.len() == 7));
    says(
        &error,
        &[
            "`kv`",
            "`charging`",
            r#"grants = ["tables", "log", "clock", "kv", "charging", "random", "metrics", "numbering", "scan", "http"]"#,
        ],
    );
}

#[tokio::test]
async fn each_import_that_needs_a_grant_is_refused_without_it() {
    for missing in Grant::ALL {
        let grants = Grant::ALL.into_iter().filter(|grant| *grant != missing).collect();
        let error = refusal(PluginSpec {
            grants,
            ..spec(json!({}))
        })
        .await;
        says(&error, &[&format!("`{missing}`"), "the plug-in's line would be "]);
    }
}

#[tokio::test]
async fn a_component_of_200_megabytes_is_refused_before_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let wasm = dir.path().join("huge.wasm");
    fs::File::create(&wasm).unwrap().set_len(200 << 20).unwrap();
    let error = refusal(PluginSpec {
        wasm,
        ..spec(json!({}))
    })
    .await;
    assert!(matches!(error.kind, LoadErrorKind::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn an_unknown_import_is_refused_by_name() {
    let (_dir, spec) = changed(|wasm| rename(wasm, "mm4:filter/tables@0.1.0", "mm4:filter/cables@0.1.0"));
    let error = refusal(spec).await;
    assert!(matches!(error.kind, LoadErrorKind::UnknownImport { .. }));
    says(&error, &["mm4:filter/cables@0.1.0"]);
}

/// The hostile component with a core module more, which nobody instantiates, of these sections.
fn with_module(sections: &[u8]) -> (TempDir, PluginSpec) {
    changed(|mut wasm| {
        wasm.extend([1, 8 + u8::try_from(sections.len()).unwrap()]);
        wasm.extend(b"\0asm\x01\0\0\0");
        wasm.extend(sections);
        wasm
    })
}

#[tokio::test]
async fn what_a_snapshot_cannot_hold_is_a_refusal_that_says_so() {
    let vector = [&[6, 22, 1, 0x7b, 1, 0xfd, 0x0c][..], &[0; 16], &[0x0b]].concat();
    for (sections, words) in [(&[5, 3, 1, 0, 1][..], "2 memories"), (&vector, "v128")] {
        let (_dir, spec) = with_module(sections);
        let error = refusal(spec).await;
        assert!(matches!(error.kind, LoadErrorKind::Snapshot { .. }), "{error}");
        says(&error, &["cannot be put into a snapshot", words]);
    }
}

#[tokio::test]
async fn what_consists_of_too_much_is_refused_before_it_is_validated() {
    // So many memories that a module could not have them, and no valid one anyway.
    let (_dir, spec) = with_module(&[5, 1, 100]);
    let error = refusal(spec).await;
    says(&error, &["memories", "more than the 4"]);
}

#[tokio::test]
async fn more_memory_than_a_sandbox_has_is_refused() {
    let mut spec = spec(habit("pass"));
    spec.limits.memory_bytes = EngineOptions::default().max_memory_bytes + 1;
    let error = refusal(spec).await;
    assert!(matches!(error.kind, LoadErrorKind::MemoryLimit { .. }));
    says(&error, &["limit memory"]);
}

#[tokio::test]
async fn a_component_that_exports_something_else_is_no_plug_in() {
    let (_dir, spec) = changed(|wasm| rename(wasm, "mm4:filter/plugin@0.1.0", "mm4:filter/blugin@0.1.0"));
    let error = refusal(spec).await;
    assert!(matches!(error.kind, LoadErrorKind::NoPlugin { .. }));
    says(&error, &["mm4:filter/blugin@0.1.0"]);
}

#[test]
fn inspection_runs_nothing_and_tells_what_to_grant() {
    let wasm = fs::read(guest("hostile")).unwrap();
    let inspection = engine().inspect(&wasm).unwrap();
    assert_eq!(inspection.size, wasm.len() as u64);
    assert_eq!(inspection.digest.len(), 64);
    assert_eq!(inspection.grants, Grant::ALL.into());
    assert_eq!(inspection.api_version, API_VERSION);
    assert!(inspection.imports.iter().any(|name| name == "mm4:filter/message@0.1.0"));
    assert_eq!(inspection.exports, ["mm4:filter/plugin@0.1.0"]);
    assert!(
        inspection.memories.iter().any(|memory| memory.initial >= 64 << 10),
        "{:?}",
        inspection.memories
    );
}

#[test]
fn a_plug_in_that_uses_nothing_needs_no_grant() {
    let wasm = fs::read(guest("noop")).unwrap();
    assert_eq!(engine().inspect(&wasm).unwrap().grants, BTreeSet::new());
}

fn modest(settings: Value, grants: &[Grant]) -> PluginSpec {
    PluginSpec {
        wasm: guest("modest"),
        grants: grants.iter().copied().collect(),
        ..spec(settings)
    }
}

#[tokio::test]
async fn a_plug_in_that_asks_what_it_is_granted_loads_without_the_rest() {
    let wasm = fs::read(guest("modest")).unwrap();
    let inspection = engine().inspect(&wasm).unwrap();
    assert!(inspection.asks_for_grants);
    assert!(inspection.grants.contains(&Grant::Numbering));
    assert!(
        !engine()
            .inspect(&fs::read(guest("hostile")).unwrap())
            .unwrap()
            .asks_for_grants
    );
    for (grants, known) in [
        (&[][..], ""),
        (&[Grant::Tables, Grant::Log], "log tables"),
        (&[Grant::Kv], "kv"),
    ] {
        let plugin = load(modest(json!({}), grants)).await;
        assert_eq!(held(judge(&plugin).await), known);
    }
}

/// `kv.get`, and the grant that it needs, for every function of an interface that needs one.
fn granted_functions() -> Vec<(String, Grant)> {
    let wit = include_str!("../../../../wit/host.wit");
    let (mut interface, mut functions) = ("", Vec::new());
    for line in wit.lines() {
        if let Some(name) = line.strip_prefix("interface ") {
            interface = name.trim_end_matches(" {");
        }
        let grant = Grant::ALL.iter().find(|grant| grant.to_string() == interface);
        if let (Some((name, _)), Some(grant)) = (line.trim().split_once(": func("), grant) {
            functions.push((format!("{interface}.{name}"), *grant));
        }
    }
    functions
}

#[tokio::test]
async fn calling_what_is_not_granted_ends_the_call_whichever_function_it_is() {
    let functions = granted_functions();
    assert!(functions.len() >= 20, "{functions:?}");
    for (function, grant) in functions {
        let settings = json!({ "call": function });
        let failure = judge(&load(modest(settings.clone(), &[])).await).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Contract, "{function}");
        assert!(
            failure.text.contains(&format!("`{grant}`, which is not granted")),
            "{function}: {failure}"
        );
        held(judge(&load(modest(settings, &[grant])).await).await);
    }
}

#[tokio::test]
async fn rules_are_named_once_and_on_one_line_and_each_call_names_its_own() {
    let plugin = load(modest(json!({}), &[Grant::Log])).await;
    assert_eq!(plugin.rules(), ["one", "two\\nforged"]);
    assert_eq!(judge(&plugin).await.unwrap().rules, ["two\\nforged"]);
    let silent = load(modest(json!({}), &[])).await;
    assert!(silent.rules().is_empty() && judge(&silent).await.unwrap().rules.is_empty());
}

#[tokio::test]
async fn a_live_plug_in_tells_what_it_is() {
    let plugin = load(spec(habit("pass"))).await;
    let wasm = fs::read(guest("hostile")).unwrap();
    assert_eq!(plugin.name(), "under-test");
    assert_eq!(plugin.digest(), engine().inspect(&wasm).unwrap().digest);
    assert_eq!(plugin.description().name, "hostile\\n");
    assert_eq!(plugin.description().version, "6.6.6");
    assert!(plugin.wants(OccasionKind::Arrival, MessageType::ForwardRequest, ["image/png"]));
    assert!(!plugin.wants(OccasionKind::Departure, MessageType::ForwardRequest, ["image/png"]));
    assert!(!plugin.wants(OccasionKind::Arrival, MessageType::Other, ["image/png"]));
}

#[tokio::test]
async fn loading_again_finds_the_code_in_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let files = || {
        let mut names: Vec<_> = fs::read_dir(dir.path().join("code"))
            .unwrap()
            .flatten()
            .map(|it| it.file_name())
            .collect();
        names.sort();
        names
    };
    let options = || EngineOptions {
        max_instances: 1,
        cache_dir: Some(dir.path().join("code")),
        ..EngineOptions::default()
    };
    let spec = PluginSpec {
        wasm: guest("noop"),
        ..spec(json!({}))
    };
    let first = Engine::new(options()).unwrap();
    let before = first.load(spec.clone(), World::new()).await.unwrap();
    let compiled = files();
    assert_eq!(compiled.len(), 2, "one to configure, one to run: {compiled:?}");
    drop((before, first));
    let second = Engine::new(options()).unwrap();
    let after = second.load(spec, World::new()).await.unwrap();
    assert_eq!(files(), compiled);
    assert_eq!(judge(&after).await.unwrap().verdict, Verdict::Pass);
}
