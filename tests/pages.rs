//! The console in a browser: who is let in, what each role may see, and that no script of a stranger's runs there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Authority, Relay, config_of, eventually, guest, id_in, last_of_audit, root, sample, tools};

const MORE: &str = r#"
[control]
listen = "127.0.0.1:0"

[[charging-output]]
name = "lines"
folder = "cdr"
format = "json"
"#;

/// The refusal of a peer's host. It is shown wherever a reason is.
const RUDE: &str = "<script>window.hacked=1</script><b class=hostile>no</b>";

/// A relay with the door open over TCP; operator B's host defers every message, with hostile text.
struct Console {
    relay: Relay,
    address: String,
}

/// The answer to a request.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// A host that takes no message.
fn rude_host() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || talk(stream));
        }
    });
    address
}

fn talk(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    reader.get_mut().write_all(b"220 mms.b.example\r\n")?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let reply = match line.get(..4).unwrap_or_default() {
            "EHLO" | "RSET" => "250 mms.b.example".to_owned(),
            "QUIT" => "221 bye".to_owned(),
            _ => format!("451 4.3.0 {RUDE}"),
        };
        reader.get_mut().write_all(format!("{reply}\r\n").as_bytes())?;
        line.clear();
    }
    Ok(())
}

impl Console {
    fn start() -> Self {
        Self::start_with("")
    }

    /// `tls`: more keys of `[control]`.
    fn start_with(tls: &str) -> Self {
        let plugin = format!("[[plugin]]\nname = \"noop\"\nfile = \"{}\"\n", guest("noop").display());
        let more = MORE.replace("[[charging", &format!("{tls}\n[[charging")) + "\n" + &plugin;
        let config = config_of(&[("a", "127.0.0.1:9"), ("b", &rude_host())], &more);
        // A deferred message stays deferred while a test looks at it.
        let relay = Relay::start(&config.replace("50 ms", "1 h").replace("200 ms", "1 h"));
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

    fn ask(&self, method: &str, path: &str, more: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let (host, length) = (&self.address, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
        )
        .expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a header");
        Answer {
            status: head["HTTP/1.1 ".len()..][..3].parse().expect("a status"),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// Headers of a form that the relay's own page sends.
    fn origin(&self) -> String {
        format!("Origin: http://{}\r\n", self.address)
    }

    fn log_in(&self, token: &str) -> Session<'_> {
        let answer = self.ask("POST", "/login", &self.origin(), &format!("token={token}"));
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookie = answer.header("set-cookie").expect("a cookie");
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
            "{cookie}"
        );
        let cookie = cookie.split(';').next().expect("a value").to_owned();
        Session { console: self, cookie }
    }

    /// A request that operator B's host has refused once; its id.
    fn stuck(&self, id: &str, message: &[u8]) -> String {
        let id = id_in(&self.relay.offer(&with_id(id, message)));
        self.relay.wait_for_queue(&format!("{id}-1"));
        eventually("it was tried", || {
            self.relay.print(&["queue", "list"]).contains("451").then_some(())
        });
        id
    }
}

fn with_id(id: &str, message: &[u8]) -> Vec<u8> {
    match message.is_empty() {
        true => sample::forward_request(id),
        false => message.to_vec(),
    }
}

struct Session<'a> {
    console: &'a Console,
    cookie: String,
}

impl Session<'_> {
    fn get(&self, path: &str) -> Answer {
        self.console
            .ask("GET", path, &format!("Cookie: {}\r\n", self.cookie), "")
    }

    fn post(&self, path: &str, origin: &str, body: &str) -> Answer {
        self.console
            .ask("POST", path, &format!("Cookie: {}\r\n{origin}", self.cookie), body)
    }

    fn seal(&self) -> String {
        let page = self.get("/queue").body;
        let (_, seal) = page.split_once("name=\"seal\" value=\"").expect("a form");
        seal.split('"').next().expect("a value").to_owned()
    }
}

