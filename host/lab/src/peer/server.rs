//! The peer's server. It is the sink of load tests, so it is fast while nobody looks at the messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::behaviour::{self, Action, Behaviour, Keep, Stage};
use super::message::{Received, unstuff};

/// Counts of a peer.
#[derive(Debug, Default)]
pub struct Counts {
    pub connections: AtomicU64,
    /// Connections with a complete TLS handshake.
    pub encrypted: AtomicU64,
    /// Messages that were answered with 250.
    pub messages: AtomicU64,
    pub recipients: AtomicU64,
    /// Octets of messages, on the wire.
    pub octets: AtomicU64,
    /// Replies 5xx and 4xx.
    pub refused: AtomicU64,
    pub deferred: AtomicU64,
    /// Messages that were received completely, and not answered.
    pub unanswered: AtomicU64,
    pub open: AtomicU64,
    pub most_open: AtomicU64,
    received: AtomicU64,
}

/// Octets per read: large messages come in few system calls.
const READ: usize = 128 << 10;
const HEADER: usize = 64 << 10;
const MAX_LINE: usize = 4096;
const EXTENSIONS: [&str; 4] = ["PIPELINING", "SIZE 0", "8BITMIME", "ENHANCEDSTATUSCODES"];

/// Serves until it is dropped; sessions end with it.
pub async fn serve(listener: TcpListener, behaviour: Arc<Behaviour>, counts: Arc<Counts>) {
    let mut sessions = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Probably out of file descriptors: one of the sessions must end first.
            sessions.join_next().await;
            continue;
        };
        while sessions.try_join_next().is_some() {}
        let session = Session::new(stream, behaviour.clone(), counts.clone());
        sessions.spawn(session.run());
    }
}

/// The connection itself, or TLS over it.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

struct Session {
    stream: Box<dyn Stream>,
    encrypted: bool,
    behaviour: Arc<Behaviour>,
    counts: Arc<Counts>,
    input: BytesMut,
    /// Replies that were not sent yet; those to one pipelined group are sent together.
    output: Vec<u8>,
    from: Option<String>,
    to: Vec<String>,
}

/// The session is over: the connection is gone, or must be given up.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

