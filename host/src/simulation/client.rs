//! An operator that sends: a plain SMTP client, which knows exactly what it was told.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use super::RELAY;
use super::operators::{Operators, hosts};
use super::wire::{End, Net};

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

/// Says what stands at this place of an operator's outbox.
pub(super) async fn say(operators: Arc<Operators>, net: Arc<Net>, letter: char, place: usize) {
    let (from, to, octets) = operators.with(letter, |operator| {
        let mail = &operator.outbox[place];
        (
            mail.from.clone().unwrap_or_default(),
            mail.to.clone(),
            mail.octets.clone(),
        )
    });
    let mut whole = false;
    let heard = match try_to_say(&net, letter, &from, &to, &octets, &mut whole).await {
        Ok(heard) => heard,
        Err(_) => Heard::Lost { whole },
    };
    operators.heard(letter, place, heard);
}

async fn try_to_say(
    net: &Net,
    letter: char,
    from: &str,
    to: &[String],
    octets: &str,
    whole: &mut bool,
) -> io::Result<Heard> {
    let opening = timeout(PATIENCE, net.open(hosts(letter)[0], RELAY, false));
    let end = opening.await.map_err(io::Error::other)??;
    let mut talk = BufReader::new(end);
    let greeting = reply(&mut talk).await?;
    if greeting != 220 {
        return Ok(judged(greeting));
    }
    ask(&mut talk, "EHLO mms.example\r\n").await?;
    let code = ask(&mut talk, &format!("MAIL FROM:<{from}>\r\n")).await?;
    if code != 250 {
        return Ok(judged(code));
    }
    let (mut taken, mut last) = (Vec::new(), 0);
    for recipient in to {
        last = ask(&mut talk, &format!("RCPT TO:<{recipient}>\r\n")).await?;
        if last == 250 {
            taken.push(recipient.clone());
        }
    }
    if taken.is_empty() {
        return Ok(judged(last));
    }
    let code = ask(&mut talk, "DATA\r\n").await?;
    if code != 354 {
        return Ok(judged(code));
    }
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
    let code = ask(&mut talk, ".\r\n").await?;
    if code != 250 {
        // Whoever said so has not taken it.
        *whole = false;
        return Ok(judged(code));
    }
    let _ = talk.get_mut().write_all(b"QUIT\r\n").await;
    Ok(Heard::Taken(taken))
}

fn judged(code: u16) -> Heard {
    match code {
        500.. => Heard::Refused(code),
        _ => Heard::Later(code),
    }
}

async fn ask(talk: &mut BufReader<End>, question: &str) -> io::Result<u16> {
    talk.get_mut().write_all(question.as_bytes()).await?;
    reply(talk).await
}

async fn reply(talk: &mut BufReader<End>) -> io::Result<u16> {
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
