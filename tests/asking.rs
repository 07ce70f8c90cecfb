//! Services outside that a plug-in asks: only those that its configuration names, only what it names, and only so much.

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Authority, Link, Peer, Process, Relay, Web, config, eventually, guest, sample, tools};

/// A relay with the guest that asks what a message tells it to, one service, and what the service is called elsewhere.
pub struct Asking {
    peer: Peer,
    relay: Relay,
}

impl Asking {
    pub fn of(services: &str, limits: &str) -> Self {
        let peer = Peer::start();
        let relay = Relay::start(&config(&peer, &configured(services, limits)));
        Self { peer, relay }
    }

    /// What the plug-in heard, which asked `request`, with further fields.
    pub fn hears(&self, id: &str, request: &str, more: &[&str]) -> String {
        let before = self.peer.wait_for(0).len();
        let mut fields = vec![format!("X-Ask: {request}")];
        fields.extend(more.iter().map(|field| (*field).to_owned()));
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let answer = self.relay.offer(&sample::with_body(id, &fields, b"hello\r\n"));
        assert!(answer.starts_with("250"), "{answer}");
        let taken = self.peer.wait_for(before + 1);
        let taken = String::from_utf8(taken.last().expect("it").without_trace().to_vec()).expect("text");
        // A long field comes folded.
        let unfolded = taken.replace("\r\n ", " ");
        let said = unfolded.lines().find_map(|line| line.strip_prefix("X-Answer: "));
        said.unwrap_or_else(|| panic!("no answer in {taken}"))
            .trim_end()
            .to_owned()
    }

    /// Calls that ended like this.
    pub fn calls(&self, end: &str) -> u64 {
        calls(&self.relay, end)
    }
}

fn configured(services: &str, limits: &str) -> String {
    let asker = Link::new("asker", guest("asker"), &["http"], "").limits(limits);
    format!("\n[monitoring]\nlisten = \"127.0.0.1:0\"\n{asker}{services}")
}

pub fn service(url: &str, more: &str) -> String {
    format!("\n[[plugin.service]]\nname = \"s\"\nurl = {url:?}\npaths = [\"/v1/*\"]\n{more}\n")
}

fn calls(relay: &Relay, end: &str) -> u64 {
    let page = relay.page("/metrics");
    let series = format!("mm4relay_outside_calls_total{{kind=\"service\",name=\"asker/s\",end=\"{end}\"}} ");
    let value = page.lines().find_map(|line| line.strip_prefix(&series));
    value
        .unwrap_or_else(|| panic!("{series} is not in {page}"))
        .parse()
        .expect("a number")
}

#[test]
fn a_plug_in_asks_the_service_that_is_named_with_a_secret_that_it_never_sees() {
    let web = Web::start(|head, body| Web::answer(200, &format!("{} {body}", head.lines().next().unwrap_or_default())));
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "Bearer of-the-relay\n").expect("a writable folder");
    let more = format!("methods = [\"GET\", \"POST\"]\nheaders = {{ Authorization = {{ file = {secret:?} }} }}");
    let asking = Asking::of(&service(&format!("http://{}", web.address()), &more), "");
    let url = format!("http://{}/v1/x?number=%2B15555550100", web.address());
    let heard = asking.hears("get", &format!("GET {url}"), &["X-Field: authorization=mine"]);
    assert_eq!(heard, "200 test GET /v1/x?number=%2B15555550100 HTTP/1.1");
    let heard = asking.hears("post", &format!("POST {url}"), &["X-Field: x-a=1", "X-Body: hello"]);
    assert!(heard.ends_with("HTTP/1.1 hello"), "{heard}");
    let asked = web.asked();
    for asked in &asked {
        let asked = asked.to_lowercase();
        assert!(asked.contains("authorization: bearer of-the-relay\r\n"), "{asked}");
        assert!(asked.contains(&format!("host: {}\r\n", web.address())), "{asked}");
        assert!(!asked.contains("mine"), "{asked}");
    }
    assert!(asked[1].contains("x-a: 1\r\n"), "{}", asked[1]);
    let trace = asking.relay.print(&["trace", "post@mms.a.example"]);
    assert!(trace.contains("asked service s, POST: 200, "), "{trace}");
    assert!(!trace.contains("of-the-relay"), "{trace}");
    assert_eq!(calls(&asking.relay, "answered"), 2);
}

