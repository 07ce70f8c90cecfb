//! The console: what a running relay tells those who look after it, over HTTP.
//!
//! Two pages, both read-only, both without a subscriber's number: `GET /metrics`, in the text format of OpenMetrics, and
//! `GET /health`. It listens where `[console]` says, and nowhere when there is no such section. It knows nobody's
//! password: keep it on a loopback address, or behind something that does.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

/// What there is to tell. Asked at every request.
pub trait Pages: Send + Sync + 'static {
    /// All metrics, as OpenMetrics text. The error is for whoever asked.
    fn metrics(&self) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send + '_>>;
    /// How the relay is.
    fn health(&self) -> Health;
}

/// How the relay is, as a load balancer or a supervisor wants to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It takes messages: 200.
    Well,
    /// It takes no more, and finishes what is under way: 503.
    Draining,
}

/// What Prometheus and its kin ask for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers until it is dropped.
///
/// # Errors
/// The listener failed for good.
pub async fn serve(listener: TcpListener, pages: Arc<dyn Pages>) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        .with_state(pages);
    axum::serve(listener, routes).await
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
    }
}
