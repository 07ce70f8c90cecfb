//! SMTP (RFC 5321) at the byte: commands, replies, and the framing of messages, for both ends of a session.

mod reply;

pub use reply::{Enhanced, Reply};
