//! Messages that are made to attack a reader.

use std::time::{Duration, Instant};

use super::samples::{read_bytes, written};
use super::{Limits, read};
use crate::message::{Message, Refusal};

const HEAD: &str = "X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: k\r\n";

/// Reads a message, and fails when that takes longer than a linear cost can explain.
fn quickly(text: &str) -> Result<Message, Refusal> {
    let started = Instant::now();
    let outcome = read_bytes(text.as_bytes());
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    if let Ok(message) = &outcome {
        assert!(written(message) == text.as_bytes());
    }
    outcome
}

fn multipart(boundary: &str, body: &str) -> String {
    format!("{HEAD}Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n{body}")
}

#[test]
fn thirty_thousand_messages_in_messages_are_refused() {
    let text = format!("{HEAD}{}\r\n", "Content-Type: message/rfc822\r\n\r\n".repeat(30_000));
    assert_eq!(quickly(&text).unwrap_err(), Refusal::NestedTooDeep { limit: 100 });
    let inside = multipart(
        "b",
        &format!(
            "--b\r\n{}\r\n--b--\r\n",
            "Content-Type: message/rfc822\r\n\r\n".repeat(30_000)
        ),
    );
    assert_eq!(quickly(&inside).unwrap_err(), Refusal::NestedTooDeep { limit: 100 });
}

#[test]
fn thirty_thousand_multiparts_in_multiparts_are_refused() {
    let inner = |i| format!("--b{i}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", i + 1);
    let body: String = (0..30_000).map(inner).collect();
    assert_eq!(
        quickly(&multipart("b0", &body)).unwrap_err(),
        Refusal::NestedTooDeep { limit: 100 }
    );
    let message = "Content-Type: message/rfc822\r\n\r\n";
    let mixed: String = (0..30_000)
        .map(|i| format!("{message}Content-Type: multipart/mixed; boundary=b{i}\r\n\r\n--b{i}\r\n"))
        .collect();
    assert_eq!(
        quickly(&multipart("b", &format!("--b\r\n{mixed}"))).unwrap_err(),
        Refusal::NestedTooDeep { limit: 100 }
    );
}

#[test]
fn the_nesting_limit_holds_to_the_level() {
    let nested = |levels: u32| {
        let inner = |i| format!("--b{i}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", i + 1);
        let open: String = (0..levels - 1).map(inner).collect();
        multipart("b0", &format!("{open}--b{}\r\n\r\nleaf\r\n", levels - 1))
    };
    assert_eq!(quickly(&nested(100)).unwrap().parts.len(), 1);
    assert_eq!(
        quickly(&nested(101)).unwrap_err(),
        Refusal::NestedTooDeep { limit: 100 }
    );
}

#[test]
fn a_message_inside_cannot_move_the_end_of_its_leaf() {
    let inside = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nreally outside\r\n";
    let text = multipart(
        "b",
        &format!("--b\r\nContent-Type: message/rfc822\r\n\r\n{inside}--b--\r\n"),
    );
    let message = quickly(&text).unwrap();
    let types: Vec<&str> = message.parts.iter().map(|p| p.media_type.as_str()).collect();
    assert_eq!(types, ["message/rfc822", "text/plain"]);
}

#[test]
fn two_megabytes_of_header_are_refused() {
    let one_line = format!("{HEAD}X: {}\r\n\r\n", "x".repeat(2 << 20));
    assert_eq!(
        quickly(&one_line).unwrap_err(),
        Refusal::HeaderTooLarge { limit: 102_400 }
    );
    let many = format!("{HEAD}{}\r\n", "X: y\r\n".repeat(350_000));
    assert!(matches!(
        quickly(&many).unwrap_err(),
        Refusal::BadHeader { line: 1_001, .. }
    ));
    let folded = format!("{HEAD}X: y\r\n{}\r\n", " y\r\n".repeat(500_000));
    assert!(matches!(quickly(&folded).unwrap_err(), Refusal::HeaderTooLarge { .. }));
    let part = multipart("b", &format!("--b\r\n{}\r\n", "X: y\r\n".repeat(350_000)));
    assert!(matches!(quickly(&part).unwrap_err(), Refusal::BrokenMime { .. }));
}

#[test]
fn parts_are_counted_to_the_limit() {
    let of = |count: usize| multipart("b", &format!("{}--b--\r\n", "--b\r\n\r\nx\r\n".repeat(count)));
    assert_eq!(quickly(&of(1_000)).unwrap().parts.len(), 1_000);
    for count in [1_001, 10_000] {
        let refused = quickly(&of(count)).unwrap_err();
        assert!(
            matches!(&refused, Refusal::BrokenMime { reason } if reason.contains("1000 parts")),
            "{refused}"
        );
    }
    let generous = Limits {
        parts: 10_000,
        ..Limits::default()
    };
    let received = super::samples::incoming(of(10_000).as_bytes());
    assert_eq!(read(received, &generous).unwrap().parts.len(), 10_000);
}

