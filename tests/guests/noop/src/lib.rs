//! Wants everything, does nothing: what is left is the cost of the sandbox.

wit_bindgen::generate!({ path: "../../../wit", world: "filter", generate_all });

use exports::mm4::filter::plugin::{Description, Guest, Occasions};
use mm4::filter::types::{Fault, Occasion, Verdict};

struct Noop;

impl Guest for Noop {
    fn describe() -> Description {
        Description {
            name: "noop".into(),
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

export!(Noop);
