//! One that asks a service what each message tells it to: `X-Ask: GET https://...` as often as `X-Times` says, with the header
//! field of `X-Field` and the body of `X-Body`. What it hears last, it writes into `X-Answer`.

wit_bindgen::generate!({ path: "../../../wit", world: "filter", generate_all });

use exports::mm4::filter::plugin::{Description, Guest, Occasions};
use mm4::filter::types::{Edit, Fault, HeaderField, Occasion, Verdict};
use mm4::filter::{http, message};

struct Asker;

fn field(name: &str) -> String {
    message::header(name).unwrap_or_default()
}

fn answer() -> Result<String, Fault> {
    let asked = field("X-Ask");
    let (method, url) = asked.split_once(' ').unwrap_or_default();
    let headers = field("X-Field");
    let header = headers.split_once('=').map(|(name, value)| HeaderField {
        name: name.into(),
        value: value.into(),
    });
    let request = http::Request {
        method: method.into(),
        url: url.into(),
        headers: header.into_iter().collect(),
        body: field("X-Body").into_bytes(),
    };
    let times: u32 = field("X-Times").parse().unwrap_or(1);
    for _ in 1..times {
        http::fetch(&request)?;
    }
    let answer = http::fetch(&request)?;
    let kind = answer.headers.iter().find(|field| field.name == "x-kind");
    let kind = kind.map(|field| field.value.as_str()).unwrap_or_default();
    // A field of a header is no place for more.
    let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]);
    Ok(format!("{} {kind} {}", answer.status, body.replace(['\r', '\n'], " ")))
}

impl Guest for Asker {
    fn describe() -> Description {
        Description {
            name: "asker".into(),
            version: "1".into(),
            occasions: Occasions::ARRIVAL,
            message_types: vec![],
            media_types: vec![],
        }
    }

    fn configure() -> Result<(), String> {
        Ok(())
    }

    fn process(_: Occasion) -> Result<Verdict, Fault> {
        if field("X-Ask").is_empty() {
            return Ok(Verdict::Pass);
        }
        let value = match answer() {
            Ok(answer) => answer,
            Err(Fault::Invalid(text)) => format!("invalid: {text}"),
            Err(Fault::Unavailable(text)) => format!("unavailable: {text}"),
            Err(Fault::Limit(text)) => format!("limit: {text}"),
        };
        Ok(Verdict::Edit(vec![Edit::SetHeader(HeaderField {
            name: "X-Answer".into(),
            value,
        })]))
    }
}

export!(Asker);
