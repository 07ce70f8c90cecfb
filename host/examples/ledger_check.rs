//! How long `mm4relay ledger check` takes over many messages, and how large the database's log gets meanwhile.
//!
//! ```sh
//! cargo run --release --example ledger_check -- 1000000 [files] [FOLDER]
//! ```
//!
//! Fills a spool with delivered messages, each with two charging records of 25 fields, then checks it while another thread
//! commits and delivers messages through the same spool. With `files` three outputs (BER, JSON lines, CSV) write the records
//! first, and are checked as well. What is filled is written past the relay, as it would have
//! written it: a relay would take minutes for it. With FOLDER the spool stays there, for the command.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use mm4relay::charging::file::Closed;
use mm4relay::charging::output::Output;
use mm4relay::charging::{Format, OutputOptions};
use mm4relay::clock::{Clock, SystemClock};
use mm4relay::ledger::{CheckSummary, Files, Period, check};
use mm4relay::message::{
    Append, Content, End, Envelope, MessageId, MmsAddress, Ordinal as Number, Origin, Outgoing, OutgoingId, PeerName,
    Piece, Protocol, Recipient, RecipientEnd, RecipientId, Rope, StreamName, Timestamp,
};
use mm4relay::spool::ledger::{record_sum, record_text};
use mm4relay::spool::{self, Acceptance, DeliveryResult, Node, Options, Outcome, Spool, StreamReader};
use rusqlite::Connection;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().context("how many messages?")?.parse()?;
    let temporary = tempfile::tempdir()?;
    let mut more: Vec<String> = arguments.collect();
    let with_files = more.first().is_some_and(|word| word == "files");
    let folder = more.drain(usize::from(with_files)..).next();
    let folder = folder.map_or_else(|| temporary.path().to_owned(), Into::into);
    let options = Options {
        clock: Arc::new(SystemClock),
        node: Node::default(),
        reserve: 0,
        ledger: Duration::from_secs(40 * 86_400),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let spool = spool::open(&folder, options.clone())?;
    let first = spool.next_id();
    runtime.block_on(spool.close());
    drop(spool);
    let started = Instant::now();
    fill(&folder, first, count)?;
    println!("{count} messages written in {:.1} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    let outputs = if with_files {
        outputs(&folder.join("cdr"))
    } else {
        Vec::new()
    };
    write_files(&folder, &outputs)?;
    println!(
        "{} outputs written in {:.1} s",
        outputs.len(),
        started.elapsed().as_secs_f64()
    );

    let spool = spool::open(&folder, options)?;
    let (stop, sent, log) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let checked = std::thread::scope(|scope| {
        scope.spawn(|| runtime.block_on(traffic(&*spool, &folder, &stop, &sent, &log)));
        let beside = spool::open_beside(&folder)?;
        let period = Period {
            from: MessageId(0),
            to: MessageId((1 << 51) - 1),
        };
        let stream = StreamReader::new(beside.clone(), StreamName::CHARGING);
        let files = Files {
            stream: &stream,
            outputs: &outputs,
            fetched: &[],
        };
        let started = Instant::now();
        let checked = check(&*beside, period, with_files.then_some(files), &mut |finding| {
            println!("{finding:?}")
        });
        let took = started.elapsed();
        stop.store(true, Ordering::Relaxed);
        println!("checked in {:.1} s", took.as_secs_f64());
        anyhow::Ok(checked?)
    })?;
    print(&checked, sent.load(Ordering::Relaxed));
    println!("the largest log: {} KiB", log.load(Ordering::Relaxed) / 1024);
    Ok(())
}