#[test]
fn nobody_sees_a_page_without_a_session_and_a_session_opens_no_verb() {
    let console = Console::start();
    for path in ["/", "/live", "/queue", "/message/x", "/audit", "/nothing"] {
        let answer = console.ask("GET", path, "", "");
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/login")),
            "{path}"
        );
    }
    let session = console.log_in(&console.token(&["ada"]));
    let page = session.get("/");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(
        !page.body.contains("<style") && !page.body.contains(" style="),
        "no style of its own"
    );
    assert_eq!(session.get("/nothing").status, 404);
    assert_eq!(session.get("/v1/status").status, 401, "a cookie is no token");
    let noted = last_of_audit(&console.relay);
    assert_eq!((&noted["who"], &noted["did"]), (&json!("ada"), &json!("log-in")));
    console.relay.print(&["token", "revoke", "ada"]);
    assert_eq!(session.get("/").status, 303, "with its token the session is over");
}

#[test]
fn a_guessed_token_opens_no_session_and_soon_none_does() {
    let console = Console::start();
    let good = console.token(&["ada"]);
    let try_in = |token: &str| {
        console
            .ask("POST", "/login", &console.origin(), &format!("token={token}"))
            .status
    };
    for _ in 0..10 {
        assert_eq!(try_in("mm4r_guessed"), 401);
    }
    assert_eq!(try_in(&good), 429, "a guess that is right is not told from others");
}

#[test]
fn a_form_of_another_page_changes_nothing() {
    let console = Console::start();
    let session = console.log_in(&console.token(&["eve", "--role=administrator"]));
    let (seal, body) = (session.seal(), "peer=operator-b&act=pause&reason=r&seal=");
    let ours = console.origin();
    for (origin, seal, why) in [
        ("Origin: http://evil.example\r\n", seal.as_str(), "of another origin"),
        ("Origin: null\r\n", &seal, "of an origin that is hidden"),
        ("", &seal, "of no origin"),
        (ours.as_str(), "", "without the seal"),
        (&ours, "guessed", "with another seal"),
    ] {
        let answer = session.post("/peers/do", origin, &format!("{body}{seal}"));
        assert_eq!(answer.status, 403, "{why}: {}", answer.body);
    }
    assert!(!console.relay.print(&["peers"]).contains("paused"), "nothing was done");
    let answer = session.post("/peers/do", &ours, &format!("{body}{seal}&back=//evil.example/"));
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/")),
        "it leads to our own pages only"
    );
    assert!(console.relay.print(&["peers"]).contains("paused"));
    let in_from_elsewhere = console.ask("POST", "/login", "Origin: http://evil.example\r\n", "token=x");
    assert_eq!(
        in_from_elsewhere.status, 403,
        "nobody is logged in by somebody else's page"
    );
    let left = session.post("/logout", &ours, &format!("seal={seal}"));
    assert_eq!(left.header("location"), Some("/login"));
    assert_eq!(session.get("/").status, 303);
}

