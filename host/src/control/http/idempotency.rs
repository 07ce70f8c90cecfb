//! `Idempotency-Key`: whoever does not hear an answer may ask again, and the change is made once.
//!
//! The answer to a change that came with a key is kept in memory, for a day or until a thousand others have come, and given
//! again to whoever asks the same with that key. A restart of the relay forgets them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::reply::refuse;
use crate::control::{Kind, Problem, Who};

/// Of the draft of the IETF's HTTPAPI group.
const HEADER: &str = "idempotency-key";

const KEPT: usize = 1000;
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
const LONGEST: usize = 255;
const MOST_OCTETS: usize = 1 << 20;

#[derive(Default)]
pub(super) struct Keys(Mutex<VecDeque<Used>>);

struct Used {
    /// Who asked, and the key.
    by: (String, String),
    /// The path and the body.
    asked: (String, Bytes),
    since: Instant,
    /// `None` while it is being answered.
    answer: Option<(StatusCode, HeaderValue, Bytes)>,
}

/// Lets a request through unless its key was used before.
pub(super) async fn once(State(keys): State<Arc<Keys>>, request: Request, next: Next) -> Response {
    let key = request.headers().get(HEADER).cloned();
    let Some(key) = key.filter(|_| request.method() == Method::POST) else {
        return next.run(request).await;
    };
    let key = match key.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= LONGEST => key.to_owned(),
        _ => return problem("an Idempotency-Key has 1 to 255 printable characters"),
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST_OCTETS).await else {
        return problem("the body cannot be read");
    };
    let who = parts
        .extensions
        .get::<Who>()
        .map(|who| who.name.clone())
        .unwrap_or_default();
    let (by, asked) = ((who, key), (parts.uri.path().to_owned(), body.clone()));
    if let Some(before) = keys.begin(&by, &asked) {
        return before;
    }
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    keys.end(&by, answer).await
}

impl Keys {
    /// What was answered before, or why nothing is now; `None` when the key is new.
    fn begin(&self, by: &(String, String), asked: &(String, Bytes)) -> Option<Response> {
        let mut used = self.lock();
        used.retain(|used| used.since.elapsed() < KEPT_FOR);
        let Some(before) = used.iter().find(|used| used.by == *by) else {
            if used.len() >= KEPT {
                used.pop_front();
            }
            used.push_back(Used {
                by: by.clone(),
                asked: asked.clone(),
                since: Instant::now(),
                answer: None,
            });
            return None;
        };
        Some(match &before.answer {
            _ if before.asked != *asked => problem("this key was used for another question"),
            None => problem("the first request with this key is being answered: ask again a little later"),
            Some((status, kind, text)) => {
                let kind = [(header::CONTENT_TYPE, kind.clone())];
                (*status, kind, text.clone()).into_response()
            }
        })
    }

    async fn end(&self, by: &(String, String), answer: Response) -> Response {
        let (parts, body) = answer.into_parts();
        let text = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let kind = parts.headers.get(header::CONTENT_TYPE).cloned();
        let mut used = self.lock();
        if let (Some(used), Some(kind)) = (used.iter_mut().find(|used| used.by == *by), kind) {
            used.answer = Some((parts.status, kind, text.clone()));
        }
        drop(used);
        Response::from_parts(parts, Body::from(text))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Used>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn problem(why: &str) -> Response {
    refuse(&Problem::new(Kind::IdempotencyKey, why))
}
