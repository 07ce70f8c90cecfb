//! Is all well: traffic, times, the queue, plug-ins, the disk and alarms, as they are now.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::chart::{self, HEIGHT};
use super::frame::Frame;
use super::looking::{Looking, Page, Refused, show};
use super::recent::{Drawn, DrawnPeer, SECONDS};
use super::{took, words};
use crate::control::alarms::{Alarms, RaisedAlarm};
use crate::control::peers::{Peer, Peers};
use crate::control::plugins::{PlugInAtWork, PlugIns};
use crate::control::queue::List;
use crate::control::relay::{Depths, Status};
use crate::control::{Role, When, Who};

/// What lies in the queue, for everybody who looks: counting it takes a while when that is long.
#[derive(Default)]
pub(super) struct Counted(Mutex<Option<Count>>);

#[derive(Clone)]
struct Count {
    at: Instant,
    took: Duration,
    depths: Depths,
    unwell: Vec<String>,
    draining: bool,
    oldest: Option<When>,
}

/// Counted no more often than this, and for no more than a twentieth of the time.
const COUNT_EVERY: Duration = Duration::from_secs(2);
const COUNT_SHARE: u32 = 20;
/// Peers of which a line is drawn each: the busiest.
const LINES: usize = 24;
/// Seconds in each step of such a line.
const STEP: usize = 5;

#[derive(Template)]
#[template(path = "well.html")]
struct Well {
    frame: Frame,
    live: Live,
}

/// The part of the page that is fetched again each second.
#[derive(Template)]
#[template(path = "live.html")]
struct Live {
    now: When,
    unwell: Vec<String>,
    draining: bool,
    alarms: Vec<RaisedAlarm>,
    tiles: Vec<Tile>,
    traffic: Chart,
    times: Chart,
    peers: Vec<PeerRow>,
    plugins: Vec<PlugInRow>,
}

struct Tile {
    name: &'static str,
    value: String,
    /// Where it is looked into.
    href: &'static str,
    /// Somebody should.
    trouble: bool,
}

/// Two lines over the last minutes.
struct Chart {
    title: &'static str,
    /// What it shows, in words.
    about: String,
    top: String,
    width: usize,
    height: u32,
    area: String,
    first: String,
    second: String,
    first_name: &'static str,
    second_name: &'static str,
}

struct PeerRow {
    name: String,
    state: &'static str,
    trouble: bool,
    came: String,
    went: String,
    median: String,
    slow: String,
    refused: String,
    deferred: String,
    given_up: String,
    line: Option<(String, String, usize)>,
}

struct PlugInRow {
    name: String,
    version: String,
    state: String,
    trouble: bool,
    calls: String,
    verdicts: String,
    failures: String,
}

pub(super) async fn page(looking: Looking) -> Page {
    let live = looking.live().await?;
    let frame = looking.frame("Is all well", "/").await;
    Ok(show(&Well { frame, live }))
}

pub(super) async fn live(looking: Looking) -> Result<Response, Refused> {
    Ok(show(&looking.live().await?))
}

impl Looking {
    async fn live(&self) -> Result<Live, Refused> {
        match self.try_live().await {
            Ok(live) => Ok(live),
            Err(problem) => Err(self.refused(&problem).await),
        }
    }

    async fn try_live(&self) -> Result<Live, crate::control::Problem> {
        let who = self.visitor.unseeing();
        let count = self.count().await?;
        let uncounted = Peers {
            uncounted: true,
            ..Peers::default()
        };
        let peers = self.try_ask(&who, uncounted).await?.peers;
        let plugins = self.try_ask(&who, PlugIns {}).await?.plugins;
        let alarms = self.try_ask(&who, Alarms {}).await?.alarms;
        let drawn = self.pages.recent.drawn();
        let now = self.pages.desk.now();
        Ok(Live {
            now: now.into(),
            tiles: tiles(&count, &drawn, now, alarms.len()),
            traffic: traffic(&drawn),
            times: times(&drawn),
            peers: rows(&drawn, &peers),
            plugins: plugins.iter().map(PlugInRow::of).collect(),
            unwell: count.unwell,
            draining: count.draining,
            alarms,
        })
    }

