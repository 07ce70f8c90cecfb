//! One attempt at one message: host after host, until one of them gives an answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::Peer;
use crate::delivery::PeerOptions;
use crate::delivery::fate::{Answer, Fate, Verdict};
use crate::delivery::greet::Unreachable;
use crate::delivery::hosts::{self, NoHosts};
use crate::delivery::running::Running;
use crate::delivery::session::{Failure, How, Sent, Session};
use crate::delivery::settle::{Attempt, Withheld};
use crate::delivery::worker::Connection;
use crate::message::Outgoing;
use crate::spool::Leased;

/// How long a peer that refused one more session is not asked for another.
const CROWDED_FOR: Duration = Duration::from_secs(60);

/// A session that brought no answer.
enum Lost {
    How(Option<How>, Answer),
    NotOurs,
}

/// The result of trying the hosts.
#[derive(Default)]
struct Met {
    /// At least one host talked to us, and lost the message on the way.
    talked: bool,
    /// At least one host closed an open session with 421.
    closed: bool,
}

/// Counts a session that is being opened. The count ends when this is dropped, also by a panic.
struct Opening<'a> {
    peer: &'a Peer,
    ended: bool,
}

impl<'a> Opening<'a> {
    fn begin(peer: &'a Peer) -> Self {
        peer.queue().reach.opening();
        Self { peer, ended: false }
    }

    /// Ends the count. Returns whether the peer is reachable again.
    fn ended(mut self, is_open: bool) -> bool {
        self.ended = true;
        self.peer.queue().reach.opened(is_open)
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.peer.queue().reach.opened(false);
        }
    }
}

impl Peer {
    /// One attempt at one message.
    pub async fn attempt(
        self: &Arc<Self>,
        outgoing: &Outgoing,
        session: &mut Option<Connection>,
        running: &Arc<Running>,
    ) -> Result<Attempt, Withheld> {
        if self.clock.now() >= self.over_at(outgoing) {
            return Ok(Attempt::none(outgoing));
        }
        let wanted = self.doubts.host_of(outgoing.id, |host| self.hosts.load().may_be(host));
        if let Some(open) = session.take()
            && wanted.as_ref().is_none_or(|host| *host == open.session.host)
        {
            match self.send(outgoing, open, session, running).await {
                Ok(attempt) => return Ok(attempt),
                Err(Lost::NotOurs) => return Err(Withheld::NotOurs),
                Err(Lost::How(..)) => {}
            }
        }
        self.attempt_hosts(outgoing, wanted, session, running).await
    }

    /// Tries host after host on new connections, until one gives an answer. A host that accepts no session decides
    /// nothing about the message, whatever its code. When none accepts a session, the peer is down.
    async fn attempt_hosts(
        self: &Arc<Self>,
        outgoing: &Outgoing,
        wanted: Option<String>,
        keep: &mut Option<Connection>,
        running: &Arc<Running>,
    ) -> Result<Attempt, Withheld> {
        let options = self.options();
        let hosts = self.hosts(&options, wanted.as_deref()).await;
        self.standing
            .hosts_known(hosts.as_ref().map(drop).map_err(|(_, why)| why));
        let mut last = (None, Answer::ours("the peer has no hosts"));
        let hosts = match hosts {
            Ok(hosts) => hosts,
            Err((Verdict::Never, answer)) => {
                return Ok(Attempt::all(None, &outgoing.envelope, Verdict::Never, &answer));
            }
            Err((_, answer)) => {
                last.1 = answer;
                Vec::new()
            }
        };
        let mut met = Met::default();
        for host in &hosts {
            let lost = match self.open(host, &options, running).await {
                Ok(open) => self.send(outgoing, open, keep, running).await,
                Err(Unreachable(answer)) => Err(Lost::How(None, answer)),
            };
            let (how, answer) = match lost {
                Ok(attempt) => return Ok(attempt),
                Err(Lost::NotOurs) => return Err(Withheld::NotOurs),
                Err(Lost::How(how, answer)) => (how, answer),
            };
            met.note(how);
            // A peer that has enough sessions is not down.
            let is_enough = answer.code.is_some() && self.queue().reach.has_sessions();
            if matches!(how, None | Some(How::Closing)) && !is_enough {
                self.standing.host_is_down(host, &answer, self.clock.now());
            }
            last = (Some(host.clone()), answer);
        }
        let (host, answer) = last;
        let mut attempt = Attempt::all(host.clone(), &outgoing.envelope, Verdict::Later, &answer);
        if met.talked || wanted.is_some() {
            return Ok(attempt);
        }
        if self.is_crowded() {
            return met.closed.then_some(attempt).ok_or(Withheld::Crowded);
        }
        attempt.again = Some(self.unreachable(host.as_deref(), &answer));
        Ok(attempt)
    }

