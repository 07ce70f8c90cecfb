//! One that can do without grants: it asks what it is granted, says that in `configure` as the names of rules where it may,
//! and in `process` calls the function that its settings name, granted or not: `{"call": "kv.get"}`.

wit_bindgen::generate!({ path: "../../../wit", world: "filter", generate_all });

use exports::mm4::filter::plugin::{Description, Guest, Occasions};
use mm4::filter::charging::{self, ChargingRecord, RecordType};
use mm4::filter::types::{Fault, Occasion, Verdict};
use mm4::filter::{clock, config, http, kv, log, metrics, numbering, random, scan, tables};

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
        let settings = String::from_utf8_lossy(&config::read(0, 1000)).into_owned();
        let call = settings.split('"').nth(3).unwrap_or_default();
        Ok(Verdict::Hold(called(call)?))
    }
}

/// What that function answers. What the relay does not have, a table of that name for instance, is an answer too.
fn called(function: &str) -> Result<String, Fault> {
    Ok(match function {
        "" => granted(),
        "tables.lookup" => format!("{:?}", tables::lookup("networks", "999")),
        "tables.lookup-prefix" => format!("{:?}", tables::lookup_prefix("networks", "999")),
        "log.write" => format!("{:?}", log::write(log::Level::Info, "a line")),
        "log.rule" => format!("{:?}", log::rule("one")),
        "clock.now" => clock::now().to_string(),
        "random.number" => random::number().to_string(),
        "random.bytes" => format!("{:?}", random::bytes(2)),
        "metrics.count" => format!("{:?}", metrics::count("calls", 1)),
        "metrics.observe" => format!("{:?}", metrics::observe("sizes", 1.0)),
        "numbering.lookup" => format!("{:?}", numbering::lookup("+15555550100")?.is_some()),
        "scan.parts" => format!("{:?}", scan::parts()),
        "scan.part" => format!("{:?}", scan::part(1, "clamd")),
        "http.fetch" => format!("{:?}", http::fetch(&question())),
        "kv.get" => format!("{:?}", kv::get("key")),
        "kv.set" => format!("{:?}", kv::set("key", b"value")),
        "kv.delete" => format!("{:?}", kv::delete("key")),
        "kv.increment" => format!("{:?}", kv::increment("key", 1)),
        "charging.emit" => format!("{:?}", charging::emit(&record())),
        "charging.emit-with" => format!("{:?}", charging::emit_with(&record(), &[])),
        "charging.emit-when-answered" => format!("{:?}", charging::emit_when_answered(&record(), &[])),
        other => return Err(Fault::Invalid(format!("modest does not know {other:?}"))),
    })
}

fn question() -> http::Request {
    http::Request {
        method: "GET".into(),
        url: "https://service.example/".into(),
        headers: vec![],
        body: vec![],
    }
}

fn record() -> ChargingRecord {
    ChargingRecord {
        record_type: RecordType::RelayIn,
        message_id: "k1@mms.a.example".into(),
        transaction_id: None,
        source_peer: None,
        destination_peer: None,
        intra_mmse: None,
        originator: None,
        recipients: vec![],
        content_type: None,
        message_size: None,
        message_class: None,
        priority: None,
        submission_time: None,
        expiry: None,
        delivery_report_requested: None,
        read_reply_requested: None,
        acknowledgement_requested: None,
        sender_hidden: None,
        forward_counter: None,
        status_code: None,
        status_text: None,
    }
}

export!(Modest);
