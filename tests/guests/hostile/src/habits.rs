//! What `process` can be told to do. Findings are handed back as the text of `hold`.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::mm4::filter::charging::{self, ChargingRecord, RecordType};
use crate::mm4::filter::types::{
    AddPart, BodyWriter, Edit, Fault, HeaderField, Occasion, Refusal, ReplacePart, Route, Verdict,
};
use crate::mm4::filter::{clock, config, kv, log, message, metrics, numbering, random, tables};
use crate::{CONFIGURED_AT, TABLE, number, text};

/// An answer made of random octets: any verdict, any edits, strings of any octets that are UTF-8.
fn anything() -> Result<Verdict, Fault> {
    let dice = random::bytes(4096);
    let mut left = dice.iter().copied();
    let mut byte = move || left.next().unwrap_or(0);
    let mut verdict = byte();
    let text = |byte: &mut dyn FnMut() -> u8| {
        let length = byte() % 40;
        let octets: Vec<u8> = (0..length).map(|_| byte()).collect();
        String::from_utf8_lossy(&octets).into_owned()
    };
    if verdict % 8 == 0 {
        return Ok(Verdict::Hold(text(&mut byte)));
    }
    if verdict % 8 == 1 {
        let code = u16::from_le_bytes([byte(), byte()]);
        let text = text(&mut byte);
        return Ok(Verdict::Refuse(Refusal { code, text }));
    }
    let mut edits = Vec::new();
    while edits.len() < 20 && verdict != 0 {
        verdict = byte();
        let id = u32::from(byte() % 4);
        edits.push(match verdict % 9 {
            0 => Edit::SetHeader(HeaderField {
                name: text(&mut byte),
                value: text(&mut byte),
            }),
            1 => Edit::RemoveHeader(text(&mut byte)),
            2 => Edit::SetOriginator(text(&mut byte)),
            3 => Edit::AddRecipient(text(&mut byte)),
            4 => Edit::DropRecipient(id),
            5 => Edit::RemovePart(id),
            6 => {
                let body = BodyWriter::new(&text(&mut byte));
                body.write(text(&mut byte).as_bytes())?;
                Edit::ReplacePart(ReplacePart {
                    id,
                    body,
                    name: Some(text(&mut byte)),
                })
            }
            7 => Edit::AddPart(AddPart {
                body: BodyWriter::new(&text(&mut byte)),
                name: Some(text(&mut byte)),
                content_id: Some(text(&mut byte)),
            }),
            _ => Edit::Route(Route {
                recipient: id,
                peer: text(&mut byte),
            }),
        });
    }
    Ok(Verdict::Edit(edits))
}

/// Counts calls; in a world without leaks it never gets past 1.
static CALLS: AtomicU32 = AtomicU32::new(0);
/// Never set; the compiler does not know.
static STOP: AtomicBool = AtomicBool::new(false);

