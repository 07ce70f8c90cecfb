//! SMTP (RFC 5321) at the byte: commands, replies, and the framing of messages, for both ends of a session.

mod command;
mod data;
mod encode;
mod line;
mod reply;

pub use command::{Body, Command, CommandError};
pub use data::{DataError, DataLimits, DataReader, Progress};
pub use encode::MAX_REPLY_OCTETS;
pub use line::{Found, LineError, LineReader};
pub use reply::{Enhanced, Reply};
