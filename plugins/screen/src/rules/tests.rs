//! Rules as an operator writes them, and which messages meet them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::settings::Settings;

const HOUR: u64 = 3_600_000;

/// Tables, texts and counters on paper.
#[derive(Default)]
struct Paper {
    rows: BTreeSet<(&'static str, &'static str)>,
    texts: BTreeMap<u32, &'static str>,
    checksum: &'static str,
    counts: RefCell<BTreeMap<String, (u64, String)>>,
    texts_read: RefCell<u32>,
    /// What the scanner finds; `None` is a scanner that does not answer.
    found: BTreeMap<u32, Option<&'static str>>,
    scanned: RefCell<u32>,
}

impl World for Paper {
    fn is_listed(&self, table: &str, key: &str) -> Result<bool, Fault> {
        match table {
            "broken" => Err(Fault::Unavailable("not loaded".into())),
            _ => Ok(self.rows.iter().any(|row| *row == (table, key))),
        }
    }

    fn text(&self, part: u32, max: u64) -> Result<Option<String>, Fault> {
        *self.texts_read.borrow_mut() += 1;
        let text = self.texts.get(&part).filter(|text| text.len() as u64 <= max);
        Ok(text.map(|text| (*text).to_owned()))
    }

    fn checksum(&self) -> Result<(String, u64), Fault> {
        Ok((self.checksum.to_owned(), self.checksum.len() as u64))
    }

    fn scannable(&self) -> Vec<u32> {
        vec![1, 2, 3]
    }

    fn scan(&self, _scanner: &str, part: u32) -> Result<Option<String>, Fault> {
        *self.scanned.borrow_mut() += 1;
        match self.found.get(&part) {
            Some(None) => Err(Fault::Unavailable("no answer".into())),
            found => Ok(found.copied().flatten().map(str::to_owned)),
        }
    }

    fn ask(&self, url: &str, question: &Value) -> Result<String, Fault> {
        assert_eq!(question["recipients"][0], "+15555550199");
        match url {
            "https://away.example/" => Err(Fault::Unavailable("no answer".into())),
            _ => Ok("spam".into()),
        }
    }

    fn seen(&self, place: &Place) -> Result<Seen, Fault> {
        let counts = self.counts.borrow();
        let (count, base) = counts.get(&place.count).cloned().unwrap_or_default();
        Ok(Seen::read(Some(count.to_string().as_bytes()), Some(base.as_bytes())))
    }

    fn count(&self, place: &Place, base: Option<String>) -> Result<(), Fault> {
        let mut counts = self.counts.borrow_mut();
        let count = counts.entry(place.count.clone()).or_default();
        count.0 += 1;
        count.1 = base.unwrap_or_else(|| count.1.clone());
        Ok(())
    }
}

fn rules(rules: serde_json::Value) -> Rules {
    serde_json::from_value::<Settings>(json!({ "rules": rules }))
        .unwrap()
        .check()
        .unwrap()
}

fn message() -> Message {
    let part = |id, media_type: &str, size| Part {
        id,
        media_type: media_type.into(),
        size,
    };
    Message {
        source: "operator-a".into(),
        source_inside: false,
        originator: "+15555550100".into(),
        recipients: vec!["+15555550199".into(), "7788@mms.b.example".into()],
        size: 50_000,
        received_at: 1000 * HOUR,
        parts: vec![
            part(1, "text/plain", 100),
            part(2, "image/jpeg", 40_000),
            part(3, "application/x-tool", 500),
        ],
    }
}

fn meets(when: serde_json::Value, paper: &Paper) -> bool {
    let rules = rules(json!([{ "name": "x", "when": when, "then": "count" }]));
    !rules.judge(&message(), paper).unwrap().met.is_empty()
}

