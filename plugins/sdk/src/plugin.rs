//! The trait that a plug-in implements, and the way from the component's exports to it.

use crate::{Destination, Fault, MessageType, Outcome, Verdict};

pub use crate::bindings::exports::mm4::filter::plugin::Occasions;

/// A plug-in. Implement [`configure`](Self::configure) and the handlers of the occasions that you name in
/// [`occasions`](Self::occasions); everything else has a default.
pub trait Plugin {
    /// For humans: logs, `mm4relay plugin inspect`, charging records.
    const NAME: &'static str;
    /// Normally `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// What the handlers need, built once per load. No handles of the relay in it: they do not outlive `configure`.
    type State: Send + Sync + 'static;

    /// When the plug-in is called. By default: on arrival.
    fn occasions() -> Occasions {
        Occasions::ARRIVAL
    }

    /// The message types that it is called for. Empty, the default: all.
    fn message_types() -> Vec<MessageType> {
        Vec::new()
    }

    /// The media types that it is called for, as `image/jpeg` or `image/*`: `arrival` and `departure` come only with messages
    /// that have such a part. Empty, the default: no matter what the message holds.
    fn media_types() -> Vec<String> {
        Vec::new()
    }

    /// Reads and checks the settings, builds the state. Called once per load.
    ///
    /// # Errors
    /// The text is shown to the operator, and this version does not go live: say which setting is wrong, and what would be
    /// right.
    fn configure() -> Result<Self::State, String>;

    /// A message came in; its sender waits for the answer. Called once per message, before routing.
    ///
    /// # Errors
    /// A fault says that the plug-in could not decide. The relay does what `on-failure` says.
    fn arrival(_state: &Self::State) -> Result<Verdict, Fault> {
        Ok(Verdict::Pass)
    }

    /// The message is about to go to `destination`. Called once per destination, after routing.
    ///
    /// # Errors
    /// As in [`arrival`](Self::arrival).
    fn departure(_state: &Self::State, _destination: &Destination) -> Result<Verdict, Fault> {
        Ok(Verdict::Pass)
    }

    /// It is decided what became of the message at one destination. Nothing can be changed any more; what counts are the
    /// charging records and key/value writes.
    ///
    /// # Errors
    /// The relay calls again until it succeeds; nothing that a failed call asked for is kept.
    fn outcome(_state: &Self::State, _outcome: &Outcome) -> Result<(), Fault> {
        Ok(())
    }
}

/// Makes a [`Plugin`] the component's export. Once per crate, and the crate needs `crate-type = ["cdylib"]` (`"rlib"` too,
/// for tests).
///
/// Outside of WebAssembly it expands to type checks only, so that the crate also builds, and its tests run, natively.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ident) => {
        const _: () = {
            // The relay keeps this memory after `configure`: every message's instance starts with the cell filled.
            static STATE: ::std::sync::OnceLock<<$plugin as $crate::Plugin>::State> = ::std::sync::OnceLock::new();

            struct Component;

            impl $crate::glue::Guest for Component {
                fn describe() -> $crate::glue::Description {
                    $crate::glue::describe::<$plugin>()
                }
                fn configure() -> ::std::result::Result<(), ::std::string::String> {
                    $crate::glue::configure::<$plugin>(&STATE)
                }
                fn process(occasion: $crate::glue::Occasion) -> ::std::result::Result<$crate::Verdict, $crate::Fault> {
                    $crate::glue::process::<$plugin>(&STATE, &occasion)
                }
            }

            // The export names hold characters that native linkers reject.
            #[cfg(target_family = "wasm")]
            $crate::bindings::export! { Component with_types_in $crate::bindings }
        };
    };
}

/// What [`export_plugin!`] expands to. Not part of the interface.
pub mod glue {
    use std::sync::OnceLock;

    pub use crate::bindings::exports::mm4::filter::plugin::{Description, Guest};
    pub use crate::bindings::mm4::filter::types::Occasion;

    use super::Plugin;
    use crate::{Fault, Verdict};

    pub fn describe<P: Plugin>() -> Description {
        Description {
            name: P::NAME.into(),
            version: P::VERSION.into(),
            occasions: P::occasions(),
            message_types: P::message_types(),
            media_types: P::media_types(),
        }
    }

    pub fn configure<P: Plugin>(cell: &OnceLock<P::State>) -> Result<(), String> {
        let state = P::configure()?;
        cell.set(state)
            .map_err(|_| format!("plug-in {}: configure was called twice", P::NAME))
    }

    pub fn process<P: Plugin>(cell: &OnceLock<P::State>, occasion: &Occasion) -> Result<Verdict, Fault> {
        let state = cell
            .get()
            .ok_or_else(|| Fault::Invalid(format!("plug-in {}: process was called before configure", P::NAME)))?;
        match occasion {
            Occasion::Arrival => P::arrival(state),
            Occasion::Departure(destination) => P::departure(state, destination),
            Occasion::Outcome(outcome) => P::outcome(state, outcome).map(|()| Verdict::Pass),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::glue;
    use super::*;
    use crate::Delivery;
    use crate::bindings::mm4::filter::types::Occasion;
    use std::sync::OnceLock;

    struct Picky;

    impl Plugin for Picky {
        const NAME: &'static str = "picky";
        const VERSION: &'static str = "1.2.3";
        type State = u8;

        fn configure() -> Result<u8, String> {
            Ok(7)
        }
        fn arrival(state: &u8) -> Result<Verdict, Fault> {
            Ok(Verdict::Hold(format!("state {state}")))
        }
    }

    #[test]
    fn description_defaults_to_every_arriving_message() {
        let description = glue::describe::<Picky>();
        assert_eq!(
            (description.name.as_str(), description.version.as_str()),
            ("picky", "1.2.3")
        );
        assert_eq!(description.occasions, Occasions::ARRIVAL);
        assert!(description.message_types.is_empty() && description.media_types.is_empty());
    }

    #[test]
    fn handlers_see_the_state_that_configure_built() {
        let cell = OnceLock::new();
        glue::configure::<Picky>(&cell).unwrap();
        let verdict = glue::process::<Picky>(&cell, &Occasion::Arrival).unwrap();
        assert!(matches!(verdict, Verdict::Hold(reason) if reason == "state 7"));
    }

    #[test]
    fn process_before_configure_is_a_fault() {
        let fault = glue::process::<Picky>(&OnceLock::new(), &Occasion::Arrival).unwrap_err();
        assert!(matches!(fault, Fault::Invalid(text) if text.contains("picky")));
    }

    #[test]
    fn configuring_twice_is_refused() {
        let cell = OnceLock::new();
        glue::configure::<Picky>(&cell).unwrap();
        assert!(glue::configure::<Picky>(&cell).unwrap_err().contains("twice"));
    }

    #[test]
    fn handlers_that_are_not_written_change_nothing() {
        let cell = OnceLock::from(1);
        let delivery = Delivery {
            peer: "b".into(),
            host: String::new(),
            code: 250,
            text: String::new(),
            attempts: 1,
        };
        let outcome = Occasion::Outcome(Outcome::Delivered(delivery));
        assert!(matches!(glue::process::<Picky>(&cell, &outcome), Ok(Verdict::Pass)));
    }
}
