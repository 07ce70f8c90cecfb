//! A connection to a scanner, over TCP or a Unix socket.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, BufReader, ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream};

use super::Address;

/// Whatever the octets go through.
pub(super) trait Octets: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Octets for T {}

pub(super) type Stream = Box<dyn Octets>;

/// A connection that can carry several requests.
pub(super) struct Connection {
    pub reader: BufReader<ReadHalf<Stream>>,
    pub writer: WriteHalf<Stream>,
}

/// A new one.
pub(super) async fn connect(address: &Address) -> io::Result<Stream> {
    Ok(match address {
        Address::Tcp(at) => {
            let stream = TcpStream::connect(at).await?;
            // A request takes several writes, and the service waits for the last of them.
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
    })
}

impl Connection {
    pub(super) async fn to(address: &Address) -> io::Result<Self> {
        Ok(Self::over(connect(address).await?))
    }

    pub(super) fn over(stream: Stream) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let reader = BufReader::new(reader);
        Self { reader, writer }
    }

    /// Whether nothing has come since the last answer: neither an end nor unexpected octets.
    pub(super) async fn is_quiet(&mut self) -> bool {
        let mut octet = [0];
        let read = self.reader.read(&mut octet);
        // Polls once; octets that are not there yet do not count.
        tokio::time::timeout(Duration::ZERO, read).await.is_err()
    }
}
