use super::*;

fn parse(line: &str) -> Result<Command<'_>, CommandError> {
    Command::parse(line.as_bytes())
}

fn mail(from: Option<&str>) -> Result<Command<'_>, CommandError> {
    let (size, body) = (None, None);
    Ok(Command::Mail { from, size, body })
}

#[test]
fn verbs_are_known_in_any_case_and_with_trailing_blanks() {
    assert_eq!(parse("data"), Ok(Command::Data));
    assert_eq!(parse("DATA  \t"), Ok(Command::Data));
    assert_eq!(parse("rSeT"), Ok(Command::Rset));
    assert_eq!(parse("Quit"), Ok(Command::Quit));
    assert_eq!(parse("NOOP anything goes"), Ok(Command::Noop));
    assert_eq!(parse("HELP MAIL"), Ok(Command::Help));
    assert_eq!(parse("VRFY ann"), Ok(Command::Vrfy));
    assert_eq!(parse("EHLO mms.a.example"), Ok(Command::Ehlo("mms.a.example")));
    assert_eq!(parse("helo [192.0.2.1] "), Ok(Command::Helo("[192.0.2.1]")));
}

#[test]
fn paths_are_taken_as_real_peers_write_them() {
    let ann = "+15555550100/TYPE=PLMN@mms.a.example";
    for line in [
        format!("MAIL FROM:<{ann}>"),
        format!("mail from: <{ann}> "),
        format!("MAIL  FROM:<{ann}>"),
        format!("MAIL FROM:<@one.example,@two.example:{ann}>"),
    ] {
        assert_eq!(parse(&line), mail(Some(ann)), "{line}");
    }
    assert_eq!(parse("MAIL FROM:<>"), mail(None));
    assert_eq!(parse("RCPT TO: <15555550101>"), Ok(Command::Rcpt { to: "15555550101" }));
    assert_eq!(
        parse(r#"RCPT TO:<"a>b"@c.example>"#),
        Ok(Command::Rcpt {
            to: r#""a>b"@c.example"#
        })
    );
}

#[test]
fn what_can_be_read_in_two_ways_is_refused_with_the_right_form() {
    for line in [
        "MAIL",
        "MAIL FROM",
        "MAIL FROM:",
        "MAIL FROM:ann@a.example",
        "MAIL FROM:<ann@a.example",
        "MAIL FROM:<a@b.example>SIZE=1",
        "MAIL FROM:<@one.example>",
        "MAIL TO:<a@b.example>",
    ] {
        assert_eq!(parse(line), Err(CommandError::Syntax(MAIL_SYNTAX)), "{line}");
    }
    for line in ["RCPT TO:<>", "RCPT TO:a@b.example", "RCPT FROM:<a@b.example>"] {
        assert_eq!(parse(line), Err(CommandError::Syntax(RCPT_SYNTAX)), "{line}");
    }
    for line in [
        "DATA now", "RSET x", "QUIT x", "VRFY", "EHLO", "EHLO a b", "HELO a(b", "EHLO <a>",
    ] {
        assert!(matches!(parse(line), Err(CommandError::Syntax(_))), "{line}");
    }
}

#[test]
fn mail_parameters_are_read_and_unknown_ones_named() {
    assert_eq!(
        parse("MAIL FROM:<a@b.example> size=300 BODY=8bitmime"),
        Ok(Command::Mail {
            from: Some("a@b.example"),
            size: Some(300),
            body: Some(Body::EightBitMime)
        })
    );
    let size = |line| match parse(line) {
        Ok(Command::Mail { size, .. }) => size,
        other => panic!("{other:?}"),
    };
    assert_eq!(size("MAIL FROM:<> SIZE=0"), Some(0));
    assert_eq!(size("MAIL FROM:<> SIZE=99999999999999999999"), Some(u64::MAX));
    for line in [
        "MAIL FROM:<> SIZE=",
        "MAIL FROM:<> SIZE=-1",
        "MAIL FROM:<> SIZE=+1",
        "MAIL FROM:<> SIZE=000000000000000000001",
        "MAIL FROM:<> SIZE=1 SIZE=2",
        "MAIL FROM:<> BODY=BINARYMIME",
    ] {
        assert!(matches!(parse(line), Err(CommandError::BadParameter { .. })), "{line}");
    }
    assert_eq!(
        parse("MAIL FROM:<> RET=HDRS"),
        Err(CommandError::UnknownParameter("RET".into()))
    );
    assert_eq!(
        parse("RCPT TO:<a@b.example> NOTIFY=NEVER"),
        Err(CommandError::UnknownParameter("NOTIFY".into()))
    );
}

#[test]
fn other_verbs_are_told_apart_by_what_may_follow_them() {
    assert_eq!(parse("XYZZY"), Err(CommandError::Unknown));
    assert_eq!(parse(""), Err(CommandError::Unknown));
    assert_eq!(parse("starttls"), Ok(Command::StartTls));
    assert_eq!(parse("STARTTLS now"), Err(CommandError::Syntax("STARTTLS")));
    assert_eq!(parse("etrn x"), Err(CommandError::NotOffered("ETRN")));
    assert_eq!(parse("POST / HTTP/1.1"), Err(CommandError::Hopeless("POST")));
    assert_eq!(Command::parse(b"NOOP \xff"), Err(CommandError::NotAscii));
    let address = "rcpt TO:<\u{fc}@b.example>";
    assert_eq!(parse(address), Err(CommandError::NotAsciiAddress));
}

#[test]
fn a_chunk_has_a_length_that_can_be_counted_or_the_stream_is_lost() {
    let chunk = |octets, last| Ok(Command::Bdat { octets, last });
    assert_eq!(parse("BDAT 10 LAST"), chunk(10, true));
    assert_eq!(parse("bdat 0 last "), chunk(0, true));
    assert_eq!(parse("BDAT 18446744073709551615"), chunk(u64::MAX, false));
    for line in [
        "BDAT",
        "BDAT LAST",
        "BDAT -1",
        "BDAT +1",
        "BDAT 1 FIRST",
        "BDAT 1 LAST LAST",
        "BDAT 18446744073709551616",
        "BDAT 0x10 LAST",
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(error, CommandError::UncountedChunk, "{line}");
        assert!(error.is_hopeless());
    }
}

#[test]
fn auth_names_a_mechanism_and_may_bring_a_response() {
    let auth = |mechanism, initial| Ok(Command::Auth { mechanism, initial });
    assert_eq!(parse("AUTH LOGIN"), auth("LOGIN", None));
    assert_eq!(parse("auth PLAIN AGEAYg=="), auth("PLAIN", Some("AGEAYg==")));
    for line in ["AUTH", "AUTH PLAIN a b"] {
        assert!(matches!(parse(line), Err(CommandError::Syntax(_))), "{line}");
    }
}

proptest::proptest! {
    #[test]
    fn no_line_makes_the_parser_panic(line in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
        let _ = Command::parse(&line);
        let _ = Command::parse(&[b"MAIL FROM:", line.as_slice()].concat());
        let _ = Command::parse(&[b"RCPT TO:<", line.as_slice()].concat());
    }
}
