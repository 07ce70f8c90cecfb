//! Where connections come from: handed in, so that sessions need not know of sockets.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};

use super::wire::Stream;

/// Descriptors that sessions leave to the rest of the relay: deliveries and the store need some, so that accepted
/// messages still leave. Never more than a quarter of all descriptors.
const LEFT_TO_OTHERS: u64 = 128;

/// Where connections come from.
pub trait Listen: Send + Sync + 'static {
    type Stream: Stream + 'static;

    /// The next connection.
    ///
    /// # Errors
    /// None can be had now, mostly for want of file descriptors.
    fn accept(&self) -> impl Future<Output = io::Result<Arrived<Self::Stream>>> + Send;
}

/// A connection that has come.
#[derive(Debug)]
pub struct Arrived<S> {
    pub stream: S,
    pub remote: SocketAddr,
    pub behind: Descriptors,
}

/// How many descriptors are left, judged by a new connection's number: the system gives out the lowest free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptors {
    Enough,
    /// The rest is reserved for others.
    Few,
    /// Too few even to tell the client so, because it holds its descriptor until it has heard.
    Last,
}

impl Descriptors {
    fn behind(stream: &TcpStream) -> Self {
        // The number of descriptors is unlimited.
        let Some(limit) = getrlimit(Resource::Nofile).current else {
            return Self::Enough;
        };
        let others = LEFT_TO_OTHERS.min(limit / 4);
        let behind = limit.saturating_sub(u64::try_from(stream.as_raw_fd()).unwrap_or_default());
        match behind {
            last if last < others / 2 => Self::Last,
            few if few < others => Self::Few,
            _ => Self::Enough,
        }
    }
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<Arrived<TcpStream>> {
        let (stream, remote) = self.accept().await?;
        // Replies are written in whole groups, so Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        let behind = Descriptors::behind(&stream);
        Ok(Arrived { stream, remote, behind })
    }
}