pub fn process(habit: &str, occasion: Occasion) -> Result<Verdict, Fault> {
    match habit {
        "pass" | "" => Ok(Verdict::Pass),
        "set-header" => set_header("X-Seen", "yes"),
        "set-header-crlf" => set_header("X-Seen", "yes\r\nX-Smuggled: yes"),
        "set-header-nul" => set_header("X-Seen", "yes\0no"),
        "address-crlf" => Ok(Verdict::Edit(vec![Edit::AddRecipient(
            "+15555550101\r\nRCPT TO:<x@y.example>".into(),
        )])),
        "count" => hold(CALLS.fetch_add(1, Ordering::Relaxed) + 1),
        "refuse" => Ok(Verdict::Refuse(Refusal {
            code: 554,
            text: "no".into(),
        })),
        "discard" => Ok(Verdict::Discard("dull".into())),
        "fault" => Err(Fault::Unavailable("the well\nis dry".into())),
        "occasion" => hold(format!("{occasion:?}")),
        "charge-occasion" => {
            charging::emit(&record(format!("{occasion:?}")))?;
            Ok(Verdict::Pass)
        }
        "loop" => spin(),
        "burn" => {
            let mut n = 0_u64;
            for round in 0..number("rounds") {
                n = black_box(n.wrapping_mul(31).wrapping_add(round));
            }
            Ok(Verdict::Pass)
        }
        "anything" => anything(),
        "say" => {
            log::write(log::Level::Warn, &text("words"));
            hold(text("words"))
        }
        "say-fault" => Err(Fault::Unavailable(text("words"))),
        "tick-loop" => loop {
            black_box(config::size());
        },
        "wait" => hold(format!("{:?}", kv::get("slow"))),
        "wait-number" => hold(format!("{:?}", numbering::lookup("+18885550100"))),
        "sleep" => {
            std::thread::sleep(std::time::Duration::from_secs(3600));
            hold("slept")
        }
        "bomb" => bomb(),
        "gulp" => hold(black_box(vec![1_u8; 1 << 30]).len()),
        "nibble" => hold(nibble()),
        "recursion" => hold(recurse(1)),
        "depth" => hold(descend(number("depth"))),
        "wide-recursion" => hold(recurse_widely(1)),
        "trap" => panic!("the moon is full"),
        "flood" => {
            for line in 0..number("lines") {
                log::write(log::Level::Info, &format!("line {line}\nforged"));
            }
            Ok(Verdict::Pass)
        }
        "giant-text" => {
            let text = giant();
            // SAFETY: as above.
            Ok(Verdict::Hold(unsafe {
                String::from_raw_parts(text.as_ptr().cast_mut(), text.len(), text.len())
            }))
        }
        "giant-argument" => {
            log::write(log::Level::Info, giant());
            Ok(Verdict::Pass)
        }
        "write" => write_much(),
        "write-once" => {
            let wrote = BodyWriter::new("image/jpeg").write(&vec![7; number("octets") as usize]);
            hold(wrote.is_ok())
        }
        "writer-twice" => writer_twice(),
        "writers" => writers(),
        "long-media-type" => hold(BodyWriter::new(&"x".repeat(2000)).write(b"x").is_ok()),
        "many-handles" => {
            let writers: Vec<_> = (0..number("handles")).map(|_| BodyWriter::new("text/plain")).collect();
            hold(writers.len())
        }
        "edits" => {
            let name = || Edit::RemoveHeader("X-Any".into());
            Ok(Verdict::Edit((0..number("edits")).map(|_| name()).collect()))
        }
        "table" => hold(format!("{:?}", TABLE.lock().unwrap().get(&(number("rows") as u32 - 1)))),
        "read" => read_body(),
        "skim" => skim(),
        "tables" => look_up(),
        "clock" => hold(format!(
            "{} {} {:?}",
            CONFIGURED_AT.lock().unwrap(),
            clock::now(),
            wasi_seconds()
        )),
        "outside" => hold(outside()),
        "print" => {
            eprintln!("printed by process");
            Ok(Verdict::Pass)
        }
        "message" => hold(format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            message::current(),
            message::originator(),
            message::recipients(),
            message::header("subject"),
            message::headers(),
            message::parts(),
        )),
        "part" => hold(format!(
            "{:?} {:?}",
            message::part_header(2, "CONTENT-LOCATION"),
            message::part_header(99, "name").is_err(),
        )),
        "random" => hold(format!(
            "{} {:?}",
            random::number(),
            random::bytes(number("octets") as u32)
        )),
        "measure" => measure(),
        "measure-flood" => {
            let named = (0..)
                .take_while(|n| metrics::count(&format!("n_{n}"), 1).is_ok())
                .count();
            hold(named)
        }
        "observe-flood" => {
            let values = (0..)
                .take_while(|n| metrics::observe("values", f64::from(*n)).is_ok())
                .count();
            hold(values)
        }
        "number" => hold(format!(
            "{:?} {:?} {:?} {:?}",
            numbering::lookup("+15555550100"),
            numbering::lookup("+15555550199"),
            numbering::lookup("+19995550100"),
            numbering::lookup("15555550100"),
        )),
        "charge" => charge(),
        "kv" => key_values(),
        "tally" => {
            kv::increment("seen", 1)?;
            let seen = kv::get("seen")?.unwrap_or_default();
            set_header("X-Tally", &String::from_utf8_lossy(&seen))
        }
        "kv-flood" => {
            let value = vec![0; 1000];
            let written = (0..)
                .take_while(|n| kv::set(&format!("{n:04}"), &value).is_ok())
                .count();
            hold(written)
        }
        other => Err(Fault::Invalid(format!("no habit {other:?}"))),
    }
}