#[test]
fn nobody_else_is_asked_and_the_plug_in_is_told_which_line_would_allow_it() {
    let web = Web::start(|_, _| Web::answer(302, ""));
    let base = format!("http://{}", web.address());
    let localhost = format!("http://localhost:{}", web.port());
    let by_name = service(&localhost, "").replace("\"s\"", "\"by-name\"");
    let asking = Asking::of(&(service(&base, "") + &by_name), "");
    let hears = |id: &str, request: &str, more: &[&str]| asking.hears(id, request, more);
    assert_eq!(
        hears("redirect", &format!("GET {base}/v1/x"), &[]).trim_end(),
        "302 test"
    );
    let heard = hears("elsewhere", "GET https://elsewhere.example/v1/x", &[]);
    assert!(
        heard.starts_with("invalid: ") && heard.contains("[[plugin.service]]"),
        "{heard}"
    );
    for (id, request) in [
        ("method", format!("DELETE {base}/v1/x")),
        ("path", format!("GET {base}/v2/x")),
        ("deeper", format!("GET {base}/v1/x/y")),
        ("dots", format!("GET {base}/v1/..")),
        ("port", "GET http://127.0.0.1:1/v1/x".to_owned()),
    ] {
        let heard = hears(id, &request, &[]);
        assert!(heard.starts_with("invalid: "), "{id}: {heard}");
    }
    let heard = hears(
        "host",
        &format!("GET {base}/v1/x"),
        &["X-Field: Host=elsewhere.example"],
    );
    assert!(heard.starts_with("invalid: "), "{heard}");
    // The name leads to this machine, and nobody has said that it may.
    let heard = hears("private", &format!("GET {localhost}/v1/x"), &[]);
    assert!(
        heard.starts_with("unavailable: ") && heard.contains("private address"),
        "{heard}"
    );
    assert_eq!(web.asked().len(), 1, "{:?}", web.asked());
}

#[test]
fn answers_questions_and_their_number_are_bounded() {
    let web = Web::start(|head, _| Web::answer(if head.contains("/v1/ill") { 503 } else { 200 }, &"x".repeat(2_000)));
    let base = format!("http://{}", web.address());
    let more = "methods = [\"POST\"]\nresponse-size = \"1 kB\"\nrequest-size = \"4 B\"";
    let asking = Asking::of(&service(&base, more), "");
    let heard = asking.hears("large", &format!("POST {base}/v1/x"), &[]);
    assert!(
        heard.starts_with("limit: ") && heard.contains("response-size"),
        "{heard}"
    );
    let heard = asking.hears("long", &format!("POST {base}/v1/x"), &["X-Body: 12345"]);
    assert!(
        heard.starts_with("limit: ") && heard.contains("request-size"),
        "{heard}"
    );
    let more = "calls-per-message = 3\nbreaker = { failures = 2, first = \"1 h\", longest = \"1 h\" }";
    let asking = Asking::of(&service(&base, more), "time = \"5 s\"");
    let heard = asking.hears("four", &format!("GET {base}/v1/x"), &["X-Times: 4"]);
    assert!(
        heard.starts_with("limit: ") && heard.contains("calls-per-message"),
        "{heard}"
    );
    assert_eq!(calls(&asking.relay, "answered"), 3);
    // What it answers is heard, and held against it.
    let heard = asking.hears("ill", &format!("GET {base}/v1/ill"), &["X-Times: 2"]);
    assert!(heard.starts_with("503 "), "{heard}");
    let heard = asking.hears("open", &format!("GET {base}/v1/x"), &[]);
    assert!(
        heard.starts_with("unavailable: ") && heard.contains("left alone"),
        "{heard}"
    );
}

#[test]
fn a_service_shows_a_certificate_that_is_vouched_for_and_is_shown_the_relays() {
    if !tools::have_programs(&["openssl"]) {
        return;
    }
    let authority = Authority::new();
    let (theirs, ours) = (authority.issue("127.0.0.1"), authority.issue("relay.example"));
    let port = tools::free_port();
    let mut server = Command::new(tools::program("openssl"));
    // -www: whatever is asked for, it tells of the connection. -Verify: it takes nobody without a certificate.
    server.args(["s_server", "-quiet", "-www", "-verify_return_error", "-Verify", "1"]);
    server.args(["-accept", &format!("127.0.0.1:{port}")]);
    server.arg("-CAfile").arg(authority.file());
    server
        .arg("-cert")
        .arg(&theirs.certificate)
        .arg("-key")
        .arg(&theirs.key);
    let _server = Process::spawn("openssl", server);
    eventually("openssl listens", || TcpStream::connect(("127.0.0.1", port)).ok());
    let base = format!("https://127.0.0.1:{port}");
    let request = format!("GET {base}/v1/x");
    let ca = format!("ca = {:?}", authority.file());
    let shown = format!("\ncertificate = {:?}\nkey = {:?}", ours.certificate, ours.key);
    let asking = Asking::of(&service(&base, &format!("{ca}{shown}")), "time = \"5 s\"");
    let heard = asking.hears("good", &request, &[]);
    assert!(heard.starts_with("200 ") && heard.contains("s_server"), "{heard}");
    let asking = Asking::of(&service(&base, &ca), "time = \"5 s\"");
    let heard = asking.hears("nothing-shown", &request, &[]);
    assert!(heard.starts_with("unavailable: "), "{heard}");
    let other = Authority::new();
    let other = format!("ca = {:?}{shown}", other.file());
    let asking = Asking::of(&service(&base, &other), "time = \"5 s\"");
    let heard = asking.hears("not-vouched-for", &request, &[]);
    assert!(
        heard.starts_with("unavailable: ") && heard.contains("no TLS"),
        "{heard}"
    );
}

