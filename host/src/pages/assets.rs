//! The style sheet, the script and the icon: in the program, so that no page asks anybody else.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const STYLES: &str = include_str!("../../templates/console.css");
const SCRIPT: &str = include_str!("../../templates/console.js");
const ICON: &str = include_str!("../../templates/icon.svg");

/// Names of files change with what is in them: a browser may keep them for good.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

pub(super) fn routes() -> Router {
    Router::new()
        .route(&styles(), get(async || file("text/css; charset=utf-8", STYLES)))
        .route(&script(), get(async || file("text/javascript; charset=utf-8", SCRIPT)))
        .route(&icon(), get(async || file("image/svg+xml", ICON)))
}

pub(super) fn styles() -> String {
    path("console", "css", STYLES)
}

pub(super) fn script() -> String {
    path("console", "js", SCRIPT)
}

pub(super) fn icon() -> String {
    path("icon", "svg", ICON)
}

fn path(name: &str, kind: &str, text: &str) -> String {
    format!("/assets/{name}-{:08x}.{kind}", crc32fast::hash(text.as_bytes()))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, FOR_GOOD),
    ];
    (headers, text).into_response()
}