#[test]
fn each_role_has_the_rights_of_its_verbs_on_pages_too() {
    let console = Console::start();
    let id = console.stuck("r1", b"");
    let viewer = console.log_in(&console.token(&["ada"]));
    let list = viewer.get("/queue/group?state=waiting").body;
    assert!(list.contains("+1555****199") && !list.contains("5550199"), "{list}");
    assert!(!list.contains("value=\"drop\""), "a viewer is offered no action");
    let origin = console.origin();
    let seal = viewer.get("/").body;
    let (_, seal) = seal.split_once("name=\"seal\" value=\"").expect("to log out");
    let seal = seal.split('"').next().expect("a value");
    let drop = format!("act=drop&sure=yes&id={id}-1&seal={seal}");
    assert_eq!(viewer.post("/queue/do", &origin, &drop).status, 403);
    assert_eq!(viewer.get(&format!("/message/{id}/content")).status, 403);
    assert_eq!(
        viewer.post("/sight", &origin, &format!("seal={seal}&whole=yes")).status,
        403
    );
    let operator = console.log_in(&console.token(&["ben", "--role=operator", "--reveals"]));
    let seal = operator.seal();
    let off = format!("plugin=noop&act=off&reason=r&seal={seal}");
    assert_eq!(operator.post("/plugins/do", &origin, &off).status, 403);
    assert!(
        !operator.get("/queue/group?state=waiting").body.contains("5550199"),
        "nobody asked"
    );
    assert_eq!(
        operator
            .post("/sight", &origin, &format!("seal={seal}&whole=yes"))
            .status,
        303
    );
    assert!(operator.get("/queue/group?state=waiting").body.contains("+15555550199"));
    let noted = last_of_audit(&console.relay);
    assert_eq!(
        (&noted["who"], &noted["changed"]),
        (&json!("ben"), &json!({"revealed": true}))
    );
    assert_eq!(operator.get(&format!("/message/{id}/content")).status, 200);
    let drop = format!("act=drop&sure=yes&id={id}-1&seal={seal}");
    assert_eq!(operator.post("/queue/do", &origin, &drop).status, 303);
    assert!(console.relay.print(&["queue", "list"]).starts_with("nothing"));
    let noted = last_of_audit(&console.relay);
    assert_eq!((&noted["who"], &noted["did"]), (&json!("ben"), &json!("queue-drop")));
}

/// A part that says that it is a picture and is a document; a picture; and a text.
fn hostile_message(id: &str) -> Vec<u8> {
    const PNG: &str =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
    let body = format!(
        "--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n<script>window.hacked=1</script><img src=x onerror=window.hacked=1>\r\n\
         --x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n{PNG}\r\n\
         --x\r\nContent-Type: image/svg+xml; name=\"<b class=hostile>.svg\"\r\n\r\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"window.hacked=1\"/>\r\n--x--\r\n"
    );
    let subject = ["Subject: <script>window.hacked=1</script>"];
    sample::of_type("multipart/mixed; boundary=x", id, &subject, body.as_bytes())
}

#[test]
fn what_strangers_write_is_text_and_only_pictures_are_served() {
    let console = Console::start();
    let id = console.stuck("h1", &hostile_message("h1"));
    let session = console.log_in(&console.token(&["eve", "--role=administrator", "--reveals"]));
    session.post(
        "/sight",
        &console.origin(),
        &format!("seal={}&whole=yes", session.seal()),
    );
    for path in [
        "/queue",
        "/queue/group?state=waiting",
        &format!("/message/{id}"),
        &format!("/message/{id}/content"),
    ] {
        let page = session.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert!(
            !page.body.contains("<script>window") && !page.body.contains("<img src=x"),
            "{path}: {}",
            page.body
        );
        assert!(
            page.body.contains("script&#62;window.hacked"),
            "{path} shows it: {}",
            page.body
        );
    }
    let picture = |part: u32| session.get(&format!("/message/{id}/picture/{part}?received=true"));
    let page = session.get(&format!("/message/{id}/content")).body;
    let parts: Vec<u32> = page
        .split(&format!("/message/{id}/picture/"))
        .skip(1)
        .filter_map(|rest| rest.split('?').next()?.parse().ok())
        .collect();
    assert_eq!(parts.len(), 1, "one part is a picture: {page}");
    let png = picture(parts[0]);
    assert_eq!((png.status, png.header("content-type")), (200, Some("image/png")));
    assert!(
        png.header("content-security-policy")
            .is_some_and(|policy| policy.contains("sandbox"))
    );
    assert_eq!(
        picture(parts[0] + 1).status,
        404,
        "a document is none, whatever it is called"
    );
}