#[test]
fn parts_without_empty_lines_cost_no_more() {
    let text = multipart("b", &format!("{}--b--\r\n", "--b\r\nContent-ID: <x>\r\n".repeat(999)));
    let padded = format!("{text}{}", "no empty line here\r\n".repeat(200_000));
    assert_eq!(quickly(&padded).unwrap().parts.len(), 999);
}

#[test]
fn a_boundary_that_begins_another_is_not_taken_for_it() {
    let body = "--ab\r\nContent-Type: multipart/mixed; boundary=abc\r\n\r\n--abc\r\n\r\ninner\r\n--abc--\r\n--ab\r\n\r\n\
                --abcd\r\n--ab x\r\n--ab--x\r\n--ab  \t\r\n\r\nlast\r\n--ab--\t\r\n";
    let message = quickly(&multipart("ab", body)).unwrap();
    let bodies: Vec<_> = (1..=3)
        .map(|id| super::decode_part(&message, crate::message::PartId(id)).unwrap())
        .collect();
    assert_eq!(bodies, ["inner", "--abcd\r\n--ab x\r\n--ab--x", "last"]);
}

#[test]
fn two_types_that_differ_are_refused_and_two_that_do_not_pass() {
    let with = |second: &str| quickly(&format!("{HEAD}X-Mms-Message-Type: {second}\r\n\r\nbody\r\n"));
    assert_eq!(
        with("MM4_forward.RES").unwrap_err(),
        Refusal::Contradiction {
            header: "X-Mms-Message-Type"
        }
    );
    assert!(with(" \"mm4_forward.req\"").is_ok());
}

#[test]
fn blanks_before_the_colon_of_a_content_field_are_refused_and_elsewhere_they_are_not() {
    let part = |field: &str| multipart("b", &format!("--b\r\n{field}\r\n\r\naGVsbG8=\r\n--b--\r\n"));
    let top = |field: &str| format!("{HEAD}{field}\r\n\r\naGVsbG8=\r\n");
    for blanks in [" ", "\t", "  \t"] {
        for field in [
            "Content-Transfer-Encoding#: base64",
            "content-type#: text/html",
            "Content-Disposition#: x",
        ] {
            let field = field.replace('#', blanks);
            assert!(
                matches!(quickly(&top(&field)), Err(Refusal::BrokenMime { .. })),
                "{field}"
            );
            assert!(
                matches!(quickly(&part(&field)), Err(Refusal::BrokenMime { .. })),
                "{field}"
            );
        }
        let other = format!("X-Mms-Content-Class{blanks}: image-rich");
        assert!(
            matches!(quickly(&part(&other)), Err(Refusal::BrokenMime { .. })),
            "{other}"
        );
        quickly(&top(&other)).unwrap();
    }
}

#[test]
fn a_boundary_in_a_form_that_readers_read_differently_is_refused() {
    let reads = |parameters: &str, boundary: &str| {
        let text = |kind: &str| {
            format!("{HEAD}Content-Type: {kind}{parameters}\r\n\r\n--{boundary}\r\n\r\nx\r\n--{boundary}--\r\n")
        };
        let inside = multipart(
            "outer",
            &format!("--outer\r\n{}\r\n--outer--\r\n", &text("multipart/mixed")[HEAD.len()..]),
        );
        let taken = quickly(&text("multipart/mixed")).is_ok();
        assert_eq!(quickly(&inside).is_ok(), taken, "{parameters}");
        taken
    };
    for (parameters, boundary) in [
        ("; boundary=B(x)", "B"),
        ("; boundary=(x)B", "B"),
        ("; (x) boundary=B", "B"),
        ("; boundary=\"B\\B\"", "BB"),
        ("; boundary=\"B\" C", "B"),
        ("; boundary=\"B\"C", "B"),
        ("; boundary=B; boundary=C", "B"),
        ("; boundary=C; Boundary=B", "B"),
        ("; boundary*=utf-8''B", "B"),
        ("; boundary*0=B; boundary*1=C", "BC"),
        ("; boundary=B B", "B B"),
        ("; boundary=B\r\n B", "BB"),
    ] {
        assert!(!reads(parameters, boundary), "{parameters}");
    }
    for (parameters, boundary) in [
        ("; boundary=B", "B"),
        (";BOUNDARY = B ;", "B"),
        ("; type=\"a;boundary=C\"; boundary=\"B C\"", "B C"),
        (";\r\n\tboundary=\"----=_Part(1)\"; start=\"<s>\"", "----=_Part(1)"),
        ("; boundary='B'", "'B'"),
    ] {
        assert!(reads(parameters, boundary), "{parameters}");
    }
}

