//! Traps before anybody has called it.

wit_bindgen::generate!({ path: "../../../wit", world: "filter", generate_all });

use exports::mm4::filter::plugin::{Description, Guest, Occasions};
use mm4::filter::types::{Fault, Occasion, Verdict};

struct Stillborn;

extern "C" fn trap() {
    core::arch::wasm32::unreachable()
}

/// Called by `_initialize`, which runs when an instance is made.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = trap;

impl Guest for Stillborn {
    fn describe() -> Description {
        Description {
            name: "stillborn".into(),
            version: "1".into(),
            occasions: Occasions::all(),
            message_types: vec![],
            media_types: vec![],
        }
    }

    fn configure() -> Result<(), String> {
        Ok(())
    }

    fn process(_: Occasion) -> Result<Verdict, Fault> {
        Ok(Verdict::Pass)
    }
}

export!(Stillborn);
