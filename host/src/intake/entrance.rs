//! From a connection to a session: which client it is, and whether there is a place for it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use super::guests::{Guest, Guests};
use super::session::Session;
use super::wire::{Stream, Wire};
use super::{Handler, Notice, Options, replies};
use crate::protocol::proxy::{self, Proxied, ProxyError, ProxyHeader};
use crate::protocol::smtp::Reply;
use crate::sync::lock;

/// How many refused connections are told the reason at the same time. Further ones are closed without a reply, because
/// each holds a descriptor until it has heard.
const TURNED_AWAY: usize = 100;

/// How long a balancer may take for its header, which it has ready when it connects.
const HEADER: Duration = Duration::from_secs(5);

/// What all connections of a listener have in common.
pub(super) struct Entrance<H> {
    options: Arc<Options>,
    handler: Arc<H>,
    guests: Guests,
    telling: Semaphore,
    full: Mutex<Complaint>,
    bad_headers: Mutex<Complaint>,
    shutdown: watch::Receiver<bool>,
}

/// Why a connection from a load balancer is not served.
#[derive(Debug, thiserror::Error)]
enum BadHeader {
    #[error(transparent)]
    Header(#[from] ProxyError),
    #[error("no whole PROXY header within {} s", HEADER.as_secs())]
    Late,
    #[error("the connection ended in the PROXY header: {0}")]
    Broken(#[from] io::Error),
}

impl<H: Handler> Entrance<H> {
    pub(super) fn new(options: Arc<Options>, handler: Arc<H>, shutdown: watch::Receiver<bool>) -> Self {
        Self {
            options,
            handler,
            guests: Guests::default(),
            telling: Semaphore::new(TURNED_AWAY),
            full: Mutex::default(),
            bad_headers: Mutex::default(),
            shutdown,
        }
    }

    /// Whether nearly all places are taken.
    pub(super) fn overload(&self) -> watch::Receiver<bool> {
        self.guests.overload()
    }

    /// Serves a connection to its end. `crowded` says that too few descriptors are left to open a session.
    pub(super) async fn receive(&self, mut stream: impl Stream + 'static, remote: SocketAddr, crowded: bool) {
        let client = match self.client_of(&mut stream, remote).await {
            Ok(client) => client,
            Err(why) => {
                if lock(&self.bad_headers).is_due() {
                    tracing::warn!(%remote, event = "bad-proxy-header", "closed, and others for a minute without a line here: {why}");
                }
                return;
            }
        };
        let admitted = match crowded {
            true => Err(replies::too_few_descriptors()),
            false => self.admit(client),
        };
        match admitted {
            Ok(guest) => {
                let (options, handler) = (Arc::clone(&self.options), Arc::clone(&self.handler));
                let (shutdown, overload) = (self.shutdown.clone(), self.guests.overload());
                let session = Session::new(stream, client, options, handler, shutdown, overload);
                session.run().await;
                drop(guest);
            }
            Err(reply) => self.turn_away(stream, client, reply).await,
        }
    }

    /// The address of the client: from a balancer's header, or that of the connection itself.
    async fn client_of(&self, stream: &mut impl Stream, remote: SocketAddr) -> Result<SocketAddr, BadHeader> {
        let address = remote.ip().to_canonical();
        if !self.options.balancers.iter().any(|network| network.contains(&address)) {
            return Ok(remote);
        }
        let header = timeout(HEADER, header(stream)).await;
        Ok(match header.map_err(|_| BadHeader::Late)?? {
            Proxied::Client(client) => client,
            Proxied::Balancer => remote,
        })
    }

    fn admit(&self, client: SocketAddr) -> Result<Guest, Reply> {
        let (party, peers) = (self.handler.party(client), self.handler.peers());
        self.guests.admit(client.ip(), party, peers, &self.options)
    }

    async fn turn_away(&self, stream: impl Stream + 'static, client: SocketAddr, reply: Reply) {
        self.handler.noticed(Notice::TurnedAway);
        if lock(&self.full).is_due() {
            tracing::warn!(remote = %client, event = "client-turned-away", "turned away, and others for a minute without a line here: {reply}");
        }
        // The client expects a TLS handshake and could not read a reply in clear.
        if self.options.tls_at_once {
            return;
        }
        if let Ok(_place) = self.telling.try_acquire() {
            let mut wire = Wire::new(stream);
            wire.say(&reply);
            wire.close().await;
        }
    }
}

/// Reads the balancer's header, and not one octet of what follows it.
async fn header(stream: &mut impl Stream) -> Result<Proxied, BadHeader> {
    let mut octets = Vec::new();
    loop {
        match proxy::read(&octets)? {
            ProxyHeader::Whole(proxied) => return Ok(proxied),
            ProxyHeader::Wants(wanted) => {
                let known = octets.len();
                octets.resize(known + wanted, 0);
                stream.read_exact(&mut octets[known..]).await?;
            }
        }
    }
}

/// How long the same complaint is not logged again.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// A log line that is written at most once a minute, so that a flood of connections does not become a flood of lines.
#[derive(Default)]
pub(super) struct Complaint(Option<Instant>);

impl Complaint {
    pub(super) fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.0.is_none_or(|last| now.duration_since(last) >= SAY_AGAIN);
        if due {
            self.0 = Some(now);
        }
        due
    }
}