#[test]
fn a_boundary_inside_the_same_boundary_is_refused() {
    let inside = |boundary: &str| {
        let body =
            format!("--ab\r\nContent-Type: multipart/mixed; boundary={boundary}\r\n\r\n--ab\r\n\r\none\r\n--ab--\r\n");
        quickly(&multipart("ab", &body))
    };
    for same in ["ab", "ab--"] {
        let refused = inside(same).unwrap_err().to_string();
        assert!(refused.contains("nobody can tell their lines apart"), "{refused}");
    }
    assert_eq!(inside("ab-").unwrap().parts.len(), 1);
    // The content of an inner message is not checked: the lines of the outer one delimit it.
    let body =
        "--ab\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=ab\r\n\r\n--ab--\r\n";
    assert_eq!(quickly(&multipart("ab", body)).unwrap().parts.len(), 1);
}

#[test]
fn a_boundary_of_200_characters_works() {
    let boundary = "=_".repeat(100);
    let body = format!("--{boundary}\r\n\r\none\r\n--{boundary}--\r\n");
    assert_eq!(quickly(&multipart(&boundary, &body)).unwrap().parts.len(), 1);
}

#[test]
fn a_body_full_of_near_delimiters_costs_no_more() {
    let boundary = "-".repeat(200);
    let near = format!("--{}\r\n", "-".repeat(199)).repeat(20_000);
    let body = format!("--{boundary}\r\n\r\n{near}--{boundary}--\r\n");
    assert_eq!(quickly(&multipart(&boundary, &body)).unwrap().parts.len(), 1);
}

#[test]
fn nul_passes_in_bodies_and_not_in_headers() {
    assert_eq!(
        quickly(&multipart("b", "--b\r\n\r\n\0\0\r\n--b--\r\n"))
            .unwrap()
            .parts
            .len(),
        1
    );
    assert!(matches!(
        quickly(&format!("{HEAD}X: \0\r\n\r\n")).unwrap_err(),
        Refusal::BadHeader { line: 4, .. }
    ));
}

#[test]
fn a_truncated_multipart_is_carried_and_its_last_part_reaches_to_the_end() {
    for (body, parts, last) in [
        ("--b\r\n\r\none\r\n--b\r\nContent-ID: <x>\r\n\r\ntwo\r\n", 2, 5),
        ("--b\r\n\r\none\r\n--b\r\nContent-ID: <x>\r\n", 2, 0),
        ("--b\r\n\r\none\r\n--b\r\n", 2, 0),
        ("--b\r\n\r\none\r\n--b", 2, 0),
        ("--b\r\n\r\n", 1, 0),
    ] {
        let message = quickly(&multipart("b", body)).unwrap();
        assert_eq!(message.parts.len(), parts, "{body:?}");
        assert_eq!(message.parts.last().map(|p| p.body.size()), Some(last), "{body:?}");
    }
}

#[test]
fn a_multipart_without_any_delimiter_is_refused_and_an_empty_one_is_not() {
    let refused = quickly(&multipart("b", "text\r\n")).unwrap_err();
    assert!(
        matches!(&refused, Refusal::BrokenMime { reason } if reason.contains("\"b\"")),
        "{refused}"
    );
    let nameless = format!("{HEAD}Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n");
    assert!(matches!(quickly(&nameless).unwrap_err(), Refusal::BrokenMime { .. }));
    for body in ["", "\r\n"] {
        assert_eq!(quickly(&multipart("b", body)).unwrap().parts.len(), 0);
    }
}

/// Prints the cost of reading. Run with `--ignored --nocapture`.
#[test]
#[ignore = "measures, asserts nothing about time"]
fn cost_of_reading() {
    for (kilobytes, parts) in [(10, 3), (30, 3), (300, 4), (5_000, 6)] {
        let line = format!("{}\r\n", "QUJD".repeat(19));
        let part = format!(
            "--=_b1\r\nContent-Type: image/jpeg; name=\"a.jpg\"\r\nContent-ID: <a>\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
            line.repeat(kilobytes * 1_000 / parts / line.len())
        );
        let fields: String = (0..20)
            .map(|i| format!("X-Mms-Extension-{i}: value of {i}\r\n"))
            .collect();
        let text = format!(
            "{fields}{}",
            multipart("=_b1", &format!("{}--=_b1--\r\n", part.repeat(parts)))
        );
        let received = super::samples::incoming(text.as_bytes());
        let rounds = 200_000 / kilobytes;
        let started = Instant::now();
        for _ in 0..rounds {
            assert_eq!(read(received.clone(), &Limits::default()).unwrap().parts.len(), parts);
        }
        let each = started.elapsed() / rounds as u32;
        let rate = text.len() as f64 / each.as_secs_f64() / 1e6;
        println!("{kilobytes} kB: {each:?} a message, {rate:.0} MB/s");
    }
}
