//! Peers that prove who they are by a name and a password, or by a certificate: over real sockets, by clients that others
//! wrote.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Authority, Certificate, Conversation, Peer, Relay, config_of, sample, tools};

const PASSWORD: &str = "correct horse battery staple";

fn has_tools() -> bool {
    tools::have_programs(&["swaks"]) && tools::have_perl(&["Net::SSLeay"])
}

/// What `mm4relay peer-password` makes of the password.
fn hash() -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, format!("{PASSWORD}\n")).expect("a writable folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mm4relay"));
    command.args(["peer-password", "--file", file.to_str().expect("UTF-8")]);
    tools::run(&mut command).trim().to_owned()
}

/// A relay with a certificate, and a peer behind it. Operator A comes from `from`, with `more` in its section; there is
/// nobody else who may send.
fn relay_with(authority: &Authority, from: &str, more: &str) -> (Peer, Relay) {
    let peer = Peer::start();
    let certificate = authority.issue("mm4.hub.example");
    let all = config_of(&[("a", "127.0.0.1:9"), ("b", peer.address())], "");
    let (a, b) = all.split_once("name = \"operator-b\"").expect("two operators");
    let a = a.replace("from = [\"127.0.0.1\"]\n", from);
    let (a, bracket) = a.rsplit_once("[[peer]]").expect("the second one's section");
    let b = b.replace("from = [\"127.0.0.1\"]\n", "");
    let text = format!(
        "{a}{more}\n[[peer]]{bracket}name = \"operator-b\"{b}\n{}",
        certificate.section()
    );
    let text = text.replace(
        "listen = [\"127.0.0.1:0\"]",
        "listen = [\"127.0.0.1:0\"]\nlisten-tls = [\"127.0.0.1:0\"]",
    );
    let relay = Relay::start(&text);
    (peer, relay)
}

fn login() -> String {
    format!("[peer.login]\nname = 'operator-a'\npassword-hash = '{}'\n", hash())
}

