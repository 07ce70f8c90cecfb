//! One connection to an SMTP server: questions out, answers in, each with a time limit.
//!
//! [`Dialogue`] decides which question an answer belongs to. Its two conditions are enforced here: octets leave only
//! with the question that they ask, and before the last of them leaves, everything that has arrived is handed to the
//! dialogue.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::network::{self, Network, Transport};
use super::running::Running;
use super::written::{self, Extent};
use crate::protocol::smtp::{Dialogue, Question, Reply, Unusable};

/// An open connection.
#[derive(Debug)]
pub struct Client {
    stream: Box<dyn Transport>,
    received: BytesMut,
    dialogue: Dialogue,
    /// The attempt to report to: it shows what this connection waits for.
    watched: Option<Arc<Running>>,
}

/// Why a connection is of no further use.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Connecting failed. The error does not name the host; the caller adds it.
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
    /// The server sent octets between STARTTLS and the handshake. An attacker may have inserted them, to pass for an
    /// answer over TLS (RFC 3207, 6).
    #[error("the server said something behind its answer to STARTTLS, before TLS began")]
    Injected,
    /// Said of a message whose end was not sent.
    #[error("it is not certain any more that no other relay has the message: its end is not sent")]
    MayNotEnd,
    #[error("{name} cannot be the name in a certificate")]
    BadName { name: String },
    #[error("the TLS handshake failed: {0}")]
    Handshake(io::Error),
}

/// The buffer for one read, in octets: the replies of a pipelined group.
const RECEIVE: usize = 4096;

/// The most pieces in one `writev`.
const SLICES: usize = 64;

/// How long a server that sent junk may still send a reply.
const JUNK_GRACE: Duration = Duration::from_secs(10);

impl Client {
    /// Connects to `host`, which is `name:port` or `address:port`. The first answer is the greeting.
    pub async fn connect(host: &str, limit: Duration) -> Result<Self, ClientError> {
        Self::over(async { network::over(TcpStream::connect(host).await?) }, limit).await
    }

    /// Like [`connect`](Self::connect), over this network, to the first of these addresses that answers.
    pub async fn connect_to(
        network: &dyn Network,
        addresses: &[SocketAddr],
        limit: Duration,
    ) -> Result<Self, ClientError> {
        Self::over(network.connect(addresses), limit).await
    }

    /// Like [`connect`](Self::connect), from this local address, by which some servers recognise their clients.
    pub async fn connect_from(source: IpAddr, host: SocketAddr, limit: Duration) -> Result<Self, ClientError> {
        let connecting = async {
            let socket = if host.is_ipv4() {
                TcpSocket::new_v4()
            } else {
                TcpSocket::new_v6()
            }?;
            socket.bind((source, 0).into())?;
            network::over(socket.connect(host).await?)
        };
        Self::over(connecting, limit).await
    }

    async fn over(
        connecting: impl Future<Output = io::Result<Box<dyn Transport>>>,
        limit: Duration,
    ) -> Result<Self, ClientError> {
        let stream = match timeout(limit, connecting).await {
            Ok(connected) => connected.map_err(ClientError::Connect)?,
            Err(_) => {
                let what = "connection";
                return Err(ClientError::Timeout { what, limit });
            }
        };
        Ok(Self {
            stream,
            received: BytesMut::with_capacity(RECEIVE),
            dialogue: Dialogue::default(),
            watched: None,
        })
    }

    /// Begins TLS after the server's 220 to STARTTLS. `name` is the server's name for its certificate. Nothing that
    /// arrived before the handshake counts as an answer.
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

    /// From now on, reports to this attempt what the connection waits for.
    pub(super) fn watched_by(&mut self, running: Option<Arc<Running>>) {
        self.watched = running;
    }

    /// Asks one question: `command` with its line end. The limit applies to each piece of progress.
    pub async fn ask(&mut self, question: Question, command: &[u8], limit: Duration) -> Result<(), ClientError> {
        self.ask_all(command, &[(question, command.len())], limit).await
    }

    /// Asks several questions at once, as PIPELINING allows. Each ends at its offset in the octets.
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

    /// Waits for the answer to the earliest open question.
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

    /// Writes all `pieces` of a message without copying them together, and leaves the queue empty. Up to its end, they
    /// contain the end of the message, which asks for its answer. The limit applies to each piece of progress.
    pub async fn write_message(
        &mut self,
        pieces: &mut VecDeque<Bytes>,
        written: Extent<'_>,
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
            let stream = &mut self.stream;
            let writing = poll_fn(|context| {
                written.may_leave()?;
                Pin::new(&mut *stream).poll_write_vectored(context, &slices[..count])
            });
            let octets = progress(writing, limit).await?;
            drop_front(pieces, octets);
        }
        if matches!(written, Extent::ToItsEnd(_)) {
            self.dialogue.ask(Question::EndOfData);
        }
        let (stream, mut waited) = (&mut self.stream, false);
        let flushing = poll_fn(|context| {
            // Without TLS everything has left, and there is nothing to wait for.
            if std::mem::replace(&mut waited, true) {
                written.may_leave()?;
            }
            Pin::new(&mut *stream).poll_flush(context).map_ok(|()| 1)
        });
        progress(flushing, limit).await.map(drop)
    }

    /// Fails when the server has sent something unasked, as far as it has arrived.
    pub async fn in_step(&mut self) -> Result<(), ClientError> {
        self.hear_what_arrived().await
    }

    /// The last unasked words of a server, if there are any. They may explain why it hung up.
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

    /// Waits until the server hangs up or sends something unasked. Either way the connection is of no further use.
    pub async fn broken(&mut self) {
        // Between transactions the server owes nothing, so anything that arrives ends the connection.
        while self.dialogue.is_quiet() {
            self.received.reserve(RECEIVE);
            match self.stream.read_buf(&mut self.received).await {
                Ok(octets) if octets > 0 => self.dialogue.hear(&mut self.received),
                _ => return,
            }
        }
    }

    /// Writes what TLS has buffered.
    async fn flush(&mut self, limit: Duration) -> Result<(), ClientError> {
        progress(async { self.stream.flush().await.map(|()| 1) }, limit)
            .await
            .map(drop)
    }

    /// Hears everything that has arrived, including what the async runtime has not noticed: asks the operating system
    /// itself. Does not wait for more.
    async fn hear_what_arrived(&mut self) -> Result<(), ClientError> {
        loop {
            self.received.reserve(RECEIVE);
            while self.read_now().await {
                self.dialogue.hear(&mut self.received);
                self.received.reserve(RECEIVE);
            }
            self.dialogue.in_step()?;
            if !self.stream.has_arrived() {
                return Ok(());
            }
            // Returns as soon as the runtime agrees.
            poll_fn(|context| self.stream.poll_arrived(context)).await;
        }
    }

    /// Reads once, without waiting. Returns whether anything came.
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
                // The next wait for an answer reports the error.
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
        Ok(Err(error)) if written::was_withheld(&error) => Err(ClientError::MayNotEnd),
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
