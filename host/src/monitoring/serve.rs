//! Connections in, each for one request, and none for long.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Names, Pages, routes};

/// What one visitor, and all of them, may cost.
#[derive(Clone, Copy, Debug)]
pub struct Visitors {
    /// Connections at the same time. Whoever comes on top is not let in.
    pub most: usize,
    /// From the connection to the end of the request's header.
    pub header: Duration,
    /// From the connection to the end of the answer.
    pub whole: Duration,
}

impl Default for Visitors {
    fn default() -> Self {
        Self {
            most: 32,
            header: Duration::from_secs(5),
            whole: Duration::from_secs(30),
        }
    }
}

/// Header fields of a request, and octets of its header: monitoring sends a tenth of it.
const MOST_FIELDS: usize = 64;
const MOST_OCTETS: usize = 16 << 10;

/// After a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers until it is dropped, and whoever is being answered with it.
pub async fn serve(listener: Arc<TcpListener>, pages: Arc<dyn Pages>, names: Names, visitors: Visitors) {
    let routes = routes(pages, names);
    let places = Arc::new(Semaphore::new(visitors.most));
    let mut at_work = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = at_work.join_next(), if !at_work.is_empty() => continue,
        };
        match (accepted, Arc::clone(&places).try_acquire_owned()) {
            (Ok((stream, _)), Ok(place)) => {
                at_work.spawn(answer(stream, routes.clone(), visitors, place));
            }
            // Closed at once: a descriptor that waits would be one less for SMTP.
            (Ok(_), Err(_)) => {}
            // For want of descriptors, mostly. Intake says so.
            (Err(_), _) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn answer(stream: TcpStream, routes: axum::Router, visitors: Visitors, place: OwnedSemaphorePermit) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(visitors.header)
        .keep_alive(false)
        .max_headers(MOST_FIELDS)
        .max_buf_size(MOST_OCTETS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    // Late, broken, or answered: it is over.
    let _ = timeout(visitors.whole, connection).await;
    drop(place);
}
