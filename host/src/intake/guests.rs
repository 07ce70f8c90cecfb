//! The open sessions, and whether one more may begin.
//!
//! Sessions are admitted until all places are taken, and the reserve of each peer is kept for that peer: a peer with
//! fewer sessions than its reserve is always admitted. So a peer with a thousand idle sessions, from any number of its
//! addresses, deprives the others of unreserved places, and of nothing else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Options, Party, replies};
use crate::message::PeerName;
use crate::protocol::smtp::Reply;

/// The open sessions. Clones count the same ones.
#[derive(Clone, Default)]
pub(super) struct Guests(Arc<Counted>);

#[derive(Default)]
struct Counted {
    census: Mutex<Census>,
    /// Whether nearly all places are taken.
    overload: watch::Sender<bool>,
}

#[derive(Default)]
struct Census {
    total: usize,
    /// The number of places, by the options of the latest session.
    places: usize,
    by_source: HashMap<IpAddr, usize>,
    by_party: HashMap<PeerName, Present>,
}

/// The sessions of one party.
#[derive(Clone, Copy, Default)]
struct Present {
    sessions: usize,
    /// The number of peers that the party stands for.
    peers: usize,
}

/// The place of one session. Dropping it makes the place free.
pub(super) struct Guest {
    guests: Guests,
    source: IpAddr,
    party: Option<PeerName>,
}

impl Guests {
    /// Admits a session, or says why not. `peers` is the number of peers that may connect at all.
    pub fn admit(&self, source: IpAddr, party: Option<Party>, peers: usize, options: &Options) -> Result<Guest, Reply> {
        let source = source.to_canonical();
        let mut census = self.census();
        let reserve = options.reserved.min(options.sessions / 2 / peers.max(1));
        if !census.has_place(party.as_ref(), peers, reserve, options.sessions) {
            return Err(replies::too_many_sessions(options.sessions));
        }
        let here = census.by_source.get(&source).copied().unwrap_or(0);
        if here >= options.sessions_per_source {
            return Err(replies::too_many_from_source(options.sessions_per_source));
        }
        census.total += 1;
        census.places = options.sessions;
        census.by_source.insert(source, here + 1);
        if let Some(party) = &party {
            let present = census.by_party.entry(party.name.clone()).or_default();
            present.sessions += 1;
            present.peers = present.peers.max(party.peers);
        }
        self.judge(&census);
        drop(census);
        Ok(Guest {
            guests: self.clone(),
            source,
            party: party.map(|party| party.name),
        })
    }

    /// Whether nearly all places are taken. It becomes true at nine tenths, and false again below seven tenths, so that
    /// it does not flicker.
    pub fn overload(&self) -> watch::Receiver<bool> {
        self.0.overload.subscribe()
    }

    /// With a handful of places, taking the last one is no overload.
    fn judge(&self, census: &Census) {
        const HANDFUL: usize = 10;
        if census.places < HANDFUL {
            return;
        }
        let tenths = |tenths: usize| (census.places * tenths).div_ceil(10);
        self.0.overload.send_if_modified(|overload| {
            let now = match *overload {
                true => census.total >= tenths(7),
                false => census.total >= tenths(9),
            };
            std::mem::replace(overload, now) != now
        });
    }

