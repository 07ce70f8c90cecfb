//! Messages, as the operators of a story write them, and what is read of those that they take.

use jiff::tz::{Offset, TimeZone};

use super::story::{Asks, Expires, Letter};
use super::world::BEGIN;
use crate::message::Timestamp;

/// What is looked at of a message that somebody took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// `MM4_forward.REQ`, say.
    pub(super) kind: String,
    pub(super) transaction: String,
    pub(super) message: String,
    pub(super) system: String,
    pub(super) asks: Asks,
    /// The relay's id of it.
    pub(super) id: String,
    pub(super) status: String,
    /// Behind the header.
    pub(super) body: String,
    /// What it is about, when it returns another one's header.
    pub(super) about: String,
}

impl Seen {
    pub(super) fn of(octets: &[u8]) -> Self {
        let text = String::from_utf8_lossy(octets);
        let (header, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let unfolded = header.replace("\r\n\t", " ").replace("\r\n ", " ");
        let field = |name: &str| field(&unfolded, name);
        let id = field("Received");
        let id = id.split(" id ").nth(1).and_then(|rest| rest.split([' ', ';']).next());
        let yes = |name: &str| field(name).eq_ignore_ascii_case("yes");
        let returned = body
            .split("X-Mms-Message-ID: ")
            .nth(1)
            .and_then(|rest| rest.lines().next());
        Self {
            kind: field("X-Mms-Message-Type"),
            transaction: field("X-Mms-Transaction-ID"),
            message: field("X-Mms-Message-ID"),
            system: field("X-Mms-Originator-System"),
            asks: Asks {
                response: yes("X-Mms-Ack-Request"),
                report: yes("X-Mms-Delivery-Report"),
                read: yes("X-Mms-Read-Reply"),
            },
            id: id.unwrap_or_default().to_owned(),
            status: field("X-Mms-Request-Status-Code"),
            body: body.to_owned(),
            about: returned.unwrap_or_default().trim().to_owned(),
        }
    }

    pub(super) fn is_request(&self) -> bool {
        self.kind == "MM4_forward.REQ"
    }

    pub(super) fn is_response(&self) -> bool {
        self.kind == "MM4_forward.RES"
    }

    pub(super) fn is_report(&self) -> bool {
        self.kind == "MM4_delivery_report.REQ" || self.kind == "MM4_read_reply_report.REQ"
    }

    /// From whoever was not asked.
    pub(super) fn is_meddling(&self) -> bool {
        self.status == MEDDLED
    }

    pub(super) fn is_read_reply(&self) -> bool {
        self.kind == "MM4_read_reply_report.REQ"
    }

    pub(super) fn is_answer_to_read_reply(&self) -> bool {
        self.kind == "MM4_read_reply_report.RES"
    }

    pub(super) fn is_bounce(&self) -> bool {
        self.kind.is_empty()
    }
}

fn field(header: &str, name: &str) -> String {
    let value = header.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    });
    value.unwrap_or_default()
}

/// A subscriber of an operator.
pub(super) fn subscriber(operator: char, number: u32) -> String {
    format!(
        "+1555{}{:06}/TYPE=PLMN@mms.{operator}.example",
        operator as u32 - 'a' as u32,
        550_100 + number
    )
}

/// The digits of a number that no line of the log may hold.
pub(super) fn digits(operator: char, number: u32) -> String {
    format!("1555{}{:06}", operator as u32 - 'a' as u32, 550_100 + number)
}

pub(super) fn message_id(number: u32) -> String {
    format!("\"m{number}@mms.a.example\"")
}

/// What only this letter says.
pub(super) fn says(number: u32) -> String {
    format!("this is letter {number} of the story")
}

