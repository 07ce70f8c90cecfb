//! What a running relay tells the programs that watch it, over HTTP: monitoring.
//!
//! Two pages, both read-only, both without a subscriber's number: `GET /metrics`, in the text format of OpenMetrics, and
//! `GET /health`. It listens where `[monitoring]` says, and nowhere when there is no such section. It knows nobody's
//! password: keep it on a loopback address, or behind something that does.
//!
//! What a visitor can cost is bounded: so many connections, so long for a request, so long for all of it, one request a
//! connection. SMTP never wants for a descriptor because of it. A page in somebody's browser must not read it under a name
//! that its owner points at us (DNS rebinding): the request has to name us by an address, `localhost`, or a name from the
//! configuration ([`Names`]).

mod names;
mod serve;

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

pub use names::Names;
pub use serve::{Visitors, serve};

/// What there is to tell. Asked at every request.
pub trait Pages: Send + Sync + 'static {
    /// All metrics, as OpenMetrics text. The error is for whoever asked.
    fn metrics(&self) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send + '_>>;
    /// How the relay is.
    fn health(&self) -> Health;
}

/// How the relay is, as a load balancer or a supervisor wants to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It takes messages: 200.
    Well,
    /// It takes no more, and finishes what is under way: 503.
    Draining,
    /// It does not do, or not fully, what it should: 503, with the reasons, one a line.
    Unwell(Vec<String>),
}

/// What Prometheus and its kin ask for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// On every answer: for no cache, no frame, no script, and nobody's guess at what it is.
const SAFE: [(header::HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; sandbox",
    ),
    (
        header::HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
];

fn routes(pages: Arc<dyn Pages>, names: Names) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        .with_state(pages)
        .layer(from_fn_with_state(Arc::new(names), guard))
}

/// In front of every page, and of what is no page.
async fn guard(State(names): State<Arc<Names>>, request: Request, next: Next) -> Response {
    let mut response = match names.admit(request.version(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    for (name, value) in SAFE {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn metrics(State(pages): State<Arc<dyn Pages>>) -> Response {
    match pages.metrics().await {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error + "\n").into_response(),
    }
}

async fn health(State(pages): State<Arc<dyn Pages>>) -> Response {
    match pages.health() {
        Health::Well => "well\n".into_response(),
        Health::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response(),
        Health::Unwell(reasons) => {
            let lines: String = reasons.iter().map(|reason| format!("{reason}\n")).collect();
            (StatusCode::SERVICE_UNAVAILABLE, format!("unwell\n{lines}")).into_response()
        }
    }
}
