//! What the functions of the contract do outside of WebAssembly: they ask the [`Relay`](crate::testing::Relay) of the test
//! that runs on this thread. Without one they panic, and say what would be right.
//!
//! One module for each interface. A function that `wit/` has and this file does not is an error of the compiler.

use crate::testing::state::within;
use crate::{Address, Fault, HeaderField, Part, Recipient};

fn invalid<T>(text: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Invalid(text.into()))
}

pub mod types {
    use crate::testing::bodies;
    use crate::{BodyWriter, Fault};

    /// Its handle.
    pub fn body_writer_new(media_type: &str) -> u32 {
        bodies::open(media_type)
    }

    pub fn body_writer_write(writer: &BodyWriter, bytes: &[u8]) -> Result<(), Fault> {
        bodies::write(writer.handle(), bytes)
    }

    pub fn body_writer_drop(handle: u32) {
        bodies::close(handle);
    }
}

pub mod message {
    use super::*;
    use crate::message::{LateRefusal, Request, Summary};

    pub fn current() -> Summary {
        within("message.current", |state| state.message.summary())
    }

    pub fn originator() -> Option<Address> {
        within("message.originator", |state| state.message.originator())
    }

    pub fn recipients() -> Vec<Recipient> {
        within("message.recipients", |state| state.message.recipients())
    }

    pub fn header(name: &str) -> Option<String> {
        within("message.header", |state| state.message.header_value(name))
    }

    pub fn headers() -> Vec<HeaderField> {
        within("message.headers", |state| state.message.headers())
    }

    pub fn field(name: &str) -> Option<String> {
        within("message.field", |state| state.message.field_value(name))
    }

    pub fn answered() -> Option<Request> {
        within("message.answered", |state| state.message.answered())
    }

    pub fn refused_late() -> Option<LateRefusal> {
        within("message.refused-late", |state| state.message.late_refusal())
    }

    pub fn parts() -> Vec<Part> {
        within("message.parts", |state| match state.has_parts {
            true => state.message.parts(),
            false => Vec::new(),
        })
    }

    pub fn read_part(id: u32, offset: u64, max: u32) -> Result<Vec<u8>, Fault> {
        const MAX: u32 = 1 << 20;
        within("message.read-part", |state| {
            let body = state.part(id)?.body();
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(body.len());
            let end = start.saturating_add(max.min(MAX) as usize).min(body.len());
            Ok(body[start..end].to_vec())
        })
    }

    pub fn part_header(id: u32, name: &str) -> Result<Option<String>, Fault> {
        within("message.part-header", |state| Ok(state.part(id)?.header(name)))
    }

    pub fn time_left() -> u64 {
        within("message.time-left", |state| state.time_left)
    }
}

pub mod config {
    use super::*;

    pub fn size() -> u64 {
        within("config.size", |state| state.settings.len() as u64)
    }

    pub fn read(offset: u64, max: u32) -> Vec<u8> {
        within("config.read", |state| {
            let settings = state.settings.as_bytes();
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(settings.len());
            let end = start.saturating_add(max as usize).min(settings.len());
            settings[start..end].to_vec()
        })
    }

    pub fn granted(grant: &str) -> bool {
        within("config.granted", |state| state.grants.contains(grant))
    }
}

pub mod tables {
    use super::*;

    pub fn lookup(table: &str, key: &str) -> Result<Option<String>, Fault> {
        within("tables.lookup", |state| match state.tables.get(table) {
            Some(rows) => Ok(rows.get(key).cloned()),
            None => invalid(format!("there is no table {table}")),
        })
    }

    pub fn lookup_prefix(table: &str, text: &str) -> Result<Option<(String, String)>, Fault> {
        within("tables.lookup-prefix", |state| {
            let Some(rows) = state.tables.get(table) else {
                return invalid(format!("there is no table {table}"));
            };
            let fitting = rows.iter().filter(|(key, _)| text.starts_with(key.as_str()));
            let longest = fitting.max_by_key(|(key, _)| key.len());
            Ok(longest.map(|(key, value)| (key.clone(), value.clone())))
        })
    }
}

pub mod log {
    use super::*;
    use crate::log::Level;

    pub fn write(level: Level, text: &str) {
        within("log.write", |state| state.log.push((level, text.to_owned())));
    }

    pub fn rule(name: &str) {
        within("log.rule", |state| {
            if !state.rules.iter().any(|known| known == name) {
                state.rules.push(name.to_owned());
            }
        });
    }
}

pub mod clock {
    use super::*;

    pub fn now() -> u64 {
        within("clock.now", |state| state.now)
    }
}

pub mod random {
    use super::*;

    pub fn number() -> u64 {
        within("random.number", |state| state.next_random())
    }

    pub fn bytes(count: u32) -> Vec<u8> {
        const MAX: u32 = 64 << 10;
        within("random.bytes", |state| {
            (0..count.min(MAX))
                .map(|_| state.next_random().to_le_bytes()[0])
                .collect()
        })
    }
}

