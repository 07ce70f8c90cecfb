//! The SMTP server: sessions with the peers that send to us.
//!
//! A session takes one message after another, and hands each over as a whole: framed strictly, unstuffed, and not
//! looked into. What it knows of routes, rights and journeys it asks its [`Handler`]; it answers `250` to the end of
//! data only with the [`Receipt`](crate::spool::Receipt) that says that the message is on disk.
//!
//! What is where:
//!
//! - `listener`: connections in, and their end
//! - `entrance`: from a connection to a session, also behind a load balancer
//! - `guests`: whose place a connection takes, and whether there is one
//! - `session`: one connection: reading, deadlines, replies in groups
//! - `state`: what each command means, by what was said before it
//! - `transaction`: what is known of a message before its content comes
//! - `content`: the message behind DATA or in chunks, into memory or a file
//! - `replies`: the one table from [`Refusal`](crate::message::Refusal) to what the peer hears
//!
//! Policy. A bare CR, bare LF or NUL in a message costs the message and the session: whoever sent it may have meant
//! what follows as part of it. Octets that nobody asked for (behind EHLO, DATA and STARTTLS, before the greeting) end
//! the session too, except those of a peer that is known to talk early. 8-bit octets are taken with or without `BODY=8BITMIME`. A handler that has been given a message is never
//! interrupted by its peer: when the peer goes away meanwhile, the message is kept, and may come a second time.

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

pub use budget::{Lease, MemoryBudget};
pub use handler::{Handler, LoginRefused, Notice, Party, Proof, RefusedMessage, SenderTerms, Welcome};
pub use listener::serve;
pub use options::Options;
pub use replies::reply_to;