/// A service that stalls costs its own callers the plug-in's budget and then its `on-failure`; other messages are
/// answered as if nothing had happened.
#[test]
fn a_service_that_stalls_holds_up_nobody_else_and_its_own_callers_no_longer_than_their_time() {
    const BUDGET: Duration = Duration::from_millis(500);
    let web = Web::start(|_, _| None);
    let base = format!("http://{}", web.address());
    let more = "time = \"30 s\"\ntime-per-message = \"30 s\"\nbreaker = { failures = 1000 }";
    let asking = Asking::of(&service(&base, more), "time = \"500 ms\"\ntime-per-mib = \"0 ms\"");
    let timed = |message: Vec<u8>, code: char| {
        let mut client = asking.relay.client();
        let begun = Instant::now();
        let answer = client.transaction(sample::FROM, &[sample::TO], &message);
        assert!(answer.starts_with(code), "{answer}");
        begun.elapsed()
    };
    let stalled = |id: &str| sample::with_body(id, &[&format!("X-Ask: GET {base}/v1/x")], b"hello\r\n");
    timed(sample::forward_request("warm"), '2');
    let (stalled, others) = std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..6)
            .map(|at| scope.spawn(move || timed(stalled(&format!("s{at}")), '4')))
            .collect();
        let others: Vec<_> = (0..20)
            .map(|at| timed(sample::forward_request(&format!("o{at}")), '2'))
            .collect();
        let ended = waiting.into_iter().map(|it| it.join().expect("an answer"));
        (ended.collect::<Vec<_>>(), others)
    });
    println!("stalled {stalled:?}, others {others:?}");
    for time in &stalled {
        // Machines of tests are busy: the figure is not asserted to the millisecond.
        assert!((BUDGET..BUDGET + Duration::from_secs(2)).contains(time), "{time:?}");
    }
    assert!(others.iter().all(|other| *other < BUDGET), "{others:?}");
    asking
        .relay
        .process()
        .wait_for_log("it was waiting for service s, GET, for ");
    assert_eq!(calls(&asking.relay, "stopped"), 6);
}

#[test]
fn screen_asks_a_service_for_its_verdict() {
    let web = Web::start(|_, body| {
        Web::answer(
            200,
            if body.contains("+15555550100") {
                r#"{"verdict": "Spam"}"#
            } else {
                "ham"
            },
        )
    });
    let url = format!("http://{}/v1/x", web.address());
    let rules = format!(
        "rules = [{{ name = \"spam\", service = {{ url = {url:?}, verdicts = [\"spam\"] }}, then = \"mark\" }}]"
    );
    let allowed = service(&format!("http://{}", web.address()), "methods = [\"POST\"]");
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &format!("{}{allowed}", Link::bundled("screen", &rules))));
    assert!(relay.offer(&sample::forward_request("m")).starts_with("250"));
    let taken = String::from_utf8(peer.wait_for(1)[0].without_trace().to_vec()).expect("text");
    assert!(taken.contains("X-Screen: spam\r\n"), "{taken}");
    assert!(
        web.asked()[0].contains("\"recipients\":[\"+15555550199\"]"),
        "{:?}",
        web.asked()
    );
}

#[test]
fn a_service_without_its_grant_or_with_a_file_that_is_not_there_is_said_before_anything_runs() {
    let peer = Peer::start();
    let web = "http://127.0.0.1:1";
    let said = |more: &str| {
        let relay = Relay::stopped(&config(&peer, more));
        let output = relay.command(&["check"]);
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
    };
    let not_granted = Link::new("asker", guest("asker"), &[], "").to_string() + &service(web, "");
    let said_of_it = said(&not_granted);
    assert!(said_of_it.contains("\"http\" among them"), "{said_of_it}");
    let no_secret = configured(&service(web, "headers = { X-Key = { file = \"nothing-there\" } }"), "");
    let said_of_it = said(&no_secret);
    assert!(
        said_of_it.contains("nothing-there cannot be read") && said_of_it.contains("header x-key"),
        "{said_of_it}"
    );
}
