//! The other end of a next hop's socket, by hand.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use super::DEADLINE;

/// Answers a client as a server that offers `offers`, up to the end of its first message. Returns the commands that it
/// said; what stood in the message is not among them.
pub fn answer_as_server(stream: TcpStream, offers: &[&str]) -> Vec<String> {
    stream.set_read_timeout(Some(DEADLINE)).expect("a legal time");
    let mut out = stream.try_clone().expect("a second handle");
    let mut lines = BufReader::new(stream).split(b'\n').map(|line| {
        String::from_utf8_lossy(&line.expect("the client speaks"))
            .trim_end()
            .to_owned()
    });
    let mut say = |text: &str| {
        println!("S: {text}");
        out.write_all(format!("{text}\r\n").as_bytes())
            .expect("the client listens");
    };
    say("220 mms.b.example ESMTP");
    let mut heard = Vec::new();
    while let Some(line) = lines.next() {
        println!("C: {line}");
        heard.push(line.clone());
        match line.get(..4).unwrap_or_default() {
            "EHLO" => {
                offers.iter().for_each(|offer| say(&format!("250-{offer}")));
                say("250 mms.b.example");
            }
            "DATA" => {
                say("354 go on");
                let _ = lines.by_ref().find(|line| line == ".");
                say("250 taken");
                return heard;
            }
            _ => say("250 ok"),
        }
    }
    panic!("the client hung up: {heard:?}");
}