#[test]
fn the_command_opens_the_pages_to_one_browser_and_no_verb() {
    let console = Console::start();
    let config = console.relay.path("relay.toml");
    let command = ["console", "--config", config.to_str().expect("UTF-8")];
    let process = crate::support::Process::start("console", &command);
    let url = process.line();
    let (address, path) = url
        .strip_prefix("http://")
        .and_then(|url| url.split_once('/'))
        .expect("an address");
    let through = |host: &str, path: &str, more: &str| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n"
        )
        .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    assert!(
        through(address, "/", "").starts_with("HTTP/1.1 401 "),
        "another user of this machine sees nothing"
    );
    assert!(through("evil.example", &format!("/{path}"), "").starts_with("HTTP/1.1 421 "));
    let entered = through(address, &format!("/{path}"), "");
    let cookie = entered
        .split("set-cookie: ")
        .nth(1)
        .and_then(|rest| rest.split(';').next())
        .expect("a cookie");
    let with = format!("Cookie: {cookie}\r\n");
    assert!(
        through(address, &format!("/{path}"), "").starts_with("HTTP/1.1 401 "),
        "the address is good once"
    );
    let page = through(address, "/", &with);
    assert!(
        page.starts_with("HTTP/1.1 200 ") && page.contains("Is all well"),
        "{page}"
    );
    assert!(
        page.contains("administrator"),
        "who may open the socket may do everything: {page}"
    );
    assert!(through(address, "/v1/status", &with).starts_with("HTTP/1.1 404 "));
}

/// The same component with one more section that nobody reads: another version, by its digest.
fn another_version(of: &std::path::Path) -> Vec<u8> {
    let mut octets = std::fs::read(of).expect("it is built");
    // A custom section: its kind, its length, and its name with the length of that.
    octets.extend_from_slice(b"\x00\x08\x07another");
    octets
}

/// Runs a part of `tests/browser/console.py` with these arguments.
fn in_a_browser(what: &[&str], told: &Value) {
    let mut child = Command::new("python3")
        .arg(root().join("tests/browser/console.py"))
        .args(what)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(told.to_string().as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{what:?}: {out}{err}");
}

#[test]
fn in_a_browser_every_page_is_sound_and_nothing_of_a_stranger_runs() {
    if !(tools::have_programs(&["chromium"]) && tools::have_python(&["websocket"])) {
        return;
    }
    let console = Console::start();
    let plain = console.stuck("w1", b"");
    let hostile = console.stuck("w2", &hostile_message("w2"));
    let held = format!("/message/{hostile}");
    let told = json!({
        "url": format!("http://{}", console.address),
        "revealing": console.token(&["gil", "--role=administrator", "--reveals"]),
        "messages": [plain, hostile],
        "pictured": format!("{held}/content"),
        "shown": [["/queue", RUDE], [held, RUDE], [format!("{held}/content"), "<img src=x onerror=window.hacked=1>"]],
    });
    in_a_browser(&["walk"], &told);
}

#[test]
fn in_a_browser_every_action_does_what_its_button_says() {
    if !(tools::have_programs(&["chromium"]) && tools::have_python(&["websocket"])) {
        return;
    }
    let console = Console::start();
    for id in ["a1", "a2", "a3"] {
        console.stuck(id, b"");
    }
    let component = console.relay.path("another.wasm");
    std::fs::write(&component, another_version(&guest("noop"))).expect("a writable folder");
    let told = json!({
        "component": component,
        "url": format!("http://{}", console.address),
        "administrator": console.token(&["eve", "--role=administrator", "--reveals"]),
        "viewer": console.token(&["ada"]),
    });
    in_a_browser(&["act"], &told);
}

#[test]
fn in_a_browser_over_tls_a_session_is_a_cookie_that_nothing_else_gets() {
    if !(tools::have_programs(&["chromium"]) && tools::have_python(&["websocket"])) {
        return;
    }
    let authority = Authority::new();
    let shown = authority.issue("localhost");
    let tls = format!("certificate = {:?}\nkey = {:?}\n", shown.certificate, shown.key);
    let console = Console::start_with(&tls);
    let told = json!({
        "url": format!("https://{}", console.address),
        "token": console.token(&["eve", "--role=administrator"]),
    });
    in_a_browser(&["tls"], &told);
}
