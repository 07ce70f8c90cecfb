//! The traffic of the last minutes, second by second, so that a page has something to draw when it is opened.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::took;
use crate::control::traffic::{AllTraffic, PeerTraffic, Traffic};
use crate::control::{Desk, Role, Who};
use crate::sync::lock;

/// Seconds that are kept.
pub(super) const SECONDS: usize = 300;
/// How often the times that deliveries took are kept, in seconds.
const TOOK_EVERY: usize = 10;
/// The rate of a peer is that of so many seconds.
const RATE_OVER: usize = 10;

/// Kept in memory while the relay runs.
#[derive(Debug, Default)]
pub struct Recent(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    peers: BTreeMap<String, Lane>,
    bounds: Vec<u64>,
    disk_free: Option<u64>,
    looks: usize,
}

/// One peer's.
#[derive(Debug, Default)]
struct Lane {
    last: PeerTraffic,
    /// Messages that came in, and that went out, in each second; the newest last.
    came: VecDeque<u32>,
    went: VecDeque<u32>,
    /// The counts of [`PeerTraffic::took`] at each tenth second.
    took: VecDeque<Vec<u64>>,
}

/// What a page draws.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    pub came: Vec<u32>,
    pub went: Vec<u32>,
    /// In milliseconds, of each ten seconds; 0 where nothing was delivered.
    pub median: Vec<u32>,
    pub slow: Vec<u32>,
    /// Of the whole time.
    pub took: Vec<u64>,
    pub bounds: Vec<u64>,
    pub disk_free: Option<u64>,
    pub peers: Vec<DrawnPeer>,
}

#[derive(Debug)]
pub(super) struct DrawnPeer {
    pub since_start: PeerTraffic,
    pub came_rate: f64,
    pub went_rate: f64,
    pub came: Vec<u32>,
    pub went: Vec<u32>,
    pub took: Vec<u64>,
}

impl Recent {
    /// Looks each second, until it is dropped.
    pub async fn watch(&self, desk: &Desk) {
        let who = Who::new("mm4relay", Role::Viewer, "the console");
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            seconds.tick().await;
            if let Ok(traffic) = desk.ask(&who, Traffic {}).await {
                self.note(traffic);
            }
        }
    }

    fn note(&self, traffic: AllTraffic) {
        let mut kept = lock(&self.0);
        kept.looks += 1;
        let keeps_took = kept.looks % TOOK_EVERY == 1;
        (kept.bounds, kept.disk_free) = (traffic.took_bounds, traffic.disk_free);
        let is_first = kept.looks == 1;
        for now in traffic.peers {
            let lane = kept.peers.entry(now.name.clone()).or_default();
            let grown = |now: u64, then: u64| u32::try_from(now.saturating_sub(then)).unwrap_or(u32::MAX);
            // What came before anybody looked did not come in this second.
            let (came, went) = match is_first {
                true => (0, 0),
                false => (
                    grown(now.accepted, lane.last.accepted),
                    grown(now.delivered, lane.last.delivered),
                ),
            };
            push(&mut lane.came, came, SECONDS);
            push(&mut lane.went, went, SECONDS);
            if keeps_took {
                push(&mut lane.took, now.took.clone(), SECONDS / TOOK_EVERY + 1);
            }
            lane.last = now;
        }
    }

    pub(super) fn drawn(&self) -> Drawn {
        let kept = lock(&self.0);
        let mut all = Drawn {
            came: vec![0; SECONDS],
            went: vec![0; SECONDS],
            bounds: kept.bounds.clone(),
            disk_free: kept.disk_free,
            ..Drawn::default()
        };
        let steps = SECONDS / TOOK_EVERY;
        let mut took = vec![vec![0; kept.bounds.len() + 1]; steps];
        for lane in kept.peers.values() {
            add(&mut all.came, &lane.came);
            add(&mut all.went, &lane.went);
            for (at, (then, now)) in lane.took.iter().zip(lane.took.iter().skip(1)).enumerate() {
                let at = at + steps + 1 - lane.took.len();
                let grown = took::since(now, then);
                took[at].iter_mut().zip(grown).for_each(|(sum, count)| *sum += count);
            }
            all.peers.push(lane.drawn());
        }
        let of = |of_hundred| {
            let bound = |counts: &Vec<u64>| took::percentile(&kept.bounds, counts, of_hundred).unwrap_or_default();
            took.iter()
                .map(|counts| u32::try_from(bound(counts)).unwrap_or(u32::MAX))
                .collect()
        };
        (all.median, all.slow) = (of(50), of(95));
        all.took = sums(all.peers.iter().map(|peer| &peer.took), kept.bounds.len() + 1);
        all
    }
}

impl Lane {
    fn drawn(&self) -> DrawnPeer {
        let rate = |of: &VecDeque<u32>| {
            let last: u32 = of.iter().rev().take(RATE_OVER).sum();
            f64::from(last) / RATE_OVER as f64
        };
        let then = self.took.front().map(Vec::as_slice).unwrap_or_default();
        DrawnPeer {
            came_rate: rate(&self.came),
            went_rate: rate(&self.went),
            came: whole(&self.came),
            went: whole(&self.went),
            took: took::since(&self.last.took, then),
            since_start: self.last.clone(),
        }
    }
}

fn push<T>(to: &mut VecDeque<T>, value: T, most: usize) {
    if to.len() == most {
        to.pop_front();
    }
    to.push_back(value);
}

/// As many as are kept, with zeros from before there were any.
fn whole(of: &VecDeque<u32>) -> Vec<u32> {
    let mut all = vec![0; SECONDS - of.len()];
    all.extend(of);
    all
}

fn add(to: &mut [u32], of: &VecDeque<u32>) {
    let pairs = to.iter_mut().rev().zip(of.iter().rev());
    pairs.for_each(|(sum, value)| *sum = sum.saturating_add(*value));
}

fn sums<'a>(of: impl Iterator<Item = &'a Vec<u64>>, length: usize) -> Vec<u64> {
    let mut all = vec![0; length];
    of.for_each(|counts| all.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::When;
    use crate::message::Timestamp;

    fn traffic(accepted: u64, delivered: u64) -> AllTraffic {
        AllTraffic {
            at: When(Timestamp(0)),
            took_bounds: vec![10, 100],
            disk_free: None,
            peers: vec![PeerTraffic {
                name: "a".into(),
                accepted,
                delivered,
                took: vec![0, delivered, 0],
                ..PeerTraffic::default()
            }],
        }
    }

    #[test]
    fn each_second_has_what_came_on_top_and_the_first_look_has_nothing() {
        let history = Recent::default();
        for (accepted, delivered) in [(100, 90), (103, 90), (103, 95)] {
            history.note(traffic(accepted, delivered));
        }
        let drawn = history.drawn();
        assert_eq!(drawn.came[SECONDS - 3..], [0, 3, 0]);
        assert_eq!(drawn.went[SECONDS - 3..], [0, 0, 5]);
        assert_eq!(drawn.took, [0, 5, 0], "since the first look");
        assert!((drawn.peers[0].came_rate - 0.3).abs() < 1e-9);
    }

    #[test]
    fn it_keeps_the_last_five_minutes_and_no_more() {
        let history = Recent::default();
        (0..2000).for_each(|second| history.note(traffic(second, second * 2)));
        let drawn = history.drawn();
        assert_eq!((drawn.came.len(), drawn.came[0], drawn.went[0]), (SECONDS, 1, 2));
        assert_eq!(drawn.median, vec![100; SECONDS / TOOK_EVERY]);
    }
}
