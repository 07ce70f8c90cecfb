//! `mm4relay console`: the relay's pages in the browser of a user who may open its socket.
//!
//! A browser cannot open a Unix socket, so this command listens on a port of loopback and forwards requests to the
//! socket. Other users of this machine can reach that port: the printed address contains a secret, which works once and
//! gives the browser a cookie, and without the cookie nothing is forwarded. The verbs below `/v1/` are never forwarded:
//! they have no seal that would keep other sites' pages from using them, and commands use the socket itself.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::control::http::{FOR, connect};
use crate::control::tokens::secret;

use super::door::SpoolArgs;
use super::who;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spool: SpoolArgs,
    /// The port of 127.0.0.1 to listen on; without it, one that is free
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// Runs until it is interrupted.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let folder = args.spool.folder()?;
    let console = Forwarder::open(&folder, args.port).await?;
    println!("{}", console.url());
    eprintln!("open this in your browser: the address is good once; Ctrl-C ends it");
    tokio::select! {
        served = console.serve() => Ok(served?),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

/// Forwards requests of one browser to a relay's socket.
pub struct Forwarder {
    listener: TcpListener,
    address: SocketAddr,
    way: Arc<Way>,
}

struct Way {
    folder: PathBuf,
    /// The `Host` values that a browser may send.
    hosts: [String; 2],
    /// The secret in the printed address, until it has been used.
    key: String,
    is_used: AtomicBool,
    /// `name=value`, of the one browser that was let in.
    cookie: String,
    caller: Option<String>,
}

const ENTRY: &str = "/open";

impl Forwarder {
    /// Listens, for a relay that runs on this state folder.
    ///
    /// # Errors
    /// No relay runs there, or the port is in use.
    pub async fn open(folder: &Path, port: u16) -> anyhow::Result<Self> {
        let running = connect(folder).await.map(drop);
        running.with_context(|| {
            format!(
                "no relay that runs answers in {}: its pages are its own",
                folder.display()
            )
        })?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await;
        let listener = listener.with_context(|| format!("the port {port} of 127.0.0.1 cannot be had"))?;
        let address = listener.local_addr()?;
        let port = address.port();
        let way = Way {
            folder: folder.to_owned(),
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
            key: secret()?,
            is_used: AtomicBool::new(false),
            // Cookies do not distinguish ports, so each of two running commands uses a name of its own.
            cookie: format!("mm4relay-{port}={}", secret()?),
            caller: who::caller(),
        };
        Ok(Self {
            listener,
            address,
            way: Arc::new(way),
        })
    }

    /// The address to open. It works once.
    pub fn url(&self) -> String {
        format!("http://{}{ENTRY}?key={}", self.address, self.way.key)
    }

    /// Answers until it is dropped.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve(self) -> io::Result<()> {
        let routes = Router::new().fallback(answer).with_state(self.way);
        axum::serve(self.listener, routes).await
    }
}

async fn answer(State(way): State<Arc<Way>>, request: Request) -> Response {
    if let Some(response) = way.stop(&request) {
        return response;
    }
    match way.pass(request).await {
        Ok(response) => response,
        Err(error) => refused(StatusCode::BAD_GATEWAY, &format!("the relay does not answer: {error}")),
    }
}

impl Way {
    /// The answer to a request that is not forwarded.
    fn stop(&self, request: &Request) -> Option<Response> {
        let text = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        // A page of another site may use a name that it points here (DNS rebinding).
        if !text(header::HOST).is_some_and(|host| self.hosts.iter().any(|ours| ours == host)) {
            return Some(refused(StatusCode::MISDIRECTED_REQUEST, "nobody of that name is here"));
        }
        if request.uri().path() == ENTRY {
            return Some(self.enter(request.uri().query().unwrap_or_default()));
        }
        let cookies = text(header::COOKIE).unwrap_or_default();
        if !cookies.split("; ").any(|cookie| cookie == self.cookie) {
            let why = "this is open to the browser that came by the address that `mm4relay console` printed: start it again for another";
            return Some(refused(StatusCode::UNAUTHORIZED, why));
        }
        let is_verb = request.uri().path().starts_with("/v1/");
        is_verb.then(|| refused(StatusCode::NOT_FOUND, "verbs are asked at the relay's socket"))
    }

    fn enter(&self, query: &str) -> Response {
        let mut fields = form_urlencoded::parse(query.as_bytes());
        let is_right = fields.any(|(name, value)| name == "key" && value == self.key);
        if !is_right || self.is_used.swap(true, Ordering::Relaxed) {
            let why = "this address was used already, or is of another `mm4relay console`: start it again";
            return refused(StatusCode::UNAUTHORIZED, why);
        }
        let cookie = format!("{}; Path=/; HttpOnly; SameSite=Strict", self.cookie);
        let mut response = refused(StatusCode::OK, "mm4relay");
        let headers = response.headers_mut();
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.insert(header::SET_COOKIE, cookie);
        }
        // Not a redirection: a browser that followed a link from another site would not send the cookie with it.
        headers.insert(header::REFRESH, HeaderValue::from_static("0; url=/"));
        response
    }

    async fn pass(&self, mut request: Request) -> anyhow::Result<Response> {
        let headers = request.headers_mut();
        headers.remove(header::COOKIE);
        headers.remove(FOR);
        if let Some(caller) = &self.caller {
            headers.insert(FOR, HeaderValue::from_str(caller)?);
        }
        let stream = connect(&self.folder).await?;
        let (mut relay, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let answer = relay.send_request(request).await?;
        Ok(answer.map(Body::new))
    }
}

fn refused(status: StatusCode, why: &str) -> Response {
    let safe = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, safe, format!("{why}\n")).into_response()
}
