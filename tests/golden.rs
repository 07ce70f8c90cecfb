//! What real peers send and standards do not foresee (`tests/golden`), through the real relay.

use std::path::PathBuf;

use crate::support::{Peer, Relay, config, root, sample};

struct Quirk {
    name: String,
    message: Vec<u8>,
    /// Why the relay must refuse it; `None` when it must carry it.
    refusal: Option<String>,
}

fn quirks() -> Vec<Quirk> {
    let folder = root().join("tests/golden/quirks");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    paths.sort();
    assert!(paths.len() >= 37, "{} messages: some are missing", paths.len());
    paths.iter().map(|path| quirk(path)).collect()
}

fn quirk(path: &std::path::Path) -> Quirk {
    let mut message = std::fs::read(path).unwrap();
    // Over SMTP, every message ends in CRLF.
    if !message.ends_with(b"\r\n") {
        message.extend_from_slice(b"\r\n");
    }
    let expected = std::fs::read_to_string(path.with_extension("expected")).unwrap();
    Quirk {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        message,
        refusal: expected
            .strip_prefix("refused: ")
            .and_then(|reason| reason.lines().next())
            // What is no MM4 message may be somebody's bounce: the relay carries it.
            .filter(|_| !path.to_string_lossy().contains("-notification-"))
            .map(|reason| reason.trim_end().to_owned()),
    }
}

#[test]
fn every_quirk_arrives_byte_for_byte_or_is_refused_for_its_reason() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let mut client = relay.client();
    let (carried, refused): (Vec<_>, Vec<_>) = quirks().into_iter().partition(|quirk| quirk.refusal.is_none());
    for quirk in &refused {
        let answer = client.transaction(sample::FROM, &[sample::TO], &quirk.message);
        let reason = quirk.refusal.as_deref().unwrap();
        assert!(
            answer.starts_with("554 5.6.0 ") && answer.contains(reason),
            "{}: {answer}",
            quirk.name
        );
    }
    for quirk in &carried {
        // They share their IDs: to one relay, they would look like one message that comes again and again.
        let relay = Relay::start(&config(&peer, ""));
        let answer = relay.offer(&quirk.message);
        assert!(answer.starts_with("250"), "{}: {answer}", quirk.name);
        relay.wait_until_empty();
    }
    let taken = peer.wait_for(carried.len());
    // Over several connections they arrive in any order.
    let changed: Vec<_> = carried
        .iter()
        .filter(|quirk| !taken.iter().any(|taken| taken.without_trace() == quirk.message))
        .map(|quirk| quirk.name.as_str())
        .collect();
    assert!(changed.is_empty(), "changed on the way: {changed:?}");
    relay.wait_until_empty();
    assert_eq!(peer.taken().len(), carried.len(), "nothing else was sent");
}

#[test]
fn a_line_that_is_longer_than_the_operator_allows_is_refused() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, "[limits]\nline-length = 998\n"));
    let quirk = quirks()
        .into_iter()
        .find(|quirk| quirk.name.starts_with("13-line-longer"))
        .unwrap();
    let answer = relay.offer(&quirk.message);
    assert!(
        answer.starts_with("554 5.6.0 a line is longer than 998 octets"),
        "{answer}"
    );
}

#[test]
fn raw_eight_bit_text_is_encoded_for_a_next_hop_that_cannot_take_it() {
    let peer = Peer::told(&["--no-extensions"]);
    let relay = Relay::start(&config(&peer, ""));
    let text = "gr\u{fc}n\r\n".as_bytes();
    let eight_bit = sample::of_type(
        "text/plain; charset=utf-8",
        "k1",
        &["Content-Transfer-Encoding: 8bit"],
        text,
    );
    let answer = relay.offer(&eight_bit);
    assert!(answer.starts_with("250"), "{answer}");
    let taken = &peer.wait_for(1)[0];
    assert!(taken.bytes.is_ascii(), "{}", taken.text());
    assert!(
        taken.text().contains("Content-Transfer-Encoding: base64\r\n"),
        "{}",
        taken.text()
    );
    // "grün" and its line end, in base64.
    assert!(taken.text().contains("\r\n\r\nZ3LDvG4NCg==\r\n"), "{}", taken.text());
}
