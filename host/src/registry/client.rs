//! The client of a registry (OCI distribution specification 1.1): pushing and pulling one artifact.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Uri};
use mm4relay_engine::HttpResponse;
use serde::Deserialize;
use tokio_rustls::rustls::ClientConfig;

use super::artifact::{Artifact, MANIFEST, Manifest};
use super::login::{Challenge, Credentials};
use super::reference::{Digest, Reference, is_this_machine};
use crate::outside::{WebOrigin, exchange};

/// The time limit for one request with its answer, a component included.
const PATIENCE: Duration = Duration::from_secs(300);
/// The largest manifest in octets (OCI distribution specification, "Pushing manifests"), and the largest answer that is
/// no component.
const ANSWER_MAX: usize = 4 << 20;
/// How many redirects are followed: registries keep components elsewhere.
const REDIRECTS_MAX: usize = 5;
/// How many octets of a registry's own text are shown in an error.
const SHOWN: usize = 300;

/// A registry, as one user sees it.
pub struct Registry {
    origin: WebOrigin,
    tls: Option<Arc<ClientConfig>>,
    credentials: Option<Credentials>,
    /// The authorization that the registry asked for.
    authorization: Option<HeaderValue>,
}

/// One request.
#[derive(Clone)]
struct Question {
    method: Method,
    url: Uri,
    body: Bytes,
    content_type: Option<&'static str>,
    accept: Option<&'static str>,
}

impl Question {
    fn new(method: Method, url: Uri) -> Self {
        Self {
            method,
            url,
            body: Bytes::new(),
            content_type: None,
            accept: None,
        }
    }
}

impl Registry {
    /// The registry of a reference, over TLS, with the configured authorities.
    pub fn over_tls(
        reference: &Reference,
        tls: Arc<ClientConfig>,
        credentials: Option<Credentials>,
    ) -> anyhow::Result<Self> {
        Self::of("https", reference, Some(tls), credentials)
    }

    /// The registry of a reference, without TLS: only on this machine.
    pub fn in_the_clear(reference: &Reference, credentials: Option<Credentials>) -> anyhow::Result<Self> {
        ensure!(
            reference.is_on_this_machine(),
            "{reference} is not on this machine: it is asked over TLS"
        );
        Self::of("http", reference, None, credentials)
    }

    fn of(
        scheme: &str,
        reference: &Reference,
        tls: Option<Arc<ClientConfig>>,
        credentials: Option<Credentials>,
    ) -> anyhow::Result<Self> {
        let url: Uri = format!("{scheme}://{}/", reference.host).parse()?;
        Ok(Self {
            origin: WebOrigin::of(&url).map_err(|why| anyhow!("{reference}: {why}"))?,
            tls,
            credentials,
            authorization: None,
        })
    }

    /// Stores an artifact under a tag. Returns the digest of its manifest.
    pub async fn push(&mut self, to: &Reference, artifact: &Artifact) -> anyhow::Result<Digest> {
        ensure!(
            to.digest.is_none(),
            "{to} names a digest, which nobody can choose: push to a tag"
        );
        let packed = artifact.pack()?;
        for blob in [&packed.config, &artifact.wasm] {
            self.store(to, blob).await.with_context(|| to.to_string())?;
        }
        let mut question = self.question(Method::PUT, &format!("{}/manifests/{}", to.name, to.manifest()))?;
        question.body = packed.manifest.clone();
        question.content_type = Some(MANIFEST);
        let answer = self.ask(question, ANSWER_MAX).await.with_context(|| to.to_string())?;
        expect(&answer, &[201], "store the manifest").with_context(|| to.to_string())?;
        Ok(Digest::of(&packed.manifest))
    }

    /// Fetches an artifact of at most so many octets. Returns it with the digest of its manifest, which must be that of
    /// the reference, if it has one.
    pub async fn pull(&mut self, from: &Reference, largest: u64) -> anyhow::Result<(Artifact, Digest)> {
        self.fetch(from, largest).await.with_context(|| from.to_string())
    }

    async fn fetch(&mut self, from: &Reference, largest: u64) -> anyhow::Result<(Artifact, Digest)> {
        let mut question = self.question(Method::GET, &format!("{}/manifests/{}", from.name, from.manifest()))?;
        question.accept = Some(MANIFEST);
        let answer = self.ask(question, ANSWER_MAX).await?;
        expect(&answer, &[200], "give the manifest")?;
        let digest = Digest::of(&answer.body);
        if let Some(wanted) = from.digest {
            ensure!(
                digest == wanted,
                "the registry gave a manifest with the digest {digest}"
            );
        }
        let manifest = Manifest::read(&answer.body)?;
        let layer = manifest.component()?;
        ensure!(
            layer.size <= largest,
            "its component has {} octets, and at most {largest} are taken",
            layer.size
        );
        let (wanted, size) = (layer.digest()?, usize::try_from(layer.size)?);
        let question = self.question(Method::GET, &format!("{}/blobs/{wanted}", from.name))?;
        let answer = self.ask(question, size.max(ANSWER_MAX)).await?;
        expect(&answer, &[200], "give the component")?;
        let found = Digest::of(&answer.body);
        ensure!(found == wanted, "the registry gave a component with the digest {found}");
        let artifact = Artifact {
            wasm: answer.body,
            signature: manifest.signature(),
        };
        Ok((artifact, digest))
    }

