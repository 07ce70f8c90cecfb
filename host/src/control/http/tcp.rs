//! The door over TCP, for those on other machines: encrypted, by token. Nobody is asked who they are by address.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::{answer, routes};
use crate::control::{Desk, Kind, Problem, Who};
use crate::sync::lock;

/// Says whether a request may be answered that names this host, and if not, why.
pub type NamedHosts = Arc<dyn Fn(&Request) -> Result<(), String> + Send + Sync>;

/// A way in.
pub struct Tcp {
    pub listener: TcpListener,
    /// `None` on loopback only.
    pub tls: Option<TlsAcceptor>,
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

/// Bad tokens from one address within [`FORGIVEN`]; past that, good ones are not looked at either.
const MOST_BAD: u32 = 10;
const FORGIVEN: Duration = Duration::from_secs(60);
/// Addresses that are remembered.
const MOST_ADDRESSES: usize = 10_000;

/// Asks for numbers and messages to be shown whole, for this request.
const REVEAL: &str = "mm4relay-reveal";

#[derive(Default)]
struct Guard {
    bad: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Tcp {
    /// Answers until it is dropped.
    pub async fn serve(&self, desk: Arc<Desk>) {
        let (routes, guard) = (routes(Arc::clone(&desk)), Arc::<Guard>::default());
        let places = Arc::new(Semaphore::new(MOST));
        let mut at_work = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_) = at_work.join_next(), if !at_work.is_empty() => continue,
            };
            match (accepted, Arc::clone(&places).try_acquire_owned()) {
                (Ok((stream, from)), Ok(place)) => {
                    let (desk, guard, hosts) = (Arc::clone(&desk), Arc::clone(&guard), Arc::clone(&self.hosts));
                    let admit = move |request, next| {
                        let (desk, guard, hosts) = (Arc::clone(&desk), Arc::clone(&guard), Arc::clone(&hosts));
                        async move { admit(&desk, &guard, &hosts, from, request, next).await }
                    };
                    let (routes, tls) = (routes.clone().layer(middleware::from_fn(admit)), self.tls.clone());
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

async fn admit(
    desk: &Desk,
    guard: &Guard,
    hosts: &NamedHosts,
    from: SocketAddr,
    mut request: Request,
    next: Next,
) -> Response {
    match hosts(&request)
        .map_err(|why| Problem::new(Kind::OtherHost, why))
        .and_then(|()| guard.who(desk, from, &request))
    {
        Ok(who) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Err(problem) => {
            let mut response = answer::refuse(&problem);
            if problem.kind == Kind::Unauthorized {
                let bearer = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
            }
            response
        }
    }
}

impl Guard {
    fn who(&self, desk: &Desk, from: SocketAddr, request: &Request) -> Result<Who, Problem> {
        let address = from.ip();
        if self.is_shut_out(address) {
            let detail = "too many bad tokens from this address: wait a minute";
            return Err(Problem::new(Kind::TooManyTries, detail));
        }
        let shown = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|shown| shown.to_str().ok());
        let Some(token) = shown.and_then(|shown| shown.strip_prefix("Bearer ")) else {
            let detail = "a token is asked for: Authorization: Bearer mm4r_...";
            return Err(Problem::new(Kind::Unauthorized, detail));
        };
        let Some((name, token)) = desk.owner_of(token.trim())? else {
            self.note_bad(address);
            return Err(Problem::new(
                Kind::Unauthorized,
                "nobody has this token, or it is over or revoked",
            ));
        };
        let wants = request.headers().contains_key(REVEAL);
        if wants && !token.reveals {
            let detail = format!("{name} may not have numbers shown whole: that is a right of its own");
            return Err(Problem::new(Kind::Forbidden, detail));
        }
        Ok(Who::new(name, token.role, format!("token, {from}")).seeing(wants))
    }

    fn is_shut_out(&self, address: IpAddr) -> bool {
        let bad = lock(&self.bad);
        bad.get(&address)
            .is_some_and(|(times, since)| *times >= MOST_BAD && since.elapsed() < FORGIVEN)
    }

    fn note_bad(&self, address: IpAddr) {
        let mut bad = lock(&self.bad);
        if bad.len() >= MOST_ADDRESSES {
            bad.retain(|_, (_, since)| since.elapsed() < FORGIVEN);
        }
        let (times, since) = bad.entry(address).or_insert((0, Instant::now()));
        if since.elapsed() >= FORGIVEN {
            (*times, *since) = (0, Instant::now());
        }
        *times += 1;
        tracing::warn!(%address, event = "bad-token", "somebody asks at the door with a token that nobody has");
    }
}
