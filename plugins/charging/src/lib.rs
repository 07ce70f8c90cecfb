//! One charging record per MM4 event (TS 32.270, clause 6.1.1). The records say what happened and who with; numbering, time and
//! file are the relay's.
//!
//! # Settings
//!
//! ```toml
//! [settings]
//! role = "relay"                 # "relay", "originator" or "recipient"; default: "relay"
//! inside = ["rs-1", "rs-2"]      # peers of our own MMSE; default: none named, every message counts
//! intra-mmse = "mark"            # or "leave-out": no records of what never leaves our own MMSE
//! ```
//!
//! # Which event makes which record
//!
//! | event | message | relay | originator | recipient |
//! |---|---|---|---|---|
//! | arrival | `MM4_forward.REQ` | relay-in | | r4f |
//! | arrival | `MM4_forward.RES` | relay-in | o4frs | |
//! | arrival | `MM4_delivery_report.REQ` | relay-in | o4d | |
//! | arrival | `MM4_delivery_report.RES` | relay-in | | r4drs |
//! | arrival | `MM4_read_reply_report.REQ` | relay-in | o4r | |
//! | arrival | `MM4_read_reply_report.RES` | relay-in | | r4rrs |
//! | delivered | `MM4_forward.REQ` | relay-out | o4frq | |
//! | delivered | `MM4_delivery_report.REQ` | relay-out | | r4drq |
//! | delivered | `MM4_read_reply_report.REQ` | relay-out | | r4rrq |
//! | delivered | anything else | relay-out | | |
//! | refused late | any | the record of its arrival | the record of its arrival | the record of its arrival |
//! | failed, expired, refused late | a message whose delivery would have made a record | relay-failed | relay-failed | relay-failed |
//!
//! `relay` is for hubs: TS 32.270 knows no record for a network that only passes a message on. The other two are for a relay
//! at the border of an MMSE that keeps the records of its R/S. Such a relay sees both directions; `inside` tells them apart: then
//! *arrival* counts only for messages from peers that are not inside, and *delivered* only for messages from peers that are. Load the
//! plug-in twice, once per role, for both sets of records.
//!
//! What the relay says itself (a response, a report, a bounce) came in from nowhere: it makes no record on arrival, and
//! when it is delivered the one of a message from inside, with `mm4relay` as its source.
//!
//! *Refused late* is what the relay took over, and then would not have: its plug-ins took longer than the sender waits, or it was
//! held and released. The records of its arrival are dropped with whatever else was asked for there, so they are made when it is
//! refused, with the status that the sender hears.
//!
//! # Fields
//!
//! From the message's headers, as the relay reads them: under every name that peers give a field, and values of the standard's lists
//! in the standard's spelling. What is missing is left out, except the booleans that TS 32.298 makes mandatory: reports and
//! acknowledgements not asked for, sender shown. In the records of a report request, in every role, the originator and the
//! recipient are those of the original message, as TS 32.270 wants them: the report's own, exchanged. The records of responses
//! name neither, for a response travels between systems.
//!
//! IDs are as received. Beside the fields of the contract's record stand:
//!
//! - `message-type`: which MM4 message the record is about, `MM4_forward.REQ`; `notification` for a bounce.
//! - `message-id-unquoted`, `transaction-id-unquoted`: the IDs without the quotes and blanks around them, to join records by.
//!   Peers quote one and the same ID or do not.
//! - `mms-version`, `content-class`, `status-extension`: what the headers of these names say.
//! - `subject-size`, `components`: octets of the subject; type and octets of each part, `image/jpeg:30123 text/plain:55`, as it
//!   stands in the message. In the record of a request that was sent on the relay puts them in: what is told to plug-ins then
//!   has no parts any more.
//! - `previously-sent-by`: the addresses of `X-Mms-Previously-Sent-By`, in the order of their numbers.
//! - `report-status`, `report-status-text`: of a report or a response that was sent on, what it says. The record's
//!   `status-code` is the SMTP code then.
//! - `response-message-id`: what a response says as its message ID, where that is not the request's. The record's `message-id` is
//!   always that of the message which the request was about, as far as the relay knows the request: some peers answer under an ID
//!   of their own, and a response to a read-reply report has none.
//!
//! `intra-mmse` is there in each record: whether both ends are of our own MMSE. TS 32.270 (5.1, 6.1.1.0) makes MM4 records
//! wherever two Relay/Servers are not one, within an MMSE too, and this tells the two cases apart. A relay-in record of a
//! message that goes to several next hops says `true` only if all are inside; the records of what was sent say it for
//! each.
//!
//! Status: the request status of a response, the MM status or read status of a report, `Ok` for a request that the relay took
//! over (`relay-in`), the SMTP code for what was sent or failed. An `r4f` has the status that the originator hears in the
//! response, or would hear if it had asked for one: the relay keeps the record until that is known, and puts it in.

