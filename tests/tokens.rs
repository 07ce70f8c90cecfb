//! The door over TCP: who is let in, and the rights of each role.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::{Relay, config_at, id_in, last_of_audit, own_address, sample};

const CONTROL: &str = "\n[control]\nlisten = \"127.0.0.1:0\"\n";

struct Away {
    relay: Relay,
    address: String,
}

impl Away {
    fn start() -> Self {
        let relay = Relay::start(&config_at(&own_address(), CONTROL));
        let line = relay.process().line();
        let address = line
            .strip_prefix("door on ")
            .unwrap_or_else(|| panic!("{line}"))
            .to_owned();
        Self { relay, address }
    }

    fn token(&self, words: &[&str]) -> String {
        self.relay.print(&[&["token", "new"], words].concat()).trim().to_owned()
    }

    fn ask(&self, method: &str, path: &str, more: &str, body: &str) -> (u16, Value, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let host = if more.contains("Host: ") {
            ""
        } else {
            "Host: localhost\r\n"
        };
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
        )
        .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a header");
        let status = head["HTTP/1.1 ".len()..][..3].parse().expect("a status");
        (status, serde_json::from_str(body).expect("JSON"), head.to_owned())
    }

    fn with(&self, token: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, answer, _) = self.ask(method, path, &format!("Authorization: Bearer {token}\r\n"), body);
        (status, answer)
    }
}

#[test]
fn a_viewer_looks_with_numbers_masked_and_changes_nothing() {
    let away = Away::start();
    let id = id_in(&away.relay.offer(&sample::forward_request("v1")));
    let viewer = away.token(&["ada"]);
    let list = away.with(&viewer, "GET", "/v1/queue", "");
    assert_eq!(list.0, 200);
    let text = list.1.to_string();
    assert!(text.contains("+1555****199") && !text.contains("5550199"), "{text}");
    assert!(text.contains(&id), "the relay's own ids are none: {text}");
    let (status, trace) = away.with(&viewer, "GET", &format!("/v1/trace/{id}"), "");
    assert!(status == 200 && !trace.to_string().contains("5550199"), "{trace}");
    for (method, path, body) in [
        ("POST", "/v1/queue/drop", format!("{{\"ids\": [\"{id}\"]}}")),
        ("POST", "/v1/peers/operator-b/pause", "{\"reason\": \"r\"}".to_owned()),
        ("POST", "/v1/reload", String::new()),
        ("POST", "/v1/stop", String::new()),
        ("GET", "/v1/tokens", String::new()),
        // Not told what is wrong with a question that they may not ask.
        ("GET", "/v1/queue/no-id/content", String::new()),
        ("POST", "/v1/configuration/apply", "{\"txt\": 1}".to_owned()),
    ] {
        let (status, problem) = away.with(&viewer, method, path, &body);
        assert_eq!((status, &problem["type"]), (403, &json!("forbidden")), "{path}");
    }
    assert_eq!(last_of_audit(&away.relay)["who"], "ada", "what was refused is noted");
}

#[test]
fn an_operator_acts_on_messages_and_an_administrator_on_the_relay() {
    let away = Away::start();
    let id = id_in(&away.relay.offer(&sample::forward_request("o1")));
    let operator = away.token(&["ben", "--role=operator"]);
    assert_eq!(away.with(&operator, "POST", "/v1/reload", "").0, 403);
    let drop = format!("{{\"ids\": [\"{id}\"]}}");
    assert_eq!(
        away.with(&operator, "POST", "/v1/queue/drop", &drop),
        (200, json!({"dropped": 1}))
    );
    let noted = last_of_audit(&away.relay);
    assert_eq!((&noted["who"], &noted["role"]), (&json!("ben"), &json!("operator")));
    assert!(
        noted["from"]
            .as_str()
            .is_some_and(|from| from.starts_with("token, 127.0.0.1:")),
        "{noted}"
    );
    let administrator = away.token(&["eve", "--role=administrator"]);
    assert_eq!(away.with(&administrator, "POST", "/v1/reload", "").0, 200);
    let (status, issued) = away.with(
        &administrator,
        "POST",
        "/v1/tokens/new",
        "{\"name\": \"fay\", \"role\": \"viewer\", \"seconds\": 60}",
    );
    assert_eq!(status, 200);
    let token = issued["token"].as_str().expect("a token");
    assert_eq!(away.with(token, "GET", "/v1/status", "").0, 200);
    let noted = last_of_audit(&away.relay).to_string();
    assert!(noted.contains("token-new") && !noted.contains("mm4r_"), "{noted}");
    let kept = std::fs::read_to_string(away.relay.path("spool/tokens.json")).expect("a file");
    assert!(kept.contains("fay") && !kept.contains("mm4r_"), "{kept}");
}

