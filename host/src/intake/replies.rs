//! The replies to a peer, and the one table from a [`Refusal`] to a reply: code, enhanced code (RFC 3463), and a short
//! text that says what was wrong and what to do. Internal reasons stay in the log, under the same id.

use std::time::Duration;

use crate::message::{MessageId, Refusal};
use crate::protocol::smtp::{Command, CommandError, LineError, LoginError, MECHANISMS, Reply};
use crate::spool::Receipt;

use super::Options;

/// The only `250` to an end of data. It takes the proof that the message is on disk.
pub(super) fn accepted(receipt: &Receipt) -> Reply {
    Reply::new(250, Some((0, 0)), format!("{} accepted", receipt.id()))
}

/// The reply to a refusal before there is a message.
pub fn reply_to(refusal: &Refusal) -> Reply {
    refused(refusal, None)
}

/// The reply to a refusal. `id` is that of the message, once it has one.
pub(super) fn refused(refusal: &Refusal, id: Option<MessageId>) -> Reply {
    let (code, enhanced, text) = table(refusal);
    let text = match id {
        Some(id) => format!("{text} [{id}]"),
        None => text,
    };
    Reply::new(code, Some(enhanced), text)
}

fn table(refusal: &Refusal) -> (u16, (u16, u16), String) {
    match refusal {
        Refusal::UnknownClient { remote } => (
            550,
            (7, 1),
            format!("{remote} is not a peer here; ask for an agreement"),
        ),
        Refusal::SenderNotAllowed { sender } => (550, (7, 1), format!("<{sender}> is not yours to send from")),
        Refusal::TooFast { what } => (
            451,
            (7, 0),
            format!("more {what} in a time than were agreed upon; come back later"),
        ),
        Refusal::NotProven { what } => (530, (7, 0), (*what).to_owned()),
        Refusal::UnclearOriginator { field, why } => (
            550,
            (7, 1),
            format!("{field} names an originator that cannot be understood: {why}"),
        ),
        Refusal::NoRoute { recipient } => {
            let detail = if recipient.contains('@') { 2 } else { 1 };
            (
                550,
                (1, detail),
                format!("no route to <{recipient}>; send it to its own network"),
            )
        }
        Refusal::ThirdParty { recipient } => (
            550,
            (7, 1),
            format!("<{recipient}>: nothing is carried from you to other networks here"),
        ),
        Refusal::NotAsked { kind, .. } => (
            550,
            (7, 1),
            format!("{kind} answers a request that was not asked of you"),
        ),
        Refusal::NobodyServes { recipient } => (
            451,
            (3, 2),
            format!("<{recipient}> cannot be served at present; try again later"),
        ),
        Refusal::Numbering { recipient, .. } => (
            451,
            (4, 3),
            format!("the network of <{recipient}> cannot be looked up at present; try again later"),
        ),
        Refusal::BadAddress { text, reason } => (553, (1, 3), format!("<{text}>: {reason}")),
        Refusal::TooManyRecipients { limit } => (
            452,
            (5, 3),
            format!("no more than {limit} recipients; send the others in another message"),
        ),
        Refusal::TooLarge { limit } => (
            552,
            (3, 4),
            format!("message larger than {limit} octets; make it smaller"),
        ),
        Refusal::HeaderTooLarge { limit } => (552, (3, 4), format!("header larger than {limit} octets")),
        Refusal::LineTooLong { limit } => (554, (6, 0), format!("a line is longer than {limit} octets; encode it")),
        Refusal::BareLineEnd => (550, (6, 11), "bare CR or LF in the message; end lines in CRLF".into()),
        Refusal::NulOctet => (554, (6, 0), "NUL in the message; encode the part that holds it".into()),
        Refusal::NestedTooDeep { .. }
        | Refusal::NoHeader
        | Refusal::BadHeader { .. }
        | Refusal::NotMm4
        | Refusal::Contradiction { .. }
        | Refusal::UnknownMessageType { .. }
        | Refusal::MissingHeader { .. }
        | Refusal::BrokenMime { .. } => (554, (6, 0), refusal.to_string()),
        Refusal::Loop { evidence } => (
            554,
            (4, 6),
            format!("the message loops; check the routes on both sides: {evidence}"),
        ),
        // The boundary has checked the code. This guard is for one outside of 550 to 554, which could turn a refusal
        // into an acceptance.
        Refusal::ByPlugin { code, text, .. } if (550..=554).contains(code) => (*code, (7, 1), text.clone()),
        Refusal::ByPlugin { text, .. } => (554, (7, 1), text.clone()),
        Refusal::PluginFailed { .. } => (
            554,
            (3, 0),
            "the message cannot be processed; do not send it again".into(),
        ),
        Refusal::Deferred { .. } => (
            451,
            (3, 0),
            "the message cannot be processed now; send it again later".into(),
        ),
        Refusal::Storage { .. } | Refusal::NoSpace => {
            (452, (3, 1), "no room for the message now; send it again later".into())
        }
        Refusal::StoreFailed => (421, (3, 0), "local error; send it again later".into()),
        Refusal::StoreAway => (
            451,
            (3, 0),
            "the message cannot be kept now; send it again later".into(),
        ),
        // RFC 1047: it may be there, and its copy is then recognised.
        Refusal::Unsettled => (
            451,
            (3, 0),
            "it is not known yet whether the message is kept; send it again later".into(),
        ),
        Refusal::Stopping => (421, (3, 2), "stopping; send it again later".into()),
    }
}

