//! One connection: octets in as they arrive, replies out in groups.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::draft::FILL;
use crate::protocol::smtp::Reply;

/// Pending replies of this many octets are written even though further commands have arrived.
const OUTPUT_HIGH: usize = 16 << 10;

/// The buffer for replies that a waiting session may keep, in octets.
const OUTPUT_KEPT: usize = 512;

/// How long, and for how many reads, a finished session waits for the client to read the last reply.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_READS: usize = 64;

/// The connection in clear, or TLS over it.
pub trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

pub(super) struct Wire {
    stream: Box<dyn Stream>,
    /// Octets that have arrived and were not handled yet. It holds no memory while the connection waits for its peer.
    pub(super) input: BytesMut,
    output: Vec<u8>,
}

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("the client closed the connection")]
    Closed,
    #[error("the client was too slow")]
    Late,
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    #[error("the TLS handshake failed: {0}")]
    Handshake(io::Error),
}

impl Wire {
    pub(super) fn new(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            input: BytesMut::new(),
            output: Vec::new(),
        }
    }

    /// Goes on over TLS. What was said before is forgotten; the caller has made sure that nothing waits unread. Returns
    /// the certificates that the client showed: the first one is the client's own, and the client has proved that it
    /// has its key.
    pub(super) async fn secure(
        &mut self,
        tls: Arc<ServerConfig>,
        until: Instant,
    ) -> Result<Vec<CertificateDer<'static>>, Lost> {
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let handshake = TlsAcceptor::from(tls).accept(plain);
        let secured = timeout_at(until, handshake).await.map_err(|_| Lost::Late)?;
        let secured = secured.map_err(Lost::Handshake)?;
        let shown = secured.get_ref().1.peer_certificates();
        let shown = shown.map(<[_]>::to_vec).unwrap_or_default();
        *self = Self::new(secured);
        Ok(shown)
    }

    /// Adds a reply to the group that is written next.
    pub(super) fn say(&mut self, reply: &Reply) {
        reply.encode(&mut self.output);
    }

    pub(super) fn is_full(&self) -> bool {
        self.output.len() >= OUTPUT_HIGH
    }

    /// Writes all pending replies, in one system call if the connection takes them.
    pub(super) async fn flush(&mut self, until: Instant) -> Result<(), Lost> {
        if self.output.is_empty() {
            return Ok(());
        }
        let writing = async {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await
        };
        let written = timeout_at(until, writing).await;
        self.output.clear();
        self.output.shrink_to(OUTPUT_KEPT);
        written.map_err(|_| Lost::Late)?.map_err(Lost::Broken)
    }

    /// Waits for octets and appends at most [`FILL`] to `input`. Cancelling it loses nothing.
    pub(super) async fn fill(&mut self, until: Instant) -> Result<(), Lost> {
        let Self { stream, input, .. } = self;
        let read = poll_fn(|context| {
            if input.capacity() - input.len() < FILL / 4 {
                input.reserve(FILL);
            }
            let polled = pin!(stream.read_buf(&mut (&mut *input).limit(FILL))).poll(context);
            if polled.is_pending() {
                // Thousands of connections wait at any time, and none of them may keep a buffer while it does.
                *input = BytesMut::from(&input[..]);
            }
            polled
        });
        match timeout_at(until, read).await {
            Err(_) => Err(Lost::Late),
            Ok(Err(error)) => Err(Lost::Broken(error)),
            Ok(Ok(0)) => Err(Lost::Closed),
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// Writes the last replies and ends the connection in such a way that the peer can read them: closing a socket with
    /// unread octets resets the connection, and the reset may overtake the last reply.
    pub(super) async fn close(mut self) {
        let linger = async {
            self.stream.write_all(&self.output).await?;
            self.stream.shutdown().await?;
            for _ in 0..LINGER_READS {
                self.input.clear();
                self.input.reserve(FILL);
                if self.stream.read_buf(&mut self.input).await? == 0 {
                    break;
                }
            }
            io::Result::Ok(())
        };
        // The connection is over, whether or not the client has read everything.
        let _ = timeout(LINGER, linger).await;
    }
}
