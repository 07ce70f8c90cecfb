//! Who is told what, without sockets: *given these peers and this message, the acceptance is …*.
//!
//! [`rows`] has a case for each row of the table in `docs/architecture.md`. Each is played in a [`house`] of its own, once for
//! each thing that a request can ask for, and once for each message of `tests/golden/quirks`. What was seen stands in
//! `tests/golden/heart`, as tables for people: what the sender hears, what is accepted, what is sent to whom, what is
//! recorded for charging, what is told, and what is known of the request afterwards. `MM4RELAY_BLESS=1` writes them anew:
//! read the difference before you commit it.
//!
//! That the same is so over real sockets, with real plug-ins, is shown by `told*`, `modes` and `transactions` in `tests/`.

mod house;
mod rows;
mod seen;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use self::house::{Ground, House};
use self::rows::{ROWS, Row, Terms, Then};
use self::seen::Seen;

/// An address of operator A, and the null sender, to whom nothing can be bounced.
const FROM: &str = "+15555550100/TYPE=PLMN@mms.a.example";
const NOBODY: &str = "";

const ACK: &str = "X-Mms-Ack-Request: Yes";
const REPORT: &str = "X-Mms-Delivery-Report: Yes";

/// What a request asks for, and from whom it comes.
const ASKS: &[(&str, &[&str], &str)] = &[
    ("response, report", &[ACK, REPORT], FROM),
    ("response", &[ACK], FROM),
    ("report", &[REPORT], FROM),
    ("nothing", &[], FROM),
    ("nothing, from `<>`", &[], NOBODY),
];

/// One for each of [`Terms`].
struct Grounds([Ground; 3]);

impl Grounds {
    async fn new() -> Self {
        let ground = async |keys: &str| {
            let letters = [("a", keys), ("b", ""), ("c", "")];
            let peers = letters.iter().zip(1..).map(|((letter, keys), host)| {
                format!(
                    "[[peer]]\nname = \"operator-{letter}\"\ndomains = [\"mms.{letter}.example\"]\n\
                     from = [\"192.0.2.{host}\"]\nhosts = [\"192.0.2.{host}:25\"]\n{keys}\n"
                )
            });
            let peers: String = peers.collect();
            Ground::of(&format!(
                "[relay]\nname = \"mm4.hub.example\"\ndomains = [\"mms.hub.example\"]\nlisten = [\"127.0.0.1:0\"]\n\
                 spool = \"spool\"\n{peers}[[route]]\nprefix = \"+1777\"\nplugins = true\n"
            ))
            .await
        };
        Self([
            ground("").await,
            ground("mode = \"pre-acknowledge\"").await,
            ground("refuse-with = \"response\"").await,
        ])
    }

    fn of(&self, terms: Terms) -> &Ground {
        &self.0[terms as usize]
    }
}

/// Plays a row with this message of operator A.
async fn played(grounds: &Grounds, row: &Row, from: &str, message: &[u8]) -> Seen {
    let mut house = House::on(grounds.of(row.terms), row.does, row.plays).await;
    let mut heard = vec![house.hears("operator-a", from, row.to, message).await];
    house.settle().await;
    for then in row.then {
        match *then {
            Then::Passes(time) => house.pass(time).await,
            Then::Answers(peer, status) => {
                if let Some(heard_of_it) = house.answers(peer, status).await {
                    heard.extend(Some(heard_of_it).filter(Result::is_err));
                }
            }
            Then::Bounces(peer) => house.bounces(peer).await,
            Then::ComesAgain => heard.push(house.hears("operator-a", from, row.to, message).await),
            Then::Releases => house.release(),
        }
        house.settle().await;
    }
    Seen::of(&house, &heard)
}

fn request(lines: &[&str]) -> Vec<u8> {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let text = format!(
        "From: +15555550100/TYPE=PLMN\r\nTo: +15555550199/TYPE=PLMN\r\nDate: Mon, 26 Jan 2026 00:17:43 +0000\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain\r\nX-Mms-3GPP-MMS-Version: 6.5.0\r\n\
         X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: \"t1@mms.a.example\"\r\n\
         X-Mms-Message-ID: \"m1@mms.a.example\"\r\nX-Mms-Originator-System: system@mms.a.example\r\n{lines}\r\nhello\r\n"
    );
    text.into_bytes()
}