#[test]
fn all_conditions_must_hold_and_one_item_of_a_list_is_enough() {
    let paper = Paper {
        rows: BTreeSet::from([
            ("bad", "+15555550100"),
            ("quiet", "7788@mms.b.example"),
            ("pairs", "+15555550100>+15555550199"),
            ("stars", "*>7788@mms.b.example"),
            ("spam", "casino"),
        ]),
        texts: BTreeMap::from([(1, "Visit our C\u{c1}SINO today")]),
        ..Paper::default()
    };
    for (yes, no) in [
        (
            json!({ "from-peers": ["operator-b", "operator-a"] }),
            json!({ "from-peers": ["operator-b"] }),
        ),
        (json!({ "source-inside": false }), json!({ "source-inside": true })),
        (
            json!({ "originators": ["+1666*", "+1555*"] }),
            json!({ "originators": ["+1666*"] }),
        ),
        (json!({ "recipients": ["7788@*"] }), json!({ "recipients": ["7789@*"] })),
        (json!({ "originators-in": "bad" }), json!({ "originators-in": "quiet" })),
        (json!({ "recipients-in": "quiet" }), json!({ "recipients-in": "bad" })),
        (json!({ "pairs-in": "pairs" }), json!({ "pairs-in": "bad" })),
        (json!({ "pairs-in": "stars" }), json!({ "pairs-in": "quiet" })),
        (
            json!({ "media-types": ["application/x-*"] }),
            json!({ "media-types": ["video/*"] }),
        ),
        (
            json!({ "media-types": ["image/*"], "part-larger-than": 30_000 }),
            json!({ "media-types": ["text/*"], "part-larger-than": 30_000 }),
        ),
        (
            json!({ "message-larger-than": 49_999 }),
            json!({ "message-larger-than": 50_000 }),
        ),
        (json!({ "words": ["poker", "casino"] }), json!({ "words": ["casin"] })),
        (json!({ "words-in": "spam" }), json!({ "words-in": "bad" })),
        (
            json!({ "words": ["visit our"], "recipients": ["7788@*"] }),
            json!({ "words": ["visit our"], "recipients": ["x"] }),
        ),
    ] {
        assert!(meets(yes.clone(), &paper), "{yes}");
        assert!(!meets(no.clone(), &paper), "{no}");
    }
}

#[test]
fn a_text_is_read_once_and_only_where_words_are_looked_for() {
    let paper = Paper {
        texts: BTreeMap::from([(1, "poker")]),
        ..Paper::default()
    };
    let rules = rules(json!([
        { "name": "a", "when": { "words": ["poker"], "recipients": ["nobody"] }, "then": "count" },
        { "name": "b", "when": { "words": ["poker"] }, "then": "count" },
        { "name": "c", "when": { "words": ["poker"] }, "then": "count" },
    ]));
    assert_eq!(rules.judge(&message(), &paper).unwrap().met, [1, 2]);
    assert_eq!(*paper.texts_read.borrow(), 1);
}

#[test]
fn the_first_rule_that_ends_it_decides_and_marks_go_on() {
    let all = json!({ "recipients": ["*"] });
    let rules = |last: &str| {
        rules(json!([
            { "name": "a", "when": all, "then": "mark" },
            { "name": "b", "when": all, "then": "count" },
            { "name": "c", "when": all, "then": "mark" },
            { "name": "d", "when": all, "then": last },
            { "name": "e", "when": all, "then": "hold" },
        ]))
    };
    let judged = rules("refuse").judge(&message(), &Paper::default()).unwrap();
    assert_eq!((judged.met, judged.marks), (vec![0, 1, 2, 3], vec![0, 2]));
    assert!(matches!(judged.end, Some(Action::Refuse { code: 554, .. })));
    let judged = rules("discard").judge(&message(), &Paper::default()).unwrap();
    assert_eq!(judged.end, Some(Action::Discard("rule d".into())));
    let monitor = Rules {
        monitor: true,
        ..rules("refuse")
    };
    let judged = monitor.judge(&message(), &Paper::default()).unwrap();
    assert_eq!((judged.met.len(), judged.marks.len(), judged.end), (5, 0, None));
}

#[test]
fn exceptions_pass_and_are_not_counted() {
    let paper = Paper {
        rows: BTreeSet::from([("friends", "+15555550100")]),
        ..Paper::default()
    };
    for except in [
        json!({ "originators-in": "friends" }),
        json!({ "from-peers": ["operator-a"] }),
    ] {
        let rules = rules(json!([{
            "name": "flood", "except": except, "flood": { "more-than": 0, "within": "1 h" }, "then": "refuse",
        }]));
        assert_eq!(rules.judge(&message(), &paper).unwrap(), Judged::default());
    }
    assert!(paper.counts.borrow().is_empty());
}

#[test]
fn a_flood_is_what_comes_more_often_than_allowed_within_the_time() {
    let rules = rules(json!([{
        "name": "flood", "flood": { "more-than": 3, "within": "1 h" }, "then": "refuse", "code": 550, "text": "slow down",
    }]));
    let paper = Paper::default();
    let met = |at: u64, from: &str| {
        let message = Message {
            received_at: at,
            originator: from.into(),
            ..message()
        };
        rules.judge(&message, &paper).unwrap().end.is_some()
    };
    let start = 1000 * HOUR;
    let first: Vec<bool> = (0..5).map(|n| met(start + n, "+15555550100")).collect();
    assert_eq!(first, [false, false, false, true, true]);
    assert!(!met(start + 5, "+15555550101"), "another originator is another count");
    // Of the five in the hour before, three quarters count at a quarter past.
    assert!(met(start + HOUR + HOUR / 4, "+15555550100"));
    assert!(!met(start + 3 * HOUR, "+15555550100"));
}