/// What swaks says and hears.
fn swaks(relay: &Relay, address: &str, flags: &[&str]) -> String {
    let file = relay.path("message.eml");
    // The same message again would be a repeat, which goes nowhere.
    static SENT: AtomicU32 = AtomicU32::new(0);
    let id = format!("k{}", SENT.fetch_add(1, Ordering::Relaxed));
    std::fs::write(&file, sample::forward_request(&id)).expect("a writable folder");
    let mut swaks = Command::new(tools::program("swaks"));
    swaks.env("POSIXLY_CORRECT", "1");
    let port = address.rsplit(':').next().expect("HOST:PORT");
    swaks.args(["--server", "127.0.0.1", "--port", port, "--helo", "a.example"]);
    swaks.args(["--from", sample::FROM, "--to", sample::TO]);
    swaks.arg("--data").arg(format!("@{}", file.display())).args(flags);
    let output = swaks.output().expect("swaks runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn swaks_logs_in_by_plain_and_by_login_and_received_says_so() {
    if !has_tools() {
        return;
    }
    let (peer, relay) = relay_with(&Authority::new(), "", &login());
    for (count, mechanism) in ["PLAIN", "LOGIN"].into_iter().enumerate() {
        let flags = ["--tls", "--auth", mechanism, "--auth-user", "operator-a"];
        let said = swaks(
            &relay,
            relay.address(),
            &[&flags[..], &["--auth-password", PASSWORD]].concat(),
        );
        assert!(said.contains("235 2.7.0") && said.contains("<~  250 2.0.0 "), "{said}");
        let taken = &peer.wait_for(count + 1)[count];
        assert!(taken.text().contains("with ESMTPSA id "), "{}", taken.text());
    }
}

#[test]
fn a_wrong_password_and_an_unknown_name_are_told_the_same_and_nothing_is_taken() {
    if !has_tools() {
        return;
    }
    let (peer, relay) = relay_with(&Authority::new(), "", &login());
    for (name, password) in [("operator-a", "wrong"), ("operator-x", PASSWORD)] {
        let flags = [
            "--tls",
            "--auth",
            "PLAIN",
            "--auth-user",
            name,
            "--auth-password",
            password,
        ];
        let said = swaks(&relay, relay.address(), &flags);
        assert!(said.contains("535 5.7.8 wrong name or password"), "{said}");
    }
    assert!(peer.taken().is_empty());
}

#[test]
fn whoever_has_to_log_in_is_told_so_at_mail_and_no_password_is_taken_in_clear() {
    let (peer, relay) = relay_with(&Authority::new(), "", &login());
    let mut client = Conversation::open(relay.address());
    let offers = client.say("EHLO a.example").expect("250");
    assert!(offers.contains("STARTTLS") && !offers.contains("AUTH"), "{offers}");
    client.say("AUTH PLAIN AGEAYg==").expect("538 5.7.11");
    client
        .say(&format!("MAIL FROM:<{}>", sample::FROM))
        .expect("530 5.7.0 nobody comes from your address");
    assert!(peer.taken().is_empty());
}

#[test]
fn where_addresses_are_listed_too_both_are_needed() {
    if !has_tools() {
        return;
    }
    let authority = Authority::new();
    let right = [
        "--tls",
        "--auth",
        "PLAIN",
        "--auth-user",
        "operator-a",
        "--auth-password",
        PASSWORD,
    ];
    let (peer, relay) = relay_with(&authority, "from = [\"127.0.0.1\"]\n", &login());
    let said = swaks(&relay, relay.address(), &["--tls"]);
    assert!(said.contains("530 5.7.0 log in first"), "{said}");
    assert!(swaks(&relay, relay.address(), &right).contains("<~  250 2.0.0 "));
    assert_eq!(peer.wait_for(1).len(), 1);
    let (_, elsewhere) = relay_with(&authority, "from = [\"192.0.2.0/28\"]\n", &login());
    let said = swaks(&elsewhere, elsewhere.address(), &right);
    assert!(said.contains("554 "), "{said}");
}

fn by_certificate(ca: &Path, name: &str) -> String {
    let name = match name {
        "" => String::new(),
        name => format!(", client-name = '{name}'"),
    };
    format!("tls = {{ client-ca = '{}'{name} }}\n", ca.display())
}

fn shown(certificate: &Certificate) -> [String; 5] {
    [
        "--tls".to_owned(),
        "--tls-cert".to_owned(),
        text(&certificate.certificate).to_owned(),
        "--tls-key".to_owned(),
        text(&certificate.key).to_owned(),
    ]
}

fn is_taken_with(relay: &Relay, certificate: &Certificate) -> bool {
    let flags = shown(certificate);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let said = swaks(relay, relay.address(), &flags);
    let refused = said.contains("530 5.7.0");
    let taken = said.contains("<~  250 2.0.0 ");
    assert!(refused != taken, "{said}");
    taken
}

#[test]
fn a_peer_is_known_by_a_certificate_of_its_authority_for_its_name() {
    if !has_tools() {
        return;
    }
    let theirs = Authority::new();
    let (peer, relay) = relay_with(&Authority::new(), "", &by_certificate(&theirs.file(), "mms.a.example"));
    assert!(is_taken_with(&relay, &theirs.issue("mms.a.example")));
    assert!(!is_taken_with(&relay, &theirs.issue("mms.c.example")), "another name");
    assert!(
        !is_taken_with(&relay, &theirs.issue_expired("mms.a.example")),
        "an old one"
    );
    assert!(
        !is_taken_with(&relay, &Authority::new().issue("mms.a.example")),
        "another authority"
    );
    assert_eq!(peer.wait_for(1).len(), 1);
}

#[test]
fn a_peer_is_known_by_the_one_certificate_that_was_exchanged() {
    if !has_tools() {
        return;
    }
    let theirs = Authority::new();
    let certificate = theirs.issue("whatever.a.example");
    let (_peer, relay) = relay_with(&Authority::new(), "", &by_certificate(&certificate.certificate, ""));
    assert!(is_taken_with(&relay, &certificate));
    assert!(!is_taken_with(&relay, &theirs.issue("mms.a.example")));
    let mut client = Conversation::open(relay.address()).hello();
    client.say(&format!("MAIL FROM:<{}>", sample::FROM)).expect("530 5.7.0");
}

#[test]
fn where_tls_comes_first_the_greeting_comes_over_it() {
    if !has_tools() {
        return;
    }
    let (peer, relay) = relay_with(&Authority::new(), "", &login());
    let flags = [
        "--tls-on-connect",
        "--auth",
        "PLAIN",
        "--auth-user",
        "operator-a",
        "--auth-password",
        PASSWORD,
    ];
    let said = swaks(&relay, relay.tls_address(), &flags);
    assert!(!said.contains("STARTTLS") && said.contains("<~  250 2.0.0 "), "{said}");
    assert!(peer.wait_for(1)[0].text().contains("with ESMTPSA id "));
}

/// A relay that sends to `next`, where it logs in with `password`.
fn relay_before(next: &Relay, authority: &Authority, password: &str) -> Relay {
    let more = format!(
        "tls = {{ to = 'required', name = 'mm4.hub.example', ca = '{}' }}\n\
         login-to = {{ name = 'operator-a', password-file = 'secret' }}\n",
        authority.file().display()
    );
    let mut relay = Relay::stopped(&config_of(&[("a", "127.0.0.1:9"), ("b", next.address())], &more));
    std::fs::write(relay.path("secret"), format!("{password}\n")).expect("a writable folder");
    relay.start_again();
    relay
}

#[test]
fn a_relay_logs_in_at_another_and_sends_nothing_when_that_fails() {
    let authority = Authority::new();
    let (peer, next) = relay_with(&authority, "", &login());
    let wrong = relay_before(&next, &authority, "not the password");
    assert!(wrong.offer(&sample::forward_request("k1")).starts_with("250"));
    wrong.wait_for_queue("535 5.7.8");
    assert!(peer.taken().is_empty());
    // A password that was put right is taken up without a restart.
    std::fs::write(wrong.path("secret"), PASSWORD).expect("a writable folder");
    wrong.reload();
    assert!(peer.wait_for(1)[0].text().contains("with ESMTPSA id "));
    wrong.wait_until_empty();
}

#[test]
fn check_says_what_is_wrong_with_logins_and_certificates() {
    let relay = Relay::stopped(&config_of(
        &[("a", "127.0.0.1:9"), ("b", "127.0.0.1:9")],
        "login = { name = 'b', password-hash = 'secret' }\ntls = { client-name = 'b.example' }\n",
    ));
    let output = relay.command(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    for expected in [
        "peer[1].login.password-hash",
        "mm4relay peer-password",
        "peer[1].tls.client-name",
        "client-ca beside it",
        "the relay has to offer TLS for it",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn a_password_that_can_be_guessed_is_not_hashed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, "short\n").expect("a writable folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mm4relay"));
    let output = command
        .args(["peer-password", "--file", text(&file)])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("it has 12 to 255"), "{said}");
}
