//! What happened to a message.

use askama::Template;
use axum::extract::Path;

use super::frame::Frame;
use super::group::Row;
use super::journey::{Journey, Refusal};
use super::looking::{Looking, Page, see_other, show};
use super::words;
use crate::control::queue::{Entry, Show, Shown};
use crate::control::trace::Trace;

#[derive(Template)]
#[template(path = "find.html")]
struct Find {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message {
    frame: Frame,
    id: String,
    journeys: Vec<Journey>,
    refused: Option<Refusal>,
    /// In the queue, all of it.
    queue: Vec<Row>,
    /// What no request is known of, as the queue knows it.
    shown: Vec<Shown>,
    /// Whose octets are still there.
    message: Option<String>,
    peers: Vec<String>,
    text: String,
}

/// With an id leads to its message; without shows where one is asked for.
pub(super) async fn find(looking: Looking) -> Page {
    let id = looking.field("id");
    let number = looking.field("number");
    if !id.is_empty() {
        return Ok(see_other(&format!("/message/{}", path_segment(&id))));
    }
    if !number.is_empty() {
        return Ok(see_other(&format!("/requests?number={}", words::encoded(&number))));
    }
    let frame = looking.frame("Message", "/message").await;
    Ok(show(&Find { frame }))
}

/// A slash in an id would end the segment.
fn path_segment(id: &str) -> String {
    words::encoded(id).replace('+', "%20")
}

pub(super) async fn page(Path(id): Path<String>, looking: Looking) -> Page {
    let traced = looking.ask(Trace { id: id.clone() }).await?;
    let now = looking.pages.desk.now();
    let journeys: Vec<Journey> = traced.requests.iter().map(Journey::of).collect();
    let mut message = traced.queue.first().map(|entry| entry.id.clone());
    let mut entries: Vec<Entry> = traced.queue;
    for journey in &journeys {
        for id in &journey.queue {
            message.get_or_insert_with(|| id.clone());
            entries.extend(looking.entry(id).await);
        }
    }
    let shown = match (
        journeys.is_empty(),
        entries.first().and_then(|entry| entry.id.parse().ok()),
    ) {
        (true, Some(id)) => looking.ask(Show { id }).await?.entries,
        _ => Vec::new(),
    };
    Ok(show(&Message {
        refused: traced.refused.as_ref().map(Refusal::of),
        queue: entries.iter().map(|entry| Row::of(entry, now)).collect(),
        message: message.map(|id| id.split('-').next().unwrap_or_default().to_owned()),
        peers: looking.next_hops().await?,
        frame: looking.frame("Message", "/message").await,
        text: traced.text,
        journeys,
        shown,
        id,
    }))
}

impl Looking {
    /// An entry as the queue lists it; `None` when it has left meanwhile.
    async fn entry(&self, id: &str) -> Option<Entry> {
        let id = id.parse().ok()?;
        let shown = self.try_ask(&self.visitor.who, Show { id }).await.ok()?;
        shown.entries.into_iter().next().map(|shown| shown.entry)
    }
}
