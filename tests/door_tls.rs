//! The door over TCP with TLS: tokens, certificates of those who ask, and the relay's own certificate, replaced.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Authority, Certificate, Relay, config_at, last_of_audit, own_address, tools};

const HOST: &str = "relay.ops.example";

/// A relay whose door speaks TLS.
struct Door {
    relay: Relay,
    address: String,
    authority: Authority,
}

impl Door {
    fn start(more: &str) -> Self {
        let authority = Authority::new();
        let shown = authority.issue(HOST);
        let control = format!(
            "\n[control]\nlisten = \"127.0.0.1:0\"\nhosts = [\"{HOST}\"]\ncertificate = \"door.pem\"\nkey = \"door.key\"\n{more}"
        );
        let mut relay = Relay::stopped(&config_at(&own_address(), &control));
        put(&relay, &shown);
        relay.start_again();
        let line = relay.process().line();
        let address = line.strip_prefix("door on ").unwrap_or_else(|| panic!("{line}"));
        Self {
            address: address.to_owned(),
            relay,
            authority,
        }
    }

    fn token(&self, words: &[&str]) -> String {
        self.relay.print(&[&["token", "new"], words].concat()).trim().to_owned()
    }

    /// The status and the body of an answer; `None` when no TLS came about.
    fn ask(&self, by: &By, path: &str) -> Option<(u16, Value)> {
        let Trusting { authority, shown, more } = by.clone().into();
        let authority = authority.unwrap_or_else(|| self.authority.file());
        let mut client = Command::new(tools::program("openssl"));
        client.args(["s_client", "-quiet", "-verify_return_error", "-servername", HOST]);
        client.args(["-verify_hostname", HOST, "-connect", &self.address]);
        client.arg("-CAfile").arg(authority);
        if let Some((certificate, key)) = shown {
            client.arg("-cert").arg(certificate).arg("-key").arg(key);
        }
        client
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut client = client.spawn().expect("openssl starts");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{more}\r\n");
        // Who was not let in listens to nothing.
        let _ = client.stdin.as_mut().expect("piped").write_all(request.as_bytes());
        let output = client.wait_with_output().expect("it ends");
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head["HTTP/1.1 ".len()..][..3].parse().expect("a status");
        Some((status, serde_json::from_str(body).expect("JSON")))
    }
}

/// By what somebody asks.
#[derive(Clone, Default)]
struct By {
    token: Option<String>,
    certificate: Option<(PathBuf, PathBuf)>,
    header: &'static str,
    authority: Option<PathBuf>,
}

struct Trusting {
    authority: Option<PathBuf>,
    shown: Option<(PathBuf, PathBuf)>,
    more: String,
}

impl From<By> for Trusting {
    fn from(by: By) -> Self {
        let token = by.token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        Self {
            authority: by.authority,
            shown: by.certificate,
            more: token.unwrap_or_default() + by.header,
        }
    }
}

impl By {
    fn token(token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..Self::default()
        }
    }

    fn certificate(of: &Certificate) -> Self {
        Self {
            certificate: Some((of.certificate.clone(), of.key.clone())),
            ..Self::default()
        }
    }
}

fn put(relay: &Relay, shown: &Certificate) {
    for (from, to) in [(&shown.certificate, "door.pem"), (&shown.key, "door.key")] {
        std::fs::copy(from, relay.path(to)).expect("a writable folder");
    }
}

fn in_config(path: &Path) -> String {
    format!("client-ca = {path:?}\n")
}

#[test]
fn over_tls_a_token_is_answered_and_the_next_certificate_is_shown_after_a_reload() {
    if !tools::have_programs(&["openssl"]) {
        return;
    }
    let door = Door::start("");
    let token = door.token(&["ada"]);
    assert_eq!(door.ask(&By::token(&token), "/v1/status").map(|it| it.0), Some(200));
    assert_eq!(door.ask(&By::default(), "/v1/status").map(|it| it.0), Some(401));
    let next = Authority::new();
    let by_next = By {
        authority: Some(next.file()),
        ..By::token(&token)
    };
    assert_eq!(door.ask(&by_next, "/v1/status"), None, "nobody whom this client knows");
    put(&door.relay, &next.issue(HOST));
    door.relay.print(&["reload"]);
    assert_eq!(door.ask(&by_next, "/v1/status").map(|it| it.0), Some(200));
    assert_eq!(
        door.ask(&By::token(&token), "/v1/status"),
        None,
        "the old one is shown no more"
    );
}

#[test]
fn a_certificate_has_the_role_of_its_name_and_one_of_nobody_counts_for_nothing() {
    if !tools::have_programs(&["openssl"]) {
        return;
    }
    let theirs = Authority::new();
    let clients = format!(
        "{}[[control.client]]\nname = \"watch.ops.example\"\n[[control.client]]\nname = \"desk.ops.example\"\nrole = \"operator\"\n\
         reveals = true\n",
        in_config(&theirs.file())
    );
    let door = Door::start(&clients);
    let (watch, desk) = (theirs.issue("watch.ops.example"), theirs.issue("desk.ops.example"));
    assert_eq!(
        door.ask(&By::certificate(&watch), "/v1/status").map(|it| it.0),
        Some(200)
    );
    let reveals = |of: &Certificate| By {
        header: "Mm4relay-Reveal: yes\r\n",
        ..By::certificate(of)
    };
    assert_eq!(door.ask(&reveals(&watch), "/v1/queue").map(|it| it.0), Some(403));
    assert_eq!(door.ask(&reveals(&desk), "/v1/queue").map(|it| it.0), Some(200));
    let noted = last_of_audit(&door.relay);
    assert_eq!(
        (&noted["who"], &noted["role"]),
        (&json!("desk.ops.example"), &json!("operator"))
    );
    assert!(
        noted["from"]
            .as_str()
            .is_some_and(|from| from.starts_with("certificate, ")),
        "{noted}"
    );
    let nobody = theirs.issue("nobody.ops.example");
    let (status, problem) = door.ask(&By::certificate(&nobody), "/v1/status").expect("an answer");
    assert_eq!((status, &problem["type"]), (401, &json!("unauthorized")));
    let of_a_page = By {
        header: "Origin: https://elsewhere.example\r\n",
        ..By::certificate(&desk)
    };
    assert_eq!(door.ask(&of_a_page, "/v1/status").map(|it| it.0), Some(403));
    let with_token = By {
        token: Some(door.token(&["eve", "--role=administrator"])),
        ..By::certificate(&watch)
    };
    assert_eq!(
        door.ask(&with_token, "/v1/tokens").map(|it| it.0),
        Some(200),
        "the token counts"
    );
}

#[test]
fn a_certificate_that_no_authority_vouches_for_ends_the_handshake() {
    if !tools::have_programs(&["openssl"]) {
        return;
    }
    let (theirs, others) = (Authority::new(), Authority::new());
    let client = "[[control.client]]\nname = \"watch.ops.example\"\n";
    let door = Door::start(&format!("{}{client}", in_config(&theirs.file())));
    let forged = others.issue("watch.ops.example");
    assert_eq!(door.ask(&By::certificate(&forged), "/v1/status"), None);
    let expired = theirs.issue_expired("watch.ops.example");
    assert_eq!(door.ask(&By::certificate(&expired), "/v1/status"), None);
    let token = door.token(&["ada"]);
    assert_eq!(
        door.ask(&By::token(&token), "/v1/status").map(|it| it.0),
        Some(200),
        "one is not needed"
    );
}
