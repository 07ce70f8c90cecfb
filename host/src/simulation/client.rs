//! An operator that sends: a plain SMTP client, which knows exactly what it was told.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use super::net::Net;
use super::operators::{Mail, Operators, hosts};
use super::story::Way;
use super::wire::End;

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// 250 to its end, for these recipients.
    Taken(Vec<String>),
    Refused(u16),
    Later(u16),
    /// No answer. `whole`: the end of the message had been sent.
    Lost {
        whole: bool,
    },
}

const PATIENCE: Duration = Duration::from_secs(60);

type Talk = BufReader<End>;

/// Says what stands at these places of an operator's outbox, one after the other over one connection, as long as it lasts.
pub(super) async fn say(operators: Arc<Operators>, net: Arc<Net>, letter: char, places: Vec<usize>) {
    let mut talk = None;
    for place in places {
        let mail = operators.with(letter, |operator| operator.outbox[place].clone());
        let mut whole = false;
        let heard = match try_to_say(&net, letter, &mail, (&mut talk, &mut whole)).await {
            Ok(heard) => heard,
            Err(_) => {
                talk = None;
                Heard::Lost { whole }
            }
        };
        if !matches!(heard, Heard::Taken(_)) {
            talk = reset(talk).await;
        }
        operators.heard(letter, place, heard);
    }
    if let Some(mut talk) = talk {
        let _ = talk.get_mut().write_all(b"QUIT\r\n").await;
    }
}

/// The connection between two messages, if it is still good for one.
async fn reset(talk: Option<Talk>) -> Option<Talk> {
    let mut talk = talk?;
    let code = ask(&mut talk, "RSET\r\n").await;
    code.is_ok_and(|code| code == 250).then_some(talk)
}

async fn try_to_say(
    net: &Net,
    letter: char,
    mail: &Mail,
    (open, whole): (&mut Option<Talk>, &mut bool),
) -> io::Result<Heard> {
    let mut talk = match open.take() {
        Some(talk) => talk,
        None => match greeted(net, letter).await? {
            Ok(talk) => talk,
            Err(code) => return Ok(judged(code)),
        },
    };
    let heard = transaction(&mut talk, mail, whole).await?;
    *open = Some(talk);
    Ok(heard)
}

/// A connection behind EHLO; or the code of a relay that has no time.
async fn greeted(net: &Net, letter: char) -> io::Result<Result<Talk, u16>> {
    let opening = timeout(PATIENCE, net.open(hosts(letter)[0], net.relay(), None));
    let end = opening.await.map_err(io::Error::other)??;
    let mut talk = BufReader::new(end);
    let greeting = reply(&mut talk).await?;
    if greeting != 220 {
        return Ok(Err(greeting));
    }
    ask(&mut talk, "EHLO mms.example\r\n").await?;
    Ok(Ok(talk))
}

async fn transaction(talk: &mut Talk, mail: &Mail, whole: &mut bool) -> io::Result<Heard> {
    let taken = match envelope(talk, mail).await? {
        Ok(taken) => taken,
        Err(code) => return Ok(judged(code)),
    };
    let code = match mail.way {
        Way::Plain | Way::Grouped => content(talk, &mail.octets, whole).await?,
        Way::Chunks(size) => chunks(talk, &mail.octets, size, whole).await?,
    };
    if code != 250 {
        // Whoever said so has not taken it.
        *whole = false;
        return Ok(judged(code));
    }
    Ok(Heard::Taken(taken))
}

/// The recipients that were accepted, once the message may follow; or the code that says why it may not.
async fn envelope(talk: &mut Talk, mail: &Mail) -> io::Result<Result<Vec<String>, u16>> {
    let mut commands = vec![format!("MAIL FROM:<{}>\r\n", mail.from.clone().unwrap_or_default())];
    commands.extend(mail.to.iter().map(|to| format!("RCPT TO:<{to}>\r\n")));
    if !matches!(mail.way, Way::Chunks(_)) {
        commands.push("DATA\r\n".into());
    }
    if mail.way == Way::Grouped {
        talk.get_mut().write_all(commands.concat().as_bytes()).await?;
    }
    let (mut taken, mut refused) = (Vec::new(), None);
    for (place, command) in commands.iter().enumerate() {
        let code = match mail.way {
            Way::Grouped => reply(talk).await?,
            _ => ask(talk, command).await?,
        };
        match place.checked_sub(1).map(|place| mail.to.get(place)) {
            Some(Some(to)) if code == 250 => taken.push(to.clone()),
            Some(Some(_)) if refused.is_none() => refused = Some(code),
            Some(None) if code == 354 => {}
            None if code == 250 => {}
            // Behind a refusal of MAIL the others follow from it.
            None if mail.way == Way::Grouped => refused = Some(code),
            None | Some(None) => return Ok(Err(refused.unwrap_or(code))),
            Some(Some(_)) => {}
        }
        let last = place == mail.to.len();
        if mail.way != Way::Grouped && last && taken.is_empty() {
            break;
        }
    }
    Ok(match taken.is_empty() {
        true => Err(refused.unwrap_or(450)),
        false => Ok(taken),
    })
}

/// Behind DATA.
async fn content(talk: &mut Talk, octets: &str, whole: &mut bool) -> io::Result<u16> {
    let stuffed: String = octets
        .split_inclusive("\r\n")
        .map(|line| {
            if line.starts_with('.') {
                format!(".{line}")
            } else {
                line.to_owned()
            }
        })
        .collect();
    let stream = talk.get_mut();
    stream.write_all(stuffed.as_bytes()).await?;
    *whole = true;
    ask(talk, ".\r\n").await
}

/// By BDAT (RFC 3030). The last line has no end: the relay gives it one.
async fn chunks(talk: &mut Talk, octets: &str, size: usize, whole: &mut bool) -> io::Result<u16> {
    let octets = octets.strip_suffix("\r\n").unwrap_or(octets).as_bytes();
    let count = octets.len().div_ceil(size);
    let (mut said, mut open) = (Vec::new(), 0);
    for (place, chunk) in (1..).zip(octets.chunks(size)) {
        let last = if place == count { " LAST" } else { "" };
        said.extend_from_slice(format!("BDAT {}{last}\r\n", chunk.len()).as_bytes());
        said.extend_from_slice(chunk);
        open += 1;
        // Two at a time, as PIPELINING allows.
        if open < 2 && place < count {
            continue;
        }
        *whole = place == count;
        talk.get_mut().write_all(&std::mem::take(&mut said)).await?;
        for left in (0..std::mem::take(&mut open)).rev() {
            let code = reply(talk).await?;
            if code != 250 || place == count && left == 0 {
                return Ok(code);
            }
        }
    }
    Ok(450)
}

fn judged(code: u16) -> Heard {
    match code {
        500.. => Heard::Refused(code),
        _ => Heard::Later(code),
    }
}

async fn ask(talk: &mut Talk, question: &str) -> io::Result<u16> {
    talk.get_mut().write_all(question.as_bytes()).await?;
    reply(talk).await
}

async fn reply(talk: &mut Talk) -> io::Result<u16> {
    loop {
        let mut line = String::new();
        let read = timeout(PATIENCE, talk.read_line(&mut line))
            .await
            .map_err(io::Error::other)??;
        if read == 0 || !line.ends_with("\r\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.as_bytes().get(3) == Some(&b' ') {
            return line[..3].parse().map_err(io::Error::other);
        }
    }
}
