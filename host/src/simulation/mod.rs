//! The whole street in one process, on a simulated world.
//!
//! Everything of a running relay that a message meets is here as it is in the product: listener, sessions, the chain's order,
//! routing, transactions, delivery, the tasks that go on all the time. What the product is given from outside is simulated:
//! time ([`world`]: Tokio's clock, which jumps to whatever is due next), the network ([`net`], [`wire`]), the disk ([`disk`]), DNS and
//! the rooms' wiring ([`house`]), plug-ins ([`plugin`]), and the operators around the relay ([`operators`]: [`server`],
//! [`client`]).
//!
//! A [`story`] says what happens, and when; a seed makes one ([`dice`]), and [`words`] tells it. [`play`] plays it, through as
//! many lives of the relay as it is killed or restarted in, and then everything is well again until nothing is left to do.
//! [`check`], [`told`], [`said`], [`late`] and [`records`] then look whether the [`books`] balance. The same story comes to the same, octet by
//! octet, so a story that fails can be made shorter: what is printed is the shortest that still fails.
//!
//! `MM4RELAY_SEEDS=1000` plays so many seeds instead of the few of `cargo test`; `MM4RELAY_SEED=17` plays that one.

mod books;
mod check;
mod client;
mod dice;
mod disk;
mod house;
mod late;
mod log;
mod mail;
mod net;
mod operators;
mod play;
mod plugin;
mod records;
mod said;
mod server;
mod story;
mod tests;
mod told;
mod wire;
mod words;
mod world;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Which of two relays on one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// The one that is killed, stopped and paused.
    First,
    /// One that only works, beside it.
    Second,
}

impl Which {
    /// Where it listens, and comes from.
    const fn address(self) -> SocketAddr {
        let last = match self {
            Self::First => 100,
            Self::Second => 101,
        };
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), 25)
    }

    /// The one that listens there.
    fn at(address: SocketAddr) -> Option<Self> {
        let both = [Self::First, Self::Second];
        both.into_iter().find(|which| which.address() == address)
    }
}
