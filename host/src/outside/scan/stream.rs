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

/// One on which question follows question.
pub(super) struct Connection {
    pub reader: BufReader<ReadHalf<Stream>>,
    pub writer: WriteHalf<Stream>,
}

/// A new one.
pub(super) async fn connect(address: &Address) -> io::Result<Stream> {
    Ok(match address {
        Address::Tcp(at) => {
            let stream = TcpStream::connect(at).await?;
            // Questions are several writes, and whoever is asked waits for the last of them.
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

    /// Whether nothing has come since the last answer: neither an end, nor octets that nobody has asked for.
    pub(super) async fn is_quiet(&mut self) -> bool {
        let mut octet = [0];
        let read = self.reader.read(&mut octet);
        // Looks once; an answer that is not there yet is none.
        tokio::time::timeout(Duration::ZERO, read).await.is_err()
    }
}
