//! One plug-in with every bad habit, and a few good ones. Its settings say which: `{"do": "loop"}` for `process`,
//! `{"configure": "trap"}` for `configure`, and numbers and texts beside them where a habit needs some.
//! With `{"do": "ask"}`, each message names its habit in `X-Do`.

wit_bindgen::generate!({ path: "../../../wit", world: "filter", generate_all });

mod habits;

use std::collections::BTreeMap;
use std::sync::Mutex;

use exports::mm4::filter::plugin::{Description, Guest, Occasions};
use mm4::filter::types::{BodyWriter, Fault, MessageType, Occasion, Verdict};
use mm4::filter::{charging, clock, config, http, kv, log, message, metrics, numbering, random, scan, tables};
use serde_json::Value;

/// What `configure` leaves for `process`. All of it is in the snapshot.
static SETTINGS: Mutex<Value> = Mutex::new(Value::Null);
static TABLE: Mutex<BTreeMap<u32, u32>> = Mutex::new(BTreeMap::new());
static WRITER: Mutex<Option<BodyWriter>> = Mutex::new(None);
static CONFIGURED_AT: Mutex<u64> = Mutex::new(0);

struct Hostile;

export!(Hostile);

/// A text from the settings, empty when there is none.
fn text(key: &str) -> String {
    SETTINGS.lock().unwrap()[key].as_str().unwrap_or_default().to_owned()
}

/// A number from the settings, 0 when there is none.
fn number(key: &str) -> u64 {
    SETTINGS.lock().unwrap()[key].as_u64().unwrap_or_default()
}

fn read_settings() -> Value {
    let mut json = Vec::new();
    // In small pieces on purpose: that is the part of the contract worth trying.
    while (json.len() as u64) < config::size() {
        json.extend(config::read(json.len() as u64, 7));
    }
    serde_json::from_slice(&json).unwrap_or(Value::Null)
}

impl Guest for Hostile {
    fn describe() -> Description {
        Description {
            name: "hostile\n".into(),
            version: "6.6.6".into(),
            occasions: Occasions::ARRIVAL | Occasions::OUTCOME,
            message_types: vec![MessageType::ForwardRequest],
            media_types: vec!["Image/*".into()],
        }
    }

    fn configure() -> Result<(), String> {
        *SETTINGS.lock().unwrap() = read_settings();
        match text("configure").as_str() {
            "" => {}
            "refuse" => return Err("`rate` is \"often\", but must be\na number".into()),
            "trap" => panic!("the moon is full"),
            "loop" => habits::spin(),
            "bomb" => habits::bomb(),
            "handle" => *WRITER.lock().unwrap() = Some(BodyWriter::new("text/plain")),
            "ask-message" => drop(message::current()),
            "ask-kv" => drop(kv::get("key")),
            "ask-random" => drop(random::number()),
            "ask-metrics" => drop(metrics::count("configured", 1)),
            "ask-numbering" => drop(numbering::lookup("+15555550100")),
            "ask-scan" => drop(scan::part(1, "clamd")),
            "ask-http" => drop(http::fetch(&http::Request {
                method: "GET".into(),
                url: "https://service.example/".into(),
                headers: vec![],
                body: vec![],
            })),
            "ask-charging" => drop(charging::emit(&habits::record(String::new()))),
            "table" => {
                let rows = number("rows") as u32;
                *TABLE.lock().unwrap() = (0..rows).map(|row| (row, row ^ 0x5555)).collect();
            }
            "print" => println!("printed by configure"),
            "chat" => {
                log::write(log::Level::Warn, "logged by configure");
                *CONFIGURED_AT.lock().unwrap() = clock::now();
                let row = tables::lookup("networks", "999").map_err(|_| "no table networks")?;
                if row.as_deref() != Some("a.example") {
                    return Err(format!("networks[999] is {row:?}"));
                }
            }
            other => return Err(format!("no habit {other:?}")),
        }
        Ok(())
    }

    fn process(occasion: Occasion) -> Result<Verdict, Fault> {
        match text("do").as_str() {
            "ask" => habits::process(&message::header("X-Do").unwrap_or_default(), occasion),
            habit => habits::process(habit, occasion),
        }
    }
}