/// The request that carries a letter.
pub(super) fn request(letter: &Letter) -> String {
    let number = letter.number;
    let yes = |asked: bool, line: &str| {
        if asked {
            format!("{line}: Yes\r\n")
        } else {
            String::new()
        }
    };
    let to: Vec<String> = letter
        .to
        .iter()
        .map(|(operator, number)| subscriber(*operator, *number))
        .collect();
    format!(
        "From: {}\r\nTo: {}\r\nX-Mms-3GPP-MMS-Version: 6.5.0\r\nX-Mms-Message-Type: MM4_forward.REQ\r\n\
         X-Mms-Transaction-ID: \"t{number}@mms.a.example\"\r\nX-Mms-Message-ID: {}\r\n\
         X-Mms-Originator-System: system@mms.{}.example\r\n{}{}{}{}Date: Mon, 26 Jan 2026 00:17:43 +0000\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n{}\r\n.a line with a dot\r\n{}",
        subscriber(letter.from, 0),
        to.join(",\r\n "),
        message_id(number),
        letter.from,
        yes(letter.asks.response, "X-Mms-Ack-Request"),
        yes(letter.asks.report, "X-Mms-Delivery-Report"),
        yes(letter.asks.read, "X-Mms-Read-Reply"),
        letter.expires.map(Expires::field).unwrap_or_default(),
        says(number),
        "more of it\r\n".repeat(letter.lines as usize),
    )
}

impl Expires {
    pub(super) fn at(self) -> Timestamp {
        BEGIN.plus(std::time::Duration::from_secs(self.after))
    }

    /// In the time of whoever writes it.
    fn field(self) -> String {
        let zone = TimeZone::fixed(Offset::constant(self.east));
        let at = jiff::Timestamp::from_millisecond(self.at().0 as i64)
            .unwrap()
            .to_zoned(zone);
        format!("X-Mms-Expiry: {}\r\n", at.strftime("%a, %d %b %Y %H:%M:%S %z"))
    }
}

/// What C answers to a letter that it was not asked to take.
pub(super) fn meddling(number: u32) -> String {
    let asked = Seen {
        kind: "MM4_forward.REQ".into(),
        transaction: format!("\"t{number}@mms.a.example\""),
        message: message_id(number),
        system: "system@mms.a.example".into(),
        ..Seen::default()
    };
    response('c', &asked, MEDDLED)
}

/// The status that only an answer from somebody who was not asked has.
pub(super) const MEDDLED: &str = "Error-meddled";

/// What an operator answers to a request that it took.
pub(super) fn response(by: char, to: &Seen, status: &str) -> String {
    // That one response has none.
    let message = match to.is_read_reply() {
        true => String::new(),
        false => format!("X-Mms-Message-ID: {}\r\n", to.message),
    };
    format!(
        "From: system@mms.{by}.example\r\nTo: {}\r\nX-Mms-3GPP-MMS-Version: 6.5.0\r\n\
         X-Mms-Message-Type: {}\r\nX-Mms-Transaction-ID: {}\r\n{message}\
         X-Mms-Request-Status-Code: {status}\r\n\r\n",
        to.system,
        to.kind.replace("REQ", "RES"),
        to.transaction,
    )
}

/// What an operator reports of a request that it took.
pub(super) fn report(by: char, of: &Seen, subscriber: &str, originator: &str, number: u32) -> String {
    format!(
        "From: {subscriber}\r\nTo: {originator}\r\nX-Mms-3GPP-MMS-Version: 6.5.0\r\n\
         X-Mms-Message-Type: MM4_delivery_report.REQ\r\nX-Mms-Transaction-ID: \"r{number}@mms.{by}.example\"\r\n\
         X-Mms-Message-ID: {}\r\nX-Mms-Originator-System: system@mms.{by}.example\r\n\
         X-Mms-MM-Status-Code: Retrieved\r\nDate: Mon, 26 Jan 2026 00:17:43 +0000\r\n\r\n",
        of.message,
    )
}

/// What an operator reports when its subscriber has read a request. It asks for a response.
pub(super) fn read_reply(by: char, of: &Seen, subscriber: &str, originator: &str, number: u32) -> String {
    format!(
        "From: {subscriber}\r\nTo: {originator}\r\nX-Mms-3GPP-MMS-Version: 6.5.0\r\n\
         X-Mms-Message-Type: MM4_read_reply_report.REQ\r\nX-Mms-Transaction-ID: \"rr{number}@mms.{by}.example\"\r\n\
         X-Mms-Message-ID: {}\r\nX-Mms-Originator-System: system@mms.{by}.example\r\nX-Mms-Ack-Request: Yes\r\n\
         X-Mms-Read-Status: Read\r\nDate: Mon, 26 Jan 2026 00:17:43 +0000\r\n\r\n",
        of.message,
    )
}
