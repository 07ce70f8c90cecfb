//! What intake asks of the relay.

use std::net::SocketAddr;

use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::message::{Incoming, MessageId, MmsAddress, PeerName, Refusal, Timestamp};
use crate::protocol::smtp::{AuthCredentials, Reply};
use crate::spool::{BoxFuture, Receipt};

/// Who may talk, what is routable, and where messages go. What is asked in the middle of a
/// session must not wait for anything (`greet`, `sender`, `recipient`); what has to be waited for is asked before, by
/// `look_up`.
pub trait Handler: Send + Sync + 'static {
    /// At the connection, before it is given a place: which peers may come from this address, the first of them standing
    /// for all, and how many they are. `None`: none.
    fn party(&self, _remote: SocketAddr) -> Option<Party> {
        None
    }

    /// How many peers may come at all.
    fn peers(&self) -> usize {
        0
    }

    /// At the connection: who may talk at all, and what is known of them already.
    fn greet(&self, remote: SocketAddr) -> Result<Welcome, Refusal>;

    /// Behind a TLS handshake in which the client showed these certificates, and proved that it has the key of the first:
    /// the peers that it may be by that.
    fn certified(&self, _remote: SocketAddr, _chain: &[CertificateDer<'static>]) -> Vec<PeerName> {
        Vec::new()
    }

    /// At the end of AUTH: whose login it is. It takes as long for a name that nobody has as for a wrong password, and the
    /// session waits for it.
    fn log_in(
        &self,
        _remote: SocketAddr,
        _credentials: AuthCredentials,
    ) -> BoxFuture<'_, Result<PeerName, LoginRefused>> {
        Box::pin(async { Err(LoginRefused::Wrong) })
    }

    /// At MAIL: which peer this is, by its address and what it has proved, and on what terms it sends. `None` is the null
    /// sender.
    fn sender(&self, remote: SocketAddr, proof: &Proof, sender: Option<&MmsAddress>) -> Result<SenderTerms, Refusal>;

    /// Before [`recipient`](Self::recipient): what has to be looked up elsewhere first, if anything. The session waits for
    /// it, and so for no longer than a client should.
    fn look_up<'a>(&'a self, _source: &'a PeerName, _recipient: &str) -> Option<BoxFuture<'a, ()>> {
        None
    }

    /// At RCPT: whether the recipient can be routed.
    fn recipient(&self, source: &PeerName, address: &MmsAddress) -> Result<(), Refusal>;

    /// At the end of data.
    fn next_id(&self) -> MessageId;

    /// At the end of data.
    fn now(&self) -> Timestamp;

    /// At the end of data: the whole journey, up to the commit. It is not cancelled when the peer goes away, only when
    /// the listener's farewell is over; until it has returned, nobody has been told anything.
    fn carry(&self, incoming: Incoming) -> BoxFuture<'_, Result<Receipt, Refusal>>;

    /// Something that operators count.
    fn noticed(&self, _notice: Notice) {}

    /// Behind the end of data, when the message was refused: for those who are asked about it later.
    fn refused(&self, _message: &RefusedMessage, _refusal: &Refusal, _reply: &Reply) {}
}

/// What is known of a message that was refused at the end of its data.
#[derive(Clone, Debug)]
pub struct RefusedMessage {
    pub id: MessageId,
    pub peer: PeerName,
    pub remote: SocketAddr,
    pub helo: String,
    pub from: Option<MmsAddress>,
    /// The first of them.
    pub to: Vec<MmsAddress>,
    /// How many there were.
    pub recipients: usize,
}

/// Whom a connection is counted for: the peers that its address belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Party {
    /// One of them, always the same.
    pub name: PeerName,
    /// How many they are.
    pub peers: usize,
}

/// What a client has proved over TLS, beside its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The peer whose name and password it knows.
    pub login: Option<PeerName>,
    /// The peers whose certificate it has: two may have one.
    pub certified: Vec<PeerName>,
}

impl Proof {
    pub fn is_empty(&self) -> bool {
        self.login.is_none() && self.certified.is_empty()
    }
}

/// What clients come to that come to no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// There was no place for a session.
    TurnedAway,
    /// A name or a password was wrong, or not looked at.
    LoginRefused,
    /// A listener has hardly any place left, or has enough again.
    Overload(bool),
}

/// Why a login is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRefused {
    /// Nobody has this name, or it has another password, or it may not come from here.
    Wrong,
    /// There were too many wrong ones from there; nobody has looked at this one.
    TooMany,
}

/// What holds for a client before it has said who it is: it comes from an address of one or several peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// Octets of a message to announce as SIZE, instead of `Options::message`: the most that one of them may send.
    pub message: Option<u64>,
    /// One of them does not wait for its turn: octets that come before it are taken as if they had come in it, except
    /// behind a DATA that was refused.
    pub talks_early: bool,
    /// One of them logs in, so AUTH is offered over TLS.
    pub logins: bool,
    /// It comes from nobody's address, and has to prove soon who it is.
    pub is_stranger: bool,
}

/// A recognised peer, and what differs for it from the listener's options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderTerms {
    pub peer: PeerName,
    /// Octets of a message, instead of `Options::message`.
    pub message: Option<u64>,
    /// Octets of a line, instead of `Options::line`: some peers put a whole SMIL on one.
    pub line: Option<u64>,
    /// The peer's messages are taken over TLS only.
    pub tls_required: bool,
    /// A bare CR or LF in its messages is a line end.
    pub mends_line_ends: bool,
}

impl SenderTerms {
    /// Nothing differs.
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
