//! The door over TCP, for those on other machines: encrypted, by token. Nobody is asked who they are by address.

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

use super::guard::Guard;
use super::sessions::{Entrance, Sessions};
use super::{is_verbs, reply};
use crate::control::{Desk, Kind, Problem};

/// Says whether a request may be answered that names this host, and if not, why.
pub type NamedHosts = Arc<dyn Fn(&Request) -> Result<(), String> + Send + Sync>;

/// A way in.
pub struct Tcp {
    pub listener: TcpListener,
    /// `None` on loopback only. May be replaced at any time; new connections use it.
    pub tls: Option<Arc<ArcSwap<ServerConfig>>>,
    pub hosts: NamedHosts,
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
                    let entry = Arc::clone(&entry);
                    let admit = move |request, next| {
                        let entry = Arc::clone(&entry);
                        async move { entry.admit(from, request, next).await }
                    };
                    let routes = routes.clone().layer(middleware::from_fn(admit));
                    let tls = self.tls.as_ref().map(|tls| TlsAcceptor::from(tls.load_full()));
                    at_work.spawn(async move {
                        talk(stream, tls, routes).await;
                        drop(place);
                    });
                }
                (Ok(_), Err(_)) => {}
                (Err(_), _) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

async fn talk(stream: TcpStream, tls: Option<TlsAcceptor>, routes: axum::Router) {
    match tls {
        None => answer_over(stream, routes).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(PATIENCE, tls.accept(stream)).await {
                answer_over(stream, routes).await;
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

/// Who is let in.
struct Entry {
    desk: Arc<Desk>,
    hosts: NamedHosts,
    guard: Arc<Guard>,
    sessions: Arc<Sessions>,
}

impl Entry {
    async fn admit(&self, from: SocketAddr, mut request: Request, next: Next) -> Response {
        let named = (self.hosts)(&request).map_err(|why| Problem::new(Kind::OtherHost, why));
        match named.and_then(|()| self.introduce(from, &mut request)) {
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

    /// Who asks: a program by its token, a person by their session. Pages are shown to nobody who has none: they decide what
    /// such a visitor sees.
    fn introduce(&self, from: SocketAddr, request: &mut Request) -> Result<(), Problem> {
        if is_verbs(request.uri().path()) {
            let who = self.guard.who(&self.desk, from, request)?;
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
