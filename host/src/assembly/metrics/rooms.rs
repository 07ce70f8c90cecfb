//! Messages: received ones, sent ones, and those in the spool.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::clock::SteadyClock;
use crate::delivery::{Delivered, Delivery, PeerStanding};
use crate::message::NextHop;
use crate::spool::Depths;

use super::Watched;
use super::form::{Labels, counter, gauge};
use crate::relay::counts::{BLAMES, Counts};

#[derive(Debug)]
pub(super) struct Intake(pub Arc<Counts>);

impl Collector for Intake {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let came = self.0.read();
        let by_blame = |counts: [u64; BLAMES.len()]| {
            let rows = BLAMES.iter().zip(counts);
            rows.map(|((_, blame), count)| (vec![("blame", (*blame).to_owned())], count))
        };
        let accepted = [(Labels::new(), came.accepted)];
        counter(
            &mut encoder,
            "messages_accepted",
            "Messages answered with 250",
            accepted,
        )?;
        counter(
            &mut encoder,
            "messages_refused",
            "Messages answered with 5xx at the end of data, by who is at fault",
            by_blame(came.refused),
        )?;
        counter(
            &mut encoder,
            "messages_deferred",
            "Messages answered with 4xx at the end of data, by who is at fault",
            by_blame(came.deferred),
        )
    }
}

pub(super) struct Outgoing(pub Watched<Delivery>);

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outgoing")
    }
}

impl Collector for Outgoing {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let peers = self.0.upgrade().map(|delivery| delivery.counts()).unwrap_or_default();
        let of = |number: fn(&Delivered) -> u64| {
            let rows = peers.iter();
            rows.map(move |(peer, counts)| (to(peer), number(counts)))
        };
        counter(
            &mut encoder,
            "deliveries",
            "Outgoing messages that the next hop took",
            of(|counts| counts.delivered),
        )?;
        counter(
            &mut encoder,
            "delivery_deferrals",
            "Attempts after which an outgoing message waits for another",
            of(|counts| counts.deferred),
        )?;
        counter(
            &mut encoder,
            "delivery_failures",
            "Outgoing messages that were given up",
            of(|counts| counts.failed),
        )?;
        let standings = self
            .0
            .upgrade()
            .map(|delivery| delivery.standings())
            .unwrap_or_default();
        let of = |number: fn(&PeerStanding) -> i64| {
            let rows = standings.iter();
            rows.map(move |standing| (to(&standing.peer), number(standing)))
        };
        gauge(
            &mut encoder,
            "peer_up",
            "0 while none of the peer's hosts accepts a session, else 1",
            of(|standing| i64::from(standing.down.is_none())),
        )?;
        gauge(
            &mut encoder,
            "peer_down_since_seconds",
            "When the peer went down, in seconds since 1970; 0 while it is up",
            of(|standing| standing.down.as_ref().map_or(0, |down| (down.since.0 / 1000) as i64)),
        )?;
        gauge(
            &mut encoder,
            "peer_hosts_down",
            "Hosts of the peer that accepted no session when they were last tried",
            of(|standing| standing.hosts_down.len() as i64),
        )?;
        gauge(
            &mut encoder,
            "deliveries_running_long",
            "Attempts that have taken more than 2 s so far",
            of(|standing| standing.running.len() as i64),
        )
    }
}

/// The difference between the system's clock and the relay's.
pub(super) struct Clock(pub Arc<SteadyClock>);

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl Collector for Clock {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        gauge(
            &mut encoder,
            "clock_offset_seconds",
            "How far the system's clock is ahead of the relay's since it jumped; 0 when it has not",
            [(Labels::new(), self.0.offset() / 1000)],
        )
    }
}

/// The messages in the spool at the time of the request.
#[derive(Debug)]
pub(super) struct Lying(pub Depths);

impl Collector for Lying {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let Depths {
            waiting,
            failed,
            held,
            unfinished,
            untold,
            transactions,
        } = &self.0;
        let by_peer = |rows: &[(NextHop, i64)]| rows.iter().map(|(peer, n)| (to(peer), *n)).collect::<Vec<_>>();
        let one = |n: i64| [(Labels::new(), n)];
        gauge(
            &mut encoder,
            "queue_messages",
            "Outgoing messages that wait in the spool",
            by_peer(waiting),
        )?;
        gauge(
            &mut encoder,
            "queue_failed_messages",
            "Outgoing messages that were given up and lie there for an operator",
            by_peer(failed),
        )?;
        gauge(
            &mut encoder,
            "held_messages",
            "Messages parked for an operator",
            one(*held),
        )?;
        gauge(
            &mut encoder,
            "unfinished_messages",
            "Accepted messages whose plug-ins have not run to the end",
            one(*unfinished),
        )?;
        gauge(
            &mut encoder,
            "untold_outcomes",
            "Outcomes that plug-ins must still be told",
            one(*untold),
        )?;
        gauge(
            &mut encoder,
            "transactions_open",
            "Requests that are remembered",
            one(*transactions),
        )
    }
}

fn to(peer: &impl ToString) -> Labels {
    vec![("peer", peer.to_string())]
}
