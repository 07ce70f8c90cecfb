//! Operators A, B and C with a relay between them, and what they say to each other: a request, its response, reports.

use super::{Conversation, Peer, Relay, Taken, sample};

/// A relay between three operators, all of whom listen. C is for messages that go two ways.
pub struct Exchange {
    pub relay: Relay,
    pub a: Peer,
    pub b: Peer,
    pub c: Peer,
}

/// What is special about this exchange.
#[derive(Default)]
pub struct Terms<'a> {
    /// Keys of operator A.
    pub a: &'a str,
    /// Keys of operator B and of operator C.
    pub b: &'a str,
    /// Keys of `[relay]`.
    pub relay: &'a str,
    /// Further sections.
    pub more: &'a str,
    /// Flags of `mm4relay peer` for operator B, and for A.
    pub b_does: &'a [&'a str],
    pub a_does: &'a [&'a str],
}

/// Where operator A's Relay/Server wants its responses, as `sample` says in `X-Mms-Originator-System`.
pub const A_SYSTEM: &str = "system@mms.a.example";
pub const B_SYSTEM: &str = "system@mms.b.example";
/// A subscriber of operator C.
pub const AT_C: &str = "+15555550188/TYPE=PLMN@mms.c.example";

impl Exchange {
    pub fn start() -> Self {
        Self::on(&Terms::default())
    }

    pub fn on(terms: &Terms<'_>) -> Self {
        let (a, b, c) = (Peer::told(terms.a_does), Peer::told(terms.b_does), Peer::start());
        let operator = |letter: &str, peer: &Peer, keys: &str| {
            format!(
                "[[peer]]\nname = \"operator-{letter}\"\ndomains = [\"mms.{letter}.example\"]\nfrom = [\"127.0.0.1\"]\n\
                 hosts = [\"{}\"]\nretry = {{ first = \"50 ms\", longest = \"200 ms\" }}\n{keys}\n",
                peer.address()
            )
        };
        let config = format!(
            "\n[relay]\nname = \"mm4.hub.example\"\ndomains = [\"mms.hub.example\"]\nlisten = [\"127.0.0.1:0\"]\n{}\n{}{}{}{}",
            terms.relay,
            operator("a", &a, terms.a),
            operator("b", &b, terms.b),
            operator("c", &c, terms.b),
            terms.more
        );
        let relay = Relay::start(&config);
        Self { relay, a, b, c }
    }

    /// Operator A sends it to a subscriber of operator B, and must hear 250.
    pub fn ask(&self, message: &[u8]) {
        self.say(sample::FROM, &[sample::TO], message);
    }

    /// Operator A sends a request with these header lines, and operator B has taken it.
    pub fn asked(&self, id: &str, more: &[&str]) -> Taken {
        let before = self.b.taken().len();
        self.ask(&sample::with_body(id, more, b"hello\r\n"));
        self.b.wait_for(before + 1)[before].clone()
    }

    /// Operator B answers what it took; the response as it was sent.
    pub fn respond(&self, to: &Taken, status: &str) -> Vec<u8> {
        let response = to.response(status);
        self.say(B_SYSTEM, &[&to.field("X-Mms-Originator-System")], &response);
        response
    }

    /// Somebody says this, and must hear 250.
    pub fn say(&self, from: &str, to: &[&str], message: &[u8]) {
        let answer = self.offer(from, to, message);
        assert!(answer.starts_with("250"), "{answer}");
    }

    /// Somebody says this; the answer to the final dot.
    pub fn offer(&self, from: &str, to: &[&str], message: &[u8]) -> String {
        self.client().transaction(from, to, message)
    }

    pub fn client(&self) -> Conversation {
        self.relay.client()
    }

    /// Waits until the relay has logged this, for what is seen nowhere else.
    pub fn wait_for_log(&self, text: &str) {
        self.relay.process().wait_for_log(text);
    }
}

impl Taken {
    /// The value of the first field of that name; empty without one.
    pub fn field(&self, name: &str) -> String {
        let text = self.text();
        let header = text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n\t", " ");
        let line = header.split("\r\n").find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        line.unwrap_or_default()
    }

    pub fn status(&self) -> String {
        self.field("X-Mms-Request-Status-Code")
    }

    pub fn kind(&self) -> String {
        self.field("X-Mms-Message-Type")
    }

    /// The response to this request that operator B writes: with its own order, case and blanks.
    pub fn response(&self, status: &str) -> Vec<u8> {
        let message_id = match self.kind().starts_with("MM4_read_reply") {
            true => String::new(),
            false => format!("X-Mms-Message-Id: {}\r\n", self.field("X-Mms-Message-ID")),
        };
        format!(
            "X-MMS-3gpp-MMS-version:5.5.0\r\nX-Mms-Message-Type: {}\r\nX-Mms-Transaction-Id: {}\r\n{message_id}\
             X-Mms-Request-Status-Code: {status}\r\nX-Mms-Status-Text: as operator B\r\n  says\r\n\
             From: PostMaster\r\nTo: {}\r\n\r\n",
            self.kind().replace("REQ", "RES"),
            self.field("X-Mms-Transaction-ID"),
            self.field("X-Mms-Originator-System"),
        )
        .into_bytes()
    }

    /// The delivery report that operator B writes about this message.
    pub fn delivery_report(&self, id: &str, status: &str, more: &str) -> Vec<u8> {
        self.report(
            id,
            "MM4_delivery_report.REQ",
            &format!("X-Mms-MM-Status-Code: {status}\r\n{more}"),
        )
    }

    pub fn read_reply_report(&self, id: &str, more: &str) -> Vec<u8> {
        self.report(
            id,
            "MM4_read_reply_report.REQ",
            &format!("X-Mms-Read-Status: Read\r\n{more}"),
        )
    }

    /// What operator B's mail system says when it cannot deliver this message after all (RFC 3464): no such user.
    pub fn bounce(&self) -> Vec<u8> {
        format!(
            "From: MAILER-DAEMON@mms.b.example\r\nTo: {}\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=xx\r\n\r\n--xx\r\n\
             Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.b.example\r\n\r\n\
             Final-Recipient: rfc822; {}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--xx\r\n\
             Content-Type: text/rfc822-headers\r\n\r\nX-Mms-Message-Type: {}\r\n\
             X-Mms-Transaction-ID: {}\r\nX-Mms-Message-ID: {}\r\n\r\n--xx--\r\n",
            self.from,
            self.to[0],
            self.kind(),
            self.field("X-Mms-Transaction-ID"),
            self.field("X-Mms-Message-ID"),
        )
        .into_bytes()
    }

    fn report(&self, id: &str, kind: &str, lines: &str) -> Vec<u8> {
        format!(
            "X-Mms-3GPP-MMS-Version: 5.5.0\r\nX-Mms-Message-Type: {kind}\r\nX-Mms-Transaction-ID: {id}\r\n\
             X-Mms-Message-ID: {}\r\nFrom: {}\r\nTo: {}\r\nDate: Mon, 26 Jan 2026 00:18:00 +0000\r\n\
             X-Mms-Originator-System: {B_SYSTEM}\r\n{lines}\r\n",
            self.field("X-Mms-Message-ID"),
            self.field("To"),
            self.field("From"),
        )
        .into_bytes()
    }
}
