//! `[[plugin.service]]`: the services that a plug-in may call over HTTP, and their limits.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderName;
use ipnet::IpNet;
use toml::de::DeValue;

use super::file::{Read, Section};
use super::forms::{NAME, count, duration, name, network, size, text};
use super::{Folders, Identity, OutsideBreaker};

const MILLISECOND: Duration = Duration::from_millis(1);
const MIB: u64 = 1 << 20;
/// Where Debian keeps the certificates of public authorities.
pub(super) const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A service of one plug-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    /// Scheme, host and port.
    pub url: Uri,
    /// The allowed methods, in capitals. Default: `GET`.
    pub methods: Vec<String>,
    /// The allowed paths: `*` stands for any octets but `/`, `**` for any at all.
    pub paths: Vec<String>,
    /// Header fields that the relay adds, and the plug-in never sees.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Private networks in which the host may be. Default: none.
    pub networks: Vec<IpNet>,
    /// PEM file with the authorities for its certificate.
    pub ca: PathBuf,
    /// PEM files with the certificate and key that the relay shows.
    pub identity: Option<Identity>,
    /// `time`: for one request. Default 1 s.
    pub time: Duration,
    /// `time-per-message`: for all requests of one call of the plug-in. Default 2 s.
    pub time_per_message: Duration,
    /// `calls-per-message`: the most requests of one call of the plug-in. Default 10.
    pub calls_per_message: u32,
    /// `request-size`: the largest body of a request in octets. Default 64 KiB.
    pub request_size: u64,
    /// `response-size`: the largest body of an answer in octets. Default 256 KiB.
    pub response_size: u64,
    /// `concurrent`: requests at the same time; as many more may wait. Default 10.
    pub concurrent: u32,
    /// `rate`: requests a second. Default 100.
    pub rate: u32,
    pub breaker: OutsideBreaker,
}

/// The source of a header field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    Text(String),
    File(PathBuf),
    Environment(String),
}

const URL: &str =
    "http:// or https:// with a host, perhaps with a port, and nothing behind it: \"https://numbers.example\"";
const PATHS: &str =
    "at least one path that begins with /, such as \"/v1/numbers/*\"; * stands for anything but /, ** for anything";
const PEM: &str = "the path of a PEM file, such as \"tls/numbers.pem\"";
const HEADERS: &str = "a table of header fields, each with a text, { file = \"PATH\" } or { env = \"NAME\" }";

impl Service {
    pub(super) fn read(s: &mut Section<'_>, folders: &Folders<'_>, taken: &mut HashSet<String>) -> Option<Self> {
        let name = s.required("name", NAME, name).map(|name| name.to_string());
        if name.as_ref().is_some_and(|name| !taken.insert(name.clone())) {
            s.refuse("name", "a name that no other service of the plug-in has");
        }
        let url = s.required("url", URL, origin);
        let methods = s.list("methods", method);
        let paths = s.list("paths", path);
        if !s.has_items("paths") {
            s.refuse("paths", PATHS);
        }
        let headers = s
            .optional("headers", |value| headers(value, folders))
            .unwrap_or_default();
        let networks = s.list("networks", network);
        let (ca, identity) = certificates(s, folders);
        let minute = Duration::from_secs(60);
        let service = Self {
            name: name.unwrap_or_default(),
            url: url.unwrap_or_default(),
            methods: if s.has("methods") {
                methods
            } else {
                vec!["GET".to_owned()]
            },
            paths,
            headers,
            networks,
            ca,
            identity,
            time: s
                .optional("time", duration(MILLISECOND..=minute))
                .unwrap_or(Duration::from_secs(1)),
            time_per_message: s
                .optional("time-per-message", duration(MILLISECOND..=minute))
                .unwrap_or(Duration::from_secs(2)),
            calls_per_message: s.optional("calls-per-message", count(1..=1_000)).unwrap_or(10),
            request_size: s.optional("request-size", size(0..=64 * MIB)).unwrap_or(64 << 10),
            response_size: s.optional("response-size", size(0..=64 * MIB)).unwrap_or(256 << 10),
            concurrent: s.optional("concurrent", count(1..=1_000)).unwrap_or(10),
            rate: s.optional("rate", count(1..=1_000_000)).unwrap_or(100),
            breaker: s.section("breaker", OutsideBreaker::read),
        };
        (!service.name.is_empty() && service.url.host().is_some()).then_some(service)
    }
}