fn hold(finding: impl ToString) -> Result<Verdict, Fault> {
    Ok(Verdict::Hold(finding.to_string()))
}

fn set_header(name: &str, value: &str) -> Result<Verdict, Fault> {
    let field = HeaderField {
        name: name.into(),
        value: value.into(),
    };
    Ok(Verdict::Edit(vec![Edit::SetHeader(field)]))
}

pub fn spin() -> ! {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

pub fn bomb() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Asks for memory until it is told no, and lives with that.
fn nibble() -> usize {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(1 << 20).is_err() {
            return hoard.len();
        }
        hoard.push(piece);
    }
}

/// A string of almost 2 GiB that is not there.
fn giant() -> &'static str {
    // SAFETY: there is none. Nothing here reads it; whether the host does is the question.
    unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(64 as *const u8, 0x7fff_0000)) }
}

/// One handle in two edits.
fn writer_twice() -> Result<Verdict, Fault> {
    let writer = BodyWriter::new("text/plain");
    // SAFETY: none: the handle has two owners now.
    let again = unsafe { BodyWriter::from_handle(writer.handle()) };
    let add = |body| {
        Edit::AddPart(AddPart {
            body,
            name: None,
            content_id: None,
        })
    };
    Ok(Verdict::Edit(vec![add(writer), add(again)]))
}

fn measure() -> Result<Verdict, Fault> {
    metrics::count("seen", 2)?;
    metrics::count("seen", 3)?;
    metrics::observe("width", 640.0)?;
    metrics::observe("width", 0.5)?;
    let refused = [
        metrics::count("15555550100", 1).is_err(),
        metrics::count("width", 1).is_err(),
        metrics::observe("width", f64::NAN).is_err(),
    ];
    if text("then") == "trap" {
        panic!("after counting");
    }
    hold(format!("{refused:?}"))
}

/// That many frames of the engine's stack, and back.
fn descend(depth: u64) -> u64 {
    if depth == 0 || STOP.load(Ordering::Relaxed) {
        return 0;
    }
    black_box(descend(depth - 1)) + 1
}

/// Frames without anything in linear memory: it is the engine's stack that ends.
fn recurse(n: u64) -> u64 {
    if STOP.load(Ordering::Relaxed) {
        return n;
    }
    recurse(n + 1).wrapping_mul(3) ^ n
}

/// Frames in linear memory: its stack lies at the lowest addresses, and grows out of them.
fn recurse_widely(n: u64) -> u64 {
    if STOP.load(Ordering::Relaxed) {
        return n;
    }
    let frame = black_box([n; 32]);
    recurse_widely(frame[31] + 1) + black_box(frame[0])
}

/// Writes pieces of 64 KiB until the host says no; finds how many it took.
fn write_much() -> Result<Verdict, Fault> {
    let writers = [BodyWriter::new("image/jpeg"), BodyWriter::new("image/png")];
    let piece = vec![7; 64 << 10];
    for n in 0.. {
        if let Err(fault) = writers[n % 2].write(&piece) {
            return hold(format!("{n} {fault:?}"));
        }
    }
    unreachable!()
}