    /// The numbers are always consistent, so a panic of another holder does not matter.
    fn census(&self) -> MutexGuard<'_, Census> {
        self.0.census.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Census {
    fn has_place(&self, party: Option<&Party>, peers: usize, reserve: usize, places: usize) -> bool {
        let Some(free) = places.checked_sub(self.total + 1) else {
            return false;
        };
        // What the other peers have not taken of their reserves stays free for them.
        let taken = |present: &Present| present.sessions.min(reserve * present.peers);
        let others = self
            .by_party
            .iter()
            .filter(|(name, _)| party.is_none_or(|party| party.name != **name));
        let others: usize = others.map(|(_, present)| taken(present)).sum();
        let own = party.map_or(0, |party| party.peers);
        let here = party
            .and_then(|party| self.by_party.get(&party.name))
            .map_or(0, |present| present.sessions);
        here < reserve * own || free >= (reserve * peers.saturating_sub(own)).saturating_sub(others)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut census = self.guests.census();
        census.total -= 1;
        if let Some(here) = census.by_source.get_mut(&self.source) {
            *here -= 1;
            if *here == 0 {
                census.by_source.remove(&self.source);
            }
        }
        if let Some(party) = &self.party
            && let Some(present) = census.by_party.get_mut(party)
        {
            present.sessions -= 1;
            if present.sessions == 0 {
                census.by_party.remove(party);
            }
        }
        self.guests.judge(&census);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(sessions: usize, sessions_per_source: usize, reserved: usize) -> Options {
        Options {
            sessions,
            sessions_per_source,
            reserved,
            ..Options::new("relay.example", "/nonexistent")
        }
    }

    fn party(name: &str, peers: usize) -> Option<Party> {
        let name = PeerName::new(name).unwrap();
        Some(Party { name, peers })
    }

    #[test]
    fn the_last_place_is_given_and_not_one_more() {
        let options = options(3, 2, 10);
        let (a, b): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        let guests = Guests::default();
        let admit = |source| {
            guests
                .admit(source, None, 0, &options)
                .map_err(|reply| reply.to_string())
        };
        let first = admit(a).unwrap();
        let _second = admit(mapped).unwrap();
        assert!(admit(a).is_err_and(|text| text.starts_with("421 4.7.0 more than 2 sessions from your")));
        let _third = admit(b).unwrap();
        assert!(admit(b).is_err_and(|text| text.starts_with("421 4.3.2 more than 3 sessions,")));
        drop(first);
        assert!(admit(a).is_ok());
    }

    #[test]
    fn no_peer_takes_what_is_reserved_for_another_from_however_many_addresses() {
        let (options, guests) = (options(100, 100, 10), Guests::default());
        let from = |network: u8, host: u8| IpAddr::from([192, 0, network, host]);
        let take = |network, party: &Option<Party>| -> Vec<Guest> {
            (0..=255)
                .map_while(|host| guests.admit(from(network, host), party.clone(), 3, &options).ok())
                .collect()
        };
        // Of 100, ten are kept for each of the two others.
        let greedy = take(1, &party("a", 1));
        assert_eq!(greedy.len(), 80);
        assert_eq!(take(9, &None).len(), 0, "strangers take nothing of it");
        let second = take(2, &party("b", 1));
        assert_eq!(second.len(), 10);
        assert_eq!(take(3, &party("c", 1)).len(), 10);
        drop(greedy);
        // B has its own, and what nobody's reserve holds.
        assert_eq!(take(2, &party("b", 1)).len(), 70);
    }

    #[test]
    fn peers_that_share_addresses_share_their_reserves() {
        let (options, guests) = (options(100, 100, 10), Guests::default());
        let mut held = Vec::new();
        let mut take = |host: u8, party: &Option<Party>| {
            let before = held.len();
            held.extend(std::iter::from_fn(|| {
                guests.admit([192, 0, 2, host].into(), party.clone(), 3, &options).ok()
            }));
            held.len() - before
        };
        assert_eq!(take(1, &party("c", 1)), 80);
        assert_eq!(take(2, &party("a", 2)), 20);
    }

    #[test]
    fn overload_begins_at_nine_tenths_and_ends_below_seven() {
        let (options, guests) = (options(20, 20, 0), Guests::default());
        let overload = guests.overload();
        let mut held = Vec::new();
        while held.len() < 17 {
            held.push(guests.admit([192, 0, 2, 1].into(), None, 0, &options).ok());
        }
        assert!(!*overload.borrow());
        held.push(guests.admit([192, 0, 2, 1].into(), None, 0, &options).ok());
        assert!(*overload.borrow(), "18 of 20");
        held.truncate(14);
        assert!(*overload.borrow(), "it does not flicker");
        held.truncate(13);
        assert!(!*overload.borrow());
    }

    #[test]
    fn reserves_are_never_more_than_half_of_all() {
        let (options, guests) = (options(10, 10, 10), Guests::default());
        let held: Vec<Guest> =
            std::iter::from_fn(|| guests.admit([192, 0, 2, 1].into(), party("a", 1), 2, &options).ok()).collect();
        assert_eq!(held.len(), 8);
    }
}
