//! Asks a running relay at its door.

use std::io;
use std::path::Path;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::ask::fields_in;
use super::http::connect;
use super::{Ask, Kind, Method, Problem};

/// A connection to a relay that runs.
#[derive(Debug)]
pub struct Client {
    relay: Mutex<SendRequest<Full<Bytes>>>,
    /// Whom this process asks for, when it is not its own user.
    caller: Option<String>,
}

impl Client {
    /// To be called within a Tokio runtime.
    ///
    /// # Errors
    /// No relay runs on this state folder, or this user may not ask it.
    pub async fn open(folder: &Path, caller: Option<String>) -> io::Result<Self> {
        let stream = connect(folder).await?;
        let (relay, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        let relay = Mutex::new(relay);
        Ok(Self { relay, caller })
    }

    /// # Errors
    /// What the relay says, or that it has gone.
    pub async fn ask<A: Ask>(&self, ask: &A) -> Result<A::Answer, Problem> {
        let request = self.request(ask).map_err(broken)?;
        let mut relay = self.relay.lock().await;
        relay.ready().await.map_err(broken)?;
        let answer = relay.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(broken)?.to_bytes();
        match status.is_success() {
            true => serde_json::from_slice(&body).map_err(broken),
            false => Err(serde_json::from_slice(&body)
                .unwrap_or_else(|_| Problem::new(Kind::Internal, format!("the relay answered {status}")))),
        }
    }

    fn request<A: Ask>(&self, ask: &A) -> Result<Request<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
        let Value::Object(mut fields) = serde_json::to_value(ask)? else {
            return Err("a question has fields".into());
        };
        fields.retain(|_, value| !value.is_null());
        let mut path = A::PATH.to_owned();
        for name in fields_in(A::PATH) {
            let value = fields.remove(name).map(|value| text(&value)).unwrap_or_default();
            path = path.replace(&format!("{{{name}}}"), &encoded(&value));
        }
        let body = match A::METHOD {
            Method::Get => {
                path.push('?');
                path.push_str(&query(&fields));
                Bytes::new()
            }
            Method::Post => serde_json::to_vec(&fields)?.into(),
        };
        let mut request = Request::builder()
            .method(A::METHOD.as_str())
            .uri(path)
            .header(HOST, "relay")
            .header(CONTENT_TYPE, "application/json");
        if let Some(caller) = &self.caller {
            request = request.header(super::http::FOR, caller);
        }
        Ok(request.body(Full::new(body))?)
    }
}

fn query(fields: &Map<String, Value>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(fields.iter().map(|(name, value)| (name, text(value))));
    query.finish()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One segment of a path.
fn encoded(segment: &str) -> String {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
    let octets = segment.bytes();
    let encoded = octets.map(|octet| match plain(octet) {
        true => char::from(octet).to_string(),
        false => format!("%{octet:02X}"),
    });
    encoded.collect()
}

fn broken(error: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::Internal, format!("the relay's door broke off: {error}"))
}
