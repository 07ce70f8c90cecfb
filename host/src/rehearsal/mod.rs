//! Plug-ins without traffic: samples that a version must pass, recordings of what it saw, and replays of them through
//! another version.
//!
//! [`samples`] are messages with what the author expects of them: `plugin test` compares, and so does the load of a version
//! where the configuration asks for it. A [`recording`] holds real calls and what the host answered; [`replay`] runs
//! them through another version, whose questions a [`player`] answers from the recording. What a call came to is compared
//! as lines of text ([`account`]). The [`library`] has messages for all of them.

pub mod account;
pub mod library;
pub mod player;
pub mod recording;
pub mod replay;
pub mod samples;

pub use account::occasion as occasion_text;