    async fn count(&self) -> Result<Count, crate::control::Problem> {
        let mut counted = self.pages.counted.0.lock().await;
        if let Some(count) = &*counted
            && count.at.elapsed() < COUNT_EVERY.max(count.took * COUNT_SHARE)
        {
            return Ok(count.clone());
        }
        let begun = Instant::now();
        // What all are shown has nobody's numbers in it.
        let who = Who::new("mm4relay", Role::Viewer, "the console");
        let state = self.try_ask(&who, Status {}).await?;
        let first = List {
            state: Some("waiting".to_owned()),
            limit: Some(1),
            ..List::default()
        };
        let oldest = self.try_ask(&who, first).await?.entries;
        let running = state.running;
        let count = Count {
            at: Instant::now(),
            took: begun.elapsed(),
            depths: state.queue,
            draining: running.as_ref().is_some_and(|running| running.draining),
            unwell: running.map(|running| running.unwell).unwrap_or_default(),
            oldest: oldest.first().map(|entry| entry.received_at),
        };
        *counted = Some(count.clone());
        Ok(count)
    }
}

impl Live {
    fn charts(&self) -> [&Chart; 2] {
        [&self.traffic, &self.times]
    }

    /// Peers and plug-ins that are not as usual, for which no alarm need be raised.
    fn troubled(&self) -> usize {
        let peers = self.peers.iter().filter(|peer| peer.trouble).count();
        peers + self.plugins.iter().filter(|plugin| plugin.trouble).count()
    }
}

fn tiles(count: &Count, drawn: &Drawn, now: crate::message::Timestamp, alarms: usize) -> Vec<Tile> {
    let tile = |name, value, href, trouble| Tile {
        name,
        value,
        href,
        trouble,
    };
    let rate = |of: fn(&DrawnPeer) -> f64| {
        let all: f64 = drawn.peers.iter().map(of).sum();
        format!("{all:.1}/s")
    };
    let oldest = count.oldest.map(|oldest| now.since(oldest.0));
    let oldest = oldest.map_or_else(|| "-".to_owned(), words::span);
    let Depths {
        waiting,
        failed,
        held,
        requests,
        ..
    } = count.depths;
    let median = took::shown(&drawn.bounds, &drawn.took, 50);
    let slow = took::shown(&drawn.bounds, &drawn.took, 95);
    let disk = drawn.disk_free.map_or_else(|| "-".to_owned(), words::octets);
    vec![
        tile("alarms", alarms.to_string(), "/alarms", alarms > 0),
        tile("come in", rate(|peer| peer.came_rate), "#peers", false),
        tile("delivered", rate(|peer| peer.went_rate), "#peers", false),
        tile("half delivered in", median, "#times", false),
        tile("95 of 100 in", slow, "#times", false),
        tile("waiting", words::grouped(waiting), "/queue", false),
        tile("oldest waits for", oldest, "/queue", false),
        tile("given up", words::grouped(failed), "/queue", failed > 0),
        tile("held", words::grouped(held), "/queue", held > 0),
        tile("requests remembered", words::grouped(requests), "/requests", false),
        tile("disk free", disk, "/alarms", false),
    ]
}

fn traffic(drawn: &Drawn) -> Chart {
    let top = chart::top(drawn.came.iter().chain(&drawn.went).copied());
    let sum = |of: &[u32]| words::grouped(of.iter().map(|value| u64::from(*value)).sum());
    Chart {
        title: "Messages a second",
        about: format!(
            "In the last five minutes {} messages came in and {} were delivered, at the most {top} in a second.",
            sum(&drawn.came),
            sum(&drawn.went)
        ),
        top: words::grouped(top.into()),
        width: SECONDS - 1,
        height: HEIGHT,
        area: chart::area(&drawn.came, top),
        first: chart::line(&drawn.came, top),
        second: chart::line(&drawn.went, top),
        first_name: "come in",
        second_name: "delivered",
    }
}

fn times(drawn: &Drawn) -> Chart {
    let top = chart::top(drawn.slow.iter().copied());
    let (median, slow) = (
        took::shown(&drawn.bounds, &drawn.took, 50),
        took::shown(&drawn.bounds, &drawn.took, 95),
    );
    Chart {
        title: "Time from receipt to delivery",
        about: format!("In the last five minutes half of all deliveries took {median}, and 95 of a hundred {slow}."),
        top: words::millis(top.into()),
        width: drawn.slow.len().saturating_sub(1),
        height: HEIGHT,
        area: chart::area(&drawn.median, top),
        first: chart::line(&drawn.median, top),
        second: chart::line(&drawn.slow, top),
        first_name: "half of them",
        second_name: "95 of 100",
    }
}

