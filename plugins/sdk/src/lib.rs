//! Plug-ins for mm4relay, in Rust.
//!
//! A plug-in is a type that implements [`Plugin`] and is handed to [`export_plugin!`]. The relay calls it at up to three
//! points of a message's journey, gives it one message each time, and does what its verdict says:
//!
//! ```
//! use mm4_filter::{Fault, Plugin, Verdict, edit};
//!
//! pub struct Stamp;
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! pub struct Settings {
//!     name: String,
//! }
//!
//! impl Plugin for Stamp {
//!     const NAME: &'static str = "stamp";
//!     const VERSION: &'static str = env!("CARGO_PKG_VERSION");
//!     type State = Settings;
//!
//!     fn configure() -> Result<Settings, String> {
//!         mm4_filter::config()
//!     }
//!
//!     fn arrival(settings: &Settings) -> Result<Verdict, Fault> {
//!         Ok(Verdict::Edit(vec![edit::set_header("X-Stamp", &settings.name)]))
//!     }
//! }
//!
//! mm4_filter::export_plugin!(Stamp);
//! # fn main() {}
//! ```
//!
//! # What lives how long
//!
//! | what | made | lives |
//! |---|---|---|
//! | [`Plugin::State`] | once per load, by [`Plugin::configure`] | as long as this version of the plug-in is live |
//! | the instance | once per message and occasion, as a copy of the memory that `configure` left | one call |
//!
//! So a plug-in pays for building its tables once, every message finds them ready, and nothing that a handler writes to
//! memory is ever seen by another message. State that must outlive a message belongs in [`kv`].
//!
//! # Where things are
//!
//! - [`message`]: the message of this call; bodies through [`PartExt`].
//! - [`config()`]: the plug-in's settings, typed.
//! - [`edit`] and [`body`]: what a verdict is made of; [`append_text`]: a text behind what the message says.
//! - [`Pattern`]: texts with `*` in them, for settings. With the feature `text`, texts in whatever charset.
//! - [`AddressExt`], [`address`]: MMS addresses, taken apart and put together.
//! - [`tables`], [`kv`], [`charging`], [`clock`], [`log`], [`random`], [`metrics`], [`numbering`], [`scan`], [`http`]: the relay's services.
//!   Each needs a grant of its name in the relay's configuration, and in `plugin.toml` for `mm4relay plugin test`.
//!   `message` and `config` need none.
//!
//! # Testing
//!
//! [`testing`] has a message and a relay for `cargo test`: the handlers run natively, without WebAssembly. Decisions that need
//! no message are better kept in functions that take plain data and return plain data (the bundled plug-ins call that module
//! `rules`). `mm4relay plugin test DIR` runs the built component over the sample messages in `DIR/samples`, in the sandbox
//! that traffic runs in.

pub mod address;
mod append;
pub mod edit;
mod fault;
#[cfg(not(target_family = "wasm"))]
mod native;
mod part;
mod pattern;
mod plugin;
mod settings;
mod smil;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
#[cfg(feature = "text")]
pub mod text;

pub use address::AddressExt;
pub use append::append_text;
pub use edit::{body, verdict};
pub use fault::FaultExt;
pub use part::{PartExt, PartReader, READ_PIECE};
pub use pattern::Pattern;
#[doc(hidden)]
pub use plugin::glue;
pub use plugin::{Occasions, Plugin};
pub use settings::{config, granted};

pub use bindings::mm4::filter::types::{
    Address, AddressKind, BodyWriter, Delivery, Destination, Edit, Fault, HeaderField, MessageType, Outcome, Part,
    Recipient, Refusal, Response, Verdict,
};
pub use bindings::mm4::filter::{charging, clock, http, kv, log, message, metrics, numbering, random, scan, tables};

/// The `source` of a message that the relay wrote itself: a response, a report or a bounce. Nobody sent it to the relay.
pub const RELAY: &str = "mm4relay";

/// What `wit-bindgen` makes of the contract in `wit/`, kept as source so that a plug-in compiles no generator. A test of
/// this crate makes it anew and compares. Everything that plug-ins need of it is re-exported above.
#[doc(hidden)]
#[rustfmt::skip]
pub mod bindings;
