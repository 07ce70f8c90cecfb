//! A service over HTTP that one plug-in may use.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request};
use ipnet::IpNet;
use mm4relay_engine::{AskedOf, Fault, HttpRequest, HttpResponse};
use tokio_rustls::rustls::ClientConfig;

use super::allowed::{Asked, WebOrigin, fits, short};
use super::gate::Gate;
use super::http_connection::HttpConnection;
use super::kept::Kept;
use super::wire::Wire;

/// The service, and the requests that it may be sent.
pub struct ServiceTerms {
    pub origin: WebOrigin,
    pub methods: Vec<String>,
    /// Patterns.
    pub paths: Vec<String>,
    /// Private networks in which it may be.
    pub networks: Vec<IpNet>,
    /// With https.
    pub tls: Option<Arc<ClientConfig>>,
    /// Fields that the relay adds, and the plug-in never sees.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The largest bodies, in octets.
    pub request_size: u64,
    pub response_size: u64,
    /// For one message.
    pub calls_per_message: u32,
    pub time_per_message: Duration,
}

/// One service, behind its gate.
pub struct Service {
    /// The name in the configuration.
    pub name: String,
    gate: Arc<Gate>,
    terms: ServiceTerms,
    connections: Kept<HttpConnection>,
}

/// Fields that belong to the connection, which is the relay's (RFC 9110, 7.6.1).
const OURS: [HeaderName; 9] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
];

/// The service among these that may be sent this request.
///
/// # Errors
/// None may; the text says what to configure.
pub fn service_for<'a>(services: &'a [Service], plugin: &str, request: &HttpRequest) -> Result<&'a Service, Fault> {
    let asked = Asked::of(request)?;
    let of_origin: Vec<_> = services.iter().filter(|it| it.terms.origin == asked.origin).collect();
    let allows = |service: &&&Service| {
        let terms = &service.terms;
        terms.methods.contains(&request.method) && terms.paths.iter().any(|pattern| fits(pattern, &asked.path))
    };
    if let Some(service) = of_origin.iter().find(allows) {
        return Ok(service);
    }
    let (method, path) = (short(&request.method), short(&asked.path));
    Err(Fault::Invalid(match of_origin.first() {
        Some(service) => format!(
            "service {:?} of plug-in {plugin:?} does not allow {method} {path:?}: its methods are {:?} and its paths {:?}",
            service.name, service.terms.methods, service.terms.paths
        ),
        None => format!(
            "no service of plug-in {plugin:?} is at {origin}: to allow this, add [[plugin.service]] with name = \"...\", url = \
             \"{origin}\", methods = [{method:?}], paths = [{path:?}]",
            origin = asked.origin
        ),
    }))
}

impl Service {
    pub fn new(name: &str, gate: Arc<Gate>, terms: ServiceTerms) -> Self {
        Self {
            name: name.to_owned(),
            connections: Kept::new(gate.concurrent()),
            gate,
            terms,
        }
    }

    /// Sends a request. `before` counts the earlier requests for the same message.
    pub async fn fetch(&self, request: HttpRequest, before: AskedOf) -> Result<HttpResponse, Fault> {
        let terms = &self.terms;
        let limit = |text: String| Err(Fault::Limit(format!("service {:?}: {text}", self.name)));
        if before.calls >= terms.calls_per_message {
            return limit(format!(
                "a message asks it {} times at most (calls-per-message)",
                terms.calls_per_message
            ));
        }
        let left = terms.time_per_message.saturating_sub(before.time);
        if left.is_zero() {
            return limit(format!(
                "a message waits for it {:?} at most (time-per-message)",
                terms.time_per_message
            ));
        }
        if request.body.len() as u64 > terms.request_size {
            return limit(format!(
                "a body has {} octets at most (request-size)",
                terms.request_size
            ));
        }
        let request = self.request(request)?;
        let wire = Wire {
            origin: &terms.origin,
            networks: &terms.networks,
            tls: terms.tls.as_ref(),
            response_size: usize::try_from(terms.response_size).unwrap_or(usize::MAX),
        };
        // The service itself reports that it is not well.
        let is_good = |response: &HttpResponse| response.status < 500 && response.status != 429;
        let answer = wire.ask_over(&self.connections, request);
        self.gate.ask_within(left, answer, is_good).await
    }

    /// The request as it is written on the wire.
    fn request(&self, request: HttpRequest) -> Result<Request<Full<Bytes>>, Fault> {
        let asked = Asked::of(&request)?;
        let invalid = |what: &str| Fault::Invalid(format!("the request has {what}"));
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| invalid("an illegal method"))?;
        let mut made = Request::new(Full::new(request.body));
        *made.method_mut() = method;
        *made.uri_mut() = asked.target.parse().map_err(|_| invalid("an illegal path"))?;
        let headers = made.headers_mut();
        for field in &request.headers {
            let name = HeaderName::from_bytes(field.name.as_bytes());
            let name = name.map_err(|_| invalid("a header field with an illegal name"))?;
            if OURS.contains(&name) {
                return Err(invalid(&format!(
                    "the header field {name}, which is the relay's to write"
                )));
            }
            let value =
                HeaderValue::from_str(&field.value).map_err(|_| invalid("an illegal value of a header field"))?;
            headers.append(name, value);
        }
        for (name, value) in &self.terms.headers {
            headers.insert(name.clone(), value.clone());
        }
        let origin = self.terms.origin.to_string();
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        let host = HeaderValue::from_str(host).map_err(|_| invalid("an illegal host"))?;
        headers.insert(header::HOST, host);
        Ok(made)
    }
}

#[cfg(test)]
mod tests;
