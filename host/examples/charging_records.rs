//! How long an output takes for so many records, and how much memory: `charging_records [RECORDS] [ber|json|csv]`.
//!
//! The output is the relay's, from a row of the spool to closed and flushed files, in a folder that is removed
//! afterwards. Rows are generated instead of read, so that this measures encoding and writing only, in one thread.
//! `cargo run --release --example charging_records`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mm4relay::charging::file::Closed;
use mm4relay::charging::output::Output;
use mm4relay::charging::{Format, OutputOptions};
use mm4relay::message::{MessageId, QueueId, StreamName, Timestamp};
use mm4relay::spool::{Mark, Recorded, SpoolError, StreamReader, Streams};
use serde_json::json;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let records: u64 = arguments.next().map_or(Ok(1_000_000), |count| count.parse())?;
    let format = match arguments.next().as_deref() {
        None | Some("ber") => Format::Ber,
        Some("json") => Format::Json,
        Some("csv") => Format::Csv,
        Some(other) => bail!("{other} is none of ber, json, csv"),
    };
    let folder = tempfile::tempdir_in(".")?;
    let rows = Arc::new(Rows {
        last: records,
        mark: Mutex::default(),
    });
    let rows = StreamReader::new(rows, StreamName::CHARGING);
    let options = OutputOptions {
        name: "settlement".into(),
        folder: folder.path().into(),
        format,
        record_types: Vec::new(),
        peers: Vec::new(),
        max_size: 10 << 20,
        max_records: 100_000,
        max_age: Duration::from_secs(86_400),
    };
    let closed = options.clone();
    let mut output = Output::resume(options, &rows)?;
    let begun = Instant::now();
    let mut early = None;
    while output.step(&rows, NOW)? {
        if early.is_none() && output.mark().sequence * 10 > records {
            early = Some(resident()?);
        }
    }
    output.close(&rows, Closed::Normally)?;
    let took = begun.elapsed();
    let octets: u64 = closed.closed_files()?.iter().map(|file| file.octets).sum();
    println!(
        "{records} records, {octets} octets in {} files: {:.2} s, {:.0} records a second; resident {} kB after a tenth, {} kB at \
         the end",
        output.mark().file,
        took.as_secs_f64(),
        records as f64 / took.as_secs_f64(),
        early.unwrap_or_default(),
        resident()?,
    );
    Ok(())
}

const NOW: Timestamp = Timestamp(1_795_298_400_000);

/// Records up to `last`, generated on demand.
struct Rows {
    last: u64,
    mark: Mutex<Option<Mark>>,
}

fn row(sequence: u64) -> Recorded {
    let (message_id, minute) = (format!("\"k{sequence}@mms.a.example\""), sequence % 60);
    Recorded {
        sequence,
        id: QueueId::AsReceived(MessageId(sequence << 20)),
        recorded_at: Timestamp(NOW.0 + sequence),
        plugin: "charging".into(),
        version: "0.1.0".into(),
        record: json!({
            "record-type": "r4f", "message-type": "MM4_forward.REQ", "message-id": message_id,
            "transaction-id": message_id, "source-peer": "operator-a", "destination-peer": "operator-b",
            "intra-mmse": false, "originator": "+15555550100/TYPE=PLMN@mms.a.example",
            "recipients": ["+15555550199/TYPE=PLMN@mms.b.example", "+15555550188/TYPE=PLMN@mms.b.example"],
            "content-type": "multipart/related;Start=\"<smil>\"", "message-size": 30_000 + sequence % 100_000,
            "message-class": "Personal", "priority": "Normal",
            "submission-time": format!("Mon, 26 Jan 2026 00:{minute:02}:43 +0200"), "expiry": "86400",
            "delivery-report-requested": true, "read-reply-requested": false, "acknowledgement-requested": true,
            "sender-hidden": false, "forward-counter": null, "status-code": "Ok", "status-text": "All is good.",
            "mms-version": "6.10.0", "subject-size": "5", "components": "application/smil:640 image/jpeg:28123 text/plain:55",
        }),
    }
}

impl Streams for Rows {
    fn records(&self, _stream: &StreamName, after: u64, limit: usize) -> Result<Vec<Recorded>, SpoolError> {
        let last = self.last.min(after + limit as u64);
        Ok((after + 1..=last).map(row).collect())
    }

    fn mark(&self, _stream: &StreamName, _reader: &str) -> Result<Option<Mark>, SpoolError> {
        Ok(*self.mark.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_mark(&self, _stream: &StreamName, _reader: &str, mark: Mark) -> Result<(), SpoolError> {
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = Some(mark);
        Ok(())
    }

    fn forget_mark(&self, _stream: &StreamName, _reader: &str) -> Result<bool, SpoolError> {
        Ok(false)
    }

    fn purge(&self, _stream: &StreamName, _before: Timestamp) -> Result<usize, SpoolError> {
        Ok(0)
    }
}

/// Resident memory of this process, in kB.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("this program measures on Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    number.context("no VmRSS")
}