    /// Stores content under its digest, unless it is there.
    async fn store(&mut self, to: &Reference, blob: &Bytes) -> anyhow::Result<()> {
        let digest = Digest::of(blob);
        let there = self.question(Method::HEAD, &format!("{}/blobs/{digest}", to.name))?;
        if self.ask(there, ANSWER_MAX).await?.status == 200 {
            return Ok(());
        }
        let begin = self.question(Method::POST, &format!("{}/blobs/uploads/", to.name))?;
        let begun = self.ask(begin.clone(), ANSWER_MAX).await?;
        expect(&begun, &[202], "take a component")?;
        let place = location(&begun, &begin.url)?;
        let joint = if place.query().is_some() { '&' } else { '?' };
        let mut question = Question::new(Method::PUT, format!("{place}{joint}digest={digest}").parse()?);
        question.body = blob.clone();
        question.content_type = Some("application/octet-stream");
        let answer = self.ask(question, ANSWER_MAX).await?;
        expect(&answer, &[201], "store the component")
    }

    fn question(&self, method: Method, path: &str) -> anyhow::Result<Question> {
        let url = format!("{}/v2/{path}", self.origin);
        Ok(Question::new(method, url.parse().with_context(|| url.clone())?))
    }

    /// Sends a request, authenticates if that is required, and follows redirects.
    async fn ask(&mut self, mut question: Question, largest: usize) -> anyhow::Result<HttpResponse> {
        let mut answer = self.ask_once(&question, largest).await?;
        if answer.status == 401 {
            self.authorise(&answer).await?;
            answer = self.ask_once(&question, largest).await?;
            ensure!(answer.status != 401, "the registry does not accept the login");
        }
        for _ in 0..REDIRECTS_MAX {
            let follows = question.method == Method::GET && matches!(answer.status, 301 | 302 | 303 | 307 | 308);
            if !follows {
                return Ok(answer);
            }
            question.url = location(&answer, &question.url)?;
            answer = self.ask_once(&question, largest).await?;
        }
        bail!("the registry sends from one place to the next, more than {REDIRECTS_MAX} times")
    }

    async fn ask_once(&self, question: &Question, largest: usize) -> anyhow::Result<HttpResponse> {
        let origin = WebOrigin::of(&question.url).map_err(|why| anyhow!("{}: {why}", question.url))?;
        self.may_ask(&origin)?;
        let mut request = Request::new(Full::new(question.body.clone()));
        *request.method_mut() = question.method.clone();
        let path = question.url.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse()?;
        let headers = request.headers_mut();
        let authority = question.url.authority().map_or("", |authority| authority.as_str());
        headers.insert(header::HOST, HeaderValue::from_str(authority)?);
        headers.insert(
            header::USER_AGENT,
            HeaderValue::from_static(concat!("mm4relay/", env!("CARGO_PKG_VERSION"))),
        );
        let typed = [
            (header::CONTENT_TYPE, question.content_type),
            (header::ACCEPT, question.accept),
        ];
        for (name, value) in typed.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            headers.insert(name, HeaderValue::from_static(value));
        }
        // The host where a registry keeps its components is another party, which must not get the login.
        if let Some(value) = self.authorization.as_ref().filter(|_| origin == self.origin) {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
        self.send(&origin, request, largest).await
    }

    /// A registry over TLS must not redirect to plain HTTP, and one on this machine not to another machine.
    fn may_ask(&self, origin: &WebOrigin) -> anyhow::Result<()> {
        ensure!(
            origin.is_tls == self.tls.is_some() && (origin.is_tls || is_this_machine(&origin.host)),
            "the registry points to {origin}, which is {}",
            if origin.is_tls {
                "over TLS, as it is not itself"
            } else {
                "not over TLS"
            }
        );
        Ok(())
    }

    async fn send(
        &self,
        origin: &WebOrigin,
        request: Request<Full<Bytes>>,
        largest: usize,
    ) -> anyhow::Result<HttpResponse> {
        let tls = self.tls.as_ref().filter(|_| origin.is_tls);
        let asking = exchange(origin, tls, request, largest);
        let answer = tokio::time::timeout(PATIENCE, asking).await;
        let answer = answer.with_context(|| format!("{origin} did not answer within {PATIENCE:?}"))?;
        answer.map_err(|why| anyhow!("{origin}: {why}"))
    }

