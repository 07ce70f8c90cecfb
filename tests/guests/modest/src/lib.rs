//! One that can do without grants: it asks what it is granted, says that in `configure` as the names of rules where it may,
//! and in `process` calls what the first header field that it looks for tells it to, granted or not.

wit_bindgen::generate!({ path: "../../../wit", world: "filter", generate_all });

use exports::mm4::filter::plugin::{Description, Guest, Occasions};
use mm4::filter::types::{Fault, Occasion, Verdict};
use mm4::filter::{clock, config, log, message, numbering, tables};

struct Modest;

fn granted() -> String {
    let asked = ["clock", "log", "numbering", "tables", "kv", "nonsense"];
    let held: Vec<_> = asked.into_iter().filter(|grant| config::granted(grant)).collect();
    held.join(" ")
}

impl Guest for Modest {
    fn describe() -> Description {
        Description {
            name: "modest".into(),
            version: "1".into(),
            occasions: Occasions::ARRIVAL,
            message_types: vec![],
            media_types: vec![],
        }
    }

    fn configure() -> Result<(), String> {
        if config::granted("log") {
            log::rule("one");
            log::rule("two\nforged");
            log::rule("one");
        }
        Ok(())
    }

    fn process(_: Occasion) -> Result<Verdict, Fault> {
        if config::granted("log") {
            log::rule("two\nforged");
        }
        // The settings name it; they are `{}` otherwise.
        match config::size() {
            0..=2 => Ok(Verdict::Hold(granted())),
            3..=10 => Ok(Verdict::Hold(format!(
                "{:?}",
                numbering::lookup("+15555550100")?.is_some()
            ))),
            11..=20 => Ok(Verdict::Hold(format!("{:?}", tables::lookup("networks", "999")?))),
            _ => Ok(Verdict::Hold(format!(
                "{} {:?}",
                clock::now(),
                message::header("subject")
            ))),
        }
    }
}

export!(Modest);
