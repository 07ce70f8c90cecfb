//! Writes its version wherever a mix of two versions would show: into a header field on arrival, into another one on
//! departure, and into a record each time. Tests make further versions by writing another number over [`VERSION`]; one
//! that begins with `bad` traps on every message but samples. Its settings, `NAME` as JSON text, stand in the names.

wit_bindgen::generate!({ path: "../../../wit", world: "filter", generate_all });

use std::hint::black_box;

use exports::mm4::filter::plugin::{Description, Guest, Occasions};
use mm4::filter::charging::{self, ChargingRecord, RecordType};
use mm4::filter::types::{Edit, Fault, HeaderField, Occasion, Verdict};
use mm4::filter::{config, message};

static VERSION: [u8; 16] = *b"version-00000000";

struct Stamp;

export!(Stamp);

fn version() -> String {
    String::from_utf8_lossy(black_box(&VERSION)).into_owned()
}

/// `{"name":"first"}` without looking at it as JSON.
fn name() -> String {
    let settings = String::from_utf8_lossy(&config::read(0, 1000)).into_owned();
    settings.split('"').nth(3).unwrap_or("stamp").to_owned()
}

impl Guest for Stamp {
    fn describe() -> Description {
        Description {
            name: "stamp".into(),
            version: version(),
            occasions: Occasions::ARRIVAL | Occasions::DEPARTURE,
            message_types: vec![],
            media_types: vec![],
        }
    }

    fn configure() -> Result<(), String> {
        Ok(())
    }

    fn process(occasion: Occasion) -> Result<Verdict, Fault> {
        let current = message::current();
        if version().starts_with("bad") && !current.message_id.contains("sample") {
            panic!("this version is bad");
        }
        let on = match occasion {
            Occasion::Departure(_) => "Departure",
            _ => "Arrival",
        };
        charging::emit(&record(
            current.transaction_id,
            format!("{on} {} {}", name(), version()),
        ))?;
        Ok(Verdict::Edit(vec![Edit::SetHeader(HeaderField {
            name: format!("X-Stamp-{on}-{}", name()),
            value: version(),
        })]))
    }
}

fn record(transaction_id: String, status: String) -> ChargingRecord {
    ChargingRecord {
        record_type: RecordType::RelayIn,
        message_id: String::new(),
        transaction_id: Some(transaction_id),
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
        status_text: Some(status),
    }
}
