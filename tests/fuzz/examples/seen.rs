//! What the relay sees in messages, as JSON, for `differential.py`. Messages come one after the other on standard input,
//! each behind its length on a line of its own; so do the answers, one a line.

use std::io::{BufRead as _, Read as _, Write as _, stdin, stdout};

use bytes::Bytes;
use mm4relay_fuzz::protocol::mm4::{self, Pdu};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn main() -> std::io::Result<()> {
    let (mut input, mut output) = (stdin().lock(), stdout().lock());
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        let length = line.trim().parse().map_err(std::io::Error::other)?;
        let mut octets = vec![0; length];
        input.read_exact(&mut octets)?;
        writeln!(output, "{}", seen(&octets))?;
        output.flush()?;
        line.clear();
    }
    Ok(())
}

fn seen(octets: &[u8]) -> Value {
    let message = match mm4relay_fuzz::read(octets) {
        Ok(message) => message,
        Err(refusal) => return json!({ "refused": refusal.to_string() }),
    };
    let fields = message.header.fields.iter();
    let fields: Vec<Value> = fields.map(|field| json!([field.name(), field.value()])).collect();
    let parts = message.parts.iter().map(|part| {
        let body = mm4::decode_part(&message, part.id).ok();
        let hash = body.map(|body| {
            Sha256::digest(&body)
                .iter()
                .map(|octet| format!("{octet:02x}"))
                .collect::<String>()
        });
        json!({ "type": part.media_type, "name": part.name, "id": part.content_id, "body": hash })
    });
    let ascii = mm4::seven_bit(&Bytes::copy_from_slice(octets)).ok();
    let pdu = Pdu::of(&message.header);
    let texts = |addresses: Vec<Address>| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "fields": fields,
        "parts": parts.collect::<Vec<_>>(),
        "from": texts(pdu.from().into_iter().collect()),
        "to": texts(pdu.recipients()),
        "ascii": ascii.map(|ascii| String::from_utf8_lossy(&ascii).into_owned()),
    })
}

type Address = mm4relay_fuzz::message::MmsAddress;
