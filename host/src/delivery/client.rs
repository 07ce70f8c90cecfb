//! One connection to an SMTP server: octets out, replies in, each with a limit on its time.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::protocol::smtp::{Reply, ReplyError, ReplyReader};

/// An open connection. Commands and replies are the caller's to keep in step.
#[derive(Debug)]
pub struct Client {
    stream: Box<dyn Stream>,
    received: BytesMut,
    replies: ReplyReader,
}

/// The connection itself, or TLS over it.
trait Stream: AsyncRead + AsyncWrite + fmt::Debug + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + fmt::Debug + Send + Sync + Unpin> Stream for S {}

/// Why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{host} cannot be reached: {error}")]
    Connect { host: String, error: io::Error },
    #[error("no {what} within {} s", limit.as_secs_f64())]
    Timeout { what: &'static str, limit: Duration },
    #[error("the connection was lost while waiting for {what}: {error}")]
    Lost { what: &'static str, error: io::Error },
    #[error("the server hung up; no {what}")]
    HungUp { what: &'static str },
    #[error("instead of {what}: {error}")]
    Garbage { what: &'static str, error: ReplyError },
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

impl Client {
    /// Connects to `host`, which is `name:port` or `address:port`.
    pub async fn connect(host: &str, limit: Duration) -> Result<Self, ClientError> {
        Self::over(TcpStream::connect(host), host, limit).await
    }

    /// As [`connect`](Self::connect), to the first of these addresses of `host` that answers.
    pub async fn connect_to(addresses: &[SocketAddr], host: &str, limit: Duration) -> Result<Self, ClientError> {
        Self::over(TcpStream::connect(addresses), host, limit).await
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
        Self::over(connecting, &host.to_string(), limit).await
    }

    async fn over(
        connecting: impl Future<Output = io::Result<TcpStream>>,
        host: &str,
        limit: Duration,
    ) -> Result<Self, ClientError> {
        let failed = |error| ClientError::Connect {
            host: host.to_owned(),
            error,
        };
        let stream = match timeout(limit, connecting).await {
            Ok(connected) => connected.map_err(failed)?,
            Err(_) => {
                let what = "connection";
                return Err(ClientError::Timeout { what, limit });
            }
        };
        // Whole groups and whole messages are written at once: there is nothing for Nagle's algorithm to gather.
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Self {
            stream: Box::new(stream),
            received: BytesMut::with_capacity(RECEIVE),
            replies: ReplyReader::default(),
        })
    }

    /// Begins TLS, behind the server's 220 to STARTTLS, with a server that calls itself `name`. Nothing that came before
    /// the handshake is taken for an answer.
    pub async fn secure(self, tls: Arc<ClientConfig>, name: &str, limit: Duration) -> Result<Self, ClientError> {
        if !self.received.is_empty() {
            return Err(ClientError::Injected);
        }
        let name = name.trim_end_matches('.');
        let server =
            ServerName::try_from(name.to_owned()).map_err(|_| ClientError::BadName { name: name.to_owned() })?;
        let handshake = TlsConnector::from(tls).connect(server, self.stream);
        match timeout(limit, handshake).await {
            Ok(Ok(stream)) => Ok(Self {
                stream: Box::new(stream),
                received: self.received,
                replies: ReplyReader::default(),
            }),
            Ok(Err(error)) => Err(ClientError::Handshake(error)),
            Err(_) => {
                let what = "end of the TLS handshake";
                Err(ClientError::Timeout { what, limit })
            }
        }
    }

    /// The next reply. `what` names it in errors: `answer to MAIL`.
    pub async fn reply(&mut self, what: &'static str, limit: Duration) -> Result<Reply, ClientError> {
        let waiting = async {
            loop {
                let reply = self.replies.read(&mut self.received);
                if let Some(reply) = reply.map_err(|error| ClientError::Garbage { what, error })? {
                    return Ok(reply);
                }
                self.received.reserve(RECEIVE);
                match self.stream.read_buf(&mut self.received).await {
                    Ok(0) => return Err(ClientError::HungUp { what }),
                    Ok(_) => {}
                    Err(error) => return Err(ClientError::Lost { what, error }),
                }
            }
        };
        match timeout(limit, waiting).await {
            Ok(result) => result,
            Err(_) => Err(ClientError::Timeout { what, limit }),
        }
    }

    /// Writes all of `octets`. The limit is for each piece of progress.
    pub async fn write(&mut self, octets: &[u8], limit: Duration) -> Result<(), ClientError> {
        let mut rest = octets;
        while !rest.is_empty() {
            let written = progress(self.stream.write(rest), limit).await?;
            rest.advance(written);
        }
        self.flush(limit).await
    }

    /// Writes all `pieces` without gathering them, and leaves the queue empty. The limit is for each piece of progress.
    pub async fn write_pieces(&mut self, pieces: &mut VecDeque<Bytes>, limit: Duration) -> Result<(), ClientError> {
        while !pieces.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = pieces.len().min(SLICES);
            for (slice, piece) in slices.iter_mut().zip(pieces.iter()) {
                *slice = IoSlice::new(piece);
            }
            let written = progress(self.stream.write_vectored(&slices[..count]), limit).await?;
            drop_front(pieces, written);
        }
        self.flush(limit).await
    }

    /// TLS keeps what the connection did not take at once.
    async fn flush(&mut self, limit: Duration) -> Result<(), ClientError> {
        progress(async { self.stream.flush().await.map(|()| 1) }, limit)
            .await
            .map(drop)
    }

    /// Waits until the server hangs up, or says something unasked: either way the connection is of no more use.
    pub async fn broken(&mut self) {
        if self.received.is_empty() {
            // Between transactions nothing is due from the server but the end.
            let _ = self.stream.read_buf(&mut self.received).await;
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
