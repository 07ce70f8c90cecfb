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
//! - [`edit`] and [`body`]: what a verdict is made of.
//! - [`Pattern`]: texts with `*` in them, for settings. With the feature `text`, texts in whatever charset.
//! - [`AddressExt`], [`address`]: MMS addresses, taken apart and put together.
//! - [`tables`], [`kv`], [`charging`], [`clock`], [`log`], [`random`], [`metrics`], [`numbering`]: the relay's services.
//!   Each needs a grant of its name in the relay's configuration, and in `plugin.toml` for `mm4relay plugin test`.
//!   `message` and `config` need none.
//!
//! # Testing
//!
//! The functions of those modules exist only inside the relay: outside, they panic. Keep decisions in functions that take plain
//! data and return plain data (the bundled plug-ins call that module `rules`), and `cargo test` covers them natively;
//! `mm4relay plugin test DIR` runs the built component over the sample messages in `DIR/samples`.

pub mod address;
pub mod edit;
mod fault;
mod part;
mod pattern;
mod plugin;
mod settings;
#[cfg(feature = "text")]
pub mod text;

pub use address::AddressExt;
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
pub use bindings::mm4::filter::{charging, clock, kv, log, message, metrics, numbering, random, tables};

/// The `source` of a message that the relay wrote itself: a response, a report or a bounce. Nobody sent it to the relay.
pub const RELAY: &str = "mm4relay";

/// What `wit-bindgen` makes of the contract in `wit/`. Everything that plug-ins need of it is re-exported above.
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "filter",
        pub_export_macro: true,
        default_bindings_module: "mm4_filter::bindings",
        additional_derives: [PartialEq],
        // They own a body writer, a handle of the relay's, which has no equality.
        additional_derives_ignore: ["edit", "replace-part", "add-part", "verdict"],
    });
}
