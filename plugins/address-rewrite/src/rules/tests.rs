//! Rules as an operator writes them, and what they make of addresses.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::settings::Settings;

/// Tables and networks that keep count of what they are asked, and of warnings.
#[derive(Default)]
struct Paper {
    rows: BTreeMap<(&'static str, &'static str), &'static str>,
    networks: BTreeMap<&'static str, &'static str>,
    warnings: RefCell<Vec<String>>,
}

impl World for Paper {
    fn look_up(&self, of: &LookUp, key: &str) -> Result<Option<String>, Fault> {
        if of.table == "broken" {
            return Err(Fault::Unavailable("not loaded".into()));
        }
        let rows = self.rows.iter().filter(|((table, _), _)| *table == of.table);
        let found = match of.by_prefix {
            false => rows.into_iter().find(|((_, row), _)| *row == key),
            true => rows
                .filter(|((_, row), _)| key.starts_with(row))
                .max_by_key(|((_, row), _)| row.len()),
        };
        Ok(found.map(|(_, value)| (*value).to_owned()))
    }

    fn network(&self, number: &str) -> Result<Option<String>, Fault> {
        Ok(self.networks.get(number).map(|domain| (*domain).to_owned()))
    }

    fn warn(&self, text: &str) {
        self.warnings.borrow_mut().push(text.to_owned());
    }
}

fn rules(settings: serde_json::Value) -> Rules {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    settings.check().unwrap()
}

fn refusal(rule: serde_json::Value) -> String {
    let settings: Settings = serde_json::from_value(json!({ "rules": [rule] })).unwrap();
    settings.check().expect_err("these settings are wrong")
}

const FROM_A: Message = Message {
    source: "operator-a",
    source_inside: false,
    originator: Some("+15555550100/TYPE=PLMN@mms.a.example"),
};

fn made(rules: &Rules, address: &str) -> Made {
    rules.recipient(&FROM_A, address, &Paper::default()).unwrap()
}

fn becomes(rules: &Rules, address: &str) -> String {
    made(rules, address).address.unwrap_or_else(|| address.to_owned())
}

#[test]
fn rules_are_tried_in_their_order_and_each_sees_what_those_before_it_made() {
    let rules = rules(json!({
        "country-code": "999", "national-prefix": "0",
        "rules": [
            { "name": "international", "form": "international" },
            { "name": "move", "when": { "users": ["+9995*"] }, "domain": "mms.c.example" },
        ],
    }));
    let made = made(&rules, "0555010099@mms.b.example");
    assert_eq!(made.address.as_deref(), Some("+999555010099/TYPE=PLMN@mms.c.example"));
    assert_eq!(made.rules, [0, 1]);
}

#[test]
fn a_rule_that_stops_keeps_its_addresses_from_those_behind_it() {
    let rules = rules(json!({ "rules": [
        { "name": "codes stay", "when": { "kinds": ["short-code"] }, "stop": true },
        { "name": "all", "domain": "mms.c.example" },
    ]}));
    assert_eq!(
        made(&rules, "7788@mms.b.example"),
        Made {
            rules: vec![0],
            ..Made::default()
        }
    );
    assert_eq!(becomes(&rules, "ann@mms.b.example"), "ann@mms.c.example");
}

#[test]
fn a_rule_that_changes_nothing_has_no_part_in_it() {
    let rules = rules(json!({ "rules": [{ "name": "form", "form": "international" }] }));
    assert_eq!(made(&rules, "+15555550199/TYPE=PLMN@mms.b.example"), Made::default());
    assert_eq!(made(&rules, "ann@mms.b.example"), Made::default());
}

#[test]
fn numbers_take_the_form_that_a_rule_names() {
    for (form, address, expected) in [
        (
            "national",
            "+499991234567/TYPE=PLMN@mms.b.example",
            "09991234567/TYPE=PLMN@mms.b.example",
        ),
        (
            "national",
            "+15555550199/TYPE=PLMN@mms.b.example",
            "+15555550199/TYPE=PLMN@mms.b.example",
        ),
        (
            "dialled",
            "+15555550199/TYPE=PLMN@mms.b.example",
            "0015555550199/TYPE=PLMN@mms.b.example",
        ),
        ("dialled", "+499991234567", "09991234567"),
        ("international", "09991234567", "+499991234567/TYPE=PLMN"),
    ] {
        let rules = rules(json!({
            "country-code": "49", "national-prefix": "0",
            "rules": [{ "name": "form", "form": form }],
        }));
        assert_eq!(becomes(&rules, address), expected, "{form} {address}");
    }
}

