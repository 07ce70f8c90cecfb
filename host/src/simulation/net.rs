//! The network: who is reached where, and what its weather does to connections that are opened.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::sync::{Mutex as Fair, mpsc};
use tokio::time::sleep;

use super::Which;
use super::wire::{self, Breaks, End};
use super::world::{Life, World, held};
use crate::delivery::{Network, Transport};
use crate::intake::{Arrived, Descriptors, Listen};
use crate::message::Timestamp;
use crate::spool::BoxFuture;

/// What happens to connections that are opened now.
#[derive(Debug, Default)]
pub(super) struct Weather {
    pub(super) slow: bool,
    /// Octets come in pieces of any size.
    pub(super) choppy: bool,
    /// Each of the next ones ends like this, when so many octets have gone in one direction.
    pub(super) ends: VecDeque<(SocketAddr, Breaks)>,
    /// Hosts that cannot be reached now, and whether they say so.
    pub(super) away: Vec<(SocketAddr, Away, Timestamp)>,
    /// Until then DNS says nothing.
    pub(super) no_names_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Away {
    Refuses,
    Silent,
}

/// The hosts of the world that listen.
pub(super) struct Net {
    world: Arc<World>,
    /// Two relays listen, and operators come to either.
    two: bool,
    hosts: Mutex<Vec<(SocketAddr, mpsc::UnboundedSender<Connected>)>>,
    opened: AtomicU64,
}

/// A host's end of a new connection, and who connects.
type Connected = (End, SocketAddr);

/// Where a host takes connections.
pub(super) struct Listener(Fair<mpsc::UnboundedReceiver<Connected>>);

impl fmt::Debug for Outward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated network")
    }
}

impl Net {
    pub(super) fn new(world: &Arc<World>, two: bool) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            two,
            hosts: Mutex::default(),
            opened: AtomicU64::new(0),
        })
    }

    pub(super) fn listen(&self, at: SocketAddr) -> Arc<Listener> {
        let (give, take) = mpsc::unbounded_channel();
        let mut hosts = held(&self.hosts);
        hosts.retain(|(host, _)| *host != at);
        hosts.push((at, give));
        Arc::new(Listener(Fair::new(take)))
    }

    /// Nobody listens there any more.
    pub(super) fn forget(&self, at: SocketAddr) {
        held(&self.hosts).retain(|(host, _)| *host != at);
    }

    /// The relay to which somebody goes who has something to say.
    pub(super) fn relay(&self) -> SocketAddr {
        match self.two && self.world.pick(0..2) == 1 {
            true => Which::Second.address(),
            false => Which::First.address(),
        }
    }

    /// Opens a connection from `from`; `ours`: this relay does.
    pub(super) async fn open(&self, from: SocketAddr, to: SocketAddr, ours: Option<Arc<Life>>) -> io::Result<End> {
        let (away, slow, choppy) = {
            let weather = held(&self.world.weather);
            let now = self.world.now();
            let away = weather.away.iter().find(|(host, _, until)| *host == to && *until > now);
            let away = away.map(|(_, how, _)| *how);
            (away, weather.slow, weather.choppy)
        };
        sleep(self.world.millis(1..5)).await;
        match away {
            Some(Away::Refuses) => return Err(io::ErrorKind::ConnectionRefused.into()),
            Some(Away::Silent) => std::future::pending().await,
            None => {}
        }
        let far = if ours.is_some() { to } else { from };
        let breaks = {
            let mut weather = held(&self.world.weather);
            let place = weather.ends.iter().position(|(host, _)| host.ip() == far.ip());
            place.and_then(|place| weather.ends.remove(place)).map(|(_, how)| how)
        };
        let (near, distant) = wire::laid(&self.world, breaks, (choppy, slow));
        let host = held(&self.hosts)
            .iter()
            .find(|(host, _)| *host == to)
            .map(|(_, give)| give.clone());
        let number = self.opened.fetch_add(1, SeqCst);
        let from = SocketAddr::new(from.ip(), 10_000 + (number % 50_000) as u16);
        match host.map(|give| give.send((distant.held_by(Which::at(to).map(|which| self.world.life(which))), from))) {
            Some(Ok(())) => Ok(near.held_by(ours)),
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

/// The network, as one of the relays goes out to it.
pub(super) struct Outward {
    net: Arc<Net>,
    from: SocketAddr,
    life: Arc<Life>,
}

impl Outward {
    pub(super) fn of(net: &Arc<Net>, which: Which) -> Self {
        Self {
            net: Arc::clone(net),
            from: which.address(),
            life: net.world.life(which),
        }
    }
}

impl Network for Outward {
    fn connect<'a>(&'a self, addresses: &'a [SocketAddr]) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        Box::pin(async move {
            let Self { net, from, life } = self;
            net.world.next_step(life).await;
            let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
            for address in addresses {
                match net.open(*from, *address, Some(Arc::clone(life))).await {
                    Ok(end) => return Ok(Box::new(end) as Box<dyn Transport>),
                    Err(error) => last = error,
                }
            }
            Err(last)
        })
    }
}

impl Listener {
    pub(super) async fn next(&self) -> Option<(End, SocketAddr)> {
        self.0.lock().await.recv().await
    }
}

impl Listen for Listener {
    type Stream = End;

    async fn accept(&self) -> io::Result<Arrived<End>> {
        let Some((stream, remote)) = self.next().await else {
            return std::future::pending().await;
        };
        let behind = Descriptors::Enough;
        Ok(Arrived { stream, remote, behind })
    }
}
