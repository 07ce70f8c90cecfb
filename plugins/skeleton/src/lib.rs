//! The plug-in to copy: it stamps every message with `X-Example-Relay: <relay-name>`.
//!
//! # Make it yours
//!
//! 1. Copy this folder, change the name in `Cargo.toml` and [`Plugin::NAME`].
//! 2. Decide when to be called ([`Plugin::occasions`]) and for what ([`Plugin::message_types`],
//!    [`Plugin::media_types`]). Messages that you did not ask for never cost you, or the relay, anything.
//! 3. Write your settings as a type. What is wrong in them is said at load time, not at the first message.
//! 4. Put the decision into a function of plain data ([`rules`]) and test it right there, with `cargo test`.
//! 5. Put a message into `samples/<case>/message.eml` and run `mm4relay plugin test .`: it builds the component, runs it in
//!    the real sandbox and compares with `expected.txt`, which `--bless` writes.
//!
//! Settings:
//!
//! ```toml
//! [settings]
//! relay-name = "relay-1"      # required: printable ASCII without blanks at the ends, 1 to 64 characters
//! ```

use mm4_filter::{Fault, Plugin, Verdict, edit, message};

pub mod rules;

/// The plug-in has no data of its own: what it needs is in its state.
pub struct Skeleton;

impl Plugin for Skeleton {
    const NAME: &'static str = "skeleton";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    /// Built once per load; every message's instance starts with it in memory.
    type State = rules::Stamp;

    /// An `Err` here is shown to the operator, and this version does not go live.
    fn configure() -> Result<rules::Stamp, String> {
        rules::Stamp::new(mm4_filter::config()?)
    }

    /// Called once per message. There is nothing to lock, to clear or to free: the instance dies with the call.
    fn arrival(stamp: &rules::Stamp) -> Result<Verdict, Fault> {
        let present = message::header(rules::HEADER);
        Ok(match stamp.value(present.as_deref()) {
            // Edits are data. The relay makes them after this function has returned, all of them or none.
            Some(value) => Verdict::Edit(vec![edit::set_header(rules::HEADER, value)]),
            None => Verdict::Pass,
        })
    }
}

mm4_filter::export_plugin!(Skeleton);
