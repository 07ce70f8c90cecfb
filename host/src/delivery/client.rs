//! One connection to an SMTP server: questions out, answers in, each with a limit on its time.
//!
//! What an answer belongs to is [`Dialogue`]'s to say. What it needs is kept here, and cannot be got round: octets leave
//! only with the question that they ask, and before the last of them leaves, everything that has arrived is heard.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::running::Running;
use crate::protocol::smtp::{Dialogue, Question, Reply, Unusable};

/// An open connection.
#[derive(Debug)]
pub struct Client {
    stream: Box<dyn Stream>,
    received: BytesMut,
    dialogue: Dialogue,
    /// Is told what this connection waits for.
    watched: Option<Arc<Running>>,
}

/// The connection itself, or TLS over it.
trait Stream: AsyncRead + AsyncWrite + fmt::Debug + Send + Sync + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for TlsStream<Box<dyn Stream>> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0.tcp()
    }
}

/// Why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Without the host: whoever says this names it in front, or beside it.
    #[error("cannot be reached: {0}")]
    Connect(io::Error),
    #[error("no {what} within {} s", limit.as_secs_f64())]
    Timeout { what: &'static str, limit: Duration },
    #[error("the connection was lost while waiting for {what}: {error}")]
    Lost { what: &'static str, error: io::Error },
    #[error("the server hung up; no {what}")]
    HungUp { what: &'static str },
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// Somebody between may have put it there, to be taken for an answer over TLS (RFC 3207, 6).
    #[error("the server said something behind its answer to STARTTLS, before TLS began")]
    Injected,
    #[error("{name} cannot be the name in a certificate")]
    BadName { name: String },
    #[error("the TLS handshake failed: {0}")]
    Handshake(io::Error),
}

/// Room for the replies of a pipelined group in one read.
const RECEIVE: usize = 4096;

/// Pieces in one `writev`.
const SLICES: usize = 64;

/// A server that has said something that is no reply may still give one for so long.
const JUNK_GRACE: Duration = Duration::from_secs(10);

impl Client {
    /// Connects to `host`, which is `name:port` or `address:port`. The greeting is the first answer.
    pub async fn connect(host: &str, limit: Duration) -> Result<Self, ClientError> {
        Self::over(TcpStream::connect(host), limit).await
    }

    /// As [`connect`](Self::connect), to the first of these addresses that answers.
    pub async fn connect_to(addresses: &[SocketAddr], limit: Duration) -> Result<Self, ClientError> {
        Self::over(TcpStream::connect(addresses), limit).await
    }

    /// As [`connect`](Self::connect), from this address of ours: some servers know their clients by it.
    pub async fn connect_from(source: IpAddr, host: SocketAddr, limit: Duration) -> Result<Self, ClientError> {
        let connecting = async {
            let socket = if host.is_ipv4() {
                TcpSocket::new_v4()
            } else {
                TcpSocket::new_v6()
            }?;
            socket.bind((source, 0).into())?;
            socket.connect(host).await
        };
        Self::over(connecting, limit).await
    }

    async fn over(
        connecting: impl Future<Output = io::Result<TcpStream>>,
        limit: Duration,
    ) -> Result<Self, ClientError> {
        let stream = match timeout(limit, connecting).await {
            Ok(connected) => connected.map_err(ClientError::Connect)?,
            Err(_) => {
                let what = "connection";
                return Err(ClientError::Timeout { what, limit });
            }
        };
        // Whole groups and whole messages are written at once: there is nothing for Nagle's algorithm to gather.
        stream.set_nodelay(true).map_err(ClientError::Connect)?;
        Ok(Self {
            stream: Box::new(stream),
            received: BytesMut::with_capacity(RECEIVE),
            dialogue: Dialogue::default(),
            watched: None,
        })
    }

    /// Begins TLS, behind the server's 220 to STARTTLS, with a server that calls itself `name`. Nothing that came before
    /// the handshake is taken for an answer.
    pub async fn secure(mut self, tls: Arc<ClientConfig>, name: &str, limit: Duration) -> Result<Self, ClientError> {
        self.hear_what_arrived().await.map_err(|_| ClientError::Injected)?;
        if !self.dialogue.is_quiet() {
            return Err(ClientError::Injected);
        }
        let name = name.trim_end_matches('.');
        let server =
            ServerName::try_from(name.to_owned()).map_err(|_| ClientError::BadName { name: name.to_owned() })?;
        self.wait_at("the TLS handshake");
        let handshake = TlsConnector::from(tls).connect(server, self.stream);
        match timeout(limit, handshake).await {
            Ok(Ok(stream)) => Ok(Self {
                stream: Box::new(stream),
                dialogue: Dialogue::after_handshake(),
                ..self
            }),
            Ok(Err(error)) => Err(ClientError::Handshake(error)),
            Err(_) => {
                let what = "end of the TLS handshake";
                Err(ClientError::Timeout { what, limit })
            }
        }
    }

    /// From now on this attempt is told what the connection waits for.
    pub(super) fn watched_by(&mut self, running: Option<Arc<Running>>) {
        self.watched = running;
    }

    /// Asks one question: `command` with its line end. The limit is for each piece of progress.
    pub async fn ask(&mut self, question: Question, command: &[u8], limit: Duration) -> Result<(), ClientError> {
        self.ask_all(command, &[(question, command.len())], limit).await
    }

    /// Asks several questions at once, as PIPELINING allows: each ends where it says, in octets from the beginning.
    pub async fn ask_all(
        &mut self,
        commands: &[u8],
        questions: &[(Question, usize)],
        limit: Duration,
    ) -> Result<(), ClientError> {
        let (mut written, mut questions) = (0, questions.iter().peekable());
        while written < commands.len() {
            self.hear_what_arrived().await?;
            written += progress(self.stream.write(&commands[written..]), limit).await?;
            while let Some((question, _)) = questions.next_if(|(_, end)| *end <= written) {
                self.dialogue.ask(*question);
            }
        }
        self.flush(limit).await
    }

    /// The answer to the earliest question that has none yet.
    pub async fn answer(&mut self, limit: Duration) -> Result<Reply, ClientError> {
        let what = self.dialogue.waits_for().map_or("answer", Question::answer);
        self.wait_at(what);
        let mut deadline = Instant::now() + limit;
        let mut suspicious = false;
        loop {
            if let Some(reply) = self.dialogue.answer()? {
                return Ok(reply);
            }
            if self.dialogue.junk().is_some() && !suspicious {
                suspicious = true;
                deadline = deadline.min(Instant::now() + JUNK_GRACE);
            }
            self.received.reserve(RECEIVE);
            let ended = match timeout_at(deadline, self.stream.read_buf(&mut self.received)).await {
                Ok(Ok(0)) => ClientError::HungUp { what },
                Ok(Ok(_)) => {
                    self.dialogue.hear(&mut self.received);
                    continue;
                }
                Ok(Err(error)) => ClientError::Lost { what, error },
                Err(_) => ClientError::Timeout { what, limit },
            };
            self.dialogue.end();
            return match (self.dialogue.answer()?, self.dialogue.only_junk()) {
                (Some(reply), _) => Ok(reply),
                (None, Some(junk)) => Err(junk.into()),
                (None, None) => Err(ended),
            };
        }
    }

    /// Writes all `pieces` of a message without gathering them, and leaves the queue empty. With `last`, they hold the end
    /// of the message, which asks for its answer. The limit is for each piece of progress.
    pub async fn write_message(
        &mut self,
        pieces: &mut VecDeque<Bytes>,
        last: bool,
        limit: Duration,
    ) -> Result<(), ClientError> {
        self.wait_at("the server to take the message");
        while !pieces.is_empty() {
            self.hear_what_arrived().await?;
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = pieces.len().min(SLICES);
            for (slice, piece) in slices.iter_mut().zip(pieces.iter()) {
                *slice = IoSlice::new(piece);
            }
            let written = progress(self.stream.write_vectored(&slices[..count]), limit).await?;
            drop_front(pieces, written);
        }
        if last {
            self.dialogue.ask(Question::EndOfData);
        }
        self.flush(limit).await
    }

    /// An error when the server has said something that nobody asked for, as far as is known here and now.
    pub async fn in_step(&mut self) -> Result<(), ClientError> {
        self.hear_what_arrived().await
    }

    /// What the server said last, unasked, if anything: to be asked when it is gone, and why is not known.
    pub async fn last_words(&mut self, limit: Duration) -> Option<String> {
        let reading = async {
            while self.dialogue.in_step().is_ok() {
                self.received.reserve(RECEIVE);
                match self.stream.read_buf(&mut self.received).await {
                    Ok(octets) if octets > 0 => self.dialogue.hear(&mut self.received),
                    _ => break,
                }
            }
        };
        let _ = timeout(limit, reading).await;
        match self.dialogue.in_step() {
            Err(Unusable::Unasked { said }) => Some(said),
            _ => None,
        }
    }

    /// Waits until the server hangs up, or says something unasked: either way the connection is of no more use.
    pub async fn broken(&mut self) {
        // Between transactions nothing is due from the server but the end.
        while self.dialogue.is_quiet() {
            self.received.reserve(RECEIVE);
            match self.stream.read_buf(&mut self.received).await {
                Ok(octets) if octets > 0 => self.dialogue.hear(&mut self.received),
                _ => return,
            }
        }
    }

    /// TLS keeps what the connection did not take at once.
    async fn flush(&mut self, limit: Duration) -> Result<(), ClientError> {
        progress(async { self.stream.flush().await.map(|()| 1) }, limit)
            .await
            .map(drop)
    }

    /// Hears everything that has arrived, also what the runtime does not know of yet: the system is asked itself. Does not
    /// wait for more.
    async fn hear_what_arrived(&mut self) -> Result<(), ClientError> {
        loop {
            self.received.reserve(RECEIVE);
            while self.read_now().await {
                self.dialogue.hear(&mut self.received);
                self.received.reserve(RECEIVE);
            }
            self.dialogue.in_step()?;
            let first = SockRef::from(self.stream.tcp()).peek(&mut [MaybeUninit::uninit()]);
            if !matches!(first, Ok(octets) if octets > 0) {
                return Ok(());
            }
            // Ready as soon as the runtime looks; or else reading says what is wrong.
            let _ = self.stream.tcp().readable().await;
        }
    }

    /// Reads once, without waiting. Whether anything came.
    async fn read_now(&mut self) -> bool {
        let (stream, received) = (&mut self.stream, &mut self.received);
        poll_fn(|context| {
            let mut octets = [0; RECEIVE];
            let mut buffer = ReadBuf::new(&mut octets);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) => {
                    received.extend_from_slice(buffer.filled());
                    Poll::Ready(!buffer.filled().is_empty())
                }
                // An error is for whoever waits for an answer.
                Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(false),
            }
        })
        .await
    }

    fn wait_at(&self, what: &'static str) {
        if let Some(running) = &self.watched {
            running.waits_for(what);
        }
    }
}

async fn progress(writing: impl Future<Output = io::Result<usize>>, limit: Duration) -> Result<usize, ClientError> {
    let what = "progress in writing";
    match timeout(limit, writing).await {
        Ok(Ok(0)) => Err(ClientError::HungUp { what }),
        Ok(Ok(written)) => Ok(written),
        Ok(Err(error)) => Err(ClientError::Lost { what, error }),
        Err(_) => Err(ClientError::Timeout { what, limit }),
    }
}

fn drop_front(pieces: &mut VecDeque<Bytes>, mut octets: usize) {
    while let Some(front) = pieces.front_mut() {
        if front.len() > octets {
            front.advance(octets);
            return;
        }
        octets -= front.len();
        pieces.pop_front();
    }
}
