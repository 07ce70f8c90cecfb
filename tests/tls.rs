//! STARTTLS (RFC 3207), both ways, among programs that others wrote.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::{
    Authority, Certificate, Conversation, Peer, Relay, SelfSigned, config, eventually, sample, tools,
};

/// Operator B must be reached over TLS, as `mx.b.example`, vouched for by `authority`.
fn required(authority: &Authority) -> String {
    format!(
        "tls = {{ to = 'required', name = 'mx.b.example', ca = '{}' }}\n",
        authority.file().display()
    )
}

/// A relay that has sent one message to `peer`, and the queue once it says `reason`: nothing was sent.
fn is_refused(peer: &Peer, authority: &Authority, reason: &str) {
    let relay = Relay::start(&config(peer, &required(authority)));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    relay.wait_for_queue(reason);
    assert!(
        peer.taken().is_empty(),
        "nothing leaves without the TLS that is required"
    );
}

#[test]
fn a_peer_that_offers_tls_is_spoken_to_over_it_whatever_its_certificate() {
    let peer = Peer::told(&Authority::new().issue_expired("nobody.example").flags());
    let relay = Relay::start(&config(&peer, ""));
    let message = sample::forward_request("k1");
    assert!(relay.offer(&message).starts_with("250"));
    let taken = &peer.wait_for(1)[0];
    assert!(taken.encrypted);
    assert_eq!(taken.without_trace(), message);
}

#[test]
fn tls_is_never_begun_with_a_peer_that_shall_have_none() {
    let peer = Peer::told(&Authority::new().issue("mx.b.example").flags());
    let relay = Relay::start(&config(&peer, "tls = { to = 'never' }\n"));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    assert!(!peer.wait_for(1)[0].encrypted);
}

#[test]
fn where_the_handshake_fails_opportunistic_tls_goes_on_without() {
    let authority = Authority::new();
    let certificate = authority.issue("mx.b.example");
    for mishap in ["--hang-up", "--refuse", "--garbage"] {
        let flags = [&certificate.flags()[..], &[mishap, "tls"]].concat();
        let peer = Peer::told(&flags);
        let relay = Relay::start(&config(&peer, ""));
        assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
        assert!(!peer.wait_for(1)[0].encrypted, "{mishap}");
    }
}

#[test]
fn required_tls_takes_a_certificate_that_is_good_for_the_name() {
    let authority = Authority::new();
    let peer = Peer::told(&authority.issue("mx.b.example").flags());
    let relay = Relay::start(&config(&peer, &required(&authority)));
    let large = sample::with_body("k1", &[], "0123456789abcdef\r\n".repeat(200_000).as_bytes());
    assert!(relay.offer(&large).starts_with("250"));
    let taken = &peer.wait_for(1)[0];
    assert!(taken.encrypted);
    assert!(taken.without_trace() == large, "all of its octets arrive");
}

#[test]
fn required_tls_refuses_another_name_an_old_certificate_and_a_strange_authority() {
    let authority = Authority::new();
    is_refused(
        &Peer::told(&authority.issue("mx.c.example").flags()),
        &authority,
        "not valid for name",
    );
    is_refused(
        &Peer::told(&authority.issue_expired("mx.b.example").flags()),
        &authority,
        "expired",
    );
    is_refused(
        &Peer::told(&Authority::new().issue("mx.b.example").flags()),
        &authority,
        "invalid peer certificate",
    );
}

/// Operator B must be reached over TLS, as somebody whose certificate is in `ca`.
fn pinned(ca: &Certificate) -> String {
    format!("tls = {{ to = 'required', ca = '{}' }}\n", ca.certificate.display())
}

#[test]
fn a_certificate_that_signed_itself_is_taken_from_the_peer_that_shows_it() {
    let authority = Authority::new();
    for kind in [SelfSigned::Authority, SelfSigned::Plain, SelfSigned::Old] {
        let own = authority.issue_itself("elsewhere.example", "own", kind, None);
        let peer = Peer::told(&own.flags());
        let relay = Relay::start(&config(&peer, &pinned(&own)));
        assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
        assert!(peer.wait_for(1)[0].encrypted, "whatever name and dates stand in it");
    }
}