#[test]
fn numbers_are_shown_whole_to_those_who_may_and_ask_and_that_is_noted() {
    let away = Away::start();
    let id = id_in(&away.relay.offer(&sample::forward_request("n1")));
    let (may, may_not) = (
        away.token(&["gil", "--role=operator", "--reveals"]),
        away.token(&["hal", "--role=administrator"]),
    );
    let whole = |token: &str, path: &str| {
        let more = format!("Authorization: Bearer {token}\r\nMm4relay-Reveal: yes\r\n");
        let (status, answer, _) = away.ask("GET", path, &more, "");
        (status, answer)
    };
    assert!(
        !away
            .with(&may, "GET", "/v1/queue", "")
            .1
            .to_string()
            .contains("5550199"),
        "nobody asked"
    );
    assert!(whole(&may, "/v1/queue").1.to_string().contains("+15555550199"));
    let noted = last_of_audit(&away.relay);
    assert_eq!(
        (&noted["who"], &noted["did"], &noted["changed"]),
        (&json!("gil"), &json!("queue-list"), &json!({"revealed": true}))
    );
    assert_eq!(whole(&may_not, "/v1/queue").0, 403);
    let content = format!("/v1/queue/{id}/content?received=true");
    assert_eq!(away.with(&may, "GET", &content, "").0, 403);
    assert_eq!(whole(&may, &content).0, 200);
}

#[test]
fn who_has_no_token_or_one_that_is_over_revoked_or_guessed_is_not_answered() {
    let away = Away::start();
    let (status, problem, head) = away.ask("GET", "/v1/status", "", "");
    assert_eq!((status, &problem["type"]), (401, &json!("unauthorized")));
    assert!(
        head.contains("www-authenticate: Bearer") && !head.contains("access-control"),
        "{head}"
    );
    let short = away.token(&["ina", "--for=1 s"]);
    let ends = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while away.with(&short, "GET", "/v1/status", "").0 == 200 {
        assert!(std::time::Instant::now() < ends, "it is never over");
    }
    let revoked = away.token(&["jon"]);
    assert_eq!(away.with(&revoked, "GET", "/v1/status", "").0, 200);
    away.relay.print(&["token", "revoke", "jon"]);
    assert_eq!(away.with(&revoked, "GET", "/v1/status", "").0, 401);
    let good = away.token(&["kim"]);
    let more = format!("Authorization: Bearer {good}\r\nHost: evil.example\r\n");
    assert_eq!(away.ask("GET", "/v1/status", &more, "").0, 421);
    for _ in 0..10 {
        away.with("mm4r_guessed", "GET", "/v1/status", "");
    }
    assert_eq!(away.with("mm4r_guessed", "GET", "/v1/status", "").0, 429);
    assert_eq!(
        away.with(&good, "GET", "/v1/status", "").0,
        429,
        "a guess that is right is not told from others"
    );
}

#[test]
fn beyond_loopback_the_door_takes_a_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("relay.toml");
    let text = config_at("127.0.0.1:2525", "\n[control]\nlisten = \"0.0.0.0:9465\"\n");
    std::fs::write(&path, text).expect("a writable folder");
    let said = crate::support::mm4relay(&["check", "--config", path.to_str().expect("UTF-8")]);
    assert!(
        !said.ok && said.err.contains("only loopback does without"),
        "{}",
        said.err
    );
}