    async fn open(
        self: &Arc<Self>,
        host: &str,
        options: &Arc<PeerOptions>,
        running: &Arc<Running>,
    ) -> Result<Connection, Unreachable> {
        let opening = Opening::begin(self);
        let opened = Session::open(host, options, running).await;
        let back = opening.ended(opened.is_ok());
        let session = opened?;
        self.standing.host_is_up(host);
        self.standing.peer_is_up();
        if back {
            self.dispatch();
        }
        Ok(Connection::new(session, options, self))
    }

    /// Sends over an open session, and keeps the session if it can be used again. An error means that the server cannot
    /// have taken the message, so another host may be tried.
    async fn send(
        &self,
        outgoing: &Outgoing,
        mut open: Connection,
        keep: &mut Option<Connection>,
        running: &Arc<Running>,
    ) -> Result<Attempt, Lost> {
        let host = open.session.host.clone();
        let options = self.options();
        running.goes_to(&host);
        open.session.serves(Some(running));
        let is_ours = || self.spool.is_ours(Leased::Outgoing(outgoing.id));
        let room = self.rooms.of(&host);
        let sent = open.session.send(outgoing, room, &options, Some(&is_ours)).await;
        let fates = match sent {
            Ok(Sent { fates, room }) => {
                self.doubts.settle(outgoing.id);
                if let Some(room) = room {
                    self.learn_room(&host, room);
                }
                open.session.serves(None);
                if open.session.is_usable(&options) && Arc::ptr_eq(&options, &open.options) {
                    *keep = Some(open);
                } else {
                    open.session.quit(&options).await;
                }
                fates
            }
            Err(Failure::Lost { how, answer }) => {
                if how != How::Stale {
                    let (peer, reason) = (&options.name, answer.with_step());
                    info!(id = %outgoing.id, %peer, host, reason = reason.as_str(), event = "session-broken", "lost the session before the end of the message");
                }
                return Err(Lost::How(Some(how), answer));
            }
            Err(Failure::NotOurs) => {
                warn!(id = %outgoing.id, peer = %options.name, host, event = "end-withheld", "a message was not sent to its end: another relay may have it by now");
                return Err(Lost::NotOurs);
            }
            Err(Failure::Unknown { reason }) => {
                self.doubts.remember(outgoing.id, &host);
                let answer = Answer::ours(format!("it is unknown whether the message was taken: {reason}"));
                Fate::all(&outgoing.envelope, Verdict::Later, &answer)
            }
        };
        Ok(Attempt::new(Some(host), fates))
    }

    /// The hosts to try, in order. If one of them may have the message already, only that one.
    async fn hosts(&self, options: &PeerOptions, wanted: Option<&str>) -> Result<Vec<String>, NoHosts> {
        if let Some(host) = wanted {
            return Ok(vec![host.to_owned()]);
        }
        let known = self.hosts.load_full();
        let all = known.all().await?;
        Ok(hosts::order(all, |host| self.standing.is_dead(host), options.random))
    }

    fn learn_room(&self, host: &str, room: usize) {
        if self.rooms.learn(host, room) {
            let peer = &self.options().name;
            info!(%peer, host, recipients = room, event = "limit-learnt", "takes no more recipients in one transaction");
        }
    }

    fn is_crowded(&self) -> bool {
        let mut queue = self.queue();
        let knew = queue.reach.is_held_back();
        let crowded = queue.reach.is_crowded(Instant::now() + CROWDED_FOR);
        drop(queue);
        if crowded && !knew {
            info!(peer = %self.options().name, event = "limit-learnt", "takes no more sessions at the same time");
        }
        crowded
    }

    /// Records that the peer cannot be reached. Returns how long it is left alone.
    fn unreachable(&self, host: Option<&str>, why: &Answer) -> Duration {
        let random = (self.options().random)();
        let wait = |failures| self.options().schedule.wait(failures, random);
        let (now, mut queue) = (Instant::now(), self.queue());
        queue.unreachable(now, wait);
        let wait = queue
            .reach
            .next_probe()
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        drop(queue);
        self.standing.peer_is_down(host, why, self.clock.now(), wait);
        wait
    }
}

impl Met {
    /// Records how a host lost the message; `None`: it accepted no session.
    fn note(&mut self, how: Option<How>) {
        self.closed |= how == Some(How::Closing);
        self.talked |= how.is_some_and(|how| how != How::Closing);
    }
}
