//! Plug-ins without traffic: samples that a version must pass, recordings of its calls, and replays of them through
//! another version.
//!
//! [`samples`] are messages with the results that the author expects: `plugin test` compares them, and so does loading
//! a version where the configuration asks for it. A [`recording`] holds real calls with the answers of the host;
//! [`replay`] runs them through another version, and a [`player`] answers its questions from the recording. Results are
//! compared as lines of text ([`account`]). The [`library`] has messages for all of these.

pub mod account;
pub mod library;
pub mod player;
pub mod recording;
pub mod replay;
pub mod samples;

pub use account::occasion as occasion_text;