#[test]
fn the_plan_is_that_of_the_peer_that_sent_the_message() {
    let rules = rules(json!({
        "country-code": "49", "national-prefix": "0",
        "peers": { "operator-a": { "country-code": "999", "national-prefix": "8" } },
    }));
    assert_eq!(becomes(&rules, "81234567"), "+9991234567/TYPE=PLMN");
    let from_b = Message {
        source: "operator-b",
        ..FROM_A
    };
    let made = rules.recipient(&from_b, "01234567", &Paper::default()).unwrap();
    assert_eq!(made.address.as_deref(), Some("+491234567/TYPE=PLMN"));
}

#[test]
fn conditions_must_all_hold_and_one_item_of_a_list_is_enough() {
    let when = |when: serde_json::Value| rules(json!({ "rules": [{ "name": "x", "when": when, "stop": true }] }));
    let holds = |when: &Rules, address: &str| !made(when, address).rules.is_empty();
    for (conditions, yes, no) in [
        (json!({ "kinds": ["number"] }), "15555550199@b.example", "7788"),
        (json!({ "kinds": ["short-code", "email"] }), "7788", "+15555550199"),
        (
            json!({ "kinds": ["alphanumeric"] }),
            "MyBank@mms.b.example",
            "mybank@office.example",
        ),
        (json!({ "kinds": ["email"] }), "some.one@office.example", "MyBank"),
        (json!({ "kinds": ["other"] }), "post-master", "post-master@a.example"),
        (
            json!({ "users": ["+1555*", "7788"] }),
            "15555550199/TYPE=PLMN",
            "+16665550199",
        ),
        (
            json!({ "domains": ["*.gprs"] }),
            "1@mms.mnc001.mcc999.GPRS",
            "1@b.example",
        ),
        (json!({ "domains": [""] }), "7788", "7788@b.example"),
        (json!({ "min-digits": 4, "max-digits": 5 }), "+7788", "778899"),
        (json!({ "min-digits": 1 }), "1", "ann"),
        (
            json!({ "users": ["7788"], "domains": ["b.example"] }),
            "7788@b.example",
            "7788@c.example",
        ),
    ] {
        let rules = when(conditions.clone());
        assert!(holds(&rules, yes), "{conditions} {yes}");
        assert!(!holds(&rules, no), "{conditions} {no}");
    }
    for (conditions, expected) in [
        (json!({ "from-peers": ["operator-a", "operator-c"] }), true),
        (json!({ "from-peers": ["operator-b"] }), false),
        (json!({ "source-inside": false }), true),
        (json!({ "source-inside": true }), false),
        (json!({ "originators": ["+1555*"] }), true),
        (json!({ "originators": ["+1666*"] }), false),
    ] {
        assert_eq!(holds(&when(conditions.clone()), "x"), expected, "{conditions}");
    }
    let nobody = Message {
        originator: None,
        ..FROM_A
    };
    let rules = when(json!({ "originators": ["*"] }));
    assert!(
        rules
            .recipient(&nobody, "x", &Paper::default())
            .unwrap()
            .rules
            .is_empty()
    );
}

