//! SMTP (RFC 5321) at the byte: commands, replies, and the framing of messages, for both ends of a session.

pub mod outbound;
mod reply;

pub use reply::{Enhanced, MAX_REPLY_LINE, MAX_REPLY_LINES, Reply, ReplyError, ReplyReader};
