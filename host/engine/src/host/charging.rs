//! `charging`: records that are kept when the message is committed.

use crate::bindings::mm4::filter::{charging, types};
use crate::limits::Grant;
use crate::words::{ChargingRecord, Fault};

use super::{Call, limit};

/// The longest string in a record, in octets.
const STRING_MAX: usize = 1024;
/// All strings of all records of one call, in octets: 100 records of 10 KiB.
const TOTAL_MAX: usize = 1 << 20;

/// The most fields with names of the plug-in's own in one record.
const MORE_MAX: usize = 32;
/// The longest such name, in octets.
const NAME_MAX: usize = 64;

fn is_legal(name: &str) -> bool {
    let legal = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    name.len() <= NAME_MAX && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(legal)
}

impl charging::Host for Call {
    fn emit(&mut self, entry: charging::ChargingRecord) -> wasmtime::Result<Result<(), types::Fault>> {
        self.ask(Grant::Charging)?;
        self.subject("charging")?;
        Ok(self.keep_record(entry.into()).map_err(Into::into))
    }

    fn emit_with(
        &mut self,
        entry: charging::ChargingRecord,
        more: Vec<(String, String)>,
    ) -> wasmtime::Result<Result<(), types::Fault>> {
        self.ask(Grant::Charging)?;
        self.subject("charging")?;
        let record = Self::extended(entry.into(), more);
        Ok(record.and_then(|record| self.keep_record(record)).map_err(Into::into))
    }

    fn emit_when_answered(
        &mut self,
        entry: charging::ChargingRecord,
        more: Vec<(String, String)>,
    ) -> wasmtime::Result<Result<(), types::Fault>> {
        self.ask(Grant::Charging)?;
        self.subject("charging")?;
        let record = Self::extended(entry.into(), more).map(|record| ChargingRecord {
            when_answered: true,
            ..record
        });
        Ok(record.and_then(|record| self.keep_record(record)).map_err(Into::into))
    }
}

impl Call {
    /// Adds these fields to the record, if their names are legal.
    fn extended(record: ChargingRecord, more: Vec<(String, String)>) -> Result<ChargingRecord, Fault> {
        if more.len() > MORE_MAX {
            let text = format!(
                "a charging record has {} fields of the plug-in's own, at most {MORE_MAX} are allowed",
                more.len()
            );
            return Err(Fault::Invalid(text));
        }
        let mut record = record;
        for (name, value) in more {
            if !is_legal(&name) {
                return Err(Fault::Invalid(format!(
                    "{name:?} is no name for a field: 1 to 64 lower-case letters, digits and hyphens, beginning with a letter"
                )));
            }
            let taken = ChargingRecord::FIELDS.contains(&name.as_str())
                || ChargingRecord::OF_THE_EXPORT.contains(&name.as_str());
            if taken || record.more.contains_key(&name) {
                return Err(Fault::Invalid(format!("the record has a field {name} already")));
            }
            record.more.insert(name, value);
        }
        Ok(record)
    }

    fn keep_record(&mut self, record: ChargingRecord) -> Result<(), Fault> {
        let allowed = self.owner.limits.charging_records;
        if self.records.len() >= allowed {
            return Err(limit("charging-records", allowed));
        }
        let mut total = self.record_bytes;
        for text in record.strings() {
            if text.len() > STRING_MAX {
                let text = format!(
                    "a string in a charging record has {} octets, at most {STRING_MAX} are allowed",
                    text.len()
                );
                return Err(Fault::Invalid(text));
            }
            // An empty string has a cost too, because a record could list millions of them.
            total += text.len().max(16);
        }
        if total > TOTAL_MAX {
            return Err(Fault::Limit(format!(
                "the charging records of one call hold at most {TOTAL_MAX} octets"
            )));
        }
        self.record_bytes = total;
        self.records.push(record);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::RecordType;

    fn extended(more: &[(&str, &str)]) -> Result<ChargingRecord, Fault> {
        let more = more.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Call::extended(ChargingRecord::of(RecordType::RelayIn), more.collect())
    }

    #[test]
    fn the_fields_that_a_record_has_are_those_that_are_reserved() {
        let serde_json::Value::Object(fields) = serde_json::to_value(ChargingRecord::of(RecordType::O4d)).unwrap()
        else {
            panic!("a record is an object")
        };
        let mut reserved = ChargingRecord::FIELDS.to_vec();
        reserved.sort_unstable();
        let mut fields: Vec<&str> = fields.keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, reserved);
    }

    #[test]
    fn further_fields_stand_beside_the_others() {
        let record = extended(&[("message-type", "MM4_forward.REQ"), ("x2", "")]).unwrap();
        let json = serde_json::to_value(&record).unwrap();
        assert_eq!(json["message-type"], "MM4_forward.REQ");
        assert_eq!((&json["x2"], &json["record-type"]), (&"".into(), &"relay-in".into()));
        assert_eq!(serde_json::from_value::<ChargingRecord>(json).unwrap(), record);
    }

    #[test]
    fn a_name_that_is_illegal_or_taken_is_refused_and_says_why() {
        let long = "a".repeat(NAME_MAX + 1);
        for name in [
            "",
            "A",
            "1a",
            "-a",
            "a b",
            "a_b",
            "\u{fc}",
            &long,
            "message-id",
            "sequence",
            "recipients",
        ] {
            let Err(Fault::Invalid(text)) = extended(&[(name, "x")]) else {
                panic!("{name:?} is taken")
            };
            assert!(text.contains("name") || text.contains("already"), "{text}");
        }
        assert!(extended(&[("a", "1"), ("a", "2")]).is_err());
        let many: Vec<String> = (0..=MORE_MAX).map(|n| format!("a{n}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "")).collect();
        assert!(extended(&many[1..]).is_ok() && extended(&many).is_err());
    }
}
