//! Requests: whom they are from and for, and what came of them.

use askama::Template;

use super::frame::Frame;
use super::looking::{Looking, Page, show};
use crate::control::requests::{FindRequests, Request};

/// Of one page.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "requests.html")]
struct Found {
    frame: Frame,
    asked: FindRequests,
    requests: Vec<Request>,
    next: Option<String>,
    query: String,
    states: [&'static str; 3],
}

pub(super) async fn page(looking: Looking) -> Page {
    let asked: FindRequests = looking.question().await?;
    let limited = FindRequests {
        limit: Some(asked.limit.unwrap_or(ROWS).min(ROWS)),
        ..asked.clone()
    };
    let found = looking.ask(limited).await?;
    Ok(show(&Found {
        frame: looking.frame("Requests", "/requests").await,
        requests: found.requests,
        next: found.next,
        query: looking.query_of_all(),
        states: FindRequests::STATES,
        asked,
    }))
}

impl Found {
    fn text<'a>(&self, of: &'a Option<String>) -> &'a str {
        of.as_deref().unwrap_or_default()
    }

    fn is_asked(&self, state: &str) -> bool {
        self.asked.state.as_deref() == Some(state)
    }
}