#[test]
fn a_pinned_peer_may_renew_its_certificate_and_not_change_its_key() {
    let authority = Authority::new();
    let own = authority.issue_itself("b.example", "own", SelfSigned::Plain, None);
    let renewed = authority.issue_itself("b2.example", "renewed", SelfSigned::Plain, Some(&own));
    let peer = Peer::told(&renewed.flags());
    let relay = Relay::start(&config(&peer, &pinned(&own)));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    assert!(peer.wait_for(1)[0].encrypted);

    let other = authority.issue_itself("b.example", "other", SelfSigned::Plain, None);
    let peer = Peer::told(&other.flags());
    let relay = Relay::start(&config(&peer, &pinned(&own)));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    relay.wait_for_queue("it is not the one pinned in");
    assert!(peer.taken().is_empty());
}

#[test]
fn a_pinned_certificate_that_is_no_authority_vouches_for_nobody_else() {
    let ours = Authority::new();
    let leaf = ours.issue("mx.b.example");
    // Signed by the same authority, which is not in the file.
    let peer = Peer::told(&ours.issue("mx2.b.example").flags());
    let more = pinned(&leaf).replace("ca =", "name = 'mx2.b.example', ca =");
    let relay = Relay::start(&config(&peer, &more));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    relay.wait_for_queue("invalid peer certificate");
    assert!(peer.taken().is_empty());

    let peer = Peer::told(&leaf.flags());
    let relay = Relay::start(&config(&peer, &pinned(&leaf)));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    assert!(peer.wait_for(1)[0].encrypted, "it is good for itself");
}

#[test]
fn check_says_what_is_pinned_and_when_it_ends() {
    let authority = Authority::new();
    let old = authority.issue_itself("b.example", "old", SelfSigned::Old, None);
    let plain = authority.issue_itself("b.example", "plain", SelfSigned::Plain, None);
    let peer = Peer::start();
    let said = |of: &Certificate| Relay::stopped(&config(&peer, &pinned(of))).print(&["check"]);
    let about_old = said(&old);
    assert!(
        about_old.contains("old.pem: it expired at 2021-01-01T00:00:00Z"),
        "{about_old}"
    );
    assert!(about_old.contains("taken from the peer itself (pinned)"), "{about_old}");
    let about_plain = said(&plain);
    assert!(
        about_plain.contains("plain.pem is no authority, so it is pinned") && !about_plain.contains("to see to"),
        "{about_plain}"
    );
}

#[test]
fn required_tls_never_falls_back() {
    let authority = Authority::new();
    let certificate = authority.issue("mx.b.example");
    let told = |mishap: &str| Peer::told(&[&certificate.flags()[..], &[mishap, "tls"]].concat());
    is_refused(&Peer::start(), &authority, "does not offer STARTTLS");
    is_refused(&told("--refuse"), &authority, "STARTTLS: 550");
    is_refused(&told("--hang-up"), &authority, "TLS is required");
    is_refused(&told("--garbage"), &authority, "before TLS began");
}

/// The relay with a certificate for its own name.
fn with_certificate(authority: &Authority, profile: &str) -> (Peer, Relay) {
    let peer = Peer::start();
    let more = format!("{profile}{}", authority.issue("mm4.hub.example").section());
    let relay = Relay::start(&config(&peer, &more));
    (peer, relay)
}

/// What `openssl s_client` prints: it says EHLO and STARTTLS by itself, checks the certificate, and then says `lines`.
fn s_client(relay: &Relay, authority: &Authority, lines: &str, flags: &[&str]) -> String {
    let mut child = Command::new("openssl")
        .args([
            "s_client",
            "-starttls",
            "smtp",
            "-crlf",
            "-ign_eof",
            "-connect",
            relay.address(),
        ])
        .args(["-verify_return_error", "-verify_hostname", "mm4.hub.example", "-CAfile"])
        .arg(authority.file())
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(lines.as_bytes()).expect("openssl reads");
    drop(stdin);
    let output = child.wait_with_output().expect("openssl ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{text}");
    text
}

