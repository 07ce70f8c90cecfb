//! Verbs about next hops: how each stands, pauses and drains.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits::{Limit, read_limits};
use super::relay::count;
use super::{Ask, Desk, Kind, Method, Problem, Role, When, Who, kept};
use crate::message::Timestamp;

/// A next hop, and how it stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub struct Peer {
    pub name: String,
    /// It is in the configuration. What waits for one that is not stays in the queue until the peer is added again.
    pub configured: bool,
    /// Set while an operator keeps the relay from sending to it.
    pub paused: Option<Pause>,
    /// Set while an operator wants it to be sent to no faster.
    pub limited: Option<Limit>,
    /// Set while none of its hosts accepts a session.
    pub down: Option<Down>,
    pub hosts_down: Vec<HostDown>,
    /// Attempts that have taken some time already.
    pub sending: Vec<Sending>,
    /// What sends to it or keeps a connection to it open, and outcomes that are being recorded. A drain is over at 0.
    pub under_way: u64,
    /// In the queue.
    pub waiting: u64,
    pub failed: u64,
    /// Since the relay started.
    pub delivered: u64,
    pub deferred: u64,
    pub given_up: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub struct Down {
    pub since: When,
    /// What the last host that was tried said, or why it said nothing.
    pub said: String,
    /// When the next message tries; `None` while one does.
    pub again: Option<When>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub struct HostDown {
    pub host: String,
    pub since: When,
    pub said: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub struct Sending {
    pub id: String,
    pub since: When,
    pub host: Option<String>,
    /// `answer to MAIL`.
    pub waits_for: String,
    pub waits_since: When,
}

/// A peer is sent nothing.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub struct Pause {
    pub since: When,
    /// When it ends by itself; `None`: when somebody resumes.
    pub until: Option<When>,
    pub reason: String,
    pub by: String,
    /// It is a drain: connections that wait for a message are closed, and what has not begun is left.
    #[serde(default)]
    pub drain: bool,
}

impl Pause {
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until.0 <= now)
    }
}

/// All next hops, and how they stand.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Peers {
    /// Only this one.
    pub peer: Option<String>,
    /// Do not count what lies in the queue, which takes a while when that is long: `waiting` and `failed` are 0 then.
    pub uncounted: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AllPeers {
    pub peers: Vec<Peer>,
}

impl Ask for Peers {
    type Answer = AllPeers;
    const NAME: &'static str = "peers";
    const ABOUT: &'static str =
        "How each next hop stands: up or down since when, what each host said, pauses, what waits";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/peers";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<AllPeers, Problem> {
        let depths = match self.uncounted {
            true => crate::spool::Depths::default(),
            false => desk.blocking(|store| Ok(store.depths()?)).await?,
        };
        let mut peers = desk.peers(&depths)?;
        if let Some(wanted) = &self.peer {
            let names: Vec<String> = peers.iter().map(|peer| peer.name.clone()).collect();
            peers.retain(|peer| peer.name == *wanted);
            if peers.is_empty() {
                return Err(Problem::unknown(Kind::UnknownPeer, "peer", wanted, &names));
            }
        }
        Ok(AllPeers { peers })
    }
}

/// Send a peer nothing for a while. What is being sent is sent to its end, messages for it are taken and wait, and none is
/// given up for its age meanwhile; expiry, which its sender set, is heeded. Survives a restart.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PausePeer {
    pub peer: String,
    /// For so many seconds; without it, until somebody resumes.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// For those who come after.
    pub reason: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PauseChanged {
    pub before: Option<Pause>,
    pub after: Option<Pause>,
}

impl Ask for PausePeer {
    type Answer = PauseChanged;
    const NAME: &'static str = "peer-pause";
    const ABOUT: &'static str = "Send a peer nothing for a while; what is for it waits";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/peers/{peer}/pause";
    const ROLE: Role = Role::Operator;

