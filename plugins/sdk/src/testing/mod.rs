//! A message and a relay for `cargo test`: a plug-in's handlers run natively, with no relay and no WebAssembly.
//!
//! ```
//! use mm4_filter::testing::{Message, Relay};
//! use mm4_filter::{Fault, Plugin, Verdict, edit, message};
//!
//! struct Stamp;
//!
//! impl Plugin for Stamp {
//!     const NAME: &'static str = "stamp";
//!     const VERSION: &'static str = "0.1.0";
//!     type State = ();
//!     fn configure() -> Result<(), String> {
//!         Ok(())
//!     }
//!     fn arrival(_: &()) -> Result<Verdict, Fault> {
//!         let subject = message::header("Subject").unwrap_or_default();
//!         Ok(Verdict::Edit(vec![edit::set_header("X-Length", subject.len().to_string())]))
//!     }
//! }
//!
//! let message = Message::forward("+15555550100", "+15555550199").header("Subject", "Hello");
//! let did = Relay::new(message).arrival::<Stamp>();
//! assert_eq!(did.edits(), ["set X-Length: 5"]);
//! ```
//!
//! It is a stand-in: limits, grants and time do not count here, edits are not made, and a field is read by its own name
//! only. What a plug-in really does is shown by `mm4relay plugin test`, which runs the component in the sandbox that
//! traffic runs in.

pub(crate) mod bodies;
mod called;
mod message;
pub(crate) mod mime;
pub(crate) mod state;

use std::collections::BTreeMap;

use crate::numbering::Network;
use crate::{Destination, Outcome, Plugin, Verdict};

pub use bodies::body_of;
pub use called::Called;
pub use message::{Message, Part, address};

use state::State;

/// The relay that a plug-in under test is in: one message, settings, tables, values, a time.
#[derive(Clone, Debug)]
pub struct Relay {
    state: State,
}

impl Relay {
    /// A relay with this message, no settings, no tables, no values; it is 2026-01-26T00:17:43Z.
    pub fn new(message: Message) -> Self {
        Self {
            state: State::new(message),
        }
    }

    /// The plug-in's settings, as JSON: `{"max-size": 5}`.
    pub fn settings(mut self, json: impl ToString) -> Self {
        self.state.settings = json.to_string();
        self
    }

    /// The plug-in is granted that, as `granted` tells it.
    pub fn grant(mut self, grant: &str) -> Self {
        self.state.grants.insert(grant.to_owned());
        self
    }

    /// A table of the configuration.
    pub fn table<K: Into<String>, V: Into<String>>(
        mut self,
        name: &str,
        rows: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let rows: BTreeMap<String, String> = rows
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        self.state.tables.insert(name.to_owned(), rows);
        self
    }

    /// A value that is there already.
    pub fn value(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.state.values.insert(key.to_owned(), value.as_ref().to_vec());
        self
    }

    /// The network that serves a number, in E.164 form.
    pub fn network(mut self, number: &str, network: Network) -> Self {
        self.state.networks.insert(number.to_owned(), network);
        self
    }

    /// What a service outside answers to one question.
    pub fn answer(mut self, method: &str, url: &str, status: u16, body: impl AsRef<[u8]>) -> Self {
        let answer = (status, body.as_ref().to_vec());
        self.state.answers.insert(format!("{method} {url}"), answer);
        self
    }

    /// A scanner, and what it finds in which part; in all others, nothing.
    pub fn scanner<N: Into<String>>(mut self, name: &str, finds: impl IntoIterator<Item = (u32, N)>) -> Self {
        let finds = finds.into_iter().map(|(part, found)| (part, found.into())).collect();
        self.state.scanners.insert(name.to_owned(), finds);
        self
    }

    /// The time, in milliseconds since 1970-01-01 UTC.
    pub fn now(mut self, milliseconds: u64) -> Self {
        self.state.now = milliseconds;
        self
    }

    /// The time that the call still has, in milliseconds.
    pub fn time_left(mut self, milliseconds: u64) -> Self {
        self.state.time_left = milliseconds;
        self
    }

    /// Another message in the same relay: values that the one before has left are there.
    pub fn then(&self, called: &Called, message: Message) -> Self {
        let mut next = self.clone();
        if called.verdict.is_ok() {
            next.state.values.clone_from(&called.values);
        }
        next.state.message = message;
        next
    }

    /// What `configure` says of the settings.
    ///
    /// # Errors
    /// The plug-in's own text.
    pub fn configure<P: Plugin>(&self) -> Result<P::State, String> {
        state::with(self.state.clone(), P::configure).0
    }

    /// Configures the plug-in and gives it the message, on arrival.
    ///
    /// # Panics
    /// When the plug-in does not take its settings.
    pub fn arrival<P: Plugin>(&self) -> Called {
        self.call::<P>(P::arrival)
    }

    /// As [`arrival`](Self::arrival), on its way to a destination.
    ///
    /// # Panics
    /// As above.
    pub fn departure<P: Plugin>(&self, destination: &Destination) -> Called {
        self.call::<P>(|state| P::departure(state, destination))
    }

    /// As [`arrival`](Self::arrival), when it is decided what became of it.
    ///
    /// # Panics
    /// As above.
    pub fn outcome<P: Plugin>(&self, outcome: &Outcome) -> Called {
        let mut relay = self.clone();
        relay.state.has_parts = false;
        relay.call::<P>(|state| P::outcome(state, outcome).map(|()| Verdict::Pass))
    }

    fn call<P: Plugin>(&self, handler: impl FnOnce(&P::State) -> Result<Verdict, crate::Fault>) -> Called {
        let configured = self.configure::<P>();
        let plugin = configured.unwrap_or_else(|problem| panic!("{} does not take its settings: {problem}", P::NAME));
        let (verdict, state) = state::with(self.state.clone(), || handler(&plugin));
        Called::of(verdict, state)
    }

    /// Runs any code as if the relay had called it.
    pub fn run<T>(&self, code: impl FnOnce() -> T) -> T {
        state::with(self.state.clone(), code).0
    }
}

/// A destination without limits, outside of our own MMSE.
pub fn destination(peer: &str) -> Destination {
    Destination {
        peer: peer.to_owned(),
        domain: "mms.b.example".to_owned(),
        inside: false,
        content_class: None,
        max_message_size: None,
        max_image_size: None,
        max_image_width: None,
        max_image_height: None,
    }
}

/// An outcome: the next hop has taken the message.
pub fn delivered(peer: &str) -> Outcome {
    Outcome::Delivered(crate::Delivery {
        peer: peer.to_owned(),
        host: "192.0.2.1:25".to_owned(),
        code: 250,
        text: "2.0.0 taken".to_owned(),
        attempts: 1,
    })
}