use mm4_filter::{Fault, MessageType, Outcome, Plugin, Verdict, charging, message};
use rules::{Event, Facts, Record, Settings};

pub mod rules;

pub struct Charging;

impl Plugin for Charging {
    const NAME: &'static str = "charging";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = Settings;

    fn occasions() -> mm4_filter::Occasions {
        mm4_filter::Occasions::ARRIVAL | mm4_filter::Occasions::OUTCOME
    }

    fn configure() -> Result<Settings, String> {
        mm4_filter::config::<Settings>()?.check()
    }

    fn arrival(settings: &Settings) -> Result<Verdict, Fault> {
        record(settings, &Event::Arrived)?;
        Ok(Verdict::Pass)
    }

    fn outcome(settings: &Settings, outcome: &Outcome) -> Result<(), Fault> {
        match outcome {
            Outcome::Delivered(delivery) => record(settings, &Event::Delivered(delivery)),
            Outcome::Failed(delivery) | Outcome::Expired(delivery) => {
                if let Some(refusal) = message::refused_late() {
                    record(settings, &Event::RefusedLate(&refusal))?;
                }
                record(settings, &Event::Failed(delivery))
            }
            // The response has made its record when it arrived.
            Outcome::Response(_) => Ok(()),
        }
    }
}

fn record(settings: &Settings, event: &Event) -> Result<(), Fault> {
    let summary = message::current();
    let Some(record_type) = settings.record_type(event, &summary) else {
        return Ok(());
    };
    let is_message = summary.message_type == MessageType::ForwardRequest;
    let facts = Facts {
        summary,
        originator: message::originator().map(|address| address.text),
        recipients: message::recipients()
            .into_iter()
            .map(|recipient| recipient.address.text)
            .collect(),
        answered: message::answered(),
        fields: rules::FIELDS
            .into_iter()
            .filter_map(|name| Some((name, message::field(name)?)))
            .collect(),
        previously_sent_by: previously_sent_by(),
        parts: is_message.then(parts).unwrap_or_default(),
    };
    let Record {
        record,
        more,
        when_answered,
    } = facts.record(record_type, event);
    match when_answered {
        true => charging::emit_when_answered(&record, &more),
        false => charging::emit_with(&record, &more),
    }
}

/// A field for each time that the message was sent before; mostly there is none.
fn previously_sent_by() -> Vec<String> {
    if message::header(rules::PREVIOUSLY_SENT_BY).is_none() {
        return Vec::new();
    }
    let sent = message::headers()
        .into_iter()
        .filter(|field| field.name.eq_ignore_ascii_case(rules::PREVIOUSLY_SENT_BY));
    sent.map(|field| field.value).collect()
}

/// What an outcome does not show any more.
fn parts() -> Vec<(String, u64)> {
    let parts = message::parts().into_iter();
    parts.map(|part| (part.media_type, part.encoded_size)).collect()
}

mm4_filter::export_plugin!(Charging);
