//! Each limit, on both of its edges.

use super::{complaints, parse};

/// Section, key, then the lowest value, one below it, the highest, one above it.
const EDGES: &[(&str, &str, [&str; 4])] = &[
    ("[relay]", "hop-limit", ["1", "0", "1000", "1001"]),
    ("[relay]", "pass-limit", ["1", "0", "100", "101"]),
    (
        "[transactions]",
        "keep",
        ["'1 h'", "'59 min'", "'60 days'", "'61 days'"],
    ),
    ("[relay]", "hold-after-deferrals", ["1", "0", "10000", "10001"]),
    (
        "[limits]",
        "message-size",
        ["'1 KiB'", "'1023 B'", "'256 MiB'", "'257 MiB'"],
    ),
    (
        "[limits]",
        "header-size",
        ["'1 KiB'", "'1023 B'", "'16 MiB'", "'16777217 B'"],
    ),
    ("[limits]", "nesting", ["1", "0", "1000", "1001"]),
    ("[limits]", "recipients", ["100", "99", "100000", "100001"]),
    ("[limits]", "line-length", ["998", "997", "1000000", "1000001"]),
    ("[limits]", "sessions", ["1", "0", "1000000", "1000001"]),
    ("[limits]", "sessions-per-source", ["1", "0", "1000000", "1000001"]),
    ("[limits]", "errors-per-session", ["1", "0", "10000", "10001"]),
    ("[limits]", "idle", ["'1 s'", "'999 ms'", "'1 day'", "'86401 s'"]),
    ("[limits]", "transaction", ["'1 s'", "'999 ms'", "'1 day'", "'86401 s'"]),
    (
        "[limits]",
        "data-rate",
        ["'1 B/s'", "'0 B/s'", "'1 GiB/s'", "'1073741825 B/s'"],
    ),
    (
        "[limits]",
        "memory",
        ["'1 MiB'", "'1048575 B'", "'1024 GiB'", "'1025 GiB'"],
    ),
    ("[[peer]]", "sessions", ["1", "0", "1000", "1001"]),
    (
        "[[peer]]",
        "max-message-size",
        ["'1 B'", "'0 B'", "'1 GiB'", "'1073741825 B'"],
    ),
    (
        "[[peer]]",
        "max-image-size",
        ["'1 B'", "'0 B'", "'1 GiB'", "'1073741825 B'"],
    ),
    ("[[peer]]", "max-image-width", ["1", "0", "65535", "65536"]),
    ("[[peer]]", "max-image-height", ["1", "0", "65535", "65536"]),
    (
        "[[peer]]",
        "message-size",
        ["'1 KiB'", "'1023 B'", "'256 MiB'", "'257 MiB'"],
    ),
    ("[[peer]]", "line-length", ["998", "997", "1000000", "1000001"]),
    (
        "[[peer]]",
        "response-within",
        ["'1 s'", "'999 ms'", "'1 day'", "'86401 s'"],
    ),
    ("[[peer]]", "repeats", ["0", "-1", "10", "11"]),
    ("[[peer]]", "give-up", ["'1 min'", "'59 s'", "'30 days'", "'31 days'"]),
    ("[[peer]]", "idle", ["'1 s'", "'999 ms'", "'1 h'", "'3601 s'"]),
    (
        "[[peer]]",
        "answer-within",
        ["'100 ms'", "'99 ms'", "'5 min'", "'301 s'"],
    ),
    ("[peer.retry]", "first", ["'1 ms'", "'0 ms'", "'1 h'", "'3600001 ms'"]),
    (
        "[peer.retry]",
        "longest",
        ["'1 min'", "'59999 ms'", "'1 day'", "'86401 s'"],
    ),
    ("[peer.timeouts]", "connect", ["'1 ms'", "'0 ms'", "'1 h'", "'3601 s'"]),
    ("[peer.timeouts]", "greeting", ["'1 ms'", "'0 ms'", "'1 h'", "'3601 s'"]),
    ("[peer.timeouts]", "command", ["'1 ms'", "'0 ms'", "'1 h'", "'3601 s'"]),
    ("[peer.timeouts]", "data", ["'1 ms'", "'0 ms'", "'1 h'", "'3601 s'"]),
    ("[peer.timeouts]", "block", ["'1 ms'", "'0 ms'", "'1 h'", "'3601 s'"]),
    (
        "[peer.timeouts]",
        "end-of-data",
        ["'1 ms'", "'0 ms'", "'1 h'", "'3601 s'"],
    ),
    ("[[plugin]]", "shadow", ["0", "-1", "1000000", "1000001"]),
    ("[[plugin]]", "shadow-within", ["'1 ms'", "'0 ms'", "'1 h'", "'3601 s'"]),
    ("[recording]", "messages", ["1", "0", "1000000", "1000001"]),
    (
        "[recording]",
        "size",
        ["'1 MiB'", "'1048575 B'", "'1024 GiB'", "'1025 GiB'"],
    ),
    ("[[plugin]]", "watch", ["'0 ms'", "'-1 ms'", "'1 day'", "'86401 s'"]),
    (
        "[plugin.limits]",
        "memory",
        ["'64 KiB'", "'65535 B'", "'256 MiB'", "'257 MiB'"],
    ),
    ("[plugin.limits]", "time", ["'1 ms'", "'0 ms'", "'60 s'", "'61 s'"]),
    (
        "[plugin.limits]",
        "time-per-mib",
        ["'0 ms'", "'-1 ms'", "'60 s'", "'61 s'"],
    ),
    (
        "[plugin.limits]",
        "output",
        ["'0 B'", "'-1 B'", "'256 MiB'", "'257 MiB'"],
    ),
    (
        "[plugin.limits]",
        "host-call",
        ["'64 KiB'", "'65535 B'", "'256 MiB'", "'257 MiB'"],
    ),
    ("[plugin.limits]", "handles", ["1", "0", "100000", "100001"]),
    ("[plugin.limits]", "log-lines", ["0", "-1", "10000", "10001"]),
    ("[plugin.limits]", "charging-records", ["0", "-1", "100", "101"]),
    ("[plugin.limits]", "metrics", ["0", "-1", "1000", "1001"]),
    ("[plugin.limits]", "kv", ["'0 B'", "'-1 B'", "'64 MiB'", "'65 MiB'"]),
    (
        "[plugin.limits]",
        "configure-time",
        ["'1 ms'", "'0 ms'", "'600 s'", "'601 s'"],
    ),
    (
        "[plugin.limits]",
        "component",
        ["'1 KiB'", "'1023 B'", "'256 MiB'", "'257 MiB'"],
    ),
    (
        "[plugin.limits]",
        "compile-time",
        ["'1 s'", "'999 ms'", "'1 h'", "'3601 s'"],
    ),
    (
        "[plugin.limits]",
        "compile-memory",
        ["'256 MiB'", "'255 MiB'", "'64 GiB'", "'65 GiB'"],
    ),
    ("[alarms]", "peer-down", ["'1 s'", "'999 ms'", "'24 h'", "'86401 s'"]),
    ("[alarms]", "calm", ["'1 s'", "'999 ms'", "'1 h'", "'3601 s'"]),
    ("[alarms]", "deferral-rate", ["1", "0", "100", "101"]),
    ("[plugin.breaker]", "failures", ["1", "0", "1000000", "1000001"]),
    (
        "[plugin.breaker]",
        "first",
        ["'1 ms'", "'0 ms'", "'1 min'", "'60001 ms'"],
    ),
    (
        "[plugin.breaker]",
        "longest",
        ["'1 s'", "'999 ms'", "'1 h'", "'3601 s'"],
    ),
];