/// Everybody who sends or is sent to; the busiest have a line.
fn rows(drawn: &Drawn, peers: &[Peer]) -> Vec<PeerRow> {
    let mut busy: Vec<u64> = drawn.peers.iter().map(busyness).collect();
    busy.sort_unstable_by(|a, b| b.cmp(a));
    let enough = busy.get(LINES).copied().unwrap_or_default();
    let seen = drawn.peers.iter().map(|peer| {
        let standing = peers.iter().find(|known| known.name == peer.since_start.name);
        PeerRow::of(
            peer,
            standing,
            &drawn.bounds,
            busyness(peer) > 0 && busyness(peer) >= enough,
        )
    });
    let mut rows: Vec<PeerRow> = seen.collect();
    for peer in peers {
        if !rows.iter().any(|row| row.name == peer.name) {
            let (state, trouble) = state(Some(peer));
            rows.push(PeerRow::quiet(&peer.name, state, trouble));
        }
    }
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    rows
}

fn busyness(of: &DrawnPeer) -> u64 {
    of.came.iter().chain(&of.went).map(|value| u64::from(*value)).sum()
}

fn state(of: Option<&Peer>) -> (&'static str, bool) {
    match of {
        None => ("sends only", false),
        Some(peer) => match peer.state() {
            "up" if peer.limited.is_some() => ("up, limited", false),
            state => (state, state != "up"),
        },
    }
}

impl PeerRow {
    fn quiet(name: &str, state: &'static str, trouble: bool) -> Self {
        let none = || "0".to_owned();
        Self {
            name: name.to_owned(),
            state,
            trouble,
            came: "0.0".to_owned(),
            went: "0.0".to_owned(),
            median: "-".to_owned(),
            slow: "-".to_owned(),
            refused: none(),
            deferred: none(),
            given_up: none(),
            line: None,
        }
    }

    fn of(peer: &DrawnPeer, standing: Option<&Peer>, bounds: &[u64], has_line: bool) -> Self {
        let counts = &peer.since_start;
        let (state, trouble) = state(standing);
        let (came, went) = (chart::coarser(&peer.came, STEP), chart::coarser(&peer.went, STEP));
        let top = chart::top(came.iter().chain(&went).copied());
        let line = has_line.then(|| {
            (
                chart::line(&came, top),
                chart::line(&went, top),
                came.len().saturating_sub(1),
            )
        });
        Self {
            came: format!("{:.1}", peer.came_rate),
            went: format!("{:.1}", peer.went_rate),
            median: took::shown(bounds, &peer.took, 50),
            slow: took::shown(bounds, &peer.took, 95),
            refused: words::grouped(counts.refused + counts.put_off),
            deferred: words::grouped(counts.deferred),
            given_up: words::grouped(counts.given_up),
            line,
            ..Self::quiet(&counts.name, state, trouble)
        }
    }
}

impl PlugInRow {
    fn of(plugin: &PlugInAtWork) -> Self {
        let counted = |of: &std::collections::BTreeMap<String, u64>| {
            let some = of.iter().filter(|(_, number)| **number > 0);
            let some: Vec<String> = some
                .map(|(what, number)| format!("{what} {}", words::grouped(*number)))
                .collect();
            some.join(", ")
        };
        let calls: u64 = plugin.verdicts.values().chain(plugin.failures.values()).sum();
        let open = plugin.breaker != "closed" || !plugin.breaker_of_peers.is_empty();
        let state = match (&plugin.off, open) {
            (Some(_), _) => "switched off".to_owned(),
            (None, true) => format!("breaker {}", plugin.breaker),
            (None, false) => "at work".to_owned(),
        };
        Self {
            name: plugin.name.clone(),
            version: plugin.version.clone(),
            trouble: open || plugin.off.is_some(),
            state,
            calls: words::grouped(calls),
            verdicts: counted(&plugin.verdicts),
            failures: counted(&plugin.failures),
        }
    }
}
