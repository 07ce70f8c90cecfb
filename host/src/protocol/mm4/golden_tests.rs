//! Messages of real peers (`tests/golden/quirks`), read and written again. The expected result is beside each message.
//! After a deliberate change, `UPDATE_GOLDEN=1` writes the expectations anew; read them before you commit them.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::samples::{incoming, read_bytes, trace, written};
use super::{Foreign, Limits, Pdu, apply, decode_part, delivery_status, read, serialise, seven_bit};
use crate::message::{Edit, HeaderName, HeaderValue, MediaType, Message, NewBody, OpaqueId, Piece};

fn quirks() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/quirks");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    files.sort();
    assert!(files.len() >= 44, "{} messages: some are missing", files.len());
    files
}

/// What the relay makes of a message, for people to read.
fn described(bytes: &[u8]) -> String {
    let limits = Limits {
        unknown_types: Foreign::Pass,
        notifications: Foreign::Pass,
        ..Limits::default()
    };
    let (first, message) = match (read_bytes(bytes), read(incoming(bytes), &limits)) {
        (Ok(message), _) => (String::new(), message),
        (Err(refusal), Ok(message)) => (format!("refused: {refusal}\nwhere it may pass:\n"), message),
        (Err(refusal), Err(_)) => return format!("refused: {refusal}\n"),
    };
    let mut out = first;
    say_header(&message, &mut out);
    let _ = writeln!(out, "fields: {}", message.header.fields.len());
    let _ = writeln!(out, "blocks: {}", message.body.len());
    for part in &message.parts {
        let decoded = decode_part(&message, part.id).map_or_else(|e| e.to_string(), |b| format!("{} octets", b.len()));
        let _ = writeln!(
            out,
            "part {}: {}, name {}, id {}, location {}, {:?}, {decoded}",
            part.id,
            part.media_type,
            part.name.as_deref().unwrap_or("-"),
            part.content_id.as_deref().unwrap_or("-"),
            part.content_location.as_deref().unwrap_or("-"),
            part.encoding,
        );
    }
    if let Some(status) = delivery_status(&message, &limits).unwrap() {
        let _ = writeln!(out, "{status:#?}");
    }
    out
}

/// Lists the header's values. A value that is missing or unreadable has no line.
fn say_header(message: &Message, out: &mut String) {
    let pdu = Pdu::of(&message.header);
    let id = |id: Option<OpaqueId>| id.map(|id| format!("{id} (compared as {})", id.bare()));
    let date = |at: crate::message::Timestamp| super::dates::written(at);
    let addresses: Vec<String> = pdu.recipients().iter().map(ToString::to_string).collect();
    let expiry = pdu.expiry().map(|expiry| {
        let (stated, latest) = (
            expiry.stated(pdu.date(), message.origin.received_at),
            expiry.latest(pdu.date(), message.origin.received_at),
        );
        format!("{}, not before {}", date(stated), date(latest))
    });
    let wants = pdu.wants();
    let wants = format!(
        "response {}, delivery report {}, read reply {}",
        wants.response, wants.delivery_report, wants.read_reply
    );
    let debug = |value: Option<&dyn std::fmt::Debug>| value.map(|value| format!("{value:?}"));
    macro_rules! said {
        ($($name:literal: $value:expr),* $(,)?) => {
            [$(($name, debug($value.as_ref().map(|value| value as &dyn std::fmt::Debug)))),*]
        };
    }
    let texts = [
        ("type", Some(message.kind.name().to_owned())),
        ("transaction", id(pdu.transaction_id())),
        ("message", id(pdu.message_id())),
        ("from", pdu.from().map(|address| address.to_string())),
        ("to", (!addresses.is_empty()).then(|| addresses.join(", "))),
        ("answer to", pdu.answer_to().map(|address| address.to_string())),
        ("date", pdu.date().map(|at| format!("{} {:?}", date(at.at), at.zone))),
        ("expiry", expiry),
        ("wants", Some(wants)),
        ("status text", pdu.status_text()),
        ("subject", pdu.subject()),
    ];
    let values = said! {
        "version": pdu.version(),
        "class": pdu.message_class(),
        "priority": pdu.priority(),
        "visibility": pdu.sender_visibility(),
        "report for the originator's system": pdu.originator_rs_delivery_report(),
        "report for the user": pdu.forward_to_originator_ua(),
        "forward counter": pdu.forward_counter(),
        "content class": pdu.content_class(),
        "drm": pdu.drm_content(),
        "adaptation": pdu.adaptation_allowed(),
        "applic": pdu.applic_id(),
        "reply applic": pdu.reply_applic_id(),
        "aux applic": pdu.aux_applic_info(),
        "request status": pdu.request_status(),
        "mm status": pdu.mm_status(),
        "mm status extension": pdu.mm_status_extension(),
        "read status": pdu.read_status(),
    };
    let texts = texts.into_iter().chain(values);
    for (name, text) in texts.filter_map(|(name, text)| Some((name, text?))) {
        let _ = writeln!(out, "{name}: {text}");
    }
    for sent in pdu.previously_sent() {
        let date = sent.date.map_or("-".into(), |at| date(at.at));
        let _ = writeln!(out, "sent before: {} {} {date}", sent.number, sent.address);
    }
    if !pdu.missing().is_empty() {
        let _ = writeln!(out, "missing: {}", pdu.missing().join(", "));
    }
}