#[test]
fn every_limit_holds_on_both_edges() {
    for &(section, key, [lowest, below, highest, above]) in EDGES {
        let before = match section {
            // Else the header would be larger than the message before it is larger than its own bound.
            "[limits]" if key == "header-size" => "[limits]\nmessage-size = \"256 MiB\"\n",
            "[relay]" => "",
            "[recording]" => "[recording]\nfolder = \"r\"\n",
            "[[peer]]" => "[[peer]]\nname = \"b\"\n",
            "[peer.retry]" | "[peer.timeouts]" => &format!("[[peer]]\nname = \"b\"\n{section}\n"),
            "[plugin.limits]" | "[plugin.breaker]" => {
                &format!("[[plugin]]\nname = \"p\"\nfile = \"p.wasm\"\n{section}\n")
            }
            "[[plugin]]" => "[[plugin]]\nname = \"p\"\nfile = \"p.wasm\"\n",
            other => &format!("{other}\n"),
        };
        for good in [lowest, highest] {
            assert_eq!(
                complaints(&format!("{before}{key} = {good}\n")),
                [""; 0],
                "{section} {key}"
            );
        }
        for bad in [below, above] {
            let found = complaints(&format!("{before}{key} = {bad}\n"));
            let shown = format!("{key} is {}: expected ", bad.replace('\'', "\""));
            assert_eq!(found.len(), 1, "{section} {key} = {bad}: {found:?}");
            assert!(found[0].contains(&shown), "{section} {key} = {bad}: {found:?}");
        }
    }
}

#[test]
fn a_default_gives_way_to_what_is_set() {
    let limits = parse("[limits]\nmessage-size = \"10 KiB\"\nsessions = 7\n")
        .unwrap()
        .limits;
    assert_eq!((limits.header_size, limits.sessions_per_source), (10 << 10, 7));
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    assert!(parse("[limits]\nmessage-size = \"20 KiB\"\nheader-size = \"20 KiB\"\n").is_ok());
    assert_eq!(
        complaints("[limits]\nmessage-size = \"20 KiB\"\nheader-size = \"20481 B\"\n"),
        [
            "limits.header-size is \"20481 B\": expected a size not above message-size: the header is part of the message"
        ]
    );
    let retry = |pauses: &str| complaints(&format!("[[peer]]\nname = \"b\"\nretry = {{ {pauses} }}\n"));
    assert_eq!(retry("first = '2 h', longest = '2 h'"), [""; 0]);
    assert_eq!(
        retry("first = '2 h'"),
        ["peer[0].retry.first is \"2 h\": expected a time not above longest, which is 1 h unless it is set"]
    );
    assert_eq!(
        retry("longest = '30 s'"),
        ["peer[0].retry.longest is \"30 s\": expected a time not below first, which is 1 min unless it is set"]
    );
}
