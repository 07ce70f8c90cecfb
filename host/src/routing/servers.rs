//! Which of our own MMS Relay/Servers a number goes to.
//!
//! Several may serve one range. Each number then belongs to one of them, in proportion to their weights, and always to
//! the same one, because a subscriber's messages, reports and settings lie there. Adding or removing a Relay/Server
//! moves only the numbers that it gains or loses (rendezvous hashing).

use std::fmt;

use crate::message::PeerName;

/// An MMS Relay/Server of our own MMSE, as routing knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEntry {
    pub name: PeerName,
    /// Prefixes of the numbers that it serves, and its codes and local parts: see [`Plan`](super::Plan).
    pub numbers: Vec<String>,
    /// Its weight among those that serve the same numbers.
    pub weight: u32,
    /// The Relay/Server that takes its new messages while it cannot be reached. `None`: they wait for it.
    pub failover: Option<PeerName>,
    /// It takes no new messages.
    pub drain: bool,
}

/// All Relay/Servers.
#[derive(Debug, Default)]
pub(super) struct Servers(Vec<ServerEntry>);

/// Receives an explanation of each decision.
pub(super) type Told<'a> = &'a mut dyn FnMut(fmt::Arguments<'_>);

impl Servers {
    pub(super) fn new(servers: Vec<ServerEntry>) -> Self {
        Self(servers)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn find(&self, name: &PeerName) -> Option<&ServerEntry> {
        self.0.iter().find(|server| server.name == *name)
    }

    /// Like [`find`](Self::find), for a name that another system may have returned in another case. It must match one
    /// Relay/Server only.
    pub(super) fn find_returned(&self, name: &PeerName) -> Option<&ServerEntry> {
        let alike = |server: &&ServerEntry| server.name.as_str().eq_ignore_ascii_case(name.as_str());
        self.find(name).or_else(|| {
            let mut found = self.0.iter().filter(alike);
            found.next().filter(|_| found.next().is_none())
        })
    }

    /// The ranges that they serve; some occur more than once.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|server| &server.numbers).map(String::as_str)
    }

    /// The Relay/Servers of exactly this range, which is the longest prefix of a number.
    pub(super) fn of_range(&self, prefix: &str) -> Vec<PeerName> {
        let serves = |server: &&ServerEntry| server.numbers.iter().any(|number| number.eq_ignore_ascii_case(prefix));
        self.0.iter().filter(serves).map(|server| server.name.clone()).collect()
    }

    /// The one of `group` that serves `number`, among those that are not draining.
    pub(super) fn choose<'a>(&'a self, group: &[PeerName], number: &str, told: Told<'_>) -> Option<&'a ServerEntry> {
        let servers = || group.iter().filter_map(|name| self.find(name));
        let mut open = servers().filter(|server| !server.drain);
        let first = open.next()?;
        if group.len() == 1 {
            return Some(first);
        }
        let best = |best: (&'a ServerEntry, f64), next: &'a ServerEntry| match claim(next, number) {
            claim if claim > best.1 => (next, claim),
            _ => best,
        };
        let (chosen, _) = open.fold((first, claim(first, number)), best);
        told(format_args!(
            "{} of {}: each number always has the same one",
            chosen.name,
            List(servers())
        ));
        Some(chosen)
    }

    /// The Relay/Server that takes a new message for `server`: itself, or its stand-in while it drains or cannot be
    /// reached. A message never goes back to `source`.
    pub(super) fn stand_in<'a>(
        &'a self,
        server: &'a ServerEntry,
        source: Option<&PeerName>,
        is_unreachable: impl Fn(&PeerName) -> bool,
        told: Told<'_>,
    ) -> Option<&'a ServerEntry> {
        let mut at = server;
        // A chain of stand-ins is no longer than all of them; a ring would be endless.
        for _ in 0..=self.0.len() {
            let why = match () {
                () if at.drain => "drains",
                () if is_unreachable(&at.name) => "cannot be reached",
                () => return Some(at),
            };
            let next = at.failover.as_ref().and_then(|name| self.find(name));
            let Some(next) = next.filter(|next| Some(&next.name) != source) else {
                told(format_args!("{} {why}, and nobody stands in for it", at.name));
                break;
            };
            told(format_args!("{} {why}: {} stands in for it", at.name, next.name));
            at = next;
        }
        // All of them are away, so the message waits for the one that serves the number.
        (!server.drain).then_some(server)
    }
}

/// The claim of a server to a number. The greatest claim wins, in proportion to the weights.
fn claim(server: &ServerEntry, number: &str) -> f64 {
    let hash = number.bytes().chain([0]).chain(server.name.as_str().bytes());
    // FNV-1a, and the finaliser of SplitMix64: the same on every machine and in every version.
    let mut hash = hash.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    // In (0, 1): 53 bits fit a float exactly.
    let uniform = ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    f64::from(server.weight) / -uniform.ln()
}

