//! The webhook: raised and cleared alarms for the operator's own program. Each is one POST of JSON, in order, signed,
//! and repeated until it is accepted or too old.

use std::path::Path;
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use ring::hmac;
use tokio::time::{Instant, sleep, timeout};

/// The target, and the secret that both sides know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Host and port, as the address has them.
    pub to: String,
    /// Path and query.
    pub path: String,
    /// Without a secret nothing is signed.
    pub secret: Option<Vec<u8>>,
}

/// The time in seconds since 1970, and the HMAC-SHA256 of that time, a dot and the body, in hexadecimal.
pub const SIGNATURE: &str = "x-mm4relay-signature";

/// The time limit for one attempt.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// When a notification that nobody accepted is too old.
const GIVE_UP: Duration = Duration::from_secs(3600);

impl Webhook {
    /// Sends a notification, with as many attempts as necessary. `post` puts a request on the wire and says the status of the answer.
    ///
    /// # Errors
    /// The error of the last attempt, after an hour.
    pub async fn send<F>(&self, body: &[u8], post: impl Fn(Request<Full<Bytes>>) -> F) -> Result<(), String>
    where
        F: Future<Output = Result<u16, String>>,
    {
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let request = self.request(body).map_err(|error| error.to_string())?;
            let tried = timeout(PATIENCE, post(request)).await;
            let why = match tried.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
                Ok(200..=299) => return Ok(()),
                Ok(status) => format!("it answered {status}"),
                Err(why) => why,
            };
            if begun.elapsed() > GIVE_UP {
                return Err(why);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn request(&self, body: &[u8]) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder()
            .method("POST")
            .uri(&self.path)
            .header(HOST, &self.to)
            .header(CONTENT_TYPE, "application/json");
        if let Some(secret) = &self.secret {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
            request = request.header(SIGNATURE, signature(secret, now, body));
        }
        request.body(Full::new(Bytes::copy_from_slice(body)))
    }
}

/// The value of the header.
fn signature(secret: &[u8], at: u64, body: &[u8]) -> String {
    let mut signed = format!("{at}.").into_bytes();
    signed.extend_from_slice(body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, &signed);
    let hex: String = tag.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    format!("t={at},v1={hex}")
}

/// Reads a secret from its file, without line ends.
///
/// # Errors
/// It cannot be read, or is empty.
pub fn read_secret(file: &Path) -> Result<Vec<u8>, String> {
    let text = std::fs::read(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let secret = text.trim_ascii();
    match secret.is_empty() {
        true => Err(format!("{} is empty", file.display())),
        false => Ok(secret.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected value comes from: printf '%s' '1790000000.{"a":1}' | openssl dgst -sha256 -hmac secret
    #[test]
    fn a_signature_is_the_hmac_of_time_and_body() {
        let made = signature(b"secret", 1_790_000_000, br#"{"a":1}"#);
        assert_eq!(
            made,
            "t=1790000000,v1=da8fe498621aaab99d5b11c51346b13d1a2bf2914b865b8d3edd3531cab25a3e"
        );
    }
}
