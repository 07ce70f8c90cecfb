//! Tests of `reply.rs`.

use super::*;

fn read_all(octets: &[u8], step: usize) -> Result<Vec<Reply>, ReplyError> {
    let (mut reader, mut buffer, mut replies) = (ReplyReader::default(), BytesMut::new(), Vec::new());
    reader.pass_junk(true);
    for chunk in octets.chunks(step) {
        buffer.extend_from_slice(chunk);
        while let Some(reply) = reader.read(&mut buffer)? {
            replies.push(reply);
        }
    }
    Ok(replies)
}

/// The one reply in these octets, however they are cut up.
fn one(octets: &[u8]) -> Reply {
    let whole = read_all(octets, octets.len()).unwrap();
    for step in [1, 2, 3, 7, 1460] {
        assert_eq!(read_all(octets, step).unwrap(), whole, "in steps of {step}");
    }
    assert_eq!(whole.len(), 1, "{whole:?}");
    whole.into_iter().next().unwrap()
}

#[test]
fn pipelined_replies_come_out_one_by_one_at_any_split() {
    let octets = b"250-mms.b.example greets you\r\n250-SIZE 5242880\r\n250 PIPELINING\r\n\
                       250 2.1.0 sender ok\r\n550 5.1.1 nobody\r\n354\r\n";
    let whole = read_all(octets, octets.len()).unwrap();
    assert_eq!(
        whole[0].lines,
        ["mms.b.example greets you", "SIZE 5242880", "PIPELINING"]
    );
    assert_eq!(whole[1], Reply::new(250, Some((1, 0)), "sender ok"));
    assert_eq!(whole[2], Reply::new(550, Some((1, 1)), "nobody"));
    assert_eq!(whole[3], Reply::new(354, None, ""));
    for step in 1..octets.len() {
        assert_eq!(read_all(octets, step).unwrap(), whole, "in steps of {step}");
    }
}

#[test]
fn the_code_decides_whatever_stands_around_it() {
    for (octets, code) in [
        ("\r\n250 ok\r\n", 250),
        ("\r\n\r\n\n250 ok\r\n", 250),
        (" 250 ok\r\n", 250),
        ("250\tok\r\n", 250),
        ("250_ok\r\n", 250),
        ("250ok\r\n", 250),
        ("250 ok\r\r\n", 250),
        ("250 ok\n", 250),
        ("warning: the disk is nearly full\r\n250 ok\r\n", 250),
        ("250-taken\r\nas 4711\r\n250 ok\r\n", 250),
        ("250-taken\r\n\r\n250 ok\r\n", 250),
        ("250-one\r\n251 two\r\n", 251),
        ("550-no\r\n550\r\n", 550),
    ] {
        assert_eq!(one(octets.as_bytes()).code, code, "{octets:?}");
    }
}

#[test]
fn long_replies_are_cut_and_keep_their_code() {
    for code in [250, 451, 554] {
        for text in [MAX_REPLY_LINE - 4, MAX_REPLY_LINE, 20_000, MAX_REPLY_SIZE - 100] {
            let reply = one(format!("{code} {}\r\n", "x".repeat(text)).as_bytes());
            assert_eq!(reply.code, code);
            assert!(reply.lines[0].len() <= MAX_REPLY_LINE, "{text} octets");
        }
        let lines = format!("{}{code} end\r\n", format!("{code}-x\r\n").repeat(MAX_REPLY_LINES * 4));
        let reply = one(lines.as_bytes());
        assert_eq!((reply.code, reply.lines.len()), (code, MAX_REPLY_LINES));
    }
}

#[test]
fn a_reply_without_end_has_its_code_and_is_the_last_one() {
    for endless in [
        format!("250 {}", "x".repeat(MAX_REPLY_SIZE)),
        "250-x\r\n".repeat(MAX_REPLY_SIZE / 7 + 2),
    ] {
        let (mut reader, mut buffer) = (ReplyReader::default(), BytesMut::from(endless.as_bytes()));
        assert_eq!(reader.read(&mut buffer).unwrap().unwrap().code, 250);
        assert_eq!(reader.read(&mut buffer), Err(ReplyError::Endless));
    }
    let junk = "x".repeat(MAX_REPLY_SIZE + 1);
    assert!(matches!(
        read_all(junk.as_bytes(), 1000),
        Err(ReplyError::NotAReply { .. })
    ));
}

#[test]
fn a_reply_that_was_cut_off_behind_its_code_is_one() {
    for (octets, code) in [
        ("250", Some(250)),
        ("250 2.0.0 queued as", Some(250)),
        ("554-no\r\n", Some(554)),
        ("554-no\r\n55", Some(554)),
        ("25", None),
        ("", None),
        ("oops", None),
    ] {
        let (mut reader, mut buffer) = (ReplyReader::default(), BytesMut::from(octets.as_bytes()));
        assert_eq!(reader.read(&mut buffer).unwrap(), None, "{octets:?}");
        assert_eq!(reader.finish().map(|reply| reply.code), code, "{octets:?}");
    }
}

#[test]
fn what_is_no_reply_is_shown_and_passed_over_a_few_times_at_most() {
    for line in ["HTTP/1.1 400 Bad Request", "25", "199 x", "600 x", "2500 octets"] {
        let octets = format!("{line}\r\n");
        let (mut reader, mut buffer) = (ReplyReader::default(), BytesMut::from(octets.as_bytes()));
        reader.pass_junk(true);
        assert_eq!(reader.read(&mut buffer).unwrap(), None);
        assert_eq!(reader.junk(), Some(line));
        let (mut reader, mut buffer) = (ReplyReader::default(), BytesMut::from(octets.as_bytes()));
        let error = reader.read(&mut buffer).unwrap_err();
        assert_eq!(
            error,
            ReplyError::NotAReply { line: line.into() },
            "where it is not allowed"
        );
        let error = read_all(octets.repeat(MAX_JUNK_LINES + 1).as_bytes(), 3).unwrap_err();
        assert_eq!(error, ReplyError::NotAReply { line: line.into() });
    }
    let error = read_all("\x1b[2J\r\n".repeat(MAX_JUNK_LINES + 1).as_bytes(), 99).unwrap_err();
    assert_eq!(error, ReplyError::NotAReply { line: "?[2J".into() });
}

#[test]
fn one_reply_does_not_say_yes_and_no() {
    let error = read_all(b"250-one\r\n550 two\r\n", 99).unwrap_err();
    let (first, second) = (250, 550);
    assert_eq!(error, ReplyError::CodesDiffer { first, second });
}

#[test]
fn an_enhanced_code_of_another_class_is_text() {
    let replies = read_all(b"250 5.1.1 odd\r\n550 5.1.1111 odd\r\n550 5.7.1\r\n", 99).unwrap();
    assert_eq!(replies[0], Reply::new(250, None, "5.1.1 odd"));
    assert_eq!(replies[1], Reply::new(550, None, "5.1.1111 odd"));
    assert_eq!(replies[2], Reply::new(550, Some((7, 1)), ""));
}

#[test]
fn a_reply_cannot_forge_a_log_line() {
    let replies = read_all(b"550 no\rNov 21 relay: all is well\n", 99).unwrap();
    assert_eq!(replies[0].lines, ["no?Nov 21 relay: all is well"]);
}
