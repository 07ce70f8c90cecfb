//! The rates at which peers may send: connections, messages and octets. Each has a bucket that fills steadily and holds
//! what two seconds bring, or one unit.
//!
//! What exceeds the rate is refused for the moment, and stays with the peer. The relay does not delay it, because a
//! waiting session costs more than one that comes back.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::message::{PeerName, Rate};
use crate::sync::lock;

/// The rates of a peer, each independent of the others; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) connections: Option<Rate>,
    pub(crate) messages: Option<Rate>,
    /// Octets a second.
    pub(crate) octets: Option<u64>,
}

impl Rates {
    /// One relay's share, of so many on one store: all of them together keep the rate, however a peer spreads what it sends.
    pub(crate) fn among(self, relays: u32) -> Self {
        let relays = relays.max(1);
        let share = |rate: Rate| Rate {
            per: rate.per * relays,
            ..rate
        };
        Self {
            connections: self.connections.map(share),
            messages: self.messages.map(share),
            octets: self.octets.map(|octets| octets.div_ceil(relays.into())),
        }
    }
}

/// How much each peer has sent lately. It outlives configurations: the rates are passed with each question.
#[derive(Default)]
pub(crate) struct Sent(Mutex<HashMap<PeerName, Buckets>>);

#[derive(Default)]
struct Buckets {
    connections: Bucket,
    messages: Bucket,
    octets: Bucket,
}

/// The content of the bucket when it was last used. `None` means that it is full.
#[derive(Default)]
struct Bucket(Option<(f64, Instant)>);

/// The capacity of a bucket, as the time in which it fills.
const HOLDS: Duration = Duration::from_secs(2);

impl Sent {
    /// Counts one more connection of the peer, and returns true, if its rate allows it.
    pub(crate) fn connection(&self, peer: &PeerName, rates: &Rates) -> bool {
        let Some(rate) = rates.connections else {
            return true;
        };
        self.with(peer, |buckets| buckets.connections.take(per_second(rate)))
    }

    /// Counts one more message of the peer, if its rate allows it. The octets are counted later, when they are known:
    /// [`octets`](Self::octets).
    ///
    /// # Errors
    /// The name of the rate that the peer exceeds.
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

    /// Counts octets that the peer has sent. A message larger than the content of the bucket leaves a debt, and further
    /// messages are refused until it is filled up.
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

    /// Takes one unit, if there is one.
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
    async fn relays_on_one_store_take_a_share_each_and_all_of_them_the_rate() {
        let rates = rates("21/s", Some(1_000)).among(3);
        let sent = [Sent::default(), Sent::default(), Sent::default()];
        assert_eq!(sent.iter().map(|sent| taken(sent, &rates)).sum::<usize>(), 42);
        assert_eq!(rates.octets, Some(334));
    }

    #[tokio::test(start_paused = true)]
    async fn without_rates_nothing_is_counted() {
        let sent = Sent::default();
        assert_eq!(taken(&sent, &Rates::default()), 1_000);
        assert!(lock(&sent.0).is_empty());
    }
}