#[test]
fn openssl_finds_the_certificate_good_and_the_session_begins_anew() {
    if !tools::have_programs(&["openssl"]) {
        return;
    }
    let authority = Authority::new();
    // openssl does not wait for answers.
    let (_peer, relay) = with_certificate(&authority, "quirks = ['talks-early']\n");
    let lines = "MAIL FROM:<>\nEHLO client.example\nSTARTTLS\nNOOP\nQUIT\n";
    let said = s_client(&relay, &authority, lines, &["-quiet"]);
    for (before, after) in [
        ("503 5.5.1 EHLO first", "250-mm4.hub.example"),
        ("503 5.5.1 TLS is on already", "221 "),
    ] {
        let at = said.find(before).unwrap_or_else(|| panic!("{before} is said: {said}"));
        assert!(said[at..].contains(after), "{after} follows: {said}");
    }
    let second = &said[said.find("250-mm4.hub.example").expect("it was found before")..];
    let offers = second.split("503").next().unwrap_or_default();
    assert!(!offers.contains("STARTTLS"), "{said}");
    for version in ["-tls1_2", "-tls1_3"] {
        let said = s_client(&relay, &authority, "QUIT\n", &[version]);
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    }
}

#[test]
fn swaks_delivers_over_tls_and_received_says_so() {
    if !tools::have_programs(&["swaks"]) || !tools::have_perl(&["Net::SSLeay"]) {
        return;
    }
    let authority = Authority::new();
    let (peer, relay) = with_certificate(&authority, "");
    let file = relay.path("message.eml");
    std::fs::write(&file, sample::forward_request("k1")).expect("a writable folder");
    let port = relay.address().rsplit(':').next().expect("HOST:PORT");
    let mut swaks = Command::new(tools::program("swaks"));
    swaks.env("POSIXLY_CORRECT", "1");
    swaks.args(["--server", "127.0.0.1", "--port", port, "--helo", "a.example", "--tls"]);
    swaks.args(["--from", sample::FROM, "--to", sample::TO]);
    swaks.arg("--data").arg(format!("@{}", file.display()));
    let said = tools::run(&mut swaks);
    assert!(said.contains("<~  250 2.0.0 "), "{said}");
    let text = peer.wait_for(1)[0].text();
    assert!(text.contains("by mm4.hub.example with ESMTPS id "), "{text}");
}

#[test]
fn what_is_said_behind_starttls_in_clear_ends_the_session() {
    let authority = Authority::new();
    let (peer, relay) = with_certificate(&authority, "");
    let mut client = Conversation::open(relay.address());
    assert!(client.say("EHLO a.example").expect("250").contains("STARTTLS"));
    client.send(b"STARTTLS\r\nMAIL FROM:<1@mms.a.example>\r\n");
    client.expect("554 5.5.0");
    client.expect_end();
    assert!(peer.taken().is_empty());
}

#[test]
fn a_transaction_cannot_be_taken_into_tls_nor_starttls_given_words() {
    let authority = Authority::new();
    let (_peer, relay) = with_certificate(&authority, "");
    let mut client = Conversation::open(relay.address());
    client.say("STARTTLS").expect("503");
    client.say("EHLO a.example").expect("250");
    client.say("STARTTLS now").expect("501");
    client.say("MAIL FROM:<1@mms.a.example>").expect("250");
    client.say("STARTTLS").expect("503");
    client.say("RSET").expect("250");
    client.say("STARTTLS").expect("220");
    client.say("this is no handshake");
}

#[test]
fn without_a_certificate_nothing_is_offered() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let mut client = Conversation::open(relay.address());
    assert!(!client.say("EHLO a.example").expect("250").contains("STARTTLS"));
    client.say("STARTTLS").expect("502");
}

