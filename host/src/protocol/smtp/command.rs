//! Commands (RFC 5321, 4.1) with the parameters of SIZE (RFC 1870) and 8BITMIME (RFC 6152).
//!
//! Strict about what could be read in two ways, tolerant where real peers are sloppy and the meaning is clear: blanks
//! behind `FROM:` and `TO:` and at the end of a line, verbs in any case, source routes (dropped, RFC 5321, appendix C).

use crate::message::without_source_route;

/// A command, taken apart. Texts borrow from the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    Ehlo(&'a str),
    Helo(&'a str),
    Mail {
        /// `None` is the null sender `<>`.
        from: Option<&'a str>,
        /// What the client says of the message's size, in octets; more than fits counts as `u64::MAX`.
        size: Option<u64>,
        body: Option<Body>,
    },
    Rcpt {
        to: &'a str,
    },
    Data,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Help,
    /// RFC 3207.
    StartTls,
}

impl Command<'_> {
    /// Whether it may be said for ever without a message coming nearer. MAIL is among them: it may be followed by RSET.
    pub fn brings_no_message(&self) -> bool {
        match self {
            Self::Ehlo(_) | Self::Helo(_) | Self::Mail { .. } | Self::StartTls => true,
            Self::Rset | Self::Noop | Self::Vrfy | Self::Help => true,
            Self::Rcpt { .. } | Self::Data | Self::Quit => false,
        }
    }
}

/// `BODY=` of MAIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    SevenBit,
    EightBitMime,
}

/// Why a line is not a command that we know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("unknown command")]
    Unknown,
    #[error("{0} is not offered here")]
    NotOffered(&'static str),
    /// What follows cannot be told from commands: `BDAT`, whose octets would be read as commands, or another protocol.
    #[error("{0} is not spoken here, and what follows it cannot be understood")]
    Hopeless(&'static str),
    #[error("a command line may hold only ASCII characters")]
    NotAscii,
    #[error("write it as: {0}")]
    Syntax(&'static str),
    #[error("parameter {0} is not known here")]
    UnknownParameter(String),
    #[error("parameter {parameter}: {expected} is expected")]
    BadParameter {
        parameter: &'static str,
        expected: &'static str,
    },
}

impl CommandError {
    /// Whether what follows can no longer be told from commands.
    pub fn is_hopeless(&self) -> bool {
        matches!(self, Self::Hopeless(_))
    }
}

const MAIL_SYNTAX: &str = "MAIL FROM:<address>, with the angle brackets";
const RCPT_SYNTAX: &str = "RCPT TO:<address>, with the angle brackets";
const HELLO_SYNTAX: &str = "EHLO host-name";

/// A domain name has at most 255 octets (RFC 5321, 4.5.3.1.2).
const MAX_HOST_OCTETS: usize = 255;

impl<'a> Command<'a> {
    /// Takes a line without its CRLF.
    pub fn parse(line: &'a [u8]) -> Result<Self, CommandError> {
        let text = std::str::from_utf8(line)
            .ok()
            .filter(|text| text.is_ascii())
            .ok_or(CommandError::NotAscii)?
            .trim_end_matches([' ', '\t']);
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim_start_matches(' ');
        let is = |name: &str| verb.eq_ignore_ascii_case(name);
        match verb {
            _ if is("MAIL") => parse_mail(rest),
            _ if is("RCPT") => parse_rcpt(rest),
            _ if is("DATA") => alone(Self::Data, rest, "DATA"),
            _ if is("EHLO") => host_name(rest).map(Self::Ehlo),
            _ if is("HELO") => host_name(rest).map(Self::Helo),
            _ if is("RSET") => alone(Self::Rset, rest, "RSET"),
            _ if is("QUIT") => alone(Self::Quit, rest, "QUIT"),
            _ if is("STARTTLS") => alone(Self::StartTls, rest, "STARTTLS"),
            _ if is("NOOP") => Ok(Self::Noop),
            _ if is("HELP") => Ok(Self::Help),
            _ if is("VRFY") && rest.is_empty() => Err(CommandError::Syntax("VRFY address")),
            _ if is("VRFY") => Ok(Self::Vrfy),
            _ => Err(not_a_command(verb)),
        }
    }
}

fn not_a_command(verb: &str) -> CommandError {
    let among = |names: &[&'static str]| names.iter().copied().find(|name| name.eq_ignore_ascii_case(verb));
    if let Some(name) = among(&["AUTH", "EXPN", "ETRN", "TURN"]) {
        return CommandError::NotOffered(name);
    }
    // A web page can make a browser speak to us: the body of its request must not be read as commands.
    match among(&["BDAT", "GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT"]) {
        Some(name) => CommandError::Hopeless(name),
        None => CommandError::Unknown,
    }
}

fn alone<'a>(command: Command<'a>, rest: &str, syntax: &'static str) -> Result<Command<'a>, CommandError> {
    match rest {
        "" => Ok(command),
        _ => Err(CommandError::Syntax(syntax)),
    }
}

/// A domain or an address literal. It goes into our `Received` line, so nothing that has a meaning there is legal;
/// underscores are, because hosts have them.
fn host_name(text: &str) -> Result<&str, CommandError> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if text.is_empty() || text.len() > MAX_HOST_OCTETS || !text.bytes().all(legal) {
        return Err(CommandError::Syntax(HELLO_SYNTAX));
    }
    Ok(text)
}

fn parse_mail(rest: &str) -> Result<Command<'_>, CommandError> {
    let (path, parameters) = path(rest, "FROM:").ok_or(CommandError::Syntax(MAIL_SYNTAX))?;
    let (mut size, mut body) = (None, None);
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name.eq_ignore_ascii_case("SIZE") {
            once(&mut size, parse_size(value)?, "SIZE")?;
        } else if name.eq_ignore_ascii_case("BODY") {
            once(&mut body, parse_body(value)?, "BODY")?;
        } else {
            return Err(CommandError::UnknownParameter(name.to_owned()));
        }
    }
    let from = (!path.is_empty()).then_some(path);
    Ok(Command::Mail { from, size, body })
}

