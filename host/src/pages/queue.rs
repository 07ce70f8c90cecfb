//! What is stuck and why, and what is done about it.

use askama::Template;
use axum::response::Response;

use super::form::{Acting, Form};
use super::frame::Frame;
use super::looking::{Looking, Page, Refused, show};
use super::words;
use crate::control::http::read_query;
use crate::control::peers::Peers;
use crate::control::queue::{AllGroups, Drop, Group, Groups, KeepBack, List, Named, Release, Reroute, Retry};
use crate::control::{Kind, Problem};

#[derive(Template)]
#[template(path = "queue.html")]
struct Stuck {
    frame: Frame,
    groups: Vec<GroupRow>,
    looked_at: String,
    next: Option<String>,
    peers: Vec<String>,
}

struct GroupRow {
    entries: String,
    state: String,
    peer: Option<String>,
    plugins: String,
    why: String,
    oldest: String,
    /// What lists them.
    query: String,
}

pub(super) async fn page(looking: Looking) -> Page {
    let asked: Groups = looking.question().await?;
    let AllGroups {
        groups,
        looked_at,
        next,
    } = looking.ask(asked).await?;
    let now = looking.pages.desk.now();
    let row = |group: Group| GroupRow {
        entries: words::grouped(group.entries),
        query: query_of(&group),
        why: why(&group),
        oldest: words::span(now.since(group.oldest.0)),
        plugins: group.plugins.join(", "),
        state: group.state,
        peer: group.peer,
    };
    Ok(show(&Stuck {
        groups: groups.into_iter().map(row).collect(),
        looked_at: words::grouped(looked_at),
        next,
        peers: looking.next_hops().await?,
        frame: looking.frame("Stuck and why", "/queue").await,
    }))
}

fn why(of: &Group) -> String {
    let reason = of.for_example.as_ref().filter(|_| of.entries == 1).unwrap_or(&of.alike);
    match (&of.waits_because, reason.as_str()) {
        (Some(because), "") => because.clone(),
        (Some(because), reason) => format!("{reason}; {because}"),
        (None, "") if of.state == "waiting" => "waits for its first attempt".to_owned(),
        (None, reason) => reason.to_owned(),
    }
}

fn query_of(group: &Group) -> String {
    let mut query = format!(
        "state={}&alike={}",
        words::encoded(&group.state),
        words::encoded(&group.alike)
    );
    if let Some(peer) = &group.peer {
        query += &format!("&peer={}", words::encoded(peer));
    }
    query
}

impl Looking {
    /// Everybody who can be sent to: names, which are no look at anything.
    pub async fn next_hops(&self) -> Result<Vec<String>, Refused> {
        let uncounted = Peers {
            uncounted: true,
            ..Peers::default()
        };
        let peers = match self.try_ask(&self.visitor.unseeing(), uncounted).await {
            Ok(all) => all.peers.into_iter(),
            Err(problem) => return Err(self.refused(&problem).await),
        };
        Ok(peers.filter(|peer| peer.configured).map(|peer| peer.name).collect())
    }
}

/// Messages that one press of a button reaches, and those that one verb is asked about: between two the store does other work.
const MOST_AT_ONCE: usize = 10_000;
const OF_ONE_VERB: usize = 1000;

pub(super) async fn act(acting: Acting) -> Result<Response, Refused> {
    let (ids, more) = acting.chosen().await?;
    let act = acting.form.text("act").unwrap_or_default();
    let mut done = Done::default();
    for ids in ids.chunks(OF_ONE_VERB) {
        acting.make(&act, ids.to_vec(), &mut done).await?;
    }
    let more = if more {
        "; there are more of the group: press again for the next ones"
    } else {
        ""
    };
    let others = match done.others {
        0 => String::new(),
        others => format!("; {} could not be", words::grouped(others)),
    };
    let (number, what) = (words::grouped(done.number), done.what);
    Ok(acting.done(format!("{number} {what}{others}{more}.")))
}

/// What has come of a button so far.
#[derive(Default)]
struct Done {
    number: u64,
    what: &'static str,
    others: u64,
}

impl Acting {
    /// The messages that a button is about, and whether there are more.
    async fn chosen(&self) -> Result<(Vec<Named>, bool), Refused> {
        if self.form.text("which").as_deref() != Some("group") {
            let ids = self.read(some(&self.form)).await?;
            return Ok((ids, false));
        }
        let query = self.form.text("query").unwrap_or_default();
        let fields = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut list: List = self.read(read_query(fields)).await?;
        (list.limit, list.after) = (Some(List::MOST), None);
        let mut ids = Vec::new();
        loop {
            let page = self.ask(list.clone()).await?;
            let found = page.entries.iter().map(|entry| entry.id.parse::<Named>());
            ids.extend(found.flatten());
            let Some(next) = page.next.and_then(|next| next.parse().ok()) else {
                return Ok((ids, false));
            };
            if ids.len() >= MOST_AT_ONCE {
                return Ok((ids, true));
            }
            list.after = Some(next);
        }
    }

    async fn make(&self, act: &str, ids: Vec<Named>, done: &mut Done) -> Result<(), Refused> {
        let (number, what, others) = match act {
            "retry" => {
                let asked = Retry {
                    ids,
                    ..Retry::default()
                };
                (self.ask(asked).await?.retried, "will be tried again now", 0)
            }
            "release" => {
                let past = self
                    .form
                    .all("past")
                    .into_iter()
                    .filter(|name| !name.is_empty())
                    .collect();
                let asked = Release {
                    ids,
                    past,
                    ..Release::default()
                };
                let released = self.ask(asked).await?;
                (released.released, "released", released.not_held.len())
            }
            "drop" => {
                self.read(sure(&self.form)).await?;
                (self.ask(Drop { ids }).await?.dropped, "dropped", 0)
            }
            "hold" => {
                let reason = self.form.text("reason").unwrap_or_default();
                let kept = self.ask(KeepBack { ids, reason }).await?;
                (kept.held, "held", kept.not_waiting.len())
            }
            "reroute" => {
                let to = self.form.text("to").unwrap_or_default();
                let asked = Reroute {
                    ids,
                    to,
                    ..Reroute::default()
                };
                (self.ask(asked).await?.rerouted, "sent to the other peer instead", 0)
            }
            other => return Err(self.unknown(other).await),
        };
        done.number += number;
        done.others += others as u64;
        done.what = what;
        Ok(())
    }
}

fn some(form: &Form) -> Result<Vec<Named>, Problem> {
    match form.ids()? {
        ids if ids.is_empty() => Err(Problem::new(
            Kind::Unreadable,
            "no message is chosen: tick some, or choose the whole group",
        )),
        ids => Ok(ids),
    }
}

fn sure(form: &Form) -> Result<(), Problem> {
    match form.text("sure") {
        Some(_) => Ok(()),
        None => Err(Problem::new(
            Kind::Unreadable,
            "what is dropped is lost: tick the box beside the button",
        )),
    }
}