/// Whether the session must end after this refusal at the end of data: what follows may have been meant as part of the
/// message, or the relay can take nothing any more.
pub(super) fn ends_session(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::BareLineEnd | Refusal::NulOctet | Refusal::StoreFailed | Refusal::Stopping
    )
}

/// RFC 5321, 3.8: a server that says 421 closes the connection.
pub(super) fn closes(reply: &Reply) -> bool {
    reply.code == 421
}

/// The greeting; RFC 5321, 4.3.1 allows no enhanced code in it.
pub(super) fn greeting(host_name: &str) -> Reply {
    Reply::new(220, None, format!("{host_name} ESMTP mm4relay"))
}

/// The greeting for a client that is given no session: 554 (RFC 5321, 3.1).
pub(super) fn unwelcome(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::StoreFailed | Refusal::Stopping => refused(refusal, None),
        // A greeting knows no 451.
        Refusal::StoreAway => Reply::new(421, Some((3, 0)), table(refusal).2),
        Refusal::TooFast { .. } => Reply::new(421, Some((7, 0)), table(refusal).2),
        _ => Reply::new(554, None, table(refusal).2),
    }
}

/// The reply to EHLO. `size` is the limit to announce (RFC 1870).
pub(super) fn ehlo(options: &Options, size: u64, starttls: bool, logins: bool) -> Reply {
    let mut reply = Reply::new(250, None, options.host_name.as_str());
    let extensions = ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING"];
    reply.lines.push(format!("SIZE {size}"));
    reply.lines.extend(extensions.map(str::to_owned));
    if starttls {
        reply.lines.push("STARTTLS".to_owned());
    }
    if logins {
        reply.lines.push(format!("AUTH {MECHANISMS}"));
    }
    reply
}

pub(super) fn helo(options: &Options) -> Reply {
    Reply::new(250, None, options.host_name.as_str())
}

pub(super) fn mail_ok() -> Reply {
    Reply::new(250, Some((1, 0)), "sender ok")
}

pub(super) fn rcpt_ok() -> Reply {
    Reply::new(250, Some((1, 5)), "recipient ok")
}

pub(super) fn go_ahead() -> Reply {
    Reply::new(354, None, "send the message, end it with CRLF.CRLF")
}

pub(super) fn ok() -> Reply {
    Reply::new(250, Some((0, 0)), "ok")
}

pub(super) fn bye() -> Reply {
    Reply::new(221, Some((0, 0)), "bye")
}

pub(super) fn vrfy() -> Reply {
    Reply::new(252, Some((5, 0)), "send a message to find out")
}

/// The reply to HELP. It names STARTTLS exactly where EHLO offers it.
pub(super) fn help(starttls: bool) -> Reply {
    let starttls = if starttls { " STARTTLS" } else { "" };
    let commands = format!("EHLO HELO{starttls} MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP; see RFC 5321");
    Reply::new(214, Some((0, 0)), commands)
}

/// The reply to a sender address that cannot be read (RFC 3463, X.1.7).
pub(super) fn bad_sender(text: &str, reason: &str) -> Reply {
    Reply::new(553, Some((1, 7)), format!("<{text}>: {reason}"))
}

pub(super) fn out_of_order(command: &Command<'_>) -> Reply {
    let text = match command {
        Command::Mail { .. } => "MAIL was given already; RSET or DATA first",
        Command::Rcpt { .. } | Command::Data | Command::Bdat { .. } => "MAIL first",
        _ => "not now",
    };
    Reply::new(503, Some((5, 1)), text)
}

/// The reply to a command between the chunks of a message (RFC 3030, 2).
pub(super) fn in_the_message() -> Reply {
    Reply::new(503, Some((5, 1)), "the message has begun: BDAT, or RSET")
}

/// The reply to a chunk that is not the last. It promises nothing.
pub(super) fn chunk_ok(octets: u64) -> Reply {
    Reply::new(250, Some((0, 0)), format!("{octets} octets"))
}

pub(super) fn hello_first() -> Reply {
    Reply::new(503, Some((5, 1)), "EHLO first")
}