#[test]
fn duplicates_are_told_by_their_content_and_small_content_is_left_alone() {
    let of = |by: &str, min_size: u64| {
        rules(json!([{
            "name": "copies", "then": "hold",
            "duplicates": { "by": by, "more-than": 1, "within": "1 h", "min-size": min_size },
        }]))
    };
    let paper = Paper {
        checksum: "0123456789abcdef",
        ..Paper::default()
    };
    let from = |originator: &str| Message {
        originator: originator.into(),
        ..message()
    };
    let content = of("content", 0);
    assert!(content.judge(&from("a"), &paper).unwrap().end.is_none());
    assert!(
        content.judge(&from("b"), &paper).unwrap().end.is_some(),
        "whoever sends it"
    );
    let paper = Paper {
        checksum: "0123456789abcdef",
        ..Paper::default()
    };
    let originator = of("originator", 0);
    for (from_whom, is_held) in [("a", false), ("b", false), ("a", true)] {
        assert_eq!(
            originator.judge(&from(from_whom), &paper).unwrap().end.is_some(),
            is_held
        );
    }
    let large = of("content", 17);
    let paper = Paper {
        checksum: "0123456789abcdef",
        ..Paper::default()
    };
    assert!((0..5).all(|_| large.judge(&message(), &paper).unwrap().end.is_none()));
    assert!(paper.counts.borrow().is_empty());
}

#[test]
fn a_flood_is_counted_by_recipient_pair_or_peer() {
    for (by, places) in [("recipient", 2), ("pair", 2), ("peer", 1)] {
        let rules = rules(json!([{
            "name": "flood", "flood": { "by": by, "more-than": 9, "within": "1 h" }, "then": "count",
        }]));
        let paper = Paper::default();
        rules.judge(&message(), &paper).unwrap();
        assert_eq!(paper.counts.borrow().len(), places, "{by}");
    }
}

#[test]
fn a_table_that_is_not_there_is_a_failure_and_no_answer() {
    let rules = rules(json!([{ "name": "x", "when": { "originators-in": "broken" }, "then": "refuse" }]));
    assert_eq!(rules.tables(), ["broken"]);
    assert!(rules.judge(&message(), &Paper::default()).is_err());
}

#[test]
fn a_scanner_is_asked_about_every_part_once_for_all_rules_and_only_where_the_rest_of_the_rule_holds() {
    let scan = json!({ "scanner": "clamd" });
    let all = rules(json!([
        { "name": "elsewhere", "when": { "from-peers": ["operator-b"] }, "virus-scan": scan, "then": "refuse" },
        { "name": "marked", "virus-scan": scan, "then": "mark" },
        { "name": "refused", "virus-scan": scan, "then": "refuse" },
    ]));
    let paper = Paper::default();
    assert_eq!(all.judge(&message(), &paper).unwrap(), Judged::default());
    assert_eq!(*paper.scanned.borrow(), 3, "each of three parts");
    let paper = Paper {
        found: BTreeMap::from([(2, Some("A.Virus")), (1, None)]),
        ..Paper::default()
    };
    let judged = all.judge(&message(), &paper).unwrap();
    assert_eq!(
        judged.met,
        [1, 2],
        "what is found counts, also when another part could not be scanned"
    );
    assert_eq!(*paper.scanned.borrow(), 2);
}

#[test]
fn what_a_message_is_that_could_not_be_scanned_is_the_rules_to_say() {
    let paper = Paper {
        found: BTreeMap::from([(3, None)]),
        ..Paper::default()
    };
    let judged = |unscanned: &str| {
        let scan = json!({ "scanner": "clamd", "unscanned": unscanned });
        rules(json!([{ "name": "x", "virus-scan": scan, "then": "hold" }])).judge(&message(), &paper)
    };
    assert!(matches!(judged("fail"), Err(Fault::Unavailable(_))));
    assert_eq!(judged("pass").unwrap().end, None);
    assert_eq!(judged("meet").unwrap().end, Some(Action::Hold("rule x".into())));
}

#[test]
fn a_rule_is_met_by_the_verdicts_that_it_names() {
    let met = |service: serde_json::Value| {
        let rules = rules(json!([{ "name": "x", "service": service, "then": "mark" }]));
        rules
            .judge(&message(), &Paper::default())
            .map(|judged| judged.met.len() == 1)
    };
    let (here, away) = ("https://here.example/", "https://away.example/");
    assert!(met(json!({ "url": here, "verdicts": ["scam", "Spam"] })).unwrap());
    assert!(!met(json!({ "url": here, "verdicts": ["scam"] })).unwrap());
    assert!(met(json!({ "url": away, "verdicts": ["spam"] })).is_err());
    assert!(!met(json!({ "url": away, "verdicts": ["spam"], "unanswered": "pass" })).unwrap());
    assert!(met(json!({ "url": away, "verdicts": ["spam"], "unanswered": "meet" })).unwrap());
}