pub mod metrics {
    use super::*;

    pub fn count(name: &str, by: u64) -> Result<(), Fault> {
        within("metrics.count", |state| {
            legal(name)?;
            *state.counters.entry(name.to_owned()).or_default() += by;
            Ok(())
        })
    }

    pub fn observe(name: &str, value: f64) -> Result<(), Fault> {
        within("metrics.observe", |state| {
            legal(name)?;
            if !value.is_finite() {
                return invalid(format!("{name}: {value} is no finite number"));
            }
            state.observed.push((name.to_owned(), value));
            Ok(())
        })
    }

    fn legal(name: &str) -> Result<(), Fault> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let is_legal = (1..=64).contains(&name.len())
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(letter);
        match is_legal {
            true => Ok(()),
            false => invalid(format!(
                "{name:?} is no name of a metric: a to z, 0 to 9 and _, a letter first"
            )),
        }
    }
}

pub mod kv {
    use super::*;

    pub fn get(key: &str) -> Result<Option<Vec<u8>>, Fault> {
        within("kv.get", |state| {
            legal(key)?;
            Ok(state.values.get(key).cloned())
        })
    }

    pub fn set(key: &str, value: &[u8]) -> Result<(), Fault> {
        const MAX: usize = 64 << 10;
        within("kv.set", |state| {
            legal(key)?;
            if value.len() > MAX {
                return invalid(format!("a value of {} octets: at most {MAX} are legal", value.len()));
            }
            state.values.insert(key.to_owned(), value.to_vec());
            Ok(())
        })
    }

    pub fn delete(key: &str) -> Result<(), Fault> {
        within("kv.delete", |state| {
            legal(key)?;
            state.values.remove(key);
            Ok(())
        })
    }

    pub fn increment(key: &str, by: i64) -> Result<(), Fault> {
        within("kv.increment", |state| {
            legal(key)?;
            let old = match state.values.get(key) {
                Some(value) => std::str::from_utf8(value)
                    .ok()
                    .and_then(|text| text.parse::<i64>().ok()),
                None => Some(0),
            };
            match old.and_then(|old| old.checked_add(by)) {
                Some(sum) => state.values.insert(key.to_owned(), sum.to_string().into_bytes()),
                None => return invalid(format!("the value of {key} is no number, or the sum is too large")),
            };
            Ok(())
        })
    }

    fn legal(key: &str) -> Result<(), Fault> {
        match (1..=256).contains(&key.len()) {
            true => Ok(()),
            false => invalid(format!("a key of {} octets: 1 to 256 are legal", key.len())),
        }
    }
}

pub mod charging {
    use super::*;
    use crate::charging::ChargingRecord;

    pub fn emit(entry: &ChargingRecord) -> Result<(), Fault> {
        emit_with(entry, &[])
    }

    pub fn emit_with(entry: &ChargingRecord, more: &[(String, String)]) -> Result<(), Fault> {
        within("charging.emit", |state| {
            state.records.push((entry.clone(), more.to_vec()));
            Ok(())
        })
    }

    /// A test of one call sees no answer: the record is shown as it was asked for.
    pub fn emit_when_answered(entry: &ChargingRecord, more: &[(String, String)]) -> Result<(), Fault> {
        emit_with(entry, more)
    }
}

pub mod numbering {
    use super::*;
    use crate::numbering::Network;

    pub fn lookup(number: &str) -> Result<Option<Network>, Fault> {
        within("numbering.lookup", |state| {
            let digits = number.strip_prefix('+').unwrap_or_default();
            if !(1..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return invalid(format!("{number:?} is no number in E.164 form: + and 1 to 15 digits"));
            }
            Ok(state.networks.get(number).cloned())
        })
    }
}

pub mod scan {
    use super::*;

    pub fn parts() -> Vec<u32> {
        within("scan.parts", |state| match state.has_parts {
            true => state.message.parts().into_iter().map(|part| part.id).collect(),
            false => Vec::new(),
        })
    }

    pub fn part(id: u32, scanner: &str) -> Result<Option<String>, Fault> {
        within("scan.part", |state| {
            state.part(id)?;
            match state.scanners.get(scanner) {
                Some(found) => Ok(found.get(&id).cloned()),
                None => invalid(format!("the test has no scanner {scanner:?}: Relay::scanner adds one")),
            }
        })
    }
}

pub mod http {
    use super::*;
    use crate::http::{Request, Response};

    pub fn fetch(request: &Request) -> Result<Response, Fault> {
        within("http.fetch", |state| {
            let asked = format!("{} {}", request.method, request.url);
            state.asked.push(request.clone());
            let Some((status, body)) = state.answers.get(&asked) else {
                return invalid(format!("the test has no answer to {asked:?}: Relay::answer adds one"));
            };
            Ok(Response {
                status: *status,
                headers: Vec::new(),
                body: body.clone(),
            })
        })
    }
}
