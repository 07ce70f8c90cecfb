//! The questions that intake asks the relay.

use std::net::SocketAddr;

use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::message::{Incoming, MessageId, MmsAddress, PeerName, Refusal, Timestamp};
use crate::protocol::smtp::{AuthCredentials, Reply};
use crate::spool::{BoxFuture, Receipt};

/// Decides who may talk and what is routable, and takes the messages. `greet`, `sender` and `recipient` are called in
/// the middle of a session and must not wait; a look-up that has to wait is done before, in `look_up`.
pub trait Handler: Send + Sync + 'static {
    /// At the connection, before a place is given: the peers that may connect from this address. The first of them
    /// stands for all, with their number; `None` when there are none.
    fn party(&self, _remote: SocketAddr) -> Option<Party> {
        None
    }

    /// The number of peers that may connect at all.
    fn peers(&self) -> usize {
        0
    }

    /// At the connection: whether the client may talk, and what is known of it already.
    fn greet(&self, remote: SocketAddr) -> Result<Welcome, Refusal>;

    /// After a TLS handshake: the peers that the client may be by its certificate. It showed this chain, and proved
    /// that it has the key of the first certificate.
    fn certified(&self, _remote: SocketAddr, _chain: &[CertificateDer<'static>]) -> Vec<PeerName> {
        Vec::new()
    }

    /// At the end of AUTH: the peer that this login belongs to. The answer takes as long for an unknown name as for a
    /// wrong password, and the session waits for it.
    fn log_in(
        &self,
        _remote: SocketAddr,
        _credentials: AuthCredentials,
    ) -> BoxFuture<'_, Result<PeerName, LoginRefused>> {
        Box::pin(async { Err(LoginRefused::Wrong) })
    }

    /// At MAIL: which peer the client is, by its address and its proofs, and the terms on which it sends. A `sender` of
    /// `None` is the null sender.
    fn sender(&self, remote: SocketAddr, proof: &Proof, sender: Option<&MmsAddress>) -> Result<SenderTerms, Refusal>;

    /// Before [`recipient`](Self::recipient): a look-up elsewhere that must come first, if there is one. The session
    /// waits for it, so it must end before a client loses patience.
    fn look_up<'a>(&'a self, _source: &'a PeerName, _recipient: &str) -> Option<BoxFuture<'a, ()>> {
        None
    }

    /// At RCPT: whether the recipient can be routed.
    fn recipient(&self, source: &PeerName, address: &MmsAddress) -> Result<(), Refusal>;

    /// At the end of data: the id for the message.
    fn next_id(&self) -> MessageId;

    /// At the end of data: the time of its reception.
    fn now(&self) -> Timestamp;

    /// At the end of data: the whole journey, up to the commit. It is not cancelled when the peer goes away, but when
    /// the time for the listener's end has run out. Until it returns, nobody has been told anything.
    fn carry(&self, incoming: Incoming) -> BoxFuture<'_, Result<Receipt, Refusal>>;

    /// Reports an event that operators count.
    fn noticed(&self, _notice: Notice) {}

    /// After a refusal at the end of data: records it for operators who are asked about the message later.
    fn refused(&self, _message: &RefusedMessage, _refusal: &Refusal, _reply: &Reply) {}
}

/// A message that was refused at the end of its data.
#[derive(Clone, Debug)]
pub struct RefusedMessage {
    pub id: MessageId,
    pub peer: PeerName,
    pub remote: SocketAddr,
    pub helo: String,
    pub from: Option<MmsAddress>,
    /// The first recipients.
    pub to: Vec<MmsAddress>,
    /// The number of all recipients.
    pub recipients: usize,
}

/// The peers that a connection counts for: those that its address belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Party {
    /// One of these peers, always the same one.
    pub name: PeerName,
    /// The number of these peers.
    pub peers: usize,
}

/// The proofs of identity that a client gave over TLS; its address is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The peer whose name and password the client knows.
    pub login: Option<PeerName>,
    /// The peers whose certificate the client has; two peers may share one.
    pub certified: Vec<PeerName>,
}

impl Proof {
    pub fn is_empty(&self) -> bool {
        self.login.is_none() && self.certified.is_empty()
    }
}

/// An event of a session that leads to no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// There was no place for the session.
    TurnedAway,
    /// A name or password was wrong, or was not checked.
    LoginRefused,
    /// Nearly all places of a listener are taken, or enough are free again.
    Overload(bool),
}

/// Why a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRefused {
    /// The name is unknown, the password is wrong, or this peer may not log in from this address.
    Wrong,
    /// Too many logins from this address were wrong, so this one was not checked.
    TooMany,
}

/// What applies to a client before it has said which peer it is: its address may belong to several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// The size limit to announce, in octets, instead of `Options::message`: the largest limit among these peers.
    pub message: Option<u64>,
    /// At least one of these peers sends before its turn: octets that arrive early are accepted, except behind a
    /// refused DATA.
    pub talks_early: bool,
    /// At least one of these peers logs in, so AUTH is offered over TLS.
    pub logins: bool,
    /// The address belongs to no peer, so the client must prove soon who it is.
    pub is_stranger: bool,
}

/// A recognised peer, with what differs for it from the listener's options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderTerms {
    pub peer: PeerName,
    /// The size limit for a message in octets, instead of `Options::message`.
    pub message: Option<u64>,
    /// The limit for a line in octets, instead of `Options::line`: some peers put a whole SMIL presentation on one
    /// line.
    pub line: Option<u64>,
    /// The peer's messages are taken over TLS only.
    pub tls_required: bool,
    /// A bare CR or LF in its messages counts as a line end.
    pub mends_line_ends: bool,
}

impl SenderTerms {
    /// The terms of a peer for which nothing differs.
    pub fn new(peer: PeerName) -> Self {
        Self {
            peer,
            message: None,
            line: None,
            tls_required: false,
            mends_line_ends: false,
        }
    }
}
