//! The shared words: what a message is, who it is from and for, what may be done to it, and why it may be refused.
//!
//! Plain values without I/O. Every room may use them; they use no room.

mod address;
mod content;
mod edit;
mod ending;
mod ends;
mod envelope;
mod foreign;
mod header;
mod holder;
mod ids;
mod journey;
mod login;
mod masked;
mod opaque;
mod outgoing;
mod path;
mod policy;
mod profile;
mod refusal;
mod stored;
mod system;
mod transaction;
mod whole;

pub use address::{AddressKind, MAX_ADDRESS_OCTETS, MmsAddress};
pub use content::{Content, Piece, ReadAt, Rope};
pub use edit::{Edit, HeaderName, HeaderValue, MediaType, NewBody};
pub use ending::{End, RecipientEnd};
pub use ends::{NextHop, Source};
pub use envelope::{Envelope, Recipient};
pub use foreign::{Visible, VisibleLines, visible_json};
pub use header::{Field, Header};
pub use holder::{HoldRule, Holder};
pub use ids::{MessageId, Ordinal, OutgoingId, PartId, PeerName, QueueId, RecipientId, Timestamp};
pub use journey::{Append, KvWrite, Said, Step, StreamName};
pub use login::Password;
pub use masked::Masked;
pub use opaque::{BareId, OpaqueId};
pub use outgoing::{Outgoing, PartSize};
pub use path::without_source_route;
pub use policy::OnFailure;
pub use profile::{
    Choice, ContentClass, Extension, Hello, Quirk, Rate, RefuseWith, ResponseSender, Timeouts, TlsTo, UnknownDomain,
    UnknownTypes,
};
pub use refusal::{Blame, Refusal};
pub use system::{MAX_LOCAL_OCTETS, SystemAddress, SystemTag};
pub use transaction::{
    Answer, Cause, Change, Leg, LegState, Mode, News, Place, RepeatKey, ResponseState, Task, Todo, Transaction,
    TransactionChange, TransactionKey, WaitingRecord, Wants,
};
pub use whole::{Answered, Block, GivenIds, Incoming, Message, MessageType, Origin, Part, Protocol, TransferEncoding};

/// Why a value from outside cannot become one of ours. The text says what is wrong with the value; the caller adds
/// whose value it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Illegal(pub String);