    async fn answer(self, desk: &Desk, who: &Who) -> Result<PauseChanged, Problem> {
        let pause = Pause::from_now(desk, who, (self.seconds, self.reason))?;
        desk.change_pause(&self.peer, Some(pause)).await
    }
}

impl Pause {
    fn from_now(desk: &Desk, who: &Who, (seconds, reason): (Option<u64>, String)) -> Result<Self, Problem> {
        if reason.trim().is_empty() {
            return Err(Problem::new(
                Kind::Unreadable,
                "what keeps a peer from its messages has a reason, for those who come after",
            ));
        }
        let now = desk.now();
        Ok(Self {
            since: now.into(),
            until: When::ends(now, seconds)?,
            reason,
            by: who.name.clone(),
            drain: false,
        })
    }
}

/// Bring a peer to rest, as before work on its hosts: as a pause, and connections to it that wait for a message are closed,
/// and messages that wait for their turn under a rate go back into the queue. What is being sent is sent to its end; the
/// peer is drained when its `under-way` is 0. Ends as a pause does. Survives a restart.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DrainPeer {
    pub peer: String,
    /// For so many seconds; without it, until somebody resumes.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// For those who come after.
    pub reason: String,
}

impl Ask for DrainPeer {
    type Answer = PauseChanged;
    const NAME: &'static str = "peer-drain";
    const ABOUT: &'static str = "Bring a peer to rest: begin nothing, close connections, let what is being sent end";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/peers/{peer}/drain";
    const ROLE: Role = Role::Operator;

    async fn answer(self, desk: &Desk, who: &Who) -> Result<PauseChanged, Problem> {
        let pause = Pause::from_now(desk, who, (self.seconds, self.reason))?;
        let drain = Pause { drain: true, ..pause };
        desk.change_pause(&self.peer, Some(drain)).await
    }
}

/// Send to a peer again, at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ResumePeer {
    pub peer: String,
}

impl Ask for ResumePeer {
    type Answer = PauseChanged;
    const NAME: &'static str = "peer-resume";
    const ABOUT: &'static str = "End a peer's pause";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/peers/{peer}/resume";
    const ROLE: Role = Role::Operator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<PauseChanged, Problem> {
        let changed = desk.change_pause(&self.peer, None).await?;
        match changed.before {
            Some(_) => Ok(changed),
            None => Err(Problem::new(Kind::WrongState, format!("{} is not paused", self.peer))),
        }
    }
}

impl Peer {
    /// Why a message for it waits whose time has come: messages are not tried one by one then.
    pub(super) fn why_messages_wait(&self) -> Option<String> {
        if let Some(pause) = &self.paused {
            let until = pause.until.map_or_else(String::new, |until| format!(" until {until}"));
            let (since, by, reason) = (pause.since, &pause.by, &pause.reason);
            let is = if pause.drain { "drained" } else { "paused" };
            return Some(format!("its peer is {is} since {since}{until} by {by}: {reason}"));
        }
        let Down { since, said, again } = self.down.as_ref()?;
        let again = again.map_or_else(
            || "a message tries it now".to_owned(),
            |at| format!("tried again at {at}"),
        );
        Some(format!("its peer is down since {since}; {again}: {said}"))
    }

    /// How it stands, in a word or two.
    pub fn state(&self) -> &'static str {
        match self {
            Self { configured: false, .. } => "not configured",
            Self {
                paused: Some(Pause { drain: true, .. }),
                under_way,
                ..
            } => match under_way {
                0 => "drained",
                _ => "draining",
            },
            Self { paused: Some(_), .. } => "paused",
            Self { down: Some(_), .. } => "down",
            Self { hosts_down, .. } if hosts_down.is_empty() => "up",
            _ => "up in part",
        }
    }

    pub(super) fn needs_a_look(&self) -> bool {
        let trouble =
            self.paused.is_some() || self.limited.is_some() || self.down.is_some() || !self.hosts_down.is_empty();
        trouble || self.waiting > 0 || self.failed > 0
    }
}

