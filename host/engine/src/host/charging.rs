//! `charging`: records that are kept when the message is committed.

use crate::bindings::mm4::filter::{charging, types};
use crate::words::{ChargingRecord, Fault};

use super::{Call, limit};

/// The longest string in a record, in octets.
const STRING_MAX: usize = 1024;
/// All strings of all records of one call, in octets: 100 records of 10 KiB.
const TOTAL_MAX: usize = 1 << 20;

impl charging::Host for Call {
    fn emit(&mut self, entry: charging::ChargingRecord) -> wasmtime::Result<Result<(), types::Fault>> {
        self.host_calls += 1;
        self.subject("charging")?;
        Ok(self.keep_record(entry.into()).map_err(Into::into))
    }
}

impl Call {
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
            // An empty string is not free: a record could list millions of them.
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
