//! A service outside: it answers each request as the test says, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A listening service; its thread ends with the test program.
pub struct Web {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Web {
    /// `answer` gets the head and the body of a request, and returns an answer as it stands on the wire; with `None` it says
    /// nothing, and keeps the connection. With an empty one it hangs up; else it waits for the next request.
    pub fn start(answer: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (kept, answer) = (Arc::clone(&asked), Arc::new(answer));
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let _ = serve(stream, &kept, &*answer);
                });
            }
        });
        Self {
            port,
            asked,
            connections,
        }
    }

    /// An answer with this status and body.
    pub fn answer(status: u16, body: &str) -> Option<String> {
        let length = body.len();
        Some(format!(
            "HTTP/1.1 {status} Word\r\nX-Kind: test\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many it has taken so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Heads and bodies so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic while it is held").clone()
    }
}

fn serve(
    stream: TcpStream,
    asked: &Mutex<Vec<String>>,
    answer: &impl Fn(&str, &str) -> Option<String>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some((head, body)) = request(&mut reader)? {
        asked
            .lock()
            .expect("no panic while it is held")
            .push(format!("{head}\r\n{body}"));
        match answer(&head, &body) {
            Some(answer) if answer.is_empty() => break,
            Some(answer) => reader.get_mut().write_all(answer.as_bytes())?,
            // Until the other side gives up.
            None => return reader.read(&mut [0]).map(drop),
        }
    }
    Ok(())
}

/// The next head and body; `None` when there is no more.
fn request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<(String, String)>> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((head, String::from_utf8_lossy(&body).into_owned())))
}
