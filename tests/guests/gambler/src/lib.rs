//! What the random numbers of WASI are, by the seed of the standard library's hash maps. Imports nothing of the contract
//! that needs a grant.

wit_bindgen::generate!({ path: "../../../wit", world: "filter", generate_all });

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use exports::mm4::filter::plugin::{Description, Guest, Occasions};
use mm4::filter::types::{Fault, Occasion, Verdict};

struct Gambler;

/// Drawn in `configure`.
static DRAWN: OnceLock<u64> = OnceLock::new();

/// Each thread's first hash map asks WASI for a seed, and a new thread is not to be had: so the first one is in
/// `configure` or in `process`, as the settings say.
fn draw() -> u64 {
    RandomState::new().hash_one(1)
}

impl Guest for Gambler {
    fn describe() -> Description {
        Description {
            name: "gambler".into(),
            version: "1".into(),
            occasions: Occasions::ARRIVAL,
            message_types: vec![],
            media_types: vec![],
        }
    }

    fn configure() -> Result<(), String> {
        if mm4::filter::config::size() > 2 {
            DRAWN.get_or_init(draw);
        }
        Ok(())
    }

    fn process(_: Occasion) -> Result<Verdict, Fault> {
        Ok(Verdict::Hold(DRAWN.get().copied().unwrap_or_else(draw).to_string()))
    }
}

export!(Gambler);