struct List<I>(I);

impl<'a, I: Iterator<Item = &'a ServerEntry> + Clone> fmt::Display for List<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, server) in self.0.clone().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let drains = if server.drain { ", drains" } else { "" };
            write!(f, "{comma}{} (weight {}{drains})", server.name, server.weight)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PeerName {
        PeerName::new(text).unwrap()
    }

    fn server(text: &str, weight: u32) -> ServerEntry {
        ServerEntry {
            name: name(text),
            numbers: vec!["+1555".into()],
            weight,
            failover: None,
            drain: false,
        }
    }

    fn numbers() -> impl Iterator<Item = String> {
        (0..10_000).map(|number| format!("+1555555{number:04}"))
    }

    fn chosen(servers: &Servers, number: &str) -> Option<String> {
        let found = servers.choose(&servers.of_range("+1555"), number, &mut |_| {});
        found.map(|server| server.name.to_string())
    }

    #[test]
    fn numbers_are_shared_by_weight_and_stay_where_they_are() {
        let servers = Servers::new(vec![server("a", 1), server("b", 3)]);
        let of_a = numbers()
            .filter(|number| chosen(&servers, number).as_deref() == Some("a"))
            .count();
        assert!((2_300..2_700).contains(&of_a), "{of_a} of 10,000");
        // A third one takes its share, and no other numbers move.
        let more = Servers::new(vec![server("c", 4), server("b", 3), server("a", 1)]);
        let mut moved = 0;
        for number in numbers() {
            let (before, after) = (chosen(&servers, &number), chosen(&more, &number));
            if before != after {
                assert_eq!(after.as_deref(), Some("c"));
                moved += 1;
            }
        }
        assert!((4_700..5_300).contains(&moved), "{moved} of 10,000");
        // This detects a change of the hash, which would move subscribers at an upgrade.
        let first: String = numbers().take(16).filter_map(|number| chosen(&more, &number)).collect();
        insta::assert_snapshot!(first, @"cbabbbcbbbcbbccc");
    }

    #[test]
    fn one_that_drains_gets_none_of_them() {
        let mut drains = server("a", 1000);
        drains.drain = true;
        let servers = Servers::new(vec![drains.clone(), server("b", 1)]);
        assert!(numbers().all(|number| chosen(&servers, &number).as_deref() == Some("b")));
        assert_eq!(chosen(&Servers::new(vec![drains]), "+15555550100"), None);
    }

    fn after(failover: &[(&str, Option<&str>, bool)], down: &[&str], source: Option<&str>) -> Option<String> {
        let entry = |(this, next, drain): &(&str, Option<&str>, bool)| ServerEntry {
            failover: next.map(name),
            drain: *drain,
            ..server(this, 1)
        };
        let servers = Servers::new(failover.iter().map(entry).collect());
        let is_down = |peer: &PeerName| down.contains(&peer.as_str());
        let source = source.map(name);
        let found = servers.stand_in(&servers.0[0], source.as_ref(), is_down, &mut |_| {});
        found.map(|server| server.name.to_string())
    }

    #[test]
    fn who_stands_in_does_so_only_while_it_must() {
        let two = [("a", Some("b"), false), ("b", None, false)];
        assert_eq!(after(&two, &[], None).as_deref(), Some("a"));
        assert_eq!(after(&two, &["b"], None).as_deref(), Some("a"));
        assert_eq!(after(&two, &["a"], None).as_deref(), Some("b"));
        assert_eq!(
            after(&two, &["a", "b"], None).as_deref(),
            Some("a"),
            "it waits for its own"
        );
        let queue = [("a", None, false), ("b", None, false)];
        assert_eq!(after(&queue, &["a"], None).as_deref(), Some("a"));
    }

    #[test]
    fn a_ring_of_failovers_ends() {
        let ring = [
            ("a", Some("b"), false),
            ("b", Some("c"), false),
            ("c", Some("a"), false),
        ];
        assert_eq!(after(&ring, &["a", "b"], None).as_deref(), Some("c"));
        assert_eq!(after(&ring, &["a", "b", "c"], None).as_deref(), Some("a"));
    }

    #[test]
    fn nobody_stands_in_by_sending_a_message_back() {
        let two = [("a", Some("b"), false), ("b", None, false)];
        assert_eq!(after(&two, &["a"], Some("b")).as_deref(), Some("a"));
        let drains = [("a", Some("b"), true), ("b", None, false)];
        assert_eq!(after(&drains, &[], Some("c")).as_deref(), Some("b"));
        assert_eq!(after(&drains, &[], Some("b")), None);
    }
}
