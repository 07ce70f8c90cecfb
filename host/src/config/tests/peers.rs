//! The profile of a peer.

use super::*;
use crate::message::{
    Choice, ContentClass, Extension, Hello, Mode, Quirk, RefuseWith, ResponseSender, TlsTo, UnknownTypes,
};

fn peer(lines: &str) -> Peer {
    parse(&format!("{PEER}{lines}")).unwrap().peers.remove(0)
}

/// What is wrong with the peer, without its place in the file.
fn wrong(lines: &str) -> Vec<String> {
    let found = complaints(&format!("{PEER}{lines}"));
    found.iter().map(|text| text.replacen("peer[0].", "", 1)).collect()
}

#[test]
fn a_peer_of_which_nothing_is_said_has_the_defaults() {
    let b = peer("");
    let expected = Mm4 {
        mode: Mode::Transparent,
        response_within: Duration::from_secs(300),
        repeats: 3,
        refuse_with: RefuseWith::Reply,
        response_sender: ResponseSender::System,
        response_body: false,
        bounces: true,
        unknown_types: UnknownTypes::Refuse,
        version: None,
    };
    assert_eq!(b.mm4, expected);
    assert_eq!((b.smtp.hello, b.smtp.helo_name), (Hello::Ehlo, None));
    assert_eq!(b.smtp.extensions.len(), Extension::WORDS.len());
    assert_eq!(b.tls, PeerTls::default());
    assert_eq!(b.tls.to, TlsTo::Opportunistic);
    assert!(!b.hub && b.quirks.is_empty() && b.rate.is_none() && b.mx.is_none());
    assert_eq!((b.message_size, b.line_length, b.content_class), (None, None, None));
}

#[test]
fn every_word_of_a_profile_is_heard() {
    let b = peer(
        "hub = true\nmode = 'pre-acknowledge'\nrefuse-with = 'response'\nresponse-sender = 'null'\nresponse-body = true\n\
         bounces = false\nunknown-types = 'pass'\nversion = '5.5.0'\nhelo-name = 'GW.Example'\n\
         extensions = ['SIZE']\nrate = '600/min'\nquirks = ['ids-quoted', 'talks-early']\n",
    );
    assert!(b.hub && b.mm4.response_body && !b.mm4.bounces);
    assert_eq!(
        (b.mm4.mode, b.mm4.refuse_with),
        (Mode::PreAcknowledge, RefuseWith::Response)
    );
    assert_eq!(
        (b.mm4.response_sender, b.mm4.unknown_types),
        (ResponseSender::Null, UnknownTypes::Pass)
    );
    assert_eq!(b.mm4.version.as_deref(), Some("5.5.0"));
    assert_eq!(b.smtp.helo_name.as_deref(), Some("gw.example"));
    assert_eq!(b.smtp.extensions, [Extension::Size]);
    assert_eq!(b.rate.map(|rate| (rate.messages, rate.per.as_secs())), Some((600, 60)));
    assert!(b.has(Quirk::IdsQuoted) && b.has(Quirk::TalksEarly) && !b.has(Quirk::NoEhlo));
}

#[test]
fn no_ehlo_and_hello_helo_say_the_same() {
    assert_eq!(peer("quirks = ['no-ehlo']\n").smtp.hello, Hello::Helo);
    assert_eq!(peer("hello = 'helo'\n").smtp.hello, Hello::Helo);
}

#[test]
fn a_wrong_word_is_answered_with_the_right_ones() {
    assert_eq!(
        wrong(
            "mode = 'preacknowledge'\nquirks = ['no-helo', 7]\nversion = '6.16'\nextensions = ['CHUNKING']\nrate = '20'\n"
        ),
        [
            "mode is \"preacknowledge\": expected one of transparent, pre-acknowledge (did you mean pre-acknowledge?)",
            "quirks[0] is \"no-helo\": expected one of ids-quoted, to-without-type, no-ehlo, \
             one-recipient-per-transaction, talks-early, bare-line-ends (did you mean no-ehlo?)",
            "quirks[1] is 7: expected one of ids-quoted, to-without-type, no-ehlo, one-recipient-per-transaction, talks-early, bare-line-ends",
            "version is \"6.16\": expected a version, such as \"6.16.0\"",
            "extensions[0] is \"CHUNKING\": expected one of PIPELINING, 8BITMIME, SIZE",
            "rate is \"20\": expected a number of messages and a time, from \"1/min\" to \"100000/s\", such as \"20/s\" or \
             \"600/min\"",
        ]
    );
}