/// One writer is handed over in an edit, one as a new part, one is kept, one dropped.
fn writers() -> Result<Verdict, Fault> {
    let replacement = BodyWriter::new("image/jpeg");
    replacement.write(b"first, ")?;
    replacement.write(b"second")?;
    let addition = BodyWriter::new("text/plain; charset=utf-8");
    let kept = BodyWriter::new("text/kept");
    kept.write(b"kept")?;
    std::mem::forget(kept);
    drop(BodyWriter::new("text/dropped"));
    Ok(Verdict::Edit(vec![
        Edit::ReplacePart(ReplacePart {
            id: 2,
            body: replacement,
            name: Some("a.jpg".into()),
        }),
        Edit::AddPart(AddPart {
            body: addition,
            name: None,
            content_id: Some("new".into()),
        }),
    ]))
}

fn read_body() -> Result<Verdict, Fault> {
    let mut body = Vec::new();
    loop {
        let piece = message::read_part(number("part") as u32, body.len() as u64, number("max") as u32)?;
        if piece.is_empty() {
            break;
        }
        body.extend(piece);
    }
    let sum: u64 = body.iter().map(|octet| u64::from(*octet)).sum();
    hold(format!("{} {sum}", body.len()))
}

/// Reads a part in pieces, and keeps none of them.
fn skim() -> Result<Verdict, Fault> {
    let mut offset = 0;
    loop {
        let piece = message::read_part(number("part") as u32, offset, number("max") as u32)?;
        if piece.is_empty() {
            return hold(offset);
        }
        offset += black_box(piece).len() as u64;
    }
}

fn look_up() -> Result<Verdict, Fault> {
    let exact = tables::lookup("networks", "999")?;
    let again = tables::lookup("networks", "generation")?;
    let prefix = tables::lookup_prefix("networks", "+99912345")?;
    let missing = tables::lookup("nowhere", "x");
    hold(format!("{exact:?} {again:?} {prefix:?} {missing:?}"))
}

/// Seconds since 1970 by the standard library.
fn wasi_seconds() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |it| it.as_secs())
}

/// Everything that the standard library could reach outside.
fn outside() -> String {
    let file = std::fs::read("/etc/hostname").is_ok();
    let made = std::fs::write("/tmp/escaped", b"x").is_ok();
    let variables = std::env::vars().count();
    let arguments = std::env::args().count();
    let network = std::net::TcpStream::connect("127.0.0.1:25").is_ok();
    let bound = std::net::UdpSocket::bind("127.0.0.1:0").is_ok();
    let input = std::io::stdin().lines().count();
    format!("{file} {made} {variables} {arguments} {network} {bound} {input}")
}

pub fn record(message_id: String) -> ChargingRecord {
    ChargingRecord {
        record_type: RecordType::RelayIn,
        message_id,
        transaction_id: None,
        source_peer: None,
        destination_peer: None,
        intra_mmse: None,
        originator: Some("+15555550100".into()),
        recipients: vec!["+15555550101".into()],
        content_type: None,
        message_size: Some(1234),
        message_class: None,
        priority: None,
        submission_time: None,
        expiry: None,
        delivery_report_requested: Some(true),
        read_reply_requested: None,
        acknowledgement_requested: None,
        sender_hidden: None,
        forward_counter: None,
        status_code: None,
        status_text: None,
    }
}

/// Emits records until told no; the strings have the length from the settings.
fn charge() -> Result<Verdict, Fault> {
    let id = "i".repeat(number("length") as usize);
    for _ in 0..number("records") {
        charging::emit(&record(id.clone()))?;
    }
    if text("then") == "trap" {
        panic!("after charging");
    }
    Ok(Verdict::Pass)
}

fn key_values() -> Result<Verdict, Fault> {
    kv::set("mine", b"41")?;
    kv::increment("mine", 1)?;
    kv::increment("counter", 2)?;
    kv::increment("counter", 3)?;
    kv::delete("old")?;
    let show = |key: &str| -> Result<String, Fault> {
        Ok(kv::get(key)?.map_or("none".into(), |value| String::from_utf8_lossy(&value).into_owned()))
    };
    let refused = [
        kv::increment("words", 1).is_err(),
        kv::set("", b"x").is_err(),
        kv::get(&"k".repeat(257)).is_err(),
    ];
    hold(format!(
        "{} {} {} {refused:?}",
        show("mine")?,
        show("counter")?,
        show("old")?
    ))
}
