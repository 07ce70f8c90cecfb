//! The door over TCP, for those on other machines: encrypted, by token or by certificate. Nobody is known by their address.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::guard::{Guard, wants_numbers};
use super::sessions::{Entrance, Sessions};
use super::{is_verbs, reply};
use crate::control::{Desk, Kind, Problem, Role, Who};

/// Says whether a request may be answered that names this host, and if not, why.
pub type NamedHosts = Arc<dyn Fn(&Request) -> Result<(), String> + Send + Sync>;

/// Says whose certificate this is, which the handshake has found good.
pub type NamedClients = Arc<dyn Fn(&CertificateDer<'_>) -> Option<Certified> + Send + Sync>;

/// Somebody who asks by a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// The certificate's, and theirs.
    pub name: String,
    pub role: Role,
    /// They may have numbers shown whole.
    pub reveals: bool,
}

/// A way in.
pub struct Tcp {
    pub listener: TcpListener,
    /// `None` on loopback only. May be replaced at any time; new connections use it.
    pub tls: Option<Arc<ArcSwap<ServerConfig>>>,
    pub hosts: NamedHosts,
    pub clients: NamedClients,
}

/// Connections at the same time; whoever comes on top is not let in.
const MOST: usize = 64;
/// For the handshake, and for a request's header.
const PATIENCE: Duration = Duration::from_secs(10);
const MOST_FIELDS: usize = 64;
const MOST_HEADER_OCTETS: usize = 64 << 10;
/// After a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Tcp {
    /// Answers by these routes until it is dropped.
    pub async fn serve(&self, desk: Arc<Desk>, routes: axum::Router) {
        let entry = Arc::new(Entry {
            desk,
            hosts: Arc::clone(&self.hosts),
            guard: Arc::default(),
            sessions: Arc::new(Sessions::new(self.tls.is_some())),
        });
        let places = Arc::new(Semaphore::new(MOST));
        let mut at_work = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_) = at_work.join_next(), if !at_work.is_empty() => continue,
            };
            match (accepted, Arc::clone(&places).try_acquire_owned()) {
                (Ok((stream, from)), Ok(place)) => {
                    let tls = self.tls.as_ref().map(|tls| TlsAcceptor::from(tls.load_full()));
                    let (entry, routes, clients) = (Arc::clone(&entry), routes.clone(), Arc::clone(&self.clients));
                    at_work.spawn(async move {
                        talk((stream, from), (tls, clients), entry, routes).await;
                        drop(place);
                    });
                }
                (Ok(_), Err(_)) => {}
                (Err(_), _) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

async fn talk(
    (stream, from): (TcpStream, SocketAddr),
    (tls, clients): (Option<TlsAcceptor>, NamedClients),
    entry: Arc<Entry>,
    routes: axum::Router,
) {
    let admitting = |client: Option<Certified>| {
        let caller = Arc::new(Caller { from, client });
        let admit = move |request, next| {
            let (entry, caller) = (Arc::clone(&entry), Arc::clone(&caller));
            async move { entry.admit(&caller, request, next).await }
        };
        routes.layer(middleware::from_fn(admit))
    };
    match tls {
        None => answer_over(stream, admitting(None)).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(PATIENCE, tls.accept(stream)).await {
                let shown = stream.get_ref().1.peer_certificates();
                let client = shown.and_then(|chain| clients(chain.first()?));
                answer_over(stream, admitting(client)).await;
            }
        }
    }
}

async fn answer_over(stream: impl AsyncRead + AsyncWrite + Unpin, routes: axum::Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_headers(MOST_FIELDS)
        .max_buf_size(MOST_HEADER_OCTETS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    // Late or broken: it is over.
    let _ = connection.await;
}

/// Who is at the other end of a connection.
struct Caller {
    from: SocketAddr,
    /// By the certificate that they showed, when it is somebody's.
    client: Option<Certified>,
}

/// Who is let in.
struct Entry {
    desk: Arc<Desk>,
    hosts: NamedHosts,
    guard: Arc<Guard>,
    sessions: Arc<Sessions>,
}

impl Entry {
    async fn admit(&self, caller: &Caller, mut request: Request, next: Next) -> Response {
        let named = (self.hosts)(&request).map_err(|why| Problem::new(Kind::OtherHost, why));
        match named.and_then(|()| self.introduce(caller, &mut request)) {
            Ok(()) => next.run(request).await,
            Err(problem) => {
                let mut response = reply::refuse(&problem);
                if problem.kind == Kind::Unauthorized {
                    let bearer = HeaderValue::from_static("Bearer");
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
                }
                response
            }
        }
    }

    /// Who asks: a program by its token or its certificate, a person by their session. Pages are shown to nobody who has none: they decide what
    /// such a visitor sees.
    fn introduce(&self, caller: &Caller, request: &mut Request) -> Result<(), Problem> {
        let from = caller.from;
        if is_verbs(request.uri().path()) {
            let who = match &caller.client {
                Some(client) if !request.headers().contains_key(header::AUTHORIZATION) => {
                    by_certificate(client, from, request)?
                }
                _ => self.guard.who(&self.desk, from, request)?,
            };
            request.extensions_mut().insert(who);
            return Ok(());
        }
        if let Some(visitor) = self.sessions.visitor(&self.desk, from, request)? {
            request.extensions_mut().insert(visitor);
        }
        request.extensions_mut().insert(Entrance {
            sessions: Arc::clone(&self.sessions),
            guard: Arc::clone(&self.guard),
            from,
        });
        Ok(())
    }
}

/// A browser shows a certificate to whatever page makes it ask: what comes from a page is none of the person's own doing.
fn by_certificate(client: &Certified, from: SocketAddr, request: &Request) -> Result<Who, Problem> {
    let of_pages = ["origin", "sec-fetch-site"];
    if of_pages.iter().any(|name| request.headers().contains_key(*name)) {
        let detail = "a certificate is for programs: in a browser, log in with a token";
        return Err(Problem::new(Kind::Forbidden, detail));
    }
    let who = Who::new(client.name.as_str(), client.role, format!("certificate, {from}"));
    Ok(who.seeing(wants_numbers(request, (&client.name, client.reveals))?))
}
