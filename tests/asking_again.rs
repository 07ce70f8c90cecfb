//! Connections to services are kept for the next question, and nobody notices but by the time that it takes.

use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::asking::{Asking, service};
use crate::support::{Authority, Process, Web, eventually, tools};

/// An answer that says how it was asked.
fn echo(head: &str) -> Option<String> {
    Web::answer(200, head.lines().next().unwrap_or_default())
}

/// It hangs up on those questions, counted from 1, and answers all others.
fn hangs_up_on(those: &'static [usize]) -> Web {
    let questions = AtomicUsize::new(0);
    Web::start(
        move |head, _| match those.contains(&(questions.fetch_add(1, Ordering::SeqCst) + 1)) {
            true => Some(String::new()),
            false => echo(head),
        },
    )
}

/// A relay whose plug-in may ask it in these ways, and its address as the plug-in writes it.
fn asking(web: &Web, more: &str) -> (Asking, String) {
    let base = format!("http://{}", web.address());
    let more = format!("methods = [\"GET\", \"POST\"]\n{more}");
    // The plug-in has time: what is looked at is what the service may take.
    (
        Asking::of(&service(&base, &more), "time = \"30 s\""),
        format!("{base}/v1/x"),
    )
}

#[test]
fn questions_of_one_message_and_of_the_next_go_over_one_connection() {
    let web = Web::start(|head, _| echo(head));
    let (asking, url) = asking(&web, "");
    let heard = asking.hears("one", &format!("GET {url}"), &["X-Times: 3"]);
    assert_eq!(heard, "200 test GET /v1/x HTTP/1.1");
    let heard = asking.hears("two", &format!("POST {url}"), &["X-Body: hello"]);
    assert_eq!(heard, "200 test POST /v1/x HTTP/1.1");
    assert_eq!((web.asked().len(), web.connections()), (4, 1));
}

#[test]
fn a_question_that_may_be_asked_twice_is_asked_again_when_the_kept_connection_turns_out_to_be_closed() {
    let web = hangs_up_on(&[2]);
    let (asking, url) = asking(&web, "");
    let heard = asking.hears("get", &format!("GET {url}"), &["X-Times: 2"]);
    assert_eq!(heard, "200 test GET /v1/x HTTP/1.1");
    assert_eq!((web.asked().len(), web.connections()), (3, 2));
    assert_eq!((asking.calls("answered"), asking.calls("failed")), (2, 0));
}

#[test]
fn on_a_new_connection_nothing_is_asked_twice() {
    let web = hangs_up_on(&[1]);
    let (asking, url) = asking(&web, "");
    let heard = asking.hears("get", &format!("GET {url}"), &[]);
    assert!(heard.starts_with("unavailable: "), "{heard}");
    assert_eq!(web.asked().len(), 1);
}

#[test]
fn what_may_have_been_done_already_is_not_asked_again() {
    let web = hangs_up_on(&[2]);
    let (asking, url) = asking(&web, "");
    let heard = asking.hears("post", &format!("POST {url}"), &["X-Times: 2"]);
    assert!(heard.starts_with("unavailable: "), "{heard}");
    assert_eq!((web.asked().len(), web.connections()), (2, 1));
    // The plug-in may do so, and has a new connection.
    let heard = asking.hears("again", &format!("POST {url}"), &[]);
    assert_eq!(heard, "200 test POST /v1/x HTTP/1.1");
    assert_eq!((web.asked().len(), web.connections()), (3, 2));
}

#[test]
fn a_connection_that_the_service_closed_before_is_made_anew_for_whatever_question() {
    let web =
        Web::start(|_, _| Web::answer(200, "").map(|answer| answer.replace("X-Kind", "Connection: close\r\nX-Kind")));
    let (asking, url) = asking(&web, "");
    let heard = asking.hears("post", &format!("POST {url}"), &["X-Times: 3"]);
    assert_eq!(heard, "200 test");
    assert_eq!((web.asked().len(), web.connections()), (3, 3));
}

#[test]
fn a_question_on_a_kept_connection_has_no_more_time_than_any_other() {
    let questions = AtomicUsize::new(0);
    let web = Web::start(move |head, _| match questions.fetch_add(1, Ordering::SeqCst) {
        1 => None,
        _ => echo(head),
    });
    let (asking, url) = asking(&web, "time = \"300 ms\"");
    let begun = Instant::now();
    let heard = asking.hears("stalls", &format!("GET {url}"), &["X-Times: 2"]);
    assert!(heard.contains("no answer within 300ms"), "{heard}");
    // Machines of tests are busy; the plug-in's own time would be 30 s.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!((web.asked().len(), web.connections()), (2, 1), "and is not asked again");
    // What may still come over that connection is for nobody.
    let heard = asking.hears("next", &format!("GET {url}"), &[]);
    assert_eq!(heard, "200 test GET /v1/x HTTP/1.1");
    assert_eq!(web.connections(), 2);
}

#[test]
fn what_a_service_says_too_much_answers_no_later_question() {
    let questions = AtomicUsize::new(0);
    let web = Web::start(move |head, _| match questions.fetch_add(1, Ordering::SeqCst) {
        0 => Some(echo(head)? + &Web::answer(200, "of another question")?),
        _ => echo(head),
    });
    let (asking, url) = asking(&web, "");
    for id in ["one", "two"] {
        let heard = asking.hears(id, &format!("GET {url}"), &[]);
        assert_eq!(heard, "200 test GET /v1/x HTTP/1.1");
    }
    assert_eq!(web.connections(), 2);
}

/// Says over which port each question came.
const PORTS: &str = r#"
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = str(self.client_address[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"#;

#[test]
fn connections_with_tls_are_kept_too() {
    if !tools::have_python(&["ssl"]) {
        return;
    }
    let authority = Authority::new();
    let theirs = authority.issue("127.0.0.1");
    let port = tools::free_port();
    let mut server = std::process::Command::new("python3");
    server.args(["-c", PORTS, &port.to_string()]);
    let _server = Process::spawn("python3", {
        server.arg(&theirs.certificate).arg(&theirs.key);
        server
    });
    eventually("python3 listens", || TcpStream::connect(("127.0.0.1", port)).ok());
    let base = format!("https://127.0.0.1:{port}");
    let asking = Asking::of(
        &service(&base, &format!("ca = {:?}", authority.file())),
        "time = \"30 s\"",
    );
    let hears = |id: &str| asking.hears(id, &format!("GET {base}/v1/x"), &[]);
    let heard = hears("one");
    assert!(heard.starts_with("200 "), "{heard}");
    assert_eq!(hears("two"), heard, "over the same port");
}
