//! The Internet Content Adaptation Protocol (RFC 3507), as far as a scanner's client needs it.
//!
//! A part is sent as the body of an HTTP response (RESPMOD), or of a request if the service takes nothing else
//! (REQMOD): first the preview, as long as the service wants it, then all of it. Changes by the service are dropped;
//! its verdict on the part is the answer.

mod answer;
mod head;
mod question;

use std::io;
use std::pin::pin;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use self::answer::Answer;
use self::question::{Options, Service};
use super::stream::Connection;
use super::{Address, Scanned};
use crate::outside::gate::Trouble;
use crate::outside::kept::{Kept, Opened};
use crate::sync::lock;

/// How long the options of a service are valid at most.
const KNOWN_FOR: Duration = Duration::from_secs(3600);

/// One service of a server.
pub(super) struct Icap {
    service: Service,
    connections: Kept<Connection>,
    known: Mutex<Option<(Options, Instant)>>,
}

/// Why a request has no answer.
#[derive(Debug)]
enum Broken {
    /// The connection ended, or failed.
    Io(io::Error),
    Trouble(Trouble),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Trouble(Trouble::Failed(error.to_string())),
            _ => Self::Io(error),
        }
    }
}

/// An answer, and whether the connection is good for another question.
type Done = Result<(Answer, bool), Broken>;

impl Icap {
    pub fn new(address: &Address, service: &str, most: usize) -> Self {
        Self {
            service: Service::new(address, service),
            connections: Kept::new(most),
            known: Mutex::default(),
        }
    }

    /// The name of what the service finds.
    pub async fn scan(&self, address: &Address, scanned: &Scanned) -> Result<Option<String>, Trouble> {
        if let Some(mut kept) = self.kept().await {
            match self.ask(&mut kept.connection, address, scanned).await {
                // The connection was just being closed. Scanning the same octets twice does no harm.
                Err(Broken::Io(_)) => {}
                done => return self.conclude(address, kept, done),
            }
        }
        let new = Connection::to(address).await;
        let mut new = Opened::now(new.map_err(|error| failed(address, &error))?);
        let done = self.ask(&mut new.connection, address, scanned).await;
        self.conclude(address, new, done)
    }

    async fn kept(&self) -> Option<Opened<Connection>> {
        loop {
            let mut kept = self.connections.take()?;
            if kept.connection.is_quiet().await {
                return Some(kept);
            }
        }
    }

    fn conclude(&self, address: &Address, open: Opened<Connection>, done: Done) -> Result<Option<String>, Trouble> {
        let (answer, is_good) = done.map_err(|broken| match broken {
            Broken::Io(error) => failed(address, &error),
            Broken::Trouble(trouble) => trouble,
        })?;
        if is_good {
            self.connections.keep(open);
        }
        self.note_tag(&answer);
        answer.found().map_err(|why| match why {
            Trouble::Failed(why) => Trouble::Failed(format!("ICAP at {address}: {why}")),
            other => other,
        })
    }

    /// The tag changes whenever the service may have changed.
    fn note_tag(&self, answer: &Answer) {
        let mut known = lock(&self.known);
        let tag = answer.head.field("ISTag");
        if known
            .as_ref()
            .is_some_and(|(options, _)| tag.is_some() && options.tag.as_deref() != tag)
        {
            *known = None;
        }
    }

    async fn ask(&self, connection: &mut Connection, address: &Address, scanned: &Scanned) -> Done {
        let options = self.options(connection, address).await?;
        let head = question::head(&self.service, &options, scanned);
        connection.writer.write_all(&head).await?;
        let Some(preview) = options.preview else {
            return converse(connection, scanned, 0).await;
        };
        let is_all = scanned.size() <= preview;
        send(
            &mut connection.writer,
            &scanned.pieces,
            0..preview,
            Ends::preview(is_all),
        )
        .await?;
        let answer = Answer::read(&mut connection.reader, scanned).await?;
        match answer.head.status == 100 && !is_all {
            true => converse(connection, scanned, preview).await,
            false => {
                let is_good = answer.leaves_open();
                Ok((answer, is_good))
            }
        }
    }

    async fn options(&self, connection: &mut Connection, address: &Address) -> Result<Options, Broken> {
        if let Some((options, until)) = &*lock(&self.known)
            && *until > Instant::now()
        {
            return Ok(options.clone());
        }
        connection
            .writer
            .write_all(question::options(&self.service).as_bytes())
            .await?;
        let nothing = Scanned {
            media_type: String::new(),
            pieces: Vec::new(),
        };
        let answer = Answer::read(&mut connection.reader, &nothing).await?;
        let (options, time) = Options::of(&answer.head, &self.service).map_err(Broken::Trouble)?;
        *lock(&self.known) = Some((options.clone(), Instant::now() + time.min(KNOWN_FOR)));
        if !answer.leaves_open() {
            *connection = Connection::to(address).await?;
        }
        Ok(options)
    }
}

/// Sends the part from this offset, and reads the answer meanwhile: a service may decide before it has all octets.
async fn converse(connection: &mut Connection, scanned: &Scanned, from: usize) -> Done {
    let Connection { reader, writer } = connection;
    let mut sending = pin!(send(writer, &scanned.pieces, from..usize::MAX, Ends::Last));
    let mut reading = pin!(Answer::read(reader, scanned));
    let (answer, is_sent) = tokio::select! {
        biased;
        answer = &mut reading => (answer?, false),
        sent = &mut sending => match (sent, reading.await) {
            (Ok(()), answer) => (answer?, true),
            // The service closed the connection after its answer.
            (Err(_), Ok(answer)) => (answer, false),
            (Err(error), Err(_)) => return Err(error.into()),
        },
    };
    let is_good = is_sent && answer.leaves_open();
    Ok((answer, is_good))
}

/// What follows the octets that are sent.
#[derive(Clone, Copy)]
enum Ends {
    Last,
    /// More octets, for which the service may ask.
    Preview,
    /// Nothing, because the preview was the whole part.
    Whole,
}

impl Ends {
    fn preview(is_all: bool) -> Self {
        match is_all {
            true => Self::Whole,
            false => Self::Preview,
        }
    }

    fn octets(self) -> &'static [u8] {
        match self {
            Self::Last | Self::Preview => b"0\r\n\r\n",
            Self::Whole => b"0; ieof\r\n\r\n",
        }
    }
}

/// These octets of the pieces, in chunks.
async fn send(
    to: &mut (impl AsyncWrite + Unpin),
    pieces: &[Bytes],
    octets: std::ops::Range<usize>,
    ends: Ends,
) -> io::Result<()> {
    let mut at = 0;
    for piece in pieces {
        let within = |place: usize| place.saturating_sub(at).min(piece.len());
        let chunk = &piece[within(octets.start)..within(octets.end)];
        at += piece.len();
        if !chunk.is_empty() {
            to.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
            to.write_all(chunk).await?;
            to.write_all(b"\r\n").await?;
        }
    }
    to.write_all(ends.octets()).await?;
    to.flush().await
}

fn failed(address: &Address, error: &io::Error) -> Trouble {
    Trouble::Failed(format!("ICAP at {address}: {error}"))
}

#[cfg(test)]
mod tests;
