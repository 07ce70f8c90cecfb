//! The listening sockets for peers. They are bound when a configuration is examined, so that an unavailable address is
//! a problem like any other, and listen once everything else is ready.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::findings::Findings;
use crate::config::{Code, Config, overlap};
use crate::routing::Side;

/// The length of a listener's queue. With the usual 128, a thousand peers that connect at once would wait for seconds.
const BACKLOG: u32 = 4096;

/// Sockets that are bound and do not listen yet.
pub(crate) struct Sockets(Vec<Bound>);

struct Bound {
    socket: TcpSocket,
    key: String,
    address: SocketAddr,
    side: Side,
    tls_at_once: bool,
}

/// A socket that listens.
pub(crate) struct Open {
    pub(crate) listener: TcpListener,
    pub(crate) side: Side,
    /// Clients begin with the TLS handshake.
    pub(crate) tls_at_once: bool,
}

/// Which addresses may be in use already.
pub(crate) enum TakenBy<'a> {
    Nobody,
    /// This relay itself listens there.
    Us(&'a [SocketAddr]),
    /// A relay runs on the same spool, so an address in use is probably its own.
    RelayOnSpool,
}

impl Sockets {
    /// Binds every address of the configuration. An unavailable address is a problem. With `only_looking` it is a
    /// notice if only the rights of this user are missing.
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
        // Monitoring binds its own address when everything else runs.
        if let Some(monitoring) = &config.monitoring
            && !matches!(taken, TakenBy::Us(ours) if ours.iter().any(|own| overlap(*own, monitoring.listen)))
            && let Err(error) = bind(monitoring.listen)
            && !(error.kind() == ErrorKind::AddrInUse && matches!(taken, TakenBy::RelayOnSpool))
        {
            found.problem(
                Code::AddressUnusable,
                "monitoring.listen",
                cannot(monitoring.listen, &error),
            );
        }
        Self(sockets)
    }

    /// Lets peers connect; they wait in the queue until the listeners are served.
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

/// Each address with its key in the configuration, its side, and whether clients begin with TLS.
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
