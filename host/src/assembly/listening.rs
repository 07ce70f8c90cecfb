//! The sockets that peers come to: bound when a configuration is looked at, so that an address which cannot be had is a
//! problem like any other, and listened on when everything else is ready.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::findings::Findings;
use crate::config::{Code, Config, overlap};
use crate::routing::Side;

/// A listener whose queue holds a burst of connections: with the usual 128, a thousand peers that come at once wait for
/// seconds.
const BACKLOG: u32 = 4096;

/// Bound, and nobody is let in yet.
pub(crate) struct Sockets(Vec<Bound>);

struct Bound {
    socket: TcpSocket,
    key: String,
    address: SocketAddr,
    side: Side,
    tls_at_once: bool,
}

/// Peers may queue up there.
pub(crate) struct Open {
    pub(crate) listener: TcpListener,
    pub(crate) side: Side,
    /// Clients begin with the TLS handshake.
    pub(crate) tls_at_once: bool,
}

/// Which addresses may be taken already, by whom it does not matter.
pub(crate) enum TakenBy<'a> {
    Nobody,
    /// This relay listens there itself.
    Us(&'a [SocketAddr]),
    /// A relay runs on the same spool: whatever is taken is probably its own.
    RelayOnSpool,
}

impl Sockets {
    /// Binds every address of the configuration. Each one that cannot be had is a problem, or with `only_looking` a notice
    /// where it is this user's rights that do not suffice.
    pub(crate) fn bind(config: &Config, taken: &TakenBy<'_>, only_looking: bool, found: &mut Findings) -> Self {
        let mut sockets = Vec::new();
        for (key, address, side, tls_at_once) in addresses(config) {
            if let TakenBy::Us(ours) = taken
                && ours.iter().any(|own| overlap(*own, address))
            {
                continue;
            }
            match bind(address) {
                Ok(socket) => sockets.push(Bound {
                    socket,
                    key,
                    address,
                    side,
                    tls_at_once,
                }),
                Err(error) if error.kind() == ErrorKind::AddrInUse && matches!(taken, TakenBy::RelayOnSpool) => {}
                Err(error) if error.kind() == ErrorKind::PermissionDenied && only_looking => {
                    found.notice(
                        Code::AddressUnsure,
                        &key,
                        format!("this user may not listen on {address}; the relay's may have to"),
                    );
                }
                Err(error) => found.problem(Code::AddressUnusable, &key, cannot(address, &error)),
            }
        }
        // The console binds its own when the rest is at work.
        if let Some(console) = &config.console
            && !matches!(taken, TakenBy::Us(ours) if ours.iter().any(|own| overlap(*own, console.listen)))
            && let Err(error) = bind(console.listen)
            && !(error.kind() == ErrorKind::AddrInUse && matches!(taken, TakenBy::RelayOnSpool))
        {
            found.problem(Code::AddressUnusable, "console.listen", cannot(console.listen, &error));
        }
        Self(sockets)
    }

    /// Lets peers in, or rather queue up: whoever holds the listeners serves them.
    pub(crate) fn listen(self, found: &mut Findings) -> Vec<Open> {
        let mut listeners = Vec::new();
        for Bound {
            socket,
            key,
            address,
            side,
            tls_at_once,
        } in self.0
        {
            match socket.listen(BACKLOG) {
                Ok(listener) => listeners.push(Open {
                    listener,
                    side,
                    tls_at_once,
                }),
                Err(error) => found.problem(Code::AddressUnusable, &key, cannot(address, &error)),
            }
        }
        listeners
    }
}

fn cannot(address: SocketAddr, error: &io::Error) -> String {
    format!("cannot listen on {address}: {error}")
}

/// Each with its key in the configuration, who comes there, and whether they begin with TLS.
fn addresses(config: &Config) -> impl Iterator<Item = (String, SocketAddr, Side, bool)> {
    let inside = &config.relay.inside_listen;
    let side = if inside.is_empty() { Side::Both } else { Side::Outside };
    fn keyed(list: &str, addresses: &[SocketAddr], side: Side) -> impl Iterator<Item = (String, SocketAddr, Side)> {
        let addresses = addresses.iter().copied().enumerate();
        addresses.map(move |(at, address)| (format!("relay.{list}[{at}]"), address, side))
    }
    let plain = keyed("listen", &config.relay.listen, side).chain(keyed("inside-listen", inside, Side::Inside));
    let encrypted = keyed("listen-tls", &config.relay.listen_tls, side);
    let plain = plain.map(|(key, address, side)| (key, address, side, false));
    plain.chain(encrypted.map(|(key, address, side)| (key, address, side, true)))
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
