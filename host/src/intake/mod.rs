//! The SMTP server: sessions with the peers that send to us.
//!
//! A session takes one message after another and hands each over as a whole: strictly framed, dot-unstuffed, and not
//! looked into. It asks its [`Handler`] about routes and rights, and hands messages to it. It answers `250` to the end
//! of data only with a [`Receipt`](crate::spool::Receipt), which proves that the message is on disk.
//!
//! What is where:
//!
//! - `arriving`: where connections come from
//! - `listener`: accepting connections, and their end
//! - `entrance`: from a connection to a session, also behind a load balancer
//! - `guests`: the places for sessions, and which peer may take one
//! - `session`: one connection: reading, deadlines, replies in groups
//! - `state`: the meaning of each command, which depends on those before it
//! - `transaction`: the envelope of a message, before its content comes
//! - `content`: the message behind DATA or in chunks, into memory or a file
//! - `replies`: the one table from [`Refusal`](crate::message::Refusal) to the reply
//!
//! Policy. A bare CR, bare LF or NUL in a message costs the message and the session: the sender may have meant what
//! follows as part of the message. Octets that arrive before their turn (before the greeting, behind EHLO, DATA and
//! STARTTLS) end the session too, except those of a peer that is configured to talk early. 8-bit octets are accepted
//! with or without `BODY=8BITMIME`. Once a handler has been given a message, the peer cannot interrupt it: when the
//! peer goes away meanwhile, the message is kept, and may come a second time.

mod arriving;
mod budget;
mod content;
mod draft;
mod entrance;
mod guests;
mod handler;
mod listener;
mod options;
mod pace;
mod replies;
mod session;
mod state;
mod transaction;
mod wire;

#[cfg(test)]
mod tests;

pub use arriving::{Arrived, Descriptors, Listen};
pub use budget::{Lease, MemoryBudget};
pub use handler::{Handler, LoginRefused, Notice, Party, Proof, RefusedMessage, SenderTerms, Welcome};
pub use listener::serve;
pub use options::Options;
pub use replies::reply_to;
