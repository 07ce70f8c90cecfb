//! What intake asks of the relay.

use std::net::SocketAddr;

use crate::message::{Incoming, MessageId, MmsAddress, PeerName, Refusal, Timestamp};
use crate::protocol::smtp::Reply;
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

    /// At MAIL: which peer this is, and on what terms it sends. `None` is the null sender.
    fn sender(&self, remote: SocketAddr, sender: Option<&MmsAddress>) -> Result<SenderTerms, Refusal>;

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

/// What holds for a client before it has said who it is: it comes from an address of one or several peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// Octets of a message to announce as SIZE, instead of `Options::message`: the most that one of them may send.
    pub message: Option<u64>,
    /// One of them does not wait for its turn: octets that come before it are taken as if they had come in it, except
    /// behind a DATA that was refused.
    pub talks_early: bool,
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
}

impl SenderTerms {
    /// Nothing differs.
    pub fn new(peer: PeerName) -> Self {
        Self {
            peer,
            message: None,
            line: None,
            tls_required: false,
        }
    }
}
