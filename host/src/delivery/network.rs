//! Connections to hosts, and who opens them: handed in, so that what delivers need not know of sockets.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::spool::BoxFuture;

/// Who opens connections to hosts.
pub trait Network: fmt::Debug + Send + Sync + 'static {
    /// A connection to the first of these addresses that takes one.
    ///
    /// # Errors
    /// What the last of them came to.
    fn connect<'a>(&'a self, addresses: &'a [SocketAddr]) -> BoxFuture<'a, io::Result<Box<dyn Transport>>>;
}

/// A connection, or TLS over it.
pub trait Transport: AsyncRead + AsyncWrite + fmt::Debug + Send + Sync + Unpin {
    /// Whether octets have arrived that have not been read, also when the runtime does not know of them yet.
    fn has_arrived(&self) -> bool;

    /// Ready when the runtime knows of what has arrived.
    fn poll_arrived(&self, context: &mut Context<'_>) -> Poll<()>;
}

/// The system's network: TCP.
#[derive(Debug)]
pub struct SystemNetwork;

impl Network for SystemNetwork {
    fn connect<'a>(&'a self, addresses: &'a [SocketAddr]) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        Box::pin(async move { over(TcpStream::connect(addresses).await?) })
    }
}

/// Whole groups and whole messages are written at once, so Nagle's algorithm would only delay them.
pub(super) fn over(stream: TcpStream) -> io::Result<Box<dyn Transport>> {
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

impl Transport for TcpStream {
    fn has_arrived(&self) -> bool {
        let first = SockRef::from(self).peek(&mut [MaybeUninit::uninit()]);
        matches!(first, Ok(octets) if octets > 0)
    }

    fn poll_arrived(&self, context: &mut Context<'_>) -> Poll<()> {
        // Reading says what is wrong, if anything is.
        self.poll_read_ready(context).map(drop)
    }
}

impl Transport for TlsStream<Box<dyn Transport>> {
    fn has_arrived(&self) -> bool {
        self.get_ref().0.has_arrived()
    }

    fn poll_arrived(&self, context: &mut Context<'_>) -> Poll<()> {
        self.get_ref().0.poll_arrived(context)
    }
}
