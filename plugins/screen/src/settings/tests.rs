//! Tests of `settings.rs`.

use serde_json::json;

use super::*;

fn checked(settings: Value) -> Result<Rules, String> {
    serde_json::from_value::<Settings>(settings).unwrap().check()
}

#[test]
fn no_settings_are_legal_and_do_nothing() {
    assert!(checked(json!({})).unwrap().rules.is_empty());
}

#[test]
fn every_problem_names_its_rule_and_says_what_would_be_right() {
    for (rule, words) in [
        (
            json!({ "name": "a", "then": "hold" }),
            vec!["rule \"a\"", "every message"],
        ),
        (json!({ "then": "hold" }), vec!["rule 1", "missing field `name`"]),
        (json!({ "name": "a" }), vec!["missing field `then`"]),
        (json!({ "name": "a", "then": "shoot" }), vec!["unknown variant `shoot`"]),
        (
            json!({ "name": "a", "then": "count", "flood": { "more-than": 1, "within": "soon" } }),
            vec!["\"soon\"", "1 s to 31 days"],
        ),
        (
            json!({ "name": "a", "then": "hold", "code": 550, "when": { "recipients": ["x"] } }),
            vec!["code is for"],
        ),
        (
            json!({ "name": "a", "then": "refuse", "code": 250, "when": { "recipients": ["x"] } }),
            vec!["550 to 554"],
        ),
        (
            json!({ "name": "a", "then": "mark", "when": { "words": ["!"] } }),
            vec!["neither letters nor digits"],
        ),
        (
            json!({ "name": "\u{e9}", "then": "mark", "when": { "words": ["a"] } }),
            vec!["visible ASCII"],
        ),
        (
            json!({ "name": "a", "then": "mark", "text": "x", "when": { "words": ["a"] } }),
            vec!["text is for"],
        ),
    ] {
        let said = checked(json!({ "rules": [rule.clone()] })).expect_err("it is wrong");
        for word in words {
            assert!(said.contains(word), "{rule}: {word:?} is not in: {said}");
        }
    }
    for (settings, word) in [
        (json!({ "mark-header": "X Y" }), "mark-header"),
        (json!({ "max-text": 0 }), "max-text"),
    ] {
        assert!(checked(settings).unwrap_err().contains(word));
    }
}

#[test]
fn times_have_a_unit() {
    for (text, expected) in [
        ("1 s", Some(1_000)),
        ("10min", Some(600_000)),
        ("31 days", Some(2_678_400_000)),
        ("32 days", None),
        ("0 s", None),
        ("5", None),
        ("h", None),
        ("99999999999999999999 h", None),
    ] {
        assert_eq!(duration(text), expected, "{text}");
    }
}