#[test]
fn a_content_class_gives_way_to_what_is_set() {
    let class = peer("content-class = 'image-rich'\n");
    assert_eq!(class.content_class, Some(ContentClass::ImageRich));
    assert_eq!(class.max_image_size, Some(100 << 10));
    assert_eq!((class.max_image_width, class.max_image_height), (Some(640), Some(480)));
    assert_eq!(class.max_message_size, None, "a class is about decoded media");
    let set = peer("content-class = 'image-rich'\nmax-image-width = 800\n");
    assert_eq!((set.max_image_width, set.max_image_height), (Some(800), Some(480)));
}

#[test]
fn hosts_have_a_priority_and_a_weight_and_are_tried_in_order_without() {
    let hosts = |list: &str| {
        let text = format!("[[peer]]\nname = \"b\"\ndomains = [\"b.example\"]\nhosts = {list}\n");
        parse(&text).map(|config| {
            let hosts = config.peers[0].hosts.iter();
            hosts
                .map(|host| (host.to_string(), host.priority, host.weight))
                .collect::<Vec<_>>()
        })
    };
    let shown = |text: &str, priority, weight| (text.to_owned(), priority, weight);
    assert_eq!(
        hosts("['a:1', 'b:2']").unwrap(),
        [shown("a:1", 1, 1), shown("b:2", 2, 1)]
    );
    assert_eq!(
        hosts("[{ host = 'a:1', priority = 0, weight = 65535 }, { host = 'b:2', weight = 3 }]").unwrap(),
        [shown("a:1", 0, 65535), shown("b:2", 2, 3)]
    );
    let form = "expected HOST:PORT, or a table such as { host = \"mms.a.example:25\", priority = 10, weight = 5 }";
    for (bad, expected) in [
        ("{ priority = 1 }", form.to_owned()),
        ("{ host = 'a:1', prio = 1 }", format!("{form}, and no other key")),
        (
            "{ host = 'a:1', weight = 0 }",
            "expected weight: a whole number from 1 to 65535".to_owned(),
        ),
        (
            "{ host = 'a' }",
            "expected host: HOST:PORT, such as 127.0.0.1:2525 or mms.a.example:25".to_owned(),
        ),
    ] {
        let found = hosts(&format!("[{bad}]")).unwrap_err().list;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].to_string(), format!("peer[0].hosts[0] is a table: {expected}"));
    }
}

#[test]
fn a_peer_is_found_by_hosts_or_by_mx_and_not_by_both() {
    let text = "[[peer]]\nname = \"b\"\ndomains = [\"b.example\"]\nmx = \"MMS.b.example\"\n";
    let b = parse(text).unwrap().peers.remove(0);
    assert_eq!(b.mx.as_deref(), Some("mms.b.example"));
    assert!(b.takes_messages() && b.hosts.is_empty());
    assert_eq!(
        wrong("mx = 'b.example'\n"),
        ["mx is \"b.example\": expected either hosts or mx, not both"]
    );
}

#[test]
fn required_tls_names_its_authorities_and_a_certificate_has_a_key() {
    let b = peer(
        "tls = { to = 'required', from = 'required', name = 'MX.B.example', ca = 'b.pem', certificate = 'c', key = 'k' }\n",
    );
    assert_eq!((b.tls.to, b.tls.from_required), (TlsTo::Required, true));
    assert_eq!(b.tls.name.as_deref(), Some("mx.b.example"));
    assert_eq!(b.tls.ca.as_deref(), Some(Path::new("/etc/mm4relay/b.pem")));
    assert_eq!(b.tls.identity.unwrap().key, Path::new("/etc/mm4relay/k"));
    assert_eq!(
        wrong("tls = { to = 'required', certificate = 'c', from = 'yes' }\n"),
        [
            "tls.key is missing: expected the key of the certificate",
            "tls.ca is missing: expected a PEM file with those who vouch for the peer, because to is \"required\"",
            "tls.from is \"yes\": expected one of optional, required",
        ]
    );
}

#[test]
fn the_relay_s_own_certificate_is_two_files() {
    assert_eq!(parse("").unwrap().tls, None);
    let tls = parse("[tls]\ncertificate = 'relay.pem'\nkey = '/keys/relay.key'\n")
        .unwrap()
        .tls
        .unwrap();
    assert_eq!(tls.certificate, Path::new("/etc/mm4relay/relay.pem"));
    assert_eq!(tls.key, Path::new("/keys/relay.key"));
    assert_eq!(
        complaints("[tls]\ncertificate = 'relay.pem'\n"),
        ["tls.key is missing: expected the path of a PEM file, such as \"tls/relay.key\""]
    );
}
