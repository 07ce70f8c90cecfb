//! Commands (RFC 5321, 4.1), with those of CHUNKING (RFC 3030) and the parameters of SIZE (RFC 1870) and 8BITMIME (RFC
//! 6152).
//!
//! The parser is strict where a line could be read in two ways, and tolerant where real peers are careless and the
//! meaning is clear: blanks behind `FROM:` and `TO:` and at the end of a line, verbs in any case, source routes
//! (dropped, RFC 5321, appendix C).

mod parameters;

use crate::message::without_source_route;

/// A parsed command. Texts borrow from the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    Ehlo(&'a str),
    Helo(&'a str),
    Mail {
        /// `None` is the null sender `<>`.
        from: Option<&'a str>,
        /// The declared size of the message in octets; a number that does not fit counts as `u64::MAX`.
        size: Option<u64>,
        body: Option<Body>,
    },
    Rcpt {
        to: &'a str,
    },
    Data,
    /// The next `octets` octets behind the CRLF are a chunk of the message (RFC 3030, 2).
    Bdat {
        octets: u64,
        last: bool,
    },
    Rset,
    Noop,
    Quit,
    Vrfy,
    Help,
    /// RFC 3207.
    StartTls,
    /// AUTH (RFC 4954), with the initial response if there is one.
    Auth {
        mechanism: &'a str,
        initial: Option<&'a str>,
    },
}

impl Command<'_> {
    /// Whether a client could repeat the command for ever without sending a message. MAIL is among them, because RSET
    /// may follow it. So is a small chunk: a message of five million octets must not come as five million commands.
    pub fn brings_no_message(&self) -> bool {
        const SMALL_CHUNK: u64 = 512;
        match self {
            Self::Bdat { octets, last } => !last && *octets < SMALL_CHUNK,
            Self::Ehlo(_) | Self::Helo(_) | Self::Mail { .. } | Self::StartTls => true,
            Self::Rset | Self::Noop | Self::Vrfy | Self::Help | Self::Auth { .. } => true,
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

/// Why a line is not a known command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("unknown command")]
    Unknown,
    #[error("{0} is not offered here")]
    NotOffered(&'static str),
    /// The client speaks another protocol, so what follows cannot be distinguished from commands.
    #[error("{0} is not spoken here, and what follows it cannot be understood")]
    Hopeless(&'static str),
    /// The size of the chunk is unreadable, so nobody knows how much of what follows belongs to it.
    #[error("write it as: BDAT octets, or BDAT octets LAST; what follows cannot be told from commands")]
    UncountedChunk,
    #[error("a command line may hold only ASCII characters")]
    NotAscii,
    /// SMTPUTF8 (RFC 6531) is not offered: MM4 addresses are numbers, and most next hops could not accept another
    /// address.
    #[error("SMTPUTF8 is not offered here: an address may hold only ASCII characters")]
    NotAsciiAddress,
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
    /// Whether what follows can no longer be distinguished from commands.
    pub fn is_hopeless(&self) -> bool {
        matches!(self, Self::Hopeless(_) | Self::UncountedChunk)
    }
}

const MAIL_SYNTAX: &str = "MAIL FROM:<address>, with the angle brackets";
const RCPT_SYNTAX: &str = "RCPT TO:<address>, with the angle brackets";
const HELLO_SYNTAX: &str = "EHLO host-name";

/// A domain name has at most 255 octets (RFC 5321, 4.5.3.1.2).
const MAX_HOST_OCTETS: usize = 255;

impl<'a> Command<'a> {
    /// Parses a line without its CRLF.
    pub fn parse(line: &'a [u8]) -> Result<Self, CommandError> {
        let text = std::str::from_utf8(line).ok().filter(|text| text.is_ascii());
        let text = text.ok_or_else(|| not_ascii(line))?.trim_end_matches([' ', '\t']);
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim_start_matches(' ');
        let is = |name: &str| verb.eq_ignore_ascii_case(name);
        match verb {
            _ if is("MAIL") => parameters::mail(rest),
            _ if is("RCPT") => parameters::rcpt(rest),
            _ if is("DATA") => alone(Self::Data, rest, "DATA"),
            _ if is("BDAT") => chunk(rest),
            _ if is("EHLO") => host_name(rest).map(Self::Ehlo),
            _ if is("HELO") => host_name(rest).map(Self::Helo),
            _ if is("RSET") => alone(Self::Rset, rest, "RSET"),
            _ if is("QUIT") => alone(Self::Quit, rest, "QUIT"),
            _ if is("STARTTLS") => alone(Self::StartTls, rest, "STARTTLS"),
            _ if is("AUTH") => auth(rest),
            _ if is("NOOP") => Ok(Self::Noop),
            _ if is("HELP") => Ok(Self::Help),
            _ if is("VRFY") && rest.is_empty() => Err(CommandError::Syntax("VRFY address")),
            _ if is("VRFY") => Ok(Self::Vrfy),
            _ => Err(not_a_command(verb)),
        }
    }
}

fn not_ascii(line: &[u8]) -> CommandError {
    let verb = line.get(..5).map(<[u8]>::to_ascii_uppercase);
    match verb.as_deref() {
        Some(b"MAIL " | b"RCPT ") => CommandError::NotAsciiAddress,
        _ => CommandError::NotAscii,
    }
}

fn not_a_command(verb: &str) -> CommandError {
    let among = |names: &[&'static str]| names.iter().copied().find(|name| name.eq_ignore_ascii_case(verb));
    if let Some(name) = among(&["EXPN", "ETRN", "TURN"]) {
        return CommandError::NotOffered(name);
    }
    // A web page can make a browser connect to us; the body of its request must not be read as commands.
    match among(&["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT"]) {
        Some(name) => CommandError::Hopeless(name),
        None => CommandError::Unknown,
    }
}

fn chunk(rest: &str) -> Result<Command<'_>, CommandError> {
    let mut words = rest.split_ascii_whitespace();
    let digits = |word: &&str| word.len() <= 20 && word.bytes().all(|octet| octet.is_ascii_digit());
    let octets = words.next().filter(digits).and_then(|word| word.parse().ok());
    let last = match words.next() {
        None => Some(false),
        Some(word) => word.eq_ignore_ascii_case("LAST").then_some(true),
    };
    match (octets, last, words.next()) {
        (Some(octets), Some(last), None) => Ok(Command::Bdat { octets, last }),
        _ => Err(CommandError::UncountedChunk),
    }
}

fn auth(rest: &str) -> Result<Command<'_>, CommandError> {
    let mut words = rest.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(mechanism), initial, None) => Ok(Command::Auth { mechanism, initial }),
        _ => Err(CommandError::Syntax("AUTH mechanism, or AUTH mechanism response")),
    }
}

fn alone<'a>(command: Command<'a>, rest: &str, syntax: &'static str) -> Result<Command<'a>, CommandError> {
    match rest {
        "" => Ok(command),
        _ => Err(CommandError::Syntax(syntax)),
    }
}

/// Reads a domain or an address literal. It becomes part of our `Received` field, so octets with a meaning there are
/// illegal; underscores are legal, because hosts have them.
fn host_name(text: &str) -> Result<&str, CommandError> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if text.is_empty() || text.len() > MAX_HOST_OCTETS || !text.bytes().all(legal) {
        return Err(CommandError::Syntax(HELLO_SYNTAX));
    }
    Ok(text)
}

/// Reads `KEYWORD: <path> parameters`: the text between the brackets, without a source route, and the parameters.
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

/// The first `>` outside of a quoted string.
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

#[cfg(test)]
mod tests;