#[test]
fn a_peer_that_must_use_tls_is_told_so_and_others_are_not() {
    let authority = Authority::new();
    let (_peer, relay) = with_certificate(&authority, "quirks = ['talks-early']\ntls = { from = 'required' }\n");
    let mut client = relay.client();
    client.say("MAIL FROM:<1@mms.b.example>").expect("530 5.7.0");
    client.say("MAIL FROM:<1@mms.a.example>").expect("250");
    if !tools::have_programs(&["openssl"]) {
        return;
    }
    let lines = "EHLO b.example\nMAIL FROM:<1@mms.b.example>\nQUIT\n";
    let said = s_client(&relay, &authority, lines, &["-quiet"]);
    assert!(said.contains("250 2.1.0 sender ok"), "{said}");
}

#[test]
fn a_new_certificate_is_shown_after_a_reload_and_a_bad_one_is_not() {
    if !tools::have_programs(&["openssl"]) {
        return;
    }
    let (old, new) = (Authority::new(), Authority::new());
    let peer = Peer::start();
    let relay = Relay::stopped("");
    let place = |authority: &Authority| {
        let issued = authority.issue("mm4.hub.example");
        std::fs::copy(issued.certificate, relay.path("relay.pem")).expect("a copy");
        std::fs::copy(issued.key, relay.path("relay.key")).expect("a copy");
    };
    place(&old);
    relay.configure(&config(&peer, "[tls]\ncertificate = 'relay.pem'\nkey = 'relay.key'\n"));
    let mut relay = relay;
    relay.start_again();
    let is_good =
        |authority: &Authority| s_client(&relay, authority, "QUIT\n", &[]).contains("Verify return code: 0 (ok)");
    assert!(is_good(&old) && !is_good(&new));

    let issued = new.issue("mm4.hub.example");
    std::fs::copy(issued.certificate, relay.path("relay.pem")).expect("a copy");
    relay.reload();
    eventually("the log says that the key does not fit", || {
        relay.process().log().contains("relay.key").then_some(())
    });
    assert!(is_good(&old), "what runs is kept");
    std::fs::copy(issued.key, relay.path("relay.key")).expect("a copy");
    relay.reload();
    eventually("the new certificate is shown", || is_good(&new).then_some(()));
}

#[test]
fn check_finds_a_certificate_that_is_none() {
    let peer = Peer::start();
    let relay = Relay::stopped(&config(&peer, "[tls]\ncertificate = 'relay.pem'\nkey = 'relay.key'\n"));
    std::fs::write(relay.path("relay.pem"), "no certificate").expect("a writable folder");
    std::fs::write(relay.path("relay.key"), "no key").expect("a writable folder");
    let output = relay.command(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("relay.pem: there is none in the file"),
        "{said}"
    );
}

/// Whether the door over TCP shows a certificate that `authority` vouches for.
fn door_is_good(address: &str, authority: &Authority) -> bool {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", address, "-verify_return_error", "-CAfile"]);
    let output = openssl.arg(authority.file()).stdin(Stdio::null()).output();
    let output = output.expect("openssl runs");
    String::from_utf8_lossy(&output.stdout).contains("Verify return code: 0 (ok)")
}

#[test]
fn the_door_shows_a_new_certificate_after_a_reload_too() {
    if !tools::have_programs(&["openssl"]) {
        return;
    }
    let (old, new) = (Authority::new(), Authority::new());
    let peer = Peer::start();
    let mut relay = Relay::stopped(&config(
        &peer,
        "[control]\nlisten = '127.0.0.1:0'\ncertificate = 'door.pem'\nkey = 'door.key'\n",
    ));
    let place = |relay: &Relay, authority: &Authority| {
        let issued = authority.issue("mm4.hub.example");
        std::fs::copy(issued.certificate, relay.path("door.pem")).expect("a copy");
        std::fs::copy(issued.key, relay.path("door.key")).expect("a copy");
    };
    place(&relay, &old);
    relay.start_again();
    let line = relay.process().line();
    let address = line.strip_prefix("door on ").unwrap_or_else(|| panic!("{line}"));
    assert!(door_is_good(address, &old) && !door_is_good(address, &new));
    place(&relay, &new);
    relay.reload();
    eventually("the new certificate is shown", || {
        door_is_good(address, &new).then_some(())
    });
}