    /// Learns from a 401 which authorization the registry requires, and gets it.
    async fn authorise(&mut self, refused: &HttpResponse) -> anyhow::Result<()> {
        let challenge = field(refused, "www-authenticate").and_then(Challenge::read);
        let value = match challenge.context("the registry wants a login of a kind that is not known here")? {
            Challenge::Basic => self.basic()?,
            Challenge::Bearer { realm, service, scope } => {
                format!("Bearer {}", self.token(&realm, service, scope).await?)
            }
        };
        let mut value = HeaderValue::from_str(&value).context("the registry's token cannot be sent")?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(())
    }

    fn basic(&self) -> anyhow::Result<String> {
        let credentials = self.credentials.as_ref();
        Ok(credentials
            .context("the registry wants a login, and there is none for it: log in with docker, podman or oras, or give --user and --password-file")?
            .basic())
    }

    /// A token for what the registry named, with the login if there is one.
    async fn token(&self, realm: &str, service: Option<String>, scope: Option<String>) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let url: Uri = token_url(realm, service, scope)
            .parse()
            .with_context(|| realm.to_owned())?;
        let origin = WebOrigin::of(&url).map_err(|why| anyhow!("{realm}: {why}"))?;
        self.may_ask(&origin)?;
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = url.path_and_query().map_or("/", |path| path.as_str()).parse()?;
        let authority = url.authority().map_or("", |authority| authority.as_str());
        request
            .headers_mut()
            .insert(header::HOST, HeaderValue::from_str(authority)?);
        if let Some(credentials) = &self.credentials {
            let value = HeaderValue::from_str(&credentials.basic())?;
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let answer = self.send(&origin, request, ANSWER_MAX).await?;
        expect(&answer, &[200], "give a token")?;
        let answer: Answer = serde_json::from_slice(&answer.body).context("the registry's token cannot be read")?;
        answer
            .token
            .or(answer.access_token)
            .context("the registry's answer has no token")
    }
}

fn token_url(realm: &str, service: Option<String>, scope: Option<String>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("service", service), ("scope", scope)] {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    }
    let joint = if realm.contains('?') { '&' } else { '?' };
    format!("{realm}{joint}{}", query.finish())
}

fn field<'a>(answer: &'a HttpResponse, name: &str) -> Option<&'a str> {
    let found = answer
        .headers
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case(name));
    found.map(|field| field.value.as_str())
}

/// The target of a redirect: a full URL, or a path at the same host.
fn location(answer: &HttpResponse, asked: &Uri) -> anyhow::Result<Uri> {
    let place = field(answer, "location").context("the registry does not say where to go on")?;
    if !place.starts_with('/') {
        return place.parse().with_context(|| place.to_owned());
    }
    let scheme = asked.scheme_str().unwrap_or("https");
    let authority = asked.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}{place}")
        .parse()
        .with_context(|| place.to_owned())
}

/// Turns an answer with any other code into an error, in the registry's own words.
fn expect(answer: &HttpResponse, wanted: &[u16], what: &str) -> anyhow::Result<()> {
    if wanted.contains(&answer.status) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&answer.body);
    let said: String = said.chars().take(SHOWN).collect();
    bail!("the registry does not {what}: {} {}", answer.status, said.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mm4relay_engine::HeaderField;

    fn pointing(place: &str) -> HttpResponse {
        HttpResponse {
            status: 307,
            headers: vec![HeaderField {
                name: "Location".into(),
                value: place.into(),
            }],
            body: Bytes::new(),
        }
    }

    #[test]
    fn an_answer_points_to_a_whole_url_or_to_a_path_at_the_same_place() {
        let asked: Uri = "https://registry.example:5000/v2/stamp/blobs/uploads/".parse().unwrap();
        let to = |place: &str| location(&pointing(place), &asked).unwrap().to_string();
        assert_eq!(
            to("https://store.example/blob?key=1"),
            "https://store.example/blob?key=1"
        );
        assert_eq!(
            to("/v2/stamp/upload/7?state=a"),
            "https://registry.example:5000/v2/stamp/upload/7?state=a"
        );
    }

    #[test]
    fn a_refusal_is_told_in_the_registrys_own_words() {
        let answer = HttpResponse {
            status: 404,
            headers: Vec::new(),
            body: Bytes::from_static(b"{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}\n"),
        };
        let why = expect(&answer, &[200], "give the manifest").unwrap_err().to_string();
        assert_eq!(
            why,
            "the registry does not give the manifest: 404 {\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}"
        );
    }
}
