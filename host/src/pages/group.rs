//! Messages in the queue, a page of them at a time, and what can be done to them.

use askama::Template;

use super::frame::Frame;
use super::looking::{Looking, Page, show};
use super::words;
use crate::control::queue::{Entry, List};

/// Of one page.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "group.html")]
struct Listed {
    frame: Frame,
    /// What is listed, in words.
    about: Vec<(&'static str, String)>,
    entries: Vec<Row>,
    next: Option<String>,
    /// Without where it goes on: for the whole group.
    query: String,
    peers: Vec<String>,
}

/// An entry of the queue.
pub(super) struct Row {
    pub id: String,
    /// Its message.
    pub message: String,
    pub state: String,
    pub peer: String,
    pub source: String,
    pub from: String,
    pub to: String,
    pub octets: String,
    pub attempts: u32,
    pub age: String,
    pub due: String,
    pub why: Vec<String>,
}

pub(super) async fn page(looking: Looking) -> Page {
    let asked: List = looking.question().await?;
    let most = asked.limit.unwrap_or(ROWS).min(ROWS);
    let limited = List {
        limit: Some(most),
        ..asked.clone()
    };
    let found = looking.ask(limited).await?;
    let now = looking.pages.desk.now();
    Ok(show(&Listed {
        about: about(&asked),
        entries: found.entries.iter().map(|entry| Row::of(entry, now)).collect(),
        next: found.next,
        query: looking.query_of_all(),
        peers: looking.next_hops().await?,
        frame: looking.frame("Messages in the queue", "/queue").await,
    }))
}

fn about(of: &List) -> Vec<(&'static str, String)> {
    let reason = of.alike.as_ref().map(|alike| match alike.as_str() {
        "" => "none yet".to_owned(),
        alike => alike.to_owned(),
    });
    let all = [
        ("state", of.state.clone()),
        ("peer", of.peer.clone()),
        ("reason", reason),
        ("words of the reason", of.reason.clone()),
        ("came from", of.source.clone()),
        ("number", of.number.clone()),
        ("recipient", of.to.clone()),
        ("held by", of.plugin.clone()),
        ("received since", of.since.map(|at| at.to_string())),
        ("received before", of.before.map(|at| at.to_string())),
    ];
    all.into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

impl Row {
    pub fn of(entry: &Entry, now: crate::message::Timestamp) -> Self {
        let holders = entry.held_by.iter().filter(|_| entry.state == "held");
        let holders = holders.map(|holder| format!("held by {}", holder.text));
        let why = entry.reason.iter().chain(&entry.waits_because).cloned();
        let relay = entry
            .worked_on_by
            .iter()
            .map(|relay| format!("relay {relay} works on it"));
        let message = entry.id.split('-').next().unwrap_or_default();
        Self {
            message: message.to_owned(),
            id: entry.id.clone(),
            state: entry.state.clone(),
            peer: entry.peer.clone().unwrap_or_else(|| "-".to_owned()),
            source: entry.source.clone(),
            from: entry.from.clone().unwrap_or_else(|| "<>".to_owned()),
            to: entry.to.join(", "),
            octets: words::octets(entry.octets),
            attempts: entry.attempts,
            age: words::span(now.since(entry.received_at.0)),
            due: entry.due.map(|due| due.to_string()).unwrap_or_default(),
            why: why.chain(holders).chain(relay).collect(),
        }
    }
}
