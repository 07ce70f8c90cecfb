//! From a request of HTTP to a verb, and from its answer back.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Extension, RawPathParams, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};
use serde_json::{Map, Value};

use super::idempotency::{self, Keys};
use super::openapi::Document;
use super::query;
use super::reply::{json, refuse};
use crate::control::{Ask, Desk, Kind, Method, Problem, Who};

/// Verbs with their paths.
#[derive(Default)]
pub(super) struct Verbs {
    router: Router<Arc<Desk>>,
    document: Document,
}

impl Verbs {
    pub fn with<A: Ask>(mut self) -> Self {
        let handler: MethodRouter<Arc<Desk>> = match A::METHOD {
            Method::Get => get(answer::<A>),
            Method::Post => post(answer::<A>),
        };
        self.router = self.router.route(A::PATH, handler.fallback(other_method));
        self.document.add::<A>();
        self
    }

    pub fn document(self) -> Value {
        self.document.finish()
    }

    pub fn router(self, desk: Arc<Desk>) -> Router {
        let document = Bytes::from(self.document.finish().to_string());
        let openapi = async move || json(StatusCode::OK, "application/json", document.clone());
        let keys = Arc::new(Keys::default());
        self.router
            .route("/v1/openapi.json", get(openapi))
            .layer(middleware::from_fn_with_state(keys, idempotency::once))
            .with_state(desk)
    }
}

async fn answer<A: Ask>(
    State(desk): State<Arc<Desk>>,
    Extension(who): Extension<Who>,
    path: RawPathParams,
    request: Request,
) -> Response {
    // Who may not ask has no reason to send much.
    let most = if who.role >= A::ROLE { A::MOST_OCTETS } else { 1 << 10 };
    let asked = match read::<A>(&path, request, most).await {
        Ok(asked) => asked,
        // Who may not ask is told that, whatever they asked.
        Err(problem) => return refuse(&desk.admit::<A>(&who).err().unwrap_or(problem)),
    };
    match desk.tell(&who, asked).await {
        Ok(answer) => match serde_json::to_vec(&answer) {
            Ok(text) => json(StatusCode::OK, "application/json", text),
            Err(error) => refuse(&Problem::new(Kind::Internal, format!("a bug: {error}"))),
        },
        Err(problem) => refuse(&problem),
    }
}

async fn read<A: Ask>(path: &RawPathParams, request: Request, most: usize) -> Result<A, Problem> {
    let unreadable = |why: String| Problem::new(Kind::Unreadable, format!("{} is not asked like this: {why}", A::NAME));
    if A::METHOD == Method::Get {
        let query = request.uri().query().unwrap_or_default();
        let mut fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        fields.extend(path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        return query::read(fields).map_err(|error| unreadable(error.to_string()));
    }
    let body = to_bytes(request.into_body(), most).await;
    let body = body.map_err(|error| unreadable(format!("its body cannot be read: {error}")))?;
    let mut fields: Map<String, Value> = match body.is_empty() {
        true => Map::new(),
        false => serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))?,
    };
    for (name, value) in path {
        fields.insert(name.to_owned(), Value::from(value));
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| unreadable(error.to_string()))
}

async fn other_method(request: Request) -> Response {
    let detail = format!("{} is not asked by {}", request.uri().path(), request.method());
    let mut response = refuse(&Problem::new(Kind::NoSuchVerb, detail));
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}