impl Session {
    fn new(stream: TcpStream, behaviour: Arc<Behaviour>, counts: Arc<Counts>) -> Self {
        counts.connections.fetch_add(1, Ordering::Relaxed);
        let open = counts.open.fetch_add(1, Ordering::Relaxed) + 1;
        counts.most_open.fetch_max(open, Ordering::Relaxed);
        // Replies leave in groups, so Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        Self {
            stream: Box::new(stream),
            encrypted: false,
            behaviour,
            counts,
            input: BytesMut::new(),
            output: Vec::new(),
            from: None,
            to: Vec::new(),
        }
    }

    async fn run(mut self) {
        // The client sees a closed connection; nobody else needs to know.
        let _: Result<(), Over> = self.converse().await;
        self.counts.open.fetch_sub(1, Ordering::Relaxed);
    }

    async fn converse(&mut self) -> Result<(), Over> {
        if self.misbehave(Stage::Connect).await? {
            return self.flush().await;
        }
        let greeting = format!("220 {} ESMTP mm4relay peer", self.behaviour.host);
        self.say(&greeting);
        loop {
            let line = self.line().await?;
            let text = String::from_utf8_lossy(&line).into_owned();
            let verb = text.split([' ', '\t']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" | "HELO" => self.hello(verb == "EHLO").await?,
                "STARTTLS" => self.secure().await?,
                "MAIL" => self.mail(&text).await?,
                "RCPT" => self.rcpt(&text).await?,
                "DATA" => self.data().await?,
                "RSET" => {
                    self.forget();
                    self.say("250 2.0.0 reset");
                }
                "NOOP" => self.say("250 2.0.0 ok"),
                "QUIT" => {
                    self.say("221 2.0.0 bye");
                    return self.flush().await;
                }
                _ => self.say("500 5.5.1 no such command"),
            }
        }
    }

    async fn hello(&mut self, extended: bool) -> Result<(), Over> {
        if self.misbehave(Stage::Helo).await? {
            return Ok(());
        }
        if extended && self.behaviour.helo_only {
            self.say("500 Error.");
            return Ok(());
        }
        let behaviour = self.behaviour.clone();
        let usual = || EXTENSIONS.map(str::to_owned).to_vec();
        let offered = match &behaviour.extensions {
            _ if !extended || behaviour.no_extensions => Vec::new(),
            Some(own) => own.clone(),
            None => usual(),
        };
        let starttls = (extended && behaviour.tls.is_some() && !self.encrypted).then_some("STARTTLS");
        let lines: Vec<&str> = std::iter::once(behaviour.host.as_str())
            .chain(offered.iter().map(String::as_str))
            .chain(starttls)
            .collect();
        for (index, line) in lines.iter().enumerate() {
            let mark = if index + 1 == lines.len() { ' ' } else { '-' };
            self.say(&format!("250{mark}{line}"));
        }
        Ok(())
    }

    /// Garbage at this stage is sent in clear behind the 220, as an attacker would insert it.
    async fn secure(&mut self) -> Result<(), Over> {
        let Some(tls) = self.behaviour.tls.clone().filter(|_| !self.encrypted) else {
            self.say("502 5.5.1 not offered");
            return Ok(());
        };
        match self.rule(Stage::Tls) {
            Some(Action::Garbage) => {
                self.say("220 2.0.0 go on\r\n250-mms.peer.example\r\n250 SIZE 1");
                return self.flush().await;
            }
            Some(action) => return self.act(action, Stage::Tls).await,
            None => self.say("220 2.0.0 go on"),
        }
        self.flush().await?;
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        self.stream = Box::new(TlsAcceptor::from(tls).accept(plain).await?);
        self.encrypted = true;
        self.input.clear();
        self.counts.encrypted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn mail(&mut self, line: &str) -> Result<(), Over> {
        if self.misbehave(Stage::Mail).await? {
            return Ok(());
        }
        match path(line) {
            Some(_) if self.from.is_some() => self.say("503 5.5.1 one sender is enough"),
            Some(path) => {
                self.from = Some(path.to_owned());
                self.say("250 2.1.0 ok");
            }
            None => self.say("501 5.5.4 MAIL FROM:<address> is expected"),
        }
        Ok(())
    }

    async fn rcpt(&mut self, line: &str) -> Result<(), Over> {
        if self.misbehave(Stage::Rcpt).await? {
            return Ok(());
        }
        match path(line) {
            _ if self.from.is_none() => self.say("503 5.5.1 MAIL first"),
            Some(path) => match behaviour::of_recipient(path) {
                Some(wish) => self.act(wish, Stage::Rcpt).await?,
                None => {
                    self.to.push(path.to_owned());
                    self.say("250 2.1.5 ok");
                }
            },
            None => self.say("501 5.5.4 RCPT TO:<address> is expected"),
        }
        Ok(())
    }

    async fn data(&mut self) -> Result<(), Over> {
        if self.to.is_empty() {
            self.say("503 5.5.1 RCPT first");
            return Ok(());
        }
        if self.misbehave(Stage::Data).await? {
            return Ok(());
        }
        self.say("354 go on");
        let mut kept = Vec::new();
        let octets = self.message(&mut kept).await?;
        let action = self.rule(Stage::End);
        let code = match action {
            None => 250,
            Some(Action::Answer(code)) => code,
            Some(_) => 0,
        };
        self.received(octets, &kept, code);
        self.forget();
        match action {
            None => self.say("250 2.0.0 taken"),
            Some(action) => self.act(action, Stage::End).await?,
        }
        Ok(())
    }

    /// Reads to the end of data. Returns the size on the wire, without the end.
    async fn message(&mut self, kept: &mut Vec<u8>) -> Result<u64, Over> {
        let (mut octets, mut at_start) = (0, true);
        let room = match self.behaviour.keep {
            Keep::Nothing => 0,
            Keep::Beginning => HEADER,
            Keep::Everything => usize::MAX,
        };
        let mut keep = |chunk: &[u8]| {
            let take = chunk.len().min(room - kept.len());
            kept.extend_from_slice(&chunk[..take]);
        };
        let end = memchr::memmem::Finder::new(b"\r\n.\r\n");
        loop {
            if at_start && self.input.len() >= 3 {
                at_start = false;
                if self.input.starts_with(b".\r\n") {
                    self.input.advance(3);
                    return Ok(0);
                }
                if self.misbehave(Stage::Body).await? {
                    // An answer in the middle of a message, and the end of the session.
                    self.flush().await?;
                    return Err(Over);
                }
            }
            if !at_start {
                if let Some(found) = end.find(&self.input) {
                    keep(&self.input[..found + 2]);
                    self.input.advance(found + 5);
                    return Ok(octets + found as u64 + 2);
                }
                // The last four octets may belong to the end of data.
                let sure = self.input.len().saturating_sub(4);
                keep(&self.input[..sure]);
                self.input.advance(sure);
                octets += sure as u64;
            }
            self.read().await?;
        }
    }

    fn received(&self, octets: u64, kept: &[u8], code: u16) {
        let counts = &self.counts;
        let number = counts.received.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(on_message) = &self.behaviour.on_message {
            let received = Received {
                number,
                from: self.from.clone().unwrap_or_default(),
                to: self.to.clone(),
                encrypted: self.encrypted,
                octets,
                data: unstuff(kept),
            };
            on_message(received, code);
        }
        counts.octets.fetch_add(octets, Ordering::Relaxed);
        if code == 250 {
            counts.recipients.fetch_add(self.to.len() as u64, Ordering::Relaxed);
            counts.messages.fetch_add(1, Ordering::Release);
        } else if code == 0 {
            counts.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn rule(&self, stage: Stage) -> Option<Action> {
        self.behaviour.rules.iter().find_map(|rule| rule.apply(stage))
    }

    /// Applies a rule for `stage`. Returns whether there was one.
    async fn misbehave(&mut self, stage: Stage) -> Result<bool, Over> {
        match self.rule(stage) {
            Some(action) => self.act(action, stage).await.map(|()| true),
            None => Ok(false),
        }
    }

    async fn act(&mut self, action: Action, stage: Stage) -> Result<(), Over> {
        match action {
            Action::Answer(code) => {
                let count = if code < 500 {
                    &self.counts.deferred
                } else {
                    &self.counts.refused
                };
                count.fetch_add(1, Ordering::Relaxed);
                self.say(&format!("{code} {}.7.1 told to, at {stage:?}", code / 100));
                Ok(())
            }
            Action::Garbage => {
                self.say("\u{1}not a reply\u{2}");
                Ok(())
            }
            Action::HangUp => Err(Over),
            Action::Stall => {
                self.flush().await?;
                std::future::pending().await
            }
        }
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }

    fn say(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    async fn line(&mut self) -> Result<BytesMut, Over> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.input) {
                let mut line = self.input.split_to(end + 1);
                let length = line.trim_ascii_end().len();
                line.truncate(length);
                return Ok(line);
            }
            if self.input.len() > MAX_LINE {
                return Err(Over);
            }
            self.read().await?;
        }
    }

    /// Sends pending replies, then waits for more octets.
    async fn read(&mut self) -> Result<(), Over> {
        self.flush().await?;
        self.input.reserve(READ);
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(Over),
            _ => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<(), Over> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await?;
            self.output.clear();
        }
        Ok(())
    }
}

/// What stands between the angle brackets.
fn path(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once('<')?;
    rest.split_once('>').map(|(path, _)| path)
}
