//! An SMTP session as a conversation, for tests that care about every line.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use super::DEADLINE;

pub struct Conversation {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Conversation {
    /// Connects and takes the greeting.
    pub fn open(address: &str) -> Self {
        let mut conversation = Self::connect(address);
        conversation.expect("220");
        conversation
    }

    /// As `open`, from this address of our own: a peer is known by where it comes from.
    pub fn open_from(source: &str, address: &str) -> Self {
        let mut conversation = Self::connect_from(source, address);
        conversation.expect("220");
        conversation
    }

    pub fn connect_from(source: &str, address: &str) -> Self {
        // Only Tokio's sockets can be bound before they connect.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let stream = runtime.expect("a runtime").block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind(format!("{source}:0").parse().expect("an address"))?;
            let stream = socket.connect(address.parse().expect("an address")).await?;
            stream.into_std()
        });
        let stream = stream.unwrap_or_else(|error| panic!("{address} does not listen: {error}"));
        stream.set_nonblocking(false).expect("a connected socket");
        Self::over(stream)
    }

    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address} does not listen: {error}"));
        Self::over(stream)
    }

    /// As `connect`, to somebody who may not listen.
    pub fn try_connect(address: &str) -> Option<Self> {
        TcpStream::connect(address).ok().map(Self::over)
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).expect("a legal time");
        stream.set_write_timeout(Some(DEADLINE)).expect("a legal time");
        stream.set_nodelay(true).expect("a connected socket");
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Says EHLO and takes the answer.
    pub fn hello(mut self) -> Self {
        self.say("EHLO client.example").expect("250");
        self
    }

    /// As `hello`, in other words: `HELO client.example`.
    pub fn hello_with(mut self, line: &str) -> Self {
        self.say(line).expect("250");
        self
    }

    /// One line out.
    pub fn say(&mut self, line: &str) -> &mut Self {
        println!("C: {line}");
        self.send(format!("{line}\r\n").as_bytes())
    }

    /// Octets out, as they are.
    pub fn send(&mut self, bytes: &[u8]) -> &mut Self {
        self.stream.write_all(bytes).expect("the peer reads");
        self
    }

    /// Octets out to a peer that may have hung up already.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Takes a reply, all its lines, which must begin with `code`. Returns it with lines joined by LF.
    pub fn expect(&mut self, code: &str) -> String {
        let reply = self.reply();
        assert!(reply.starts_with(code), "expected {code}, got: {reply}");
        reply
    }

    /// Takes a reply.
    pub fn reply(&mut self) -> String {
        self.try_reply().expect("the peer answers")
    }

    /// Takes a reply; `None` when the peer hangs up instead.
    pub fn try_reply(&mut self) -> Option<String> {
        let mut reply = Vec::new();
        loop {
            let line = self.line()?;
            println!("S: {line}");
            let last = line.as_bytes().get(3) != Some(&b'-');
            reply.push(line);
            if last {
                return Some(reply.join("\n"));
            }
        }
    }

    /// The peer says nothing more and hangs up.
    pub fn expect_end(&mut self) {
        let mut rest = std::mem::take(&mut self.read);
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the peer neither speaks nor hangs up: {error}"),
        }
        assert!(rest.is_empty(), "the peer said: {}", String::from_utf8_lossy(&rest));
    }

    pub fn hang_up(self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// A whole transaction up to the final dot's answer, which is returned. `message` goes out dot-stuffed.
    pub fn transaction(&mut self, from: &str, to: &[&str], message: &[u8]) -> String {
        self.say(&format!("MAIL FROM:<{from}>")).expect("250");
        for recipient in to {
            self.say(&format!("RCPT TO:<{recipient}>")).expect("250");
        }
        self.say("DATA").expect("354");
        self.data(message)
    }

    /// The message, dot-stuffed, and the final dot; the answer to it.
    pub fn data(&mut self, message: &[u8]) -> String {
        let mut stuffed = Vec::with_capacity(message.len() + 64);
        let mut at_start = true;
        for byte in message {
            if at_start && *byte == b'.' {
                stuffed.push(b'.');
            }
            stuffed.push(*byte);
            at_start = *byte == b'\n';
        }
        if !stuffed.ends_with(b"\r\n") {
            stuffed.extend_from_slice(b"\r\n");
        }
        stuffed.extend_from_slice(b".\r\n");
        println!("C: ({} octets of data)", stuffed.len());
        self.send(&stuffed);
        self.reply()
    }

    /// `None` when the peer has hung up.
    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.read.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.read.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("the peer does not answer: {error}"),
            }
        }
    }
}
