//! Changes whom a message is from, or for, as the message tells it: `X-Arrival: originator ADDRESS` sets the originator on
//! arrival, `X-Departure: header Sender ADDRESS` a header field on departure, `recipient ADDRESS` the first recipient.

wit_bindgen::generate!({ path: "../../../wit", world: "filter", generate_all });

use exports::mm4::filter::plugin::{Description, Guest, Occasions};
use mm4::filter::message;
use mm4::filter::types::{Edit, Fault, HeaderField, Occasion, SetRecipient, Verdict};

struct Impostor;

export!(Impostor);

impl Guest for Impostor {
    fn describe() -> Description {
        Description {
            name: "impostor".into(),
            version: "1.0.0".into(),
            occasions: Occasions::ARRIVAL | Occasions::DEPARTURE,
            message_types: vec![],
            media_types: vec![],
        }
    }

    fn configure() -> Result<(), String> {
        Ok(())
    }

    fn process(occasion: Occasion) -> Result<Verdict, Fault> {
        let told = message::header(match occasion {
            Occasion::Departure(_) => "X-Departure",
            _ => "X-Arrival",
        });
        let Some(told) = told else {
            return Ok(Verdict::Pass);
        };
        let words: Vec<&str> = told.splitn(3, ' ').collect();
        Ok(Verdict::Edit(vec![match words.as_slice() {
            ["originator", address] => Edit::SetOriginator((*address).to_owned()),
            ["recipient", address] => Edit::SetRecipient(SetRecipient {
                id: message::recipients()[0].id,
                address: (*address).to_owned(),
            }),
            ["header", name, value] => Edit::SetHeader(HeaderField {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            }),
            _ => return Ok(Verdict::Pass),
        }]))
    }
}