/// `sent` is the number of messages sent meanwhile.
fn print(checked: &CheckSummary, sent: u64) {
    println!(
        "{} messages, {} recipients, {} records; {sent} beside it; balanced: {}",
        checked.messages,
        checked.recipients,
        checked.records,
        checked.is_balanced()
    );
    if let Some(files) = checked.files {
        println!("{} files with {} records", files.files, files.records);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("VmHWM: unknown");
    println!("{peak}");
}

fn outputs(folder: &Path) -> Vec<OutputOptions> {
    let output = |(name, format): (&str, Format)| OutputOptions {
        name: name.into(),
        folder: folder.into(),
        format,
        record_types: Vec::new(),
        peers: Vec::new(),
        max_size: 10 << 20,
        max_records: 100_000,
        max_age: Duration::from_secs(86_400),
    };
    let formats = [
        ("standard", Format::Ber),
        ("lines", Format::Json),
        ("table", Format::Csv),
    ];
    formats.into_iter().map(output).collect()
}

fn write_files(folder: &Path, outputs: &[OutputOptions]) -> anyhow::Result<()> {
    let stream = StreamReader::new(spool::open_beside(folder)?, StreamName::CHARGING);
    let now = SystemClock.now();
    for options in outputs {
        let mut output = Output::resume(options.clone(), &stream)?;
        while output.step(&stream, now)? {}
        output.close(&stream, Closed::Normally)?;
    }
    Ok(())
}

/// Sends about a hundred messages a second, one after the other, during the check.
async fn traffic(spool: &dyn Spool, folder: &Path, stop: &AtomicBool, sent: &AtomicU64, log: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        let id = spool.next_id();
        let done = async {
            spool.commit(message(id)?).await?;
            spool.record(delivered(id)).await?;
            anyhow::Ok(())
        };
        if let Err(error) = done.await {
            println!("traffic: {error:#}");
            return;
        }
        sent.fetch_add(1, Ordering::Relaxed);
        let octets = std::fs::metadata(folder.join("spool.db-wal")).map_or(0, |log| log.len());
        log.fetch_max(octets, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Writes what the relay writes for a message to one recipient that was received and delivered.
fn fill(folder: &Path, first: MessageId, count: u64) -> anyhow::Result<()> {
    let mut db = Connection::open(folder.join("spool.db"))?;
    let transaction = db.transaction()?;
    {
        let mut line = transaction.prepare(
            "INSERT INTO ledger(message, place, at, what, ordinal, recipients, peer, record, sums, about)
             VALUES(?1, ?2, ?3, ?4, 1, '1', ?5, ?6, ?7, ?8)",
        )?;
        let mut record = transaction.prepare(
            "INSERT INTO record(stream, sequence, message, ordinal, recorded_at, plugin, version, record)
             VALUES('charging', ?1, ?2, ?3, ?4, 'charging', '0.1.0', ?5)",
        )?;
        let texts = ["relay-in", "relay-out"].map(|kind| record_text(&charge(kind).record));
        let about = r#"{"s":"operator-a","k":"MM4_forward.REQ","z":30000,"m":"\"20261127A0001@mms.a.example\""}"#;
        for number in 0..count {
            let (id, at) = (first.0 + number, Timestamp(first.0 / 1000));
            let message = id as i64;
            for (place, text) in (0..).zip(&texts) {
                let sequence = 2 * number + place + 1;
                let sum = record_sum(sequence, at, "charging", "0.1.0", text).to_le_bytes();
                record.execute((sequence as i64, message, place as i64, at.0 as i64, text))?;
                let opens = place == 0;
                let (what, peer, about) = (
                    if opens { 0 } else { 10 },
                    opens.then_some("operator-b"),
                    opens.then_some(about),
                );
                line.execute((
                    message,
                    place as i64 + 1,
                    at.0 as i64,
                    what,
                    peer,
                    sequence as i64,
                    &sum[..],
                    about,
                ))?;
            }
        }
    }
    let ceiling = (first.0 + count + 60_000_000) as i64;
    transaction.execute("UPDATE counter SET value = ?1 WHERE name = 'id-ceiling'", [ceiling])?;
    transaction.commit()?;
    Ok(())
}

fn charge(kind: &str) -> Append {
    Append {
        stream: StreamName::CHARGING,
        plugin: "charging".into(),
        version: "0.1.0".into(),
        record: serde_json::json!({
            "record-type": kind, "message-type": "MM4_forward.REQ", "message-id": "\"20261127A0001@mms.a.example\"",
            "transaction-id": "\"20261127T0001@mms.a.example\"", "source-peer": "operator-a",
            "destination-peer": "operator-b", "intra-mmse": false, "originator": "+15555550100/TYPE=PLMN@mms.a.example",
            "recipients": ["+15555550199/TYPE=PLMN@mms.b.example"], "content-type": "multipart/related",
            "message-size": 30000, "message-class": "Personal", "priority": "Normal",
            "submission-time": "Fri, 27 Nov 2026 12:00:00 +0000", "expiry": "Sun, 29 Nov 2026 12:00:00 +0000",
            "delivery-report-requested": true, "read-reply-requested": false, "acknowledgement-requested": true,
            "sender-hidden": false, "status-code": "Ok", "message-id-unquoted": "20261127A0001@mms.a.example",
            "transaction-id-unquoted": "20261127T0001@mms.a.example",
        }),
        when_answered: false,
    }
}

fn first(message: MessageId) -> OutgoingId {
    let ordinal = Number::FIRST;
    OutgoingId { message, ordinal }
}

fn message(id: MessageId) -> anyhow::Result<Acceptance> {
    let (content, at) = (Content::from_bytes(vec![b'x'; 30_000]), Timestamp(id.0 / 1000));
    let envelope = Envelope {
        sender: None,
        recipients: vec![Recipient {
            id: RecipientId(1),
            address: MmsAddress::new("+15555550199/TYPE=PLMN@mms.b.example")?,
        }],
    };
    let outgoing = Outgoing {
        id: first(id),
        next_hop: PeerName::new("operator-b")?.into(),
        source: PeerName::new("operator-a")?.into(),
        received_at: at,
        envelope: envelope.clone(),
        rope: Rope {
            content: content.clone(),
            pieces: vec![Piece::Received(0..content.size())],
        },
        kind: None,
        repeats: 0,
        header: None,
        parts: None,
        attempts: 0,
        said: None,
        expires_at: None,
    };
    Ok(Acceptance {
        id,
        origin: Origin {
            source: PeerName::new("operator-a")?.into(),
            remote: ([127, 0, 0, 1], 2525).into(),
            helo: "mms.a.example".into(),
            protocol: Protocol::Esmtp,
            received_at: at,
        },
        envelope,
        content,
        outgoing: vec![outgoing],
        failed: Vec::new(),
        hold: None,
        ended: Vec::new(),
        appends: vec![charge("relay-in")],
        kv: Vec::new(),
        journey: Vec::new(),
        says: None,
        opens: None,
        expects: Vec::new(),
        changes: Vec::new(),
    })
}

fn delivered(id: MessageId) -> Outcome {
    Outcome {
        id: first(id),
        result: DeliveryResult::Delivered,
        reply: None,
        attempts: 1,
        ended: vec![RecipientEnd {
            recipient: RecipientId(1),
            end: End::Delivered,
        }],
        changes: Vec::new(),
        appends: vec![charge("relay-out")],
        kv: Vec::new(),
        event: None,
    }
}
