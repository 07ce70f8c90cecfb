//! Peers: how each stands, and sending one nothing, or less, for a while.

use askama::Template;
use axum::response::Response;

use super::form::Acting;
use super::frame::Frame;
use super::looking::{Looking, Page, Refused, show};
use super::words;
use crate::control::limits::{LimitPeer, UnlimitPeer};
use crate::control::peers::{DrainPeer, Pause, PausePeer, Peer, Peers, ResumePeer};

#[derive(Template)]
#[template(path = "peers.html")]
struct AllPeers {
    frame: Frame,
    peers: Vec<PeerCard>,
}

struct PeerCard {
    of: Peer,
    state: String,
    trouble: bool,
    /// What somebody should know, a line each.
    lines: Vec<String>,
    waiting: String,
    failed: String,
    delivered: String,
    query: String,
}

pub(super) async fn page(looking: Looking) -> Page {
    let asked: Peers = looking.question().await?;
    let peers = looking.ask(asked).await?.peers;
    Ok(show(&AllPeers {
        peers: peers.into_iter().map(PeerCard::of).collect(),
        frame: looking.frame("Peers", "/peers").await,
    }))
}

impl PeerCard {
    fn of(peer: Peer) -> Self {
        let state = peer.state();
        Self {
            state: state.to_owned(),
            trouble: state != "up",
            lines: lines(&peer),
            waiting: words::grouped(peer.waiting),
            failed: words::grouped(peer.failed),
            delivered: words::grouped(peer.delivered),
            query: words::encoded(&peer.name),
            of: peer,
        }
    }
}

fn lines(of: &Peer) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(Pause {
        since,
        until,
        reason,
        by,
        drain,
    }) = &of.paused
    {
        let until = until.map_or_else(|| "until somebody resumes".to_owned(), |until| format!("until {until}"));
        let is = match (drain, of.under_way) {
            (false, _) => "paused".to_owned(),
            (true, 0) => "drained".to_owned(),
            (true, left) => format!("being drained, {left} still under way,"),
        };
        lines.push(format!("{is} since {since}, {until}, by {by}: {reason}"));
    }
    if let Some(limit) = &of.limited {
        let until = limit.until.map_or_else(String::new, |until| format!(", until {until}"));
        lines.push(format!(
            "no more than {} since {}{until}, by {}: {}",
            limit.rate, limit.since, limit.by, limit.reason
        ));
    }
    if let Some(down) = &of.down {
        let again = down.again.map_or_else(
            || "a message tries it now".to_owned(),
            |at| format!("tried again at {at}"),
        );
        lines.push(format!("down since {}; {again}: {}", down.since, down.said));
    }
    let hosts = of.hosts_down.iter();
    lines.extend(hosts.map(|host| {
        format!(
            "host {} accepts no session since {}: {}",
            host.host, host.since, host.said
        )
    }));
    let sending = of.sending.iter();
    lines.extend(sending.map(|sending| {
        let host = sending.host.as_deref().unwrap_or("a host");
        format!(
            "{} is being sent since {}: {} from {host} since {}",
            sending.id, sending.since, sending.waits_for, sending.waits_since
        )
    }));
    lines
}

pub(super) async fn act(acting: Acting) -> Result<Response, Refused> {
    let form = &acting.form;
    let peer = form.text("peer").unwrap_or_default();
    let reason = form.text("reason").unwrap_or_default();
    let seconds = acting.read(form.seconds()).await?;
    let told = match form.text("act").unwrap_or_default().as_str() {
        "pause" => {
            let asked = PausePeer {
                peer: peer.clone(),
                seconds,
                reason,
            };
            acting.ask(asked).await?;
            format!("{peer} is sent nothing.")
        }
        "drain" => {
            let asked = DrainPeer {
                peer: peer.clone(),
                seconds,
                reason,
            };
            acting.ask(asked).await?;
            format!("{peer} is brought to rest: it is drained when its state says so.")
        }
        "resume" => {
            acting.ask(ResumePeer { peer: peer.clone() }).await?;
            format!("{peer} is sent to again.")
        }
        "limit" => {
            let rate = form.text("rate").unwrap_or_default();
            let told = format!("{peer} is sent no more than {rate}.");
            acting
                .ask(LimitPeer {
                    peer,
                    rate,
                    seconds,
                    reason,
                })
                .await?;
            told
        }
        "unlimit" => {
            acting.ask(UnlimitPeer { peer: peer.clone() }).await?;
            format!("{peer} is sent to as fast as the configuration says.")
        }
        other => return Err(acting.unknown(other).await),
    };
    Ok(acting.done(told))
}
