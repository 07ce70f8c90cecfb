//! The parameters of MAIL and RCPT: `NAME=VALUE`, each at most once.

use super::{Body, Command, CommandError, MAIL_SYNTAX, RCPT_SYNTAX, path};

pub(super) fn mail(rest: &str) -> Result<Command<'_>, CommandError> {
    let (path, parameters) = path(rest, "FROM:").ok_or(CommandError::Syntax(MAIL_SYNTAX))?;
    let (mut size, mut body, mut submitter) = (None, None, None);
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name.eq_ignore_ascii_case("SIZE") {
            once(&mut size, parse_size(value)?, "SIZE")?;
        } else if name.eq_ignore_ascii_case("BODY") {
            once(&mut body, parse_body(value)?, "BODY")?;
        } else if name.eq_ignore_ascii_case("AUTH") && !value.is_empty() {
            // The parameter names who submitted the message elsewhere (RFC 4954, 5). No client is trusted with that, so
            // the relay treats it as `<>`.
            once(&mut submitter, (), "AUTH")?;
        } else {
            return Err(CommandError::UnknownParameter(name.to_owned()));
        }
    }
    let from = (!path.is_empty()).then_some(path);
    Ok(Command::Mail { from, size, body })
}

pub(super) fn rcpt(rest: &str) -> Result<Command<'_>, CommandError> {
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

fn once<T>(slot: &mut Option<T>, value: T, parameter: &'static str) -> Result<(), CommandError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(CommandError::BadParameter {
            parameter,
            expected: "one value",
        }),
    }
}

/// Reads a size of at most 20 digits (RFC 1870, 3).
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