#[test]
fn tables_replace_addresses_by_end_point_or_by_its_longest_beginning() {
    let paper = Paper {
        rows: BTreeMap::from([
            (("codes", "7788@mms.a.example"), "vote@mms.vasp.example"),
            (("codes", "+15555550199"), "nonsense"),
            (("ranges", "+1555"), "mms.c.example"),
            (("ranges", "+15555"), "mnc002.mcc999"),
        ]),
        ..Paper::default()
    };
    let codes = rules(json!({ "rules": [{ "name": "codes", "look-up": { "table": "codes" } }] }));
    let made = |rules: &Rules, address: &str| rules.recipient(&FROM_A, address, &paper).unwrap().address;
    assert_eq!(
        made(&codes, "7788@MMS.a.example").as_deref(),
        Some("vote@mms.vasp.example")
    );
    assert_eq!(made(&codes, "15555550199"), None);
    assert!(paper.warnings.borrow()[0].contains("no whole address"));
    let ported = json!({ "table": "ranges", "match": "longest" });
    let ranges = rules(json!({ "rules": [{ "name": "ported", "portability": ported }] }));
    assert_eq!(
        made(&ranges, "15555550199@mms.b.example").as_deref(),
        Some("+15555550199/TYPE=PLMN@mms.mnc002.mcc999.gprs")
    );
}

#[test]
fn numbering_says_where_a_number_is_served() {
    let paper = Paper {
        networks: BTreeMap::from([("+15555550199", "mms.c.example")]),
        ..Paper::default()
    };
    let rules = rules(json!({ "rules": [{ "name": "ported", "portability": { "by": "numbering" } }] }));
    let made = |address| rules.recipient(&FROM_A, address, &paper).unwrap().address;
    assert_eq!(
        made("+15555550199@b.example").as_deref(),
        Some("+15555550199/TYPE=PLMN@mms.c.example")
    );
    assert_eq!(made("+15555550198@b.example"), None);
}

#[test]
fn a_table_that_is_not_there_is_a_failure_and_no_answer() {
    let rules = rules(json!({ "rules": [{ "name": "x", "when": { "in-table": "broken" }, "stop": true }] }));
    assert!(rules.recipient(&FROM_A, "7788", &Paper::default()).is_err());
}

#[test]
fn pairs_are_listed_whole_or_with_a_star_on_either_side() {
    let paper = Paper {
        rows: BTreeMap::from([
            (("blocked", "+15555550100>+15555550199"), ""),
            (("blocked", "*>7788@mms.b.example"), ""),
            (("blocked", "+15555550101>*"), ""),
        ]),
        ..Paper::default()
    };
    let block = |condition: &str| {
        rules(json!({ "rules": [{
            "name": "blocked", "when": { condition: "blocked" }, "block": { "how": "drop", "code": 554, "text": "no" },
        }]}))
    };
    let is_blocked = |rules: &Rules, from: &str, to: &str| {
        let message = Message {
            originator: Some(from),
            ..FROM_A
        };
        rules.recipient(&message, to, &paper).unwrap().block.is_some()
    };
    let (listed, unlisted) = (block("pair-in-table"), block("pair-not-in-table"));
    for (from, to, expected) in [
        ("15555550100@mms.a.example", "+15555550199/TYPE=PLMN", true),
        ("+15555550100", "+15555550198", false),
        ("anybody@a.example", "7788@mms.b.example", true),
        ("+15555550101", "ann@b.example", true),
        ("ann@b.example", "+15555550101", false),
    ] {
        assert_eq!(is_blocked(&listed, from, to), expected, "{from} {to}");
        assert_eq!(is_blocked(&unlisted, from, to), !expected, "{from} {to}");
    }
}

#[test]
fn a_recipient_is_routed_to_a_peer_and_keeps_its_address() {
    let rules = rules(json!({ "rules": [
        { "name": "vips", "when": { "users": ["+1555*"] }, "route": "operator-c" },
        { "name": "all", "form": "international" },
    ]}));
    let made = made(&rules, "15555550199");
    assert_eq!(made.route.as_deref(), Some("operator-c"));
    assert_eq!(made.address.as_deref(), Some("+15555550199/TYPE=PLMN"));
    assert_eq!(made.rules, [0, 1]);
}

