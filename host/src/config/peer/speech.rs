//! How the relay speaks with a peer: MM4, SMTP and TLS.

use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::{DAY, MINUTE, SECOND};
use crate::config::Folders;
use crate::config::file::{Read, Section};
use crate::config::forms::{choice, count, duration, host_name, text, yes_or_no};
use crate::message::{Extension, Hello, Mode, Quirk, RefuseWith, ResponseSender, TlsTo, UnknownTypes};

/// MM4 with a peer (TS 23.140, 8.4). These keys concern messages *from* the peer and what the relay writes to it. The
/// exceptions, `response-within` and `repeats`, concern requests that the relay sends it in its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mm4 {
    /// Who is responsible for the peer's requests once the relay has said 250. Default transparent: the relay answers
    /// nothing in another party's name.
    pub mode: Mode,
    /// `response-within`: how long the relay waits for the peer's response to a request of the relay's own. Default 5 min.
    pub response_within: Duration,
    /// How often such a request is repeated. Default 3.
    pub repeats: u32,
    /// `refuse-with`. Default: a reply, because that requires no other agreement.
    pub refuse_with: RefuseWith,
    /// `response-sender`. Default: the system address.
    pub response_sender: ResponseSender,
    /// `response-body`: responses get a line of text as their body, because the peer refuses messages without one.
    /// Default false.
    pub response_body: bool,
    /// Whether the peer gets bounces (RFC 3464) for failures that cannot be reported otherwise. Default true.
    pub bounces: bool,
    /// `unknown-types`. Default: refused.
    pub unknown_types: UnknownTypes,
    /// `X-Mms-3GPP-MMS-Version` in the relay's own messages to the peer. Default: that of the request that is answered.
    pub version: Option<String>,
}

/// SMTP towards a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// Default EHLO.
    pub hello: Hello,
    /// `helo-name`: the relay's name in EHLO to this peer, in lower case. Default: its own name.
    pub helo_name: Option<String>,
    /// Extensions that may be used when the peer offers them. Default: all that the relay knows.
    pub extensions: Vec<Extension>,
}

/// `tls`: encryption between the relay and a peer (RFC 3207).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerTls {
    /// Towards the peer. Default opportunistic.
    pub to: TlsTo,
    /// `from = "required"`: messages of the peer are accepted over TLS only. Default false.
    pub from_required: bool,
    /// The name that the peer's certificate must be valid for when TLS is required. Default: the name of the host.
    pub name: Option<String>,
    /// PEM file with the authorities for the peer's certificate. Required when TLS is required, because there is no
    /// default set of authorities between operators.
    pub ca: Option<PathBuf>,
    /// PEM files with the certificate and key that the relay shows to the peer. Default: none.
    pub identity: Option<Identity>,
    /// `client-ca`: PEM file with the authorities for the certificate that the peer shows when it connects, or with
    /// that certificate itself. The peer must then show it to send. Default: no certificate is required.
    pub client_ca: Option<PathBuf>,
    /// `client-name`: the name that such a certificate must be valid for. Without it, authorities in `client-ca` are
    /// not used.
    pub client_name: Option<String>,
}

/// A certificate of the relay for one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Mm4 {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        Self {
            mode: s.optional("mode", choice).unwrap_or_default(),
            response_within: s
                .optional("response-within", duration(SECOND..=DAY))
                .unwrap_or(5 * MINUTE),
            repeats: s.optional("repeats", count(0..=10)).unwrap_or(3),
            refuse_with: s.optional("refuse-with", choice).unwrap_or_default(),
            response_sender: s.optional("response-sender", choice).unwrap_or_default(),
            response_body: s.optional("response-body", yes_or_no).unwrap_or(false),
            bounces: s.optional("bounces", yes_or_no).unwrap_or(true),
            unknown_types: s.optional("unknown-types", choice).unwrap_or_default(),
            version: s.optional("version", version),
        }
    }
}

impl Smtp {
    pub(super) fn read(s: &mut Section<'_>, quirks: &[Quirk]) -> Self {
        let hello = s.optional("hello", choice).unwrap_or_default();
        let all = [Extension::Pipelining, Extension::EightBitMime, Extension::Size];
        Self {
            hello: match quirks.contains(&Quirk::NoEhlo) {
                true => Hello::Helo,
                false => hello,
            },
            helo_name: s.optional("helo-name", host_name),
            extensions: match s.has("extensions") {
                true => s.list("extensions", choice),
                false => all.to_vec(),
            },
        }
    }
}

impl PeerTls {
    pub(super) fn read(s: &mut Section<'_>, folders: &Folders<'_>) -> Self {
        let mut file = |key: &'static str| {
            let path = folders.base.join(s.optional(key, text(PEM))?);
            Some(folders.existing(s, key, path, "a file that exists"))
        };
        let (ca, certificate, key, client_ca) = (file("ca"), file("certificate"), file("key"), file("client-ca"));
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
            _ => None,
        };
        match (s.has("certificate"), s.has("key")) {
            (true, false) => s.refuse("key", "the key of the certificate"),
            (false, true) => s.refuse("certificate", "the certificate of the key"),
            _ => {}
        }
        let to = s.optional("to", choice).unwrap_or_default();
        if to == TlsTo::Required && !s.has("ca") {
            s.refuse(
                "ca",
                "a PEM file with those who vouch for the peer, because to is \"required\"",
            );
        }
        if s.has("client-name") && client_ca.is_none() {
            s.refuse(
                "client-name",
                "client-ca beside it: a PEM file with those who vouch for that name",
            );
        }
        Self {
            to,
            from_required: s.optional("from", from).unwrap_or(false),
            name: s.optional("name", host_name),
            ca,
            identity,
            client_name: s.optional("client-name", host_name),
            client_ca,
        }
    }
}

const PEM: &str = "the path of a PEM file, such as \"tls/operator-b.pem\"";

fn from(value: &DeValue<'_>) -> Read<bool> {
    match value.as_str() {
        Some("required") => Ok(true),
        Some("optional") => Ok(false),
        _ => Err("one of optional, required".to_owned()),
    }
}

/// A version: three numbers with dots.
fn version(value: &DeValue<'_>) -> Read<String> {
    let legal = |text: &&str| {
        let part = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        text.split('.').count() == 3 && text.split('.').all(part)
    };
    value
        .as_str()
        .filter(legal)
        .map(str::to_owned)
        .ok_or_else(|| "a version, such as \"6.16.0\"".to_owned())
}
