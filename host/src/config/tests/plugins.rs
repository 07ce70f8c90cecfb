//! Plug-ins: grants, conditions, settings, signatures, recordings.

use super::*;

#[test]
fn unknown_grants_and_policies_are_answered_with_the_known_ones() {
    assert_eq!(
        complaints(
            "[[plugin]]\nname = \"p\"\nfile = \"p.wasm\"\ngrants = [\"kv\", \"network\", \"tabels\", 3]\non-failure = \"ignore\"\n"
        ),
        [
            "plugin[0].grants[1] is \"network\": expected one of tables, log, clock, kv, charging, random, metrics, numbering, scan, http",
            "plugin[0].grants[2] is \"tabels\": expected one of tables, log, clock, kv, charging, random, metrics, numbering, scan, http (did you mean tables?)",
            "plugin[0].grants[3] is 3: expected one of tables, log, clock, kv, charging, random, metrics, numbering, scan, http",
            "plugin[0].on-failure is \"ignore\": expected one of defer, skip, hold, refuse",
        ]
    );
}

#[test]
fn when_knows_the_peers_and_the_words_of_the_contract() {
    assert_eq!(
        complaints(&format!(
            "{PEER}[[plugin]]\nname = \"p\"\nfile = \"p.wasm\"\n[plugin.when]\nfrom = [\"b\", \"c\"]\nto = [1]\ndirection = [\"up\"]\nmessage-types = [\"forward-requests\"]\n"
        )),
        [
            "plugin[0].when.from[1] is \"c\": expected the name of a peer: b (did you mean b?)",
            "plugin[0].when.to[0] is 1: expected the name of a peer: b",
            "plugin[0].when.direction[0] is \"up\": expected one of inbound, outbound, internal, transit",
            "plugin[0].when.message-types[0] is \"forward-requests\": expected one of forward-request, forward-response, delivery-report-request, delivery-report-response, read-reply-report-request, read-reply-report-response (did you mean forward-request?)",
        ]
    );
}

#[test]
fn settings_reach_the_plug_in_as_json() {
    let config = parse(
        "[[plugin]]\nname = \"p\"\nfile = \"p.wasm\"\n[plugin.settings]\nn = 0x1F\nf = 1.5\nlist = [true, \"x\"]\nday = 2026-11-21\n[plugin.settings.deep]\nkey = \"v\"\n",
    );
    assert_eq!(
        config.unwrap().plugins[0].settings,
        serde_json::json!({"n": 31, "f": 1.5, "list": [true, "x"], "day": "2026-11-21", "deep": {"key": "v"}})
    );
    assert_eq!(
        complaints("[[plugin]]\nname = \"p\"\nfile = \"p.wasm\"\nsettings = { f = nan }\n"),
        [
            "plugin[0].settings is a table: expected a finite number: JSON, in which plug-ins get their settings, has no other"
        ]
    );
}

#[test]
fn a_signing_key_is_a_name_and_32_octets_and_is_there_when_it_is_required() {
    let key = "release-1:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let signing = |rest: &str| format!("[plugin-signing]\n{rest}\n");
    let config = parse(&signing(&format!("required = true\nkeys = [\"{key}\"]"))).unwrap();
    assert!(config.plugin_signing.required);
    assert_eq!(config.plugin_signing.keys[0].0, "release-1");
    assert!(!parse("").unwrap().plugin_signing.required);

    let form = "expected NAME:KEY as `mm4relay plugin keygen` prints it, the key being 32 octets in base64";
    for bad in [
        "release-1",
        "release-1:AAAA",
        "a b:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        ":=",
    ] {
        let found = complaints(&signing(&format!("keys = [\"{bad}\"]")));
        assert_eq!(found, [format!("plugin-signing.keys[0] is \"{bad}\": {form}")]);
    }
    let twice = complaints(&signing(&format!("keys = [\"{key}\", \"{key}\"]")));
    assert!(
        twice[0].ends_with("expected a key whose name no other key has"),
        "{twice:?}"
    );
    let none = complaints(&signing("required = true"));
    assert!(
        none[0].starts_with("plugin-signing.keys is missing: expected at least one key"),
        "{none:?}"
    );
}

#[test]
fn a_recording_is_of_plug_ins_that_there_are_and_needs_a_folder() {
    let plugin = "[[plugin]]\nname = \"p\"\nfile = \"p.wasm\"\n";
    let recording = parse(&format!("[recording]\nfolder = \"r\"\nplugins = [\"p\"]\n{plugin}"))
        .unwrap()
        .recording
        .unwrap();
    assert_eq!((recording.messages, recording.size), (1_000, 256 << 20));
    assert_eq!(parse(plugin).unwrap().recording, None);
    assert_eq!(
        complaints(&format!("[recording]\nplugins = [\"q\"]\n{plugin}")),
        [
            "recording.folder is missing: expected the path of a folder, such as \"recording\"",
            "recording.plugins[0] is \"q\": expected the name of a plug-in: p (did you mean p?)"
        ]
    );
    assert_eq!(
        complaints(&format!("{plugin}shadow-differences = \"maybe\"\n")),
        ["plugin[0].shadow-differences is \"maybe\": expected one of report, refuse"]
    );
}
