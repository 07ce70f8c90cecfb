//! How fast peers may send to us: connections, messages and octets, each by a bucket that fills steadily and holds what two
//! seconds bring, or one of whatever it counts.
//!
//! What is over the rate is refused for the moment, and the peer keeps it: nothing is delayed here, since a session that waits
//! costs us more than one that comes back.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::message::{PeerName, Rate};
use crate::sync::lock;

/// What a peer may send in a time. Each is for itself; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) connections: Option<Rate>,
    pub(crate) messages: Option<Rate>,
    /// A second.
    pub(crate) octets: Option<u64>,
}

/// What peers have sent lately. It outlives configurations: their rates are given with each question.
#[derive(Default)]
pub(crate) struct Sent(Mutex<HashMap<PeerName, Buckets>>);

#[derive(Default)]
struct Buckets {
    connections: Bucket,
    messages: Bucket,
    octets: Bucket,
}

/// What is left in it, when it was last looked at. Absent: it is full.
#[derive(Default)]
struct Bucket(Option<(f64, Instant)>);

/// How much a bucket holds, as a time in which it fills.
const HOLDS: Duration = Duration::from_secs(2);

impl Sent {
    /// Whether the peer may open one more connection; if so, it is counted.
    pub(crate) fn connection(&self, peer: &PeerName, rates: &Rates) -> bool {
        let Some(rate) = rates.connections else {
            return true;
        };
        self.with(peer, |buckets| buckets.connections.take(per_second(rate)))
    }

    /// Whether the peer may send one more message; if so, it is counted. Its octets are known only later:
    /// [`octets`](Self::octets).
    ///
    /// # Errors
    /// What there is too much of.
    pub(crate) fn message(&self, peer: &PeerName, rates: &Rates) -> Result<(), &'static str> {
        if rates.messages.is_none() && rates.octets.is_none() {
            return Ok(());
        }
        self.with(peer, |buckets| {
            if rates.octets.is_some_and(|rate| buckets.octets.left(rate as f64) <= 0.0) {
                return Err("octets");
            }
            match rates
                .messages
                .is_none_or(|rate| buckets.messages.take(per_second(rate)))
            {
                true => Ok(()),
                false => Err("messages"),
            }
        })
    }

    /// The peer has sent so many octets. A message larger than what was left is a debt, and no message is taken before it
    /// is paid.
    pub(crate) fn octets(&self, peer: &PeerName, rates: &Rates, octets: u64) {
        if let Some(rate) = rates.octets {
            self.with(peer, |buckets| buckets.octets.spend(rate as f64, octets as f64));
        }
    }

    fn with<T>(&self, peer: &PeerName, what: impl FnOnce(&mut Buckets) -> T) -> T {
        let mut all = lock(&self.0);
        if !all.contains_key(peer) {
            all.insert(peer.clone(), Buckets::default());
        }
        what(all.entry(peer.clone()).or_default())
    }
}

fn per_second(rate: Rate) -> f64 {
    f64::from(rate.messages) / rate.per.as_secs_f64()
}

impl Bucket {
    fn left(&self, per_second: f64) -> f64 {
        let most = (per_second * HOLDS.as_secs_f64()).max(1.0);
        match self.0 {
            None => most,
            Some((left, at)) => (left + at.elapsed().as_secs_f64() * per_second).min(most),
        }
    }

    fn spend(&mut self, per_second: f64, what: f64) {
        self.0 = Some((self.left(per_second) - what, Instant::now()));
    }

    /// Takes one, if there is one.
    fn take(&mut self, per_second: f64) -> bool {
        // Sums of fractions fall a little short of a whole.
        let is_there = self.left(per_second) > 1.0 - 1e-6;
        if is_there {
            self.spend(per_second, 1.0);
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(messages: &str, octets: Option<u64>) -> Rates {
        Rates {
            connections: None,
            messages: Some(messages.parse().unwrap()),
            octets,
        }
    }

    fn peer() -> PeerName {
        PeerName::new("a").unwrap()
    }

    fn taken(sent: &Sent, rates: &Rates) -> usize {
        (0..1_000).take_while(|_| sent.message(&peer(), rates).is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn two_seconds_of_messages_are_taken_at_once_and_then_what_time_brings() {
        let (sent, rates) = (Sent::default(), rates("20/s", None));
        assert_eq!(taken(&sent, &rates), 40);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(taken(&sent, &rates), 10);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(taken(&sent, &rates), 40);
        assert!(
            sent.message(&PeerName::new("b").unwrap(), &rates).is_ok(),
            "each has its own"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_rate_lets_one_through_at_a_time() {
        let (sent, rates) = (Sent::default(), rates("6/min", None));
        assert_eq!(taken(&sent, &rates), 1);
        tokio::time::advance(Duration::from_millis(9_900)).await;
        assert_eq!(taken(&sent, &rates), 0);
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(taken(&sent, &rates), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_is_larger_than_what_is_left_is_paid_off_by_the_next() {
        let (sent, rates) = (Sent::default(), rates("100000/s", Some(1_000)));
        assert!(sent.message(&peer(), &rates).is_ok());
        sent.octets(&peer(), &rates, 12_000);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(sent.message(&peer(), &rates), Err("octets"));
        tokio::time::advance(Duration::from_millis(1_001)).await;
        assert!(sent.message(&peer(), &rates).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn without_rates_nothing_is_counted() {
        let sent = Sent::default();
        assert_eq!(taken(&sent, &Rates::default()), 1_000);
        assert!(lock(&sent.0).is_empty());
    }
}