impl Desk {
    /// How peers stand now, without what lies in the store for them; nobody, when that cannot be known.
    pub(super) fn standings(&self) -> Vec<Peer> {
        self.peers(&crate::spool::Depths::default()).unwrap_or_default()
    }

    /// Everybody that something can be sent to, or that something lies in the queue for.
    pub(super) fn peers(&self, depths: &crate::spool::Depths) -> Result<Vec<Peer>, Problem> {
        let mut peers: BTreeMap<String, Peer> = BTreeMap::new();
        let known = self.known().unwrap_or_default().next_hops;
        let live = self.live.as_ref().map(|live| live.peers()).unwrap_or_default();
        let configured = known.iter().cloned().map(|name| Peer {
            name,
            ..Peer::default()
        });
        for peer in configured.chain(live) {
            peers.insert(peer.name.clone(), peer);
        }
        for (of, failed) in [(&depths.waiting, false), (&depths.failed, true)] {
            for (name, number) in of.iter().filter(|(_, number)| *number > 0) {
                let name = name.to_string();
                let peer = peers.entry(name.clone()).or_insert_with(|| Peer {
                    name,
                    ..Peer::default()
                });
                let place = if failed { &mut peer.failed } else { &mut peer.waiting };
                *place = count(*number);
            }
        }
        let now = self.now();
        for (name, pause) in read_pauses(&self.folder)? {
            if let Some(peer) = peers.get_mut(&name).filter(|_| !pause.is_over(now)) {
                peer.paused = Some(pause);
            }
        }
        for (name, limit) in read_limits(&self.folder)? {
            if let Some(peer) = peers.get_mut(&name).filter(|_| !limit.is_over(now)) {
                peer.limited = Some(limit);
            }
        }
        let configured = |peer: &mut Peer| peer.configured = known.contains(&peer.name);
        peers.values_mut().for_each(configured);
        // One that was removed, and has nothing here any more, is nobody's peer.
        let mut peers: Vec<Peer> = peers.into_values().collect();
        peers.retain(|peer| peer.configured || peer.waiting + peer.failed > 0 || !peer.sending.is_empty());
        Ok(peers)
    }

    async fn change_pause(&self, name: &str, after: Option<Pause>) -> Result<PauseChanged, Problem> {
        let peer = self.next_hop(name)?;
        let _turn = self.changing.lock().await;
        let mut pauses = read_pauses(&self.folder)?;
        let now = self.now();
        pauses.retain(|_, pause| !pause.is_over(now));
        let before = match &after {
            Some(pause) => pauses.insert(name.to_owned(), pause.clone()),
            None => pauses.remove(name),
        };
        kept::write(&self.folder, FILE, &pauses)?;
        if let Some(live) = &self.live {
            live.pause(&peer, after.as_ref());
        }
        Ok(PauseChanged { before, after })
    }
}

/// In the state folder.
const FILE: &str = "paused.json";

/// The pauses that were asked for, by peer; some may be over.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read_pauses(folder: &Path) -> std::io::Result<BTreeMap<String, Pause>> {
    kept::read(folder, FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_behind_a_peer_that_is_down_says_so_with_both_times() {
        let time = |text: &str| text.parse::<When>().unwrap();
        let mut peer = Peer {
            name: "b".into(),
            ..Peer::default()
        };
        assert_eq!(peer.why_messages_wait(), None);
        peer.down = Some(Down {
            since: time("2026-11-26T12:00:00Z"),
            said: "554 no".into(),
            again: Some(time("2026-11-26T12:10:00Z")),
        });
        assert_eq!(
            peer.why_messages_wait().as_deref(),
            Some("its peer is down since 2026-11-26T12:00:00Z; tried again at 2026-11-26T12:10:00Z: 554 no")
        );
    }
}