#[test]
fn the_originator_has_rules_of_its_own() {
    let rules = rules(json!({ "rules": [
        { "name": "prefix", "for": "originator", "prefix": { "from": "+1666", "to": "+1555" } },
        { "name": "both", "for": "both", "form": "international" },
        { "name": "to", "domain": "mms.c.example" },
    ]}));
    let made = rules
        .originator(&FROM_A, "16665550100@mms.a.example", &Paper::default())
        .unwrap();
    assert_eq!(made.address.as_deref(), Some("+16665550100/TYPE=PLMN@mms.a.example"));
    let made = rules.originator(&FROM_A, "+16665550100", &Paper::default()).unwrap();
    assert_eq!(made.address.as_deref(), Some("+15555550100/TYPE=PLMN"));
    assert_eq!(
        becomes(&rules, "16665550100@b.example"),
        "+16665550100/TYPE=PLMN@mms.c.example"
    );
}

#[test]
fn the_standard_steps_are_one_rule_among_others() {
    let rules = rules(json!({
        "short-codes": { "7788": "vote@mms.vasp.example" },
        "rules": [
            { "name": "except", "when": { "from-peers": ["operator-b"] }, "stop": true },
            { "name": "standard", "for": "both", "standard": true },
        ],
    }));
    assert_eq!(becomes(&rules, "7788"), "vote@mms.vasp.example");
    let from_b = Message {
        source: "operator-b",
        ..FROM_A
    };
    assert_eq!(
        rules.recipient(&from_b, "7788", &Paper::default()).unwrap().address,
        None
    );
}

#[test]
fn an_address_that_no_rule_could_write_stays_and_is_said() {
    let rules = rules(json!({ "rules": [
        { "name": "long", "prefix": { "from": "1", "to": "1".repeat(250) } },
    ]}));
    let paper = Paper::default();
    let made = rules.recipient(&FROM_A, "12345678@mms.b.example", &paper).unwrap();
    assert_eq!(made, Made::default());
    assert_eq!(paper.warnings.borrow().len(), 1);
}

#[test]
fn every_problem_names_its_rule_and_says_what_would_be_right() {
    for (rule, words) in [
        (json!({ "name": "a" }), vec!["rule \"a\"", "it does nothing"]),
        (json!({ "form": "national" }), vec!["rule 1", "missing field `name`"]),
        (
            json!({ "name": "a", "sett": "x" }),
            vec!["rule \"a\"", "unknown field `sett`"],
        ),
        (
            json!({ "name": "a", "set": "x@b.example", "domain": "b.example" }),
            vec!["set and domain", "a rule for each"],
        ),
        (json!({ "name": "a", "set": "nobody" }), vec!["whole address"]),
        (json!({ "name": "a", "domain": "a b" }), vec!["no", "domain name"]),
        (
            json!({ "name": "a", "route": "b", "for": "both" }),
            vec!["only recipients are routed"],
        ),
        (json!({ "name": "a", "block": { "code": 250 } }), vec!["550 to 554"]),
        (
            json!({ "name": "a", "stop": true, "when": { "kinds": ["fax"] } }),
            vec!["unknown variant `fax`"],
        ),
        (json!({ "name": "a", "portability": {} }), vec!["{ table", "{ by"]),
        (
            json!({ "name": "a", "prefix": { "from": "", "to": "1" } }),
            vec!["must not be empty"],
        ),
        (
            json!({ "name": "a", "stop": true, "when": { "min-digits": 5, "max-digits": 4 } }),
            vec!["above max-digits"],
        ),
        (
            json!({ "name": "a", "for": "both", "stop": true, "when": { "pair-in-table": "x" } }),
            vec!["pairs are of"],
        ),
        (json!({ "name": "", "stop": true }), vec!["1 to 64 octets"]),
    ] {
        let said = refusal(rule.clone());
        for word in words {
            assert!(said.contains(word), "{rule}: {word:?} is not in: {said}");
        }
    }
    let twice = json!({ "rules": [{ "name": "a", "stop": true }, { "name": "a", "stop": true }] });
    let settings: Settings = serde_json::from_value(twice).unwrap();
    assert!(settings.check().unwrap_err().contains("the name \"a\" twice"));
    let idle = json!({ "domains": { "a.example": "b.example" }, "rules": [{ "name": "a", "stop": true }] });
    let settings: Settings = serde_json::from_value(idle).unwrap();
    assert!(settings.check().unwrap_err().contains("domains has no effect"));
}
