//! Answers to intake's questions before there is a message: who may talk, which peer it is, whether a recipient can be
//! routed.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::intake::{Handler, LoginRefused, Notice, Party, Proof, RefusedMessage, SenderTerms, Welcome};
use crate::message::{Incoming, MessageId, MmsAddress, PeerName, Refusal, Timestamp};
use crate::protocol::smtp::{AuthCredentials, Reply};
use crate::routing::Side;
use crate::spool::{BoxFuture, Receipt, Refused, Room};

use super::Relay;
use super::directory::Directory;
use super::rates::Rates;
use super::sender::SenderProfile;

/// The view of the relay from one listener. Which peers are known there depends on whether it listens inside or
/// outside.
pub(crate) struct Door {
    pub(crate) relay: Arc<Relay>,
    pub(crate) side: Side,
    pub(crate) certificates: Arc<dyn KnownCertificates>,
}

/// The peers' certificates.
pub(crate) trait KnownCertificates: Send + Sync {
    /// The peers that a client may be which has the key of the first certificate in `chain`.
    fn peers_of(&self, chain: &[CertificateDer<'static>]) -> Vec<PeerName>;
}

impl Door {
    /// Which peer a client is: the one that it has proved to be; else the one, among those with this address, whose
    /// domain the sender has. Every proof that is configured for that peer must have been given.
    fn talker(&self, remote: SocketAddr, proof: &Proof, domain: Option<&str>) -> Result<PeerName, Refusal> {
        let directory = self.relay.directory.load();
        let proved = proof
            .login
            .as_ref()
            .or_else(|| directory.routing.best_of(&proof.certified, domain));
        let peer = match proved {
            Some(peer) => peer.clone(),
            None => {
                self.peer(remote, domain)
                    .map_err(|unknown| match directory.routing.lets_strangers_in(self.side) {
                        true => Refusal::NotProven {
                            what: "nobody comes from your address; log in, or show your certificate",
                        },
                        false => unknown,
                    })?
            }
        };
        let Some(profile) = directory.senders.get(&peer) else {
            return Ok(peer);
        };
        if profile.certificate_required && !proof.certified.contains(&peer) {
            let what = "show the certificate that was agreed upon, over TLS";
            return Err(Refusal::NotProven { what });
        }
        if profile.login_required && proof.login.as_ref() != Some(&peer) {
            let what = "log in first, over TLS: AUTH";
            return Err(Refusal::NotProven { what });
        }
        Ok(peer)
    }

    fn peer(&self, remote: SocketAddr, domain: Option<&str>) -> Result<PeerName, Refusal> {
        let directory = self.relay.directory.load();
        let peer = directory.routing.peer_for(self.side, remote.ip(), domain);
        peer.ok_or(Refusal::UnknownClient {
            remote: remote.ip().to_string(),
        })
    }
}

impl Door {
    fn store_is_there(&self) -> Result<(), Refusal> {
        let inbox = &self.relay.store.inbox;
        if inbox.is_failed() {
            return Err(Refusal::StoreFailed);
        }
        match inbox.is_away() {
            true => Err(Refusal::StoreAway),
            false => Ok(()),
        }
    }

    /// Checks the rate of connections, if the address belongs to one peer only: of several, nobody knows yet which one
    /// has connected.
    fn counts_connection(&self, directory: &Directory, remote: SocketAddr) -> Result<(), Refusal> {
        let mut peers = directory.routing.peers_at(self.side, remote.ip());
        let (Some(peer), None) = (peers.next(), peers.next()) else {
            return Ok(());
        };
        let profile = directory.senders.get(peer);
        match profile.is_none_or(|profile| self.relay.sent.connection(peer, &self.share(profile.rates))) {
            true => Ok(()),
            false => Err(self.too_fast(peer, "connections")),
        }
    }

    fn keeps_to_its_rate(&self, directory: &Directory, peer: &PeerName) -> Result<(), Refusal> {
        let rates = directory
            .senders
            .get(peer)
            .map(|profile| profile.rates)
            .unwrap_or_default();
        match self.relay.sent.message(peer, &self.share(rates)) {
            Ok(()) => Ok(()),
            Err(what) => Err(self.too_fast(peer, what)),
        }
    }

    fn share(&self, rates: Rates) -> Rates {
        rates.among(self.relay.store.inbox.relays())
    }

    fn too_fast(&self, peer: &PeerName, what: &'static str) -> Refusal {
        self.relay.callers.note_too_fast(peer, what);
        Refusal::TooFast { what }
    }
}

impl Handler for Door {
    fn party(&self, remote: SocketAddr) -> Option<Party> {
        let directory = self.relay.directory.load();
        let mut peers = directory.routing.peers_at(self.side, remote.ip());
        let name = peers.next()?.clone();
        let peers = 1 + peers.count();
        Some(Party { name, peers })
    }

    fn peers(&self) -> usize {
        self.relay.directory.load().routing.count_peers(self.side)
    }

    /// Only clients at the address of some peer may talk, unless some peer may connect from anywhere: this is no open
    /// relay.
    fn greet(&self, remote: SocketAddr) -> Result<Welcome, Refusal> {
        let directory = self.relay.directory.load();
        let known = self.peer(remote, None);
        let is_stranger = known.is_err() && directory.routing.lets_strangers_in(self.side);
        if !is_stranger {
            known?;
        }
        self.store_is_there()?;
        self.counts_connection(&directory, remote)?;
        let may_be = directory.routing.may_come_from(self.side, remote.ip());
        let terms = may_be.filter_map(|peer| directory.senders.get(peer));
        let widest = |a: Welcome, b: &SenderProfile| Welcome {
            message: a.message.max(Some(b.message)),
            talks_early: a.talks_early || b.talks_early,
            logins: a.logins || b.login_required,
            ..a
        };
        let none = Welcome {
            is_stranger,
            ..Welcome::default()
        };
        Ok(terms.fold(none, widest))
    }

    fn noticed(&self, notice: Notice) {
        self.relay.callers.note(notice);
    }

    fn certified(&self, remote: SocketAddr, chain: &[CertificateDer<'static>]) -> Vec<PeerName> {
        if chain.is_empty() {
            return Vec::new();
        }
        let directory = self.relay.directory.load();
        let mut peers = self.certificates.peers_of(chain);
        let may_be = directory
            .routing
            .may_come_from(self.side, remote.ip())
            .collect::<Vec<_>>();
        peers.retain(|peer| may_be.contains(&peer));
        peers
    }

    fn log_in(
        &self,
        remote: SocketAddr,
        credentials: AuthCredentials,
    ) -> BoxFuture<'_, Result<PeerName, LoginRefused>> {
        Box::pin(async move {
            let directory = self.relay.directory.load_full();
            let may_come = |peer: &PeerName| {
                let mut may_be = directory.routing.may_come_from(self.side, remote.ip());
                may_be.any(|name| name == peer)
            };
            let logins = Arc::clone(&directory.logins);
            self.relay
                .guesses
                .look(remote.ip(), logins, credentials, may_come)
                .await
        })
    }

    /// Refuses a peer that may not speak for that sender.
    fn sender(&self, remote: SocketAddr, proof: &Proof, sender: Option<&MmsAddress>) -> Result<SenderTerms, Refusal> {
        self.store_is_there()?;
        if self.relay.store.inbox.room() != Room::Ample {
            return Err(Refusal::NoSpace);
        }
        let peer = self.talker(remote, proof, sender.and_then(|sender| sender.domain()))?;
        let directory = self.relay.directory.load();
        self.keeps_to_its_rate(&directory, &peer)?;
        if let Some(sender) = sender {
            directory.routing.may_originate(&peer, sender)?;
        }
        let Some(profile) = directory.senders.get(&peer) else {
            return Ok(SenderTerms::new(peer));
        };
        Ok(SenderTerms {
            message: Some(profile.message),
            line: Some(profile.line),
            tls_required: profile.tls_required,
            mends_line_ends: profile.mends_line_ends,
            ..SenderTerms::new(peer)
        })
    }

    fn recipient(&self, source: &PeerName, address: &MmsAddress) -> Result<(), Refusal> {
        let directory = self.relay.directory.load();
        let now = directory.now(&self.relay.delivery);
        match directory.routing.admit_before_data(source, address, &now) {
            Err(Refusal::NoRoute { .. }) if self.relay.has_home(source, address) => Ok(()),
            admitted => admitted,
        }
    }

    fn look_up<'a>(&'a self, source: &'a PeerName, recipient: &str) -> Option<BoxFuture<'a, ()>> {
        let address = MmsAddress::new(recipient).ok()?;
        let directory = self.relay.directory.load();
        let asked = directory.to_be_asked(Some(source), &address);
        let now = directory.now(&self.relay.delivery);
        let is_lost = || {
            let admitted = directory.routing.admit_before_data(source, &address, &now);
            matches!(admitted, Err(Refusal::NoRoute { .. }))
        };
        if asked.is_none() && !is_lost() {
            return None;
        }
        Some(Box::pin(async move {
            if let Some((numbering, number)) = asked {
                numbering.ask(&number).await;
            }
            self.relay.look_for_home(source, &address).await;
        }))
    }

    fn next_id(&self) -> MessageId {
        self.relay.store.inbox.next_id()
    }

    fn now(&self) -> Timestamp {
        self.relay.clock.now()
    }

    fn carry(&self, incoming: Incoming) -> BoxFuture<'_, Result<Receipt, Refusal>> {
        if let Some(peer) = incoming.origin.source.peer() {
            let directory = self.relay.directory.load();
            if let Some(profile) = directory.senders.get(peer) {
                let rates = self.share(profile.rates);
                self.relay.sent.octets(peer, &rates, incoming.content.size());
            }
        }
        Box::pin(self.relay.carry(incoming))
    }

    fn refused(&self, message: &RefusedMessage, refusal: &Refusal, reply: &Reply) {
        let from = message.from.as_ref().map(MmsAddress::to_string);
        self.relay.refusals.note(Refused {
            id: message.id.to_string(),
            at: self.relay.clock.now().0,
            peer: message.peer.to_string(),
            remote: message.remote.to_string(),
            helo: message.helo.clone(),
            from: from.unwrap_or_default(),
            to: message.to.iter().map(MmsAddress::to_string).collect(),
            recipients: message.recipients as u64,
            reply: reply.to_string(),
            reason: refusal.to_string(),
        });
    }
}
