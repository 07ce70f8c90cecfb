//! The request before a part, and the options of the service.

use std::time::Duration;

use super::head::Head;
use crate::outside::gate::Trouble;
use crate::outside::scan::{Address, Scanned};

/// The largest preview, in octets.
const PREVIEW_MAX: usize = 1 << 20;

/// Where the service is.
pub(super) struct Service {
    host: String,
    name: String,
}

impl Service {
    pub fn new(address: &Address, name: &str) -> Self {
        let host = match address {
            Address::Tcp(at) => at.clone(),
            Address::Unix(_) => "localhost".to_owned(),
        };
        let name = name.to_owned();
        Self { host, name }
    }

    fn begin(&self, method: &str) -> String {
        let (host, name) = (&self.host, &self.name);
        format!("{method} icap://{host}/{name} ICAP/1.0\r\nHost: {host}\r\nUser-Agent: mm4relay\r\n")
    }
}

/// The options of a service (RFC 3507, 4.10.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub takes: Takes,
    /// Octets that it wants to see first.
    pub preview: Option<usize>,
    /// It can answer that nothing is to be changed, without sending everything back.
    pub says_unmodified: bool,
    /// The tag of its present state.
    pub tag: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Responses,
    Requests,
}

impl Options {
    /// Reads the options, with their time of validity.
    pub fn of(head: &Head, service: &Service) -> Result<(Self, Duration), Trouble> {
        let name = &service.name;
        let failed = |why: String| Trouble::Failed(format!("its service {name:?} {why}"));
        if head.status != 200 {
            return Err(failed(format!("is none: it says {} {}", head.status, head.reason)));
        }
        let takes = match (head.lists("Methods", "RESPMOD"), head.lists("Methods", "REQMOD")) {
            (true, _) => Takes::Responses,
            (false, true) => Takes::Requests,
            (false, false) => return Err(failed("takes neither RESPMOD nor REQMOD".to_owned())),
        };
        let number = |name: &str| head.field(name).and_then(|value| value.parse::<u32>().ok());
        let options = Self {
            takes,
            preview: number("Preview").map(|octets| (octets as usize).min(PREVIEW_MAX)),
            says_unmodified: head.lists("Allow", "204"),
            tag: head.field("ISTag").map(str::to_owned),
        };
        let time = number("Options-TTL").map_or(Duration::MAX, |seconds| Duration::from_secs(seconds.into()));
        Ok((options, time))
    }
}

/// The request for the options.
pub(super) fn options(service: &Service) -> String {
    service.begin("OPTIONS") + "Encapsulated: null-body=0\r\n\r\n"
}

/// Everything before the octets of the part. The part has no URL, and no name of a person is sent.
pub(super) fn head(service: &Service, options: &Options, part: &Scanned) -> Vec<u8> {
    let (media_type, size) = (&part.media_type, part.size());
    let described = format!("Content-Type: {media_type}\r\nContent-Length: {size}\r\n\r\n");
    let (method, http, places) = match options.takes {
        Takes::Responses => {
            let request = "GET http://part.invalid/ HTTP/1.1\r\nHost: part.invalid\r\n\r\n".to_owned();
            let response = format!("HTTP/1.1 200 OK\r\n{described}");
            let (head, body) = (request.len(), request.len() + response.len());
            let places = format!("req-hdr=0, res-hdr={head}, res-body={body}");
            ("RESPMOD", request + &response, places)
        }
        Takes::Requests => {
            let request = format!("PUT http://part.invalid/ HTTP/1.1\r\nHost: part.invalid\r\n{described}");
            let places = format!("req-hdr=0, req-body={}", request.len());
            ("REQMOD", request, places)
        }
    };
    let mut head = service.begin(method);
    if options.says_unmodified {
        head.push_str("Allow: 204\r\n");
    }
    if let Some(preview) = options.preview {
        head.push_str(&format!("Preview: {preview}\r\n"));
    }
    (head + &format!("Encapsulated: {places}\r\n\r\n") + &http).into_bytes()
}
