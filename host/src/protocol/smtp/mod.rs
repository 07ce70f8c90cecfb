//! SMTP (RFC 5321) at the byte level: commands, replies, and the framing of messages, for both ends of a session.
//!
//! The server's half reads lines and commands ([`LineReader`], [`Command`]) and the message up to its end
//! ([`DataReader`]). The client's half reads replies ([`ReplyReader`]), assigns them to its questions ([`Dialogue`]),
//! and writes commands and dot-stuffed data ([`outbound`]).

mod command;
mod data;
mod dialogue;
mod encode;
mod line;
mod login;
pub mod outbound;
mod reply;

pub use command::{Body, Command, CommandError};
pub use data::{DataError, DataLimits, DataReader, Progress};
pub use dialogue::{Dialogue, Question, Unusable};
pub use encode::MAX_REPLY_OCTETS;
pub use line::{Found, LineError, LineReader};
pub use login::{AuthCredentials, Login, LoginError, LoginStep, MECHANISMS};
pub use reply::{Enhanced, MAX_REPLY_LINE, MAX_REPLY_LINES, MAX_REPLY_SIZE, Reply, ReplyError, ReplyReader};