#[tokio::test(start_paused = true)]
async fn who_is_told_what_is_as_written_down_for_each_row_and_each_thing_that_is_asked_for() {
    let grounds = Grounds::new().await;
    let mut text = String::from(
        "# Who is told what\n\nOperator A sends a request through the relay to subscribers of operators B and C. Each section is \
         a row of\n[the table](../../../docs/architecture.md#who-is-told-what); each line what the request asks for. \
         `host/src/relay/tests` plays them.\n",
    );
    for row in ROWS {
        let _ = write!(text, "\n## {}\n\n{}", row.title, seen::HEAD);
        let mut groups = Groups::default();
        for (asks, lines, from) in ASKS {
            let lines: Vec<&str> = lines.iter().copied().chain(row.line).collect();
            let seen = played(&grounds, row, from, &request(&lines)).await;
            groups.add(asks, seen.line());
        }
        groups.write(&mut text, ASKS.len());
    }
    is_written_down("who-is-told-what.md", &text);
}

#[tokio::test(start_paused = true)]
async fn every_quirk_of_real_peers_is_told_of_as_written_down_in_each_row() {
    let grounds = Grounds::new().await;
    let mut text = String::from(
        "# Who is told what, of the quirks of real peers\n\nRows of [who is told what](who-is-told-what.md), with each message of \
         [`quirks`](../quirks) in the place of the\nplain request: as it is, and without its `X-Mms-Ack-Request`. Those of which the same \
         was seen stand in one line.\n",
    );
    let quirks = quirks();
    for row in ROWS.iter().filter(|row| row.crossed) {
        let _ = write!(
            text,
            "\n## {}\n\n| of | hears | charged | told |\n|---|---|---|---|\n",
            row.title
        );
        let mut groups = Groups::default();
        let mut count = 0;
        for (name, message) in &quirks {
            let plain = played(&grounds, row, FROM, message).await.of_quirk();
            let silent = match without_ack_request(message) {
                Some(silent) => played(&grounds, row, FROM, &silent).await.of_quirk(),
                None => plain.clone(),
            };
            count += 1;
            if silent != plain {
                groups.add(&format!("{name}, without"), silent);
                count += 1;
            }
            groups.add(name, plain);
        }
        groups.write(&mut text, count);
    }
    is_written_down("quirks.md", &text);
}

/// What was seen, and of which requests.
#[derive(Default)]
struct Groups(Vec<(String, Vec<String>)>);

impl Groups {
    fn add(&mut self, of: &str, seen: String) {
        match self.0.iter_mut().find(|(known, _)| *known == seen) {
            Some((_, names)) => names.push(of.to_owned()),
            None => self.0.push((seen, vec![of.to_owned()])),
        }
    }

    /// A line for each; of the largest group, when there are many, only its size.
    fn write(&self, text: &mut String, all: usize) {
        for (seen, names) in &self.0 {
            let of = match names.len() {
                many if many == all => "all alike".to_owned(),
                many if many > 10 && self.0.iter().all(|(_, others)| others.len() <= many) => {
                    format!("the other {many}")
                }
                _ => names.join("<br>"),
            };
            let _ = writeln!(text, "| {of} | {seen} |");
        }
    }
}

fn quirks() -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(golden().join("quirks")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "eml"));
    paths.sort();
    let quirk = |path: &PathBuf| {
        let mut message = std::fs::read(path).unwrap();
        if !message.ends_with(b"\r\n") {
            message.extend_from_slice(b"\r\n");
        }
        (path.file_stem().unwrap().to_string_lossy().into_owned(), message)
    };
    paths.iter().map(quirk).collect()
}

/// `None` where it asks for no response anyhow.
fn without_ack_request(message: &[u8]) -> Option<Vec<u8>> {
    let name = b"x-mms-ack-request";
    let start = message
        .windows(name.len() + 2)
        .position(|octets| octets.starts_with(b"\r\n") && octets[2..].eq_ignore_ascii_case(name))?
        + 2;
    let end = start + message[start..].windows(2).position(|octets| octets == b"\r\n")? + 2;
    Some([&message[..start], &message[end..]].concat())
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden")
}

fn is_written_down(name: &str, text: &str) {
    let file = golden().join("heart").join(name);
    if std::env::var_os("MM4RELAY_BLESS").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    if written != text {
        let difference = crate::rehearsal::samples::difference(&written, text, false);
        panic!("{name} says otherwise (MM4RELAY_BLESS=1 writes it anew):\n{difference}");
    }
}