#[test]
fn every_quirk_is_read_as_expected() {
    let mut wrong = Vec::new();
    for path in quirks() {
        let expected_path = path.with_extension("expected");
        let found = described(&fs::read(&path).unwrap());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected_path, &found).unwrap();
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if expected != found {
            wrong.push(format!("{}\nexpected:\n{expected}\nfound:\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_quirk_leaves_byte_for_byte_as_it_came() {
    for path in quirks() {
        let bytes = fs::read(&path).unwrap();
        let Ok(message) = read_bytes(&bytes) else { continue };
        let rope = serialise(&message, trace());
        assert_eq!(
            rope.pieces,
            [
                Piece::New(trace().raw().clone()),
                Piece::Received(0..bytes.len() as u64)
            ],
            "{}",
            path.display()
        );
        assert!(written(&message) == bytes, "{}", path.display());
    }
}

/// Prints what Python's `email` package finds in each message: one header, and each leaf's type and decoded body. Each
/// message on its input follows its length on a line of its own; each result is followed by an empty line.
const JUDGE: &str = r"
import email, hashlib, sys
def leaves(m):
    if m.get_content_maintype() == 'multipart' and m.is_multipart():
        for p in m.get_payload():
            yield from leaves(p)
    elif m.get_content_maintype() != 'message':
        yield m
while line := sys.stdin.buffer.readline():
    m = email.message_from_bytes(sys.stdin.buffer.read(int(line)))
    print(m.get('X-Edited', '-'))
    for p in leaves(m):
        print(p.get_content_type(), hashlib.sha256(p.get_payload(decode=True) or b'').hexdigest())
    print(flush=True)
";

struct Python(Child, BufReader<ChildStdout>);

impl Python {
    /// Starts Python; `None` when there is no python3 on this machine.
    fn start() -> Option<Self> {
        let mut child = Command::new("python3")
            .args(["-c", JUDGE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let answers = BufReader::new(child.stdout.take()?);
        Some(Self(child, answers))
    }

    fn finds(&mut self, bytes: &[u8]) -> String {
        let stdin = self.0.stdin.as_mut().unwrap();
        stdin.write_all(format!("{}\n", bytes.len()).as_bytes()).unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\n\n") {
            assert!(self.1.read_line(&mut answer).unwrap() > 0, "python3 ended: {answer}");
        }
        answer
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The same result from our index.
fn ours(message: &Message, edited: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let mut out = format!("{edited}\n");
    for part in message.parts.iter().filter(|part| part.media_type != "message/rfc822") {
        let body = decode_part(message, part.id).unwrap();
        let hash: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = writeln!(out, "{} {hash}", part.media_type);
    }
    out + "\n"
}

#[test]
fn python_finds_in_edited_messages_what_we_say_is_there() {
    let Some(mut python) = Python::start() else {
        assert!(std::env::var_os("CI").is_none(), "python3 is needed");
        eprintln!("SKIPPED: there is no python3 to judge our output");
        return;
    };
    // Python takes a field with a blank before its colon for the start of the body.
    let judged = |path: &PathBuf| !path.to_string_lossy().contains("blanks-before-the-colon");
    for path in quirks().into_iter().filter(judged) {
        let bytes = fs::read(&path).unwrap();
        let Ok(message) = read_bytes(&bytes) else { continue };
        let mut edits = vec![Edit::SetHeader {
            name: HeaderName::new("X-Edited").unwrap(),
            value: HeaderValue::new("yes").unwrap(),
        }];
        if let Some(part) = message.parts.first() {
            edits.push(Edit::ReplacePart {
                id: part.id,
                body: NewBody {
                    media_type: MediaType::new("application/x-new; a=b").unwrap(),
                    bytes: bytes::Bytes::from((0..=255).collect::<Vec<u8>>()),
                },
                name: Some(HeaderValue::new("new name.bin").unwrap()),
            });
        }
        if message.parts.len() > 1 {
            edits.push(Edit::RemovePart(message.parts[1].id));
            edits.push(Edit::AddPart {
                body: NewBody {
                    media_type: MediaType::new("text/plain").unwrap(),
                    bytes: bytes::Bytes::from_static(b"added"),
                },
                name: None,
                content_id: None,
            });
        }
        let edited = apply(message, &edits).unwrap();
        let out = written(&edited);
        assert_eq!(python.finds(&out), ours(&edited, "yes"), "{}", path.display());
        let ascii = match seven_bit(&out) {
            Ok(ascii) => ascii,
            Err(reason) => {
                assert!(reason.contains("an identifier with octets above 127"), "{reason}");
                continue;
            }
        };
        let again = read_bytes(&ascii).unwrap();
        assert_eq!(python.finds(&ascii), ours(&again, "yes"), "7bit {}", path.display());
        assert_eq!(ours(&again, ""), ours(&edited, ""), "7bit {}", path.display());
    }
}
