//! Alarms: raised once, cleared once, and told to whoever wants to hear.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Authority, Peer, Process, Relay, config_at, eventually, get, own_address, sample, tools};

/// What somebody's program is sent: the header and the body of one POST, which it answers with this status.
fn taken(listener: &TcpListener, status: &str) -> (String, Value) {
    let (mut stream, _) = listener.accept().expect("the relay connects");
    let mut text = Vec::new();
    let mut octets = [0; 4096];
    loop {
        let read = stream.read(&mut octets).expect("a request");
        text.extend_from_slice(&octets[..read]);
        let whole = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.and_then(|length| length.parse().ok()) == Some(body.len()) {
                answer(&mut stream, status);
                return (head.to_owned(), serde_json::from_str(body).expect("JSON"));
            }
        }
    }
}

fn answer(stream: &mut TcpStream, status: &str) {
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).expect("an answer");
}

#[test]
fn a_peer_that_is_down_is_told_once_everywhere_and_so_is_its_return() {
    let (address, listener) = (own_address(), TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let to = listener.local_addr().expect("bound");
    let more = format!(
        "\n[monitoring]\nlisten = \"127.0.0.1:0\"\n[alarms]\npeer-down = \"1 s\"\ncalm = \"1 s\"\nwebhook = \"http://{to}/a\"\n\
         webhook-secret-file = \"secret\"\n"
    );
    let mut relay = Relay::stopped(&config_at(&address, &more));
    std::fs::write(relay.path("secret"), "between us\n").expect("a writable folder");
    relay.start_again();
    assert_eq!(relay.print(&["alarms"]), "no alarm\n");
    assert!(relay.offer(&sample::forward_request("d1")).starts_with("250"));
    // Not taken the first time: it comes again.
    let (_, refused) = taken(&listener, "503 not now");
    let (head, raised) = taken(&listener, "204 thanks");
    assert_eq!(refused, raised);
    assert_eq!(
        (&raised["what"], &raised["alarm"]),
        (&json!("raised"), &json!("peer-down"))
    );
    assert_eq!(
        (&raised["about"], &raised["relay"]),
        (&json!("operator-b"), &json!("mm4.hub.example"))
    );
    let signature = head
        .lines()
        .find_map(|line| line.strip_prefix("x-mm4relay-signature: t="));
    let (_, hex) = signature
        .and_then(|signature| signature.split_once(",v1="))
        .expect("it is signed");
    assert_eq!(hex.len(), 64);
    let said = relay.command(&["alarms"]);
    assert_eq!(said.status.code(), Some(1), "a warning");
    assert!(
        String::from_utf8_lossy(&said.stdout).starts_with("warning  peer-down operator-b  since "),
        "{said:?}"
    );
    let page = relay.page("/metrics");
    assert!(
        page.contains("mm4relay_alarm{alarm=\"peer-down\",severity=\"warning\",about=\"operator-b\"} 1"),
        "{page}"
    );
    let peer = Peer::at(&address, &[]);
    relay.print(&["queue", "retry", "--peer", "operator-b"]);
    assert_eq!(peer.wait_for(1).len(), 1);
    let (_, cleared) = taken(&listener, "200 OK");
    assert_eq!(
        (&cleared["what"], &cleared["since"]),
        (&json!("cleared"), &raised["since"])
    );
    assert_eq!(get(&relay, "/v1/alarms").1, json!({"alarms": []}));
    relay.process().wait_for_log("event=alarm-cleared");
    let log = relay.process().log();
    assert_eq!(
        (
            log.matches("event=alarm-raised").count(),
            log.matches("event=alarm-cleared").count()
        ),
        (1, 1)
    );
}

#[test]
fn a_message_that_waits_for_too_long_is_an_alarm_by_what_is_configured_now() {
    let relay = Relay::start(&config_at(&own_address(), ""));
    assert!(relay.offer(&sample::forward_request("q1")).starts_with("250"));
    relay.wait_for_queue("  1 attempt  ");
    relay.configure(&config_at(&own_address(), "\n[alarms]\nqueue-age = \"1 s\"\n"));
    relay.print(&["reload"]);
    let alarms = eventually("it is raised", || {
        let (_, alarms) = get(&relay, "/v1/alarms");
        let old = alarms["alarms"]
            .as_array()?
            .iter()
            .find(|alarm| alarm["alarm"] == "queue-age")?
            .clone();
        Some(old)
    });
    assert_eq!(
        (&alarms["about"], &alarms["severity"]),
        (&json!("operator-b"), &json!("warning"))
    );
    assert!(
        alarms["remedy"]
            .as_str()
            .is_some_and(|words| words.contains("queue list"))
    );
}

#[test]
fn a_table_that_was_not_taken_is_an_alarm() {
    let more = "\n[routing]\nportability = \"ported\"\n[[table]]\nname = \"ported\"\nfile = \"ported.csv\"\n";
    let mut relay = Relay::stopped(&config_at(&own_address(), more));
    std::fs::write(relay.path("ported.csv"), "+15551000001,operator-b\n").expect("a writable folder");
    relay.start_again();
    std::fs::write(relay.path("aside.csv"), "+15551000001,operator-x\n").expect("a writable folder");
    std::fs::rename(relay.path("aside.csv"), relay.path("ported.csv")).expect("a rename");
    eventually("it is raised", || {
        let (_, alarms) = get(&relay, "/v1/alarms");
        let alarm = &alarms["alarms"][0];
        (alarm["alarm"] == "table-refused" && alarm["about"] == "ported").then_some(())
    });
}

/// Somebody's program behind TLS: prints its port, and then each body that it is sent.
const HOOK: &str = r#"
import http.server, ssl, sys
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.rfile.read(int(self.headers["content-length"])).decode(), flush=True)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *said):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

#[test]
fn an_alarm_is_sent_over_tls_to_a_host_that_is_vouched_for() {
    if !tools::have_python(&["ssl"]) {
        return;
    }
    let authority = Authority::new();
    let shown = authority.issue("localhost");
    let mut program = Command::new("python3");
    program.args(["-c", HOOK]).arg(&shown.certificate).arg(&shown.key);
    let hook = Process::spawn("webhook", program);
    let url = format!("https://localhost:{}/alarms", hook.line());
    let more = |ca: &str| format!("\n[alarms]\npeer-down = \"1 s\"\nwebhook = \"{url}\"\nwebhook-ca = \"{ca}\"\n");
    let mut relay = Relay::stopped(&config_at(&own_address(), &more("authority.pem")));
    std::fs::copy(authority.file(), relay.path("authority.pem")).expect("a writable folder");
    relay.start_again();
    assert!(relay.offer(&sample::forward_request("t1")).starts_with("250"));
    let told: Value = serde_json::from_str(&hook.line()).expect("JSON");
    assert_eq!((&told["what"], &told["alarm"]), (&json!("raised"), &json!("peer-down")));
    std::fs::write(relay.path("nobody.pem"), "nothing\n").expect("a writable folder");
    relay.configure(&config_at(&own_address(), &more("nobody.pem")));
    let said = relay.command(&["check"]);
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(!said.status.success() && err.contains("alarms.webhook-ca"), "{err}");
}
