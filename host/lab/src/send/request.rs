//! Generated MM4 forward requests: valid, of a given size, each with its own ids.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use mm4relay::message::MmsAddress;

/// Makes requests that differ only in their ids, so that they share their body.
pub(super) struct Requests {
    /// The text before the ids.
    start: String,
    /// Distinguishes the messages of one run from those of another.
    run: String,
    /// From behind the header to the end of data, as on the wire.
    body: Bytes,
}

const BOUNDARY: &str = "=_mm4relay-load";

/// Octets of one base64 line (RFC 2045, 6.8), before encoding.
const LINE: usize = 57;

impl Requests {
    /// Requests of `size` octets each, or a little more than one line less; never less than the frame needs.
    pub fn new(size: usize, (from, to): (&MmsAddress, &[MmsAddress]), ack: bool, run: String) -> Self {
        let list: Vec<&str> = to.iter().map(MmsAddress::as_str).collect();
        let date = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_string(&jiff::Timestamp::now())
            .unwrap_or_default();
        let start = format!(
            "From: {from}\r\nTo: {to}\r\nDate: {date}\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/related; type=\"application/smil\"; start=\"<smil>\";\r\n boundary=\"{BOUNDARY}\"\r\n\
             X-Mms-3GPP-MMS-Version: 6.10.0\r\nX-Mms-Message-Type: MM4_forward.REQ\r\n\
             X-Mms-Message-Class: Personal\r\nX-Mms-Priority: Normal\r\nX-Mms-Delivery-Report: No\r\n\
             X-Mms-Read-Reply: No\r\nX-Mms-Ack-Request: {ack}\r\n\
             X-Mms-Originator-System: system-user@mms.a.example\r\n",
            to = list.join(", "),
            ack = if ack { "Yes" } else { "No" },
        );
        let mut requests = Self {
            start,
            run,
            body: Bytes::new(),
        };
        let frame = requests.head(0).len() + body(0).len();
        requests.body = body(size.saturating_sub(frame) / (LINE / 3 * 4 + 2));
        requests
    }

    /// The message's X-Mms-Transaction-ID.
    pub fn id(&self, number: u64) -> String {
        format!("load-{}-{number:010}", self.run)
    }

    /// The header of message `number`, as on the wire.
    pub fn head(&self, number: u64) -> Bytes {
        let (start, id) = (&self.start, self.id(number));
        let text = format!(
            "{start}Message-ID: <{id}@mms.a.example>\r\nX-Mms-Transaction-ID: {id}\r\n\
             X-Mms-Message-ID: {id}@mms.a.example\r\n"
        );
        text.into()
    }

    /// The rest, including the end of data.
    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// Octets of one message, without the end of data.
    pub fn size(&self) -> usize {
        self.head(0).len() + self.body.len() - 3
    }
}

/// SMIL, text, and `lines` lines of unplayable media.
fn body(lines: usize) -> Bytes {
    let mut out = format!(
        "\r\n--{BOUNDARY}\r\nContent-Type: application/smil; charset=utf-8\r\nContent-ID: <smil>\r\n\r\n\
         <smil><head><layout><root-layout width=\"160\" height=\"160\"/></layout></head><body>\
         <par dur=\"5s\"><text src=\"cid:text\"/><audio src=\"cid:sound\"/></par></body></smil>\r\n\
         --{BOUNDARY}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-ID: <text>\r\n\r\nHello from the load generator.\r\n\
         --{BOUNDARY}\r\nContent-Type: audio/amr\r\nContent-ID: <sound>\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    );
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..lines {
        let octets: [u8; LINE] = std::array::from_fn(|_| random.u8(..));
        STANDARD.encode_string(octets, &mut out);
        out.push_str("\r\n");
    }
    out.push_str(&format!("--{BOUNDARY}--\r\n.\r\n"));
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(size: usize) -> Requests {
        let address = |text| MmsAddress::new(text).unwrap();
        let to = [address("+15555550199/TYPE=PLMN@mms.b.example")];
        Requests::new(
            size,
            (&address("+15555550100/TYPE=PLMN@mms.a.example"), &to),
            false,
            "r1".into(),
        )
    }

    #[test]
    fn the_size_is_met_to_a_line() {
        for size in [3_000, 10_000, 300_000] {
            let made = requests(size).size();
            assert!(made <= size && size - made < 2 * LINE, "{made} for {size}");
        }
        assert!(requests(1).size() > 1, "the frame is never cut");
    }

    #[test]
    fn messages_differ_in_their_ids_and_need_no_dot_stuffing() {
        let requests = requests(5_000);
        assert_ne!(requests.head(1), requests.head(2));
        assert_eq!(requests.head(1).len(), requests.head(4_000_000_000).len());
        let wire = [requests.head(1), requests.body()].concat();
        assert!(memchr::memmem::find(&wire[..wire.len() - 5], b"\r\n.").is_none());
        let text = std::str::from_utf8(&wire).unwrap();
        assert!(text.contains("X-Mms-Transaction-ID: load-r1-0000000001\r\n"));
        assert!(text.lines().all(|line| line.len() <= 998));
    }
}