pub(super) fn no_recipients() -> Reply {
    Reply::new(554, Some((5, 1)), "no valid recipients")
}

pub(super) fn command_error(error: &CommandError) -> Reply {
    let (code, detail) = match error {
        CommandError::NotAsciiAddress => return Reply::new(553, Some((6, 7)), error.to_string()),
        CommandError::Unknown | CommandError::NotAscii => (500, 2),
        CommandError::NotOffered(_) | CommandError::Hopeless(_) => (502, 1),
        CommandError::Syntax(_) | CommandError::BadParameter { .. } | CommandError::UncountedChunk => (501, 4),
        CommandError::UnknownParameter(_) => (555, 4),
    };
    Reply::new(code, Some((5, detail)), error.to_string())
}

pub(super) fn line_error(error: LineError) -> Reply {
    Reply::new(500, Some((5, 2)), error.to_string())
}

/// Whether the reply reports a protocol error of the client, and not a recipient or message that was refused.
pub(super) fn is_protocol_error(reply: &Reply) -> bool {
    matches!(reply.code, 500..=504 | 555)
}

pub(super) fn too_many_errors() -> Reply {
    Reply::new(421, Some((7, 0)), "too many errors, closing")
}

pub(super) fn too_many_useless() -> Reply {
    Reply::new(421, Some((7, 0)), "many commands and no message, closing")
}

pub(super) fn no_mail(within: Duration) -> Reply {
    let seconds = within.as_secs();
    Reply::new(421, Some((4, 2)), format!("no MAIL within {seconds} s, closing"))
}

pub(super) fn too_early() -> Reply {
    Reply::new(554, Some((5, 0)), "you talk before your turn, closing")
}

/// The reply to STARTTLS (RFC 3207, 4).
pub(super) fn tls_ready() -> Reply {
    Reply::new(220, Some((0, 0)), "begin TLS")
}

pub(super) fn tls_not_offered() -> Reply {
    Reply::new(502, Some((5, 1)), "STARTTLS is not offered here")
}

pub(super) fn tls_already() -> Reply {
    Reply::new(503, Some((5, 1)), "TLS is on already")
}

/// The reply to a command that requires TLS first (RFC 3207, 4).
pub(super) fn tls_first() -> Reply {
    Reply::new(
        530,
        Some((7, 0)),
        "STARTTLS first: your messages are taken over TLS only",
    )
}

/// A challenge of AUTH, in base64 (RFC 4954, 4).
pub(super) fn challenge(text: &str) -> Reply {
    Reply::new(334, None, text)
}

pub(super) fn logged_in() -> Reply {
    Reply::new(235, Some((7, 0)), "logged in")
}

/// The reply to a wrong login. It does not say whether the name or the password was wrong.
pub(super) fn login_wrong() -> Reply {
    Reply::new(535, Some((7, 8)), "wrong name or password")
}

/// The reply to the last wrong login of a session.
pub(super) fn login_wrong_again() -> Reply {
    Reply::new(421, Some((7, 0)), "wrong name or password, closing")
}

pub(super) fn too_many_logins() -> Reply {
    Reply::new(
        421,
        Some((7, 0)),
        "too many wrong logins from your address, come back later",
    )
}

pub(super) fn login_error(error: LoginError) -> Reply {
    let (code, detail) = match error {
        LoginError::UnknownMechanism => (504, 4),
        LoginError::Cancelled | LoginError::NotBase64 | LoginError::NotPlain | LoginError::BadText => (501, 2),
    };
    Reply::new(code, Some((5, detail)), error.to_string())
}

pub(super) fn login_not_offered() -> Reply {
    Reply::new(502, Some((5, 1)), "AUTH is not offered here")
}

/// The reply to AUTH without TLS (RFC 4954, 6).
pub(super) fn login_needs_tls() -> Reply {
    Reply::new(538, Some((7, 11)), "STARTTLS first: passwords are taken over TLS only")
}

pub(super) fn logged_in_already() -> Reply {
    Reply::new(503, Some((5, 1)), "you have logged in already")
}

pub(super) fn too_slow() -> Reply {
    Reply::new(421, Some((4, 2)), "too slow, closing")
}

pub(super) fn stopping() -> Reply {
    refused(&Refusal::Stopping, None)
}

pub(super) fn too_many_sessions(limit: usize) -> Reply {
    Reply::new(
        421,
        Some((3, 2)),
        format!("more than {limit} sessions, come back later"),
    )
}

pub(super) fn too_few_descriptors() -> Reply {
    Reply::new(421, Some((3, 2)), "no room for another session, come back later")
}

pub(super) fn too_many_from_source(limit: usize) -> Reply {
    Reply::new(
        421,
        Some((7, 0)),
        format!("more than {limit} sessions from your address, close some"),
    )
}