fn certificates(s: &mut Section<'_>, folders: &Folders<'_>) -> (PathBuf, Option<Identity>) {
    let mut file = |key: &'static str| {
        let path = folders.base.join(s.optional(key, text(PEM))?);
        Some(folders.existing(s, key, path, "a file that exists"))
    };
    let (ca, certificate, key) = (file("ca"), file("certificate"), file("key"));
    match (s.has("certificate"), s.has("key")) {
        (true, false) => s.refuse("key", "the key of the certificate"),
        (false, true) => s.refuse("certificate", "the certificate of the key"),
        _ => {}
    }
    let identity = certificate
        .zip(key)
        .map(|(certificate, key)| Identity { certificate, key });
    (ca.unwrap_or_else(|| AUTHORITIES.into()), identity)
}

fn origin(value: &DeValue<'_>) -> Read<Uri> {
    let text = value.as_str().unwrap_or_default();
    let url: Uri = text.parse().map_err(|_| URL.to_owned())?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    let plain =
        |authority: &hyper::http::uri::Authority| !authority.as_str().contains('@') && !authority.host().is_empty();
    let is_bare = url.query().is_none() && matches!(url.path(), "" | "/") && !text.contains('#');
    match is_web && is_bare && url.authority().is_some_and(plain) {
        true => Ok(url),
        false => Err(URL.to_owned()),
    }
}

fn method(value: &DeValue<'_>) -> Read<String> {
    let word = value.as_str().unwrap_or_default();
    let legal = (1..=20).contains(&word.len()) && word.bytes().all(|octet| octet.is_ascii_uppercase());
    // CONNECT would open a tunnel.
    match legal && word != "CONNECT" {
        true => Ok(word.to_owned()),
        false => Err("a method in capitals, such as \"GET\" or \"POST\"".to_owned()),
    }
}

fn path(value: &DeValue<'_>) -> Read<String> {
    let path = value.as_str().unwrap_or_default();
    let legal = path.starts_with('/') && path.len() <= 1024 && path.bytes().all(|octet| octet.is_ascii_graphic());
    match legal && !path.contains(['?', '#']) && path.matches('*').count() <= 8 {
        true => Ok(path.to_owned()),
        false => Err(PATHS.to_owned()),
    }
}

fn headers(value: &DeValue<'_>, folders: &Folders<'_>) -> Read<Vec<(HeaderName, Secret)>> {
    let DeValue::Table(fields) = value else {
        return Err(HEADERS.to_owned());
    };
    let field = |(name, value): (&toml::Spanned<std::borrow::Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| {
        let name = HeaderName::from_bytes(name.get_ref().as_bytes()).map_err(|_| HEADERS.to_owned())?;
        Ok((name, secret(value.get_ref(), folders)?))
    };
    fields.iter().map(field).collect()
}

fn secret(value: &DeValue<'_>, folders: &Folders<'_>) -> Read<Secret> {
    if let Some(text) = value.as_str() {
        return Ok(Secret::Text(text.to_owned()));
    }
    let DeValue::Table(table) = value else {
        return Err(HEADERS.to_owned());
    };
    let of = |key: &str| Some(table.get(key)?.get_ref().as_str()?.to_owned()).filter(|text| !text.is_empty());
    match (table.len(), of("file"), of("env")) {
        (1, Some(file), None) => Ok(Secret::File(folders.base.join(file))),
        (1, None, Some(name)) => Ok(Secret::Environment(name)),
        _ => Err(HEADERS.to_owned()),
    }
}
