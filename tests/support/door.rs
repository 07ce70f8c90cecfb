//! Asking at a relay's door.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use super::Relay;

/// The status and the body of an answer at the relay's door.
pub fn ask(relay: &Relay, method: &str, path: &str, body: Option<&Value>, more: &str) -> (u16, Value) {
    let mut stream = UnixStream::connect(relay.path("spool/control.sock")).expect("the door is open");
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    )
    .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a header");
    let status: u16 = head["HTTP/1.1 ".len()..][..3].parse().expect("a status");
    let kind = if status < 400 {
        "application/json"
    } else {
        "application/problem+json"
    };
    assert!(head.contains(&format!("content-type: {kind}\r\n")), "{head}");
    (status, serde_json::from_str(body).expect("JSON"))
}

pub fn get(relay: &Relay, path: &str) -> (u16, Value) {
    ask(relay, "GET", path, None, "")
}

pub fn post(relay: &Relay, path: &str, body: Value) -> (u16, Value) {
    ask(relay, "POST", path, Some(&body), "")
}

/// The id in the reply to the end of data.
pub fn id_in(answer: &str) -> String {
    answer.split_whitespace().nth(2).expect("an id").to_owned()
}

/// The last entry of the audit.
pub fn last_of_audit(relay: &Relay) -> Value {
    let lines = relay.print(&["audit", "--json"]);
    serde_json::from_str(lines.lines().last().expect("an entry")).expect("JSON")
}