fn parse_rcpt(rest: &str) -> Result<Command<'_>, CommandError> {
    let (to, parameters) = path(rest, "TO:").ok_or(CommandError::Syntax(RCPT_SYNTAX))?;
    if to.is_empty() {
        return Err(CommandError::Syntax(RCPT_SYNTAX));
    }
    match parameters.split_ascii_whitespace().next() {
        None => Ok(Command::Rcpt { to }),
        Some(parameter) => {
            let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
            Err(CommandError::UnknownParameter(name.to_owned()))
        }
    }
}

/// `KEYWORD: <path> parameters`: what stands between the brackets, without a source route, and the parameters.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (word, rest) = rest.split_at_checked(keyword.len())?;
    if !word.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let inside = rest.trim_start_matches(' ').strip_prefix('<')?;
    let end = closing_bracket(inside)?;
    let (path, parameters) = (&inside[..end], &inside[end + 1..]);
    if !parameters.is_empty() && !parameters.starts_with(' ') {
        return None;
    }
    Some((without_source_route(path)?, parameters))
}

/// The first `>` that does not stand in a quoted string.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.bytes().position(|b| {
        let plain = !std::mem::take(&mut escaped);
        match b {
            b'\\' if quoted && plain => escaped = true,
            b'"' if plain => quoted = !quoted,
            _ => {}
        }
        b == b'>' && !quoted
    })
}

fn once<T>(slot: &mut Option<T>, value: T, parameter: &'static str) -> Result<(), CommandError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(CommandError::BadParameter {
            parameter,
            expected: "one value",
        }),
    }
}

/// At most 20 digits (RFC 1870, 3).
fn parse_size(value: &str) -> Result<u64, CommandError> {
    if value.is_empty() || value.len() > 20 || !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(CommandError::BadParameter {
            parameter: "SIZE",
            expected: "a number of octets",
        });
    }
    Ok(value.parse().unwrap_or(u64::MAX))
}

fn parse_body(value: &str) -> Result<Body, CommandError> {
    if value.eq_ignore_ascii_case("7BIT") {
        Ok(Body::SevenBit)
    } else if value.eq_ignore_ascii_case("8BITMIME") {
        Ok(Body::EightBitMime)
    } else {
        Err(CommandError::BadParameter {
            parameter: "BODY",
            expected: "7BIT or 8BITMIME",
        })
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(parse("auth"), Err(CommandError::NotOffered("AUTH")));
        assert_eq!(parse("BDAT 10 LAST"), Err(CommandError::Hopeless("BDAT")));
        assert_eq!(parse("POST / HTTP/1.1"), Err(CommandError::Hopeless("POST")));
        assert_eq!(Command::parse(b"NOOP \xff"), Err(CommandError::NotAscii));
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let _ = Command::parse(&line);
            let _ = Command::parse(&[b"MAIL FROM:", line.as_slice()].concat());
            let _ = Command::parse(&[b"RCPT TO:<", line.as_slice()].concat());
        }
    }
}
