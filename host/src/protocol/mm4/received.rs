//! The trace: our own `Received` field, and evidence of loops in those of others (RFC 5321, 4.4 and 6.3).

use std::net::IpAddr;

use super::dates;
use crate::message::{Envelope, Field, Header, MessageId, Origin, Timestamp};

/// The longest HELO name that is copied, in octets: that of a domain name (RFC 1035, 2.3.4).
const MAX_HELO_OCTETS: usize = 255;

/// Our `Received` field: who we are, who sent the message, and when. It has a `for` clause only with a single
/// recipient, so that none learns of another (RFC 5321, 7.2).
///
/// The client's name for itself is copied without the octets that a domain or an address literal cannot have.
pub fn received_line(origin: &Origin, our_name: &str, id: MessageId, envelope: &Envelope, at: Timestamp) -> Field {
    let literal = match origin.remote.ip().to_canonical() {
        IpAddr::V4(ip) => format!("[{ip}]"),
        IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
    };
    let mut helo = origin.helo.clone();
    helo.retain(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '[' | ']'));
    helo.truncate(MAX_HELO_OCTETS);
    if helo.is_empty() {
        helo.clone_from(&literal);
    }
    let protocol = origin.protocol.as_str();
    let recipient = match envelope.recipients.as_slice() {
        [only] => format!("\r\n\tfor <{}>", only.address),
        _ => String::new(),
    };
    let value = format!(
        "from {helo} ({literal})\r\n\tby {our_name} with {protocol} id {id}{recipient};\r\n\t{}",
        dates::written(at)
    );
    Field::build("Received", &value)
}

/// Why this message seems to be in a loop: `pass_limit` `Received` fields by `our_name`, or more than `hop_limit` in
/// all. `None` when it does not.
///
/// One field of our own is legitimate where a Relay/Server of our MMSE sends on, through us, what it received through
/// us. Real paths have four to five hops inside one operator, because of mail security; RFC 5321, 6.3 asks for a limit
/// of 100.
pub fn loop_evidence(header: &Header, our_name: &str, pass_limit: u32, hop_limit: u32) -> Option<String> {
    let ours = our_name.trim_end_matches('.');
    let (mut hops, mut passes) = (0u32, 0u32);
    for field in header.all("Received") {
        hops += 1;
        let value = field.value();
        let is_ours = receiver(&value).is_some_and(|name| name.trim_end_matches('.').eq_ignore_ascii_case(ours));
        passes += u32::from(is_ours);
    }
    match () {
        () if passes >= pass_limit => Some(format!("{ours} has received this message {passes} times before")),
        () if hops > hop_limit => Some(format!("{hops} hops, more than {hop_limit}")),
        () => None,
    }
}

/// The name behind `by`, without comments.
fn receiver(value: &str) -> Option<&str> {
    let mut depth = 0u32;
    let mut words = value.split_ascii_whitespace().filter(|word| {
        let outside = depth == 0 && !word.starts_with('(');
        for byte in word.bytes() {
            match byte {
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                _ => (),
            }
        }
        outside
    });
    words.find(|word| word.eq_ignore_ascii_case("by"))?;
    words.next().map(|name| name.split(['(', ';']).next().unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{envelope, origin, read_text};
    use super::*;

    const AT: Timestamp = Timestamp(1_795_298_400_123);

    fn line(origin: &Origin, recipients: u32) -> String {
        let field = received_line(origin, "relay.example", MessageId(77), &envelope(recipients), AT);
        String::from_utf8(field.raw().to_vec()).unwrap()
    }

    #[test]
    fn our_line_says_who_from_whom_for_whom_and_when() {
        assert_eq!(
            line(&origin(), 1),
            "Received: from mta.a.example ([192.0.2.7])\r\n\tby relay.example with ESMTP id 000000000002D\r\n\tfor \
             <+15555550201/TYPE=PLMN@mms.b.example>;\r\n\tSat, 21 Nov 2026 22:00:00 +0000\r\n"
        );
        assert!(!line(&origin(), 2).contains("for <"));
    }

    #[test]
    fn a_client_cannot_write_into_our_line() {
        let mut hostile = origin();
        hostile.helo = "x)\r\nBcc: y (by relay.example".into();
        hostile.protocol = crate::message::Protocol::Smtp;
        hostile.remote = "[2001:db8::1]:25".parse().unwrap();
        let line = line(&hostile, 1);
        assert!(
            line.starts_with("Received: from xBcc:ybyrelay.example ([IPv6:2001:db8::1])\r\n\tby "),
            "{line}"
        );
        assert!(line.contains(" with SMTP id "));
        hostile.helo = "\u{e9} \0".into();
        assert!(super::tests::line(&hostile, 1).starts_with("Received: from [IPv6:2001:db8::1] ("));
    }

    fn evidence(received: &[&str], hop_limit: u32) -> Option<String> {
        let lines: String = received.iter().map(|value| format!("Received: {value}\r\n")).collect();
        let ids = "X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: k\r\n";
        loop_evidence(
            &read_text(&format!("{lines}{ids}\r\n")).unwrap().header,
            "relay.example",
            1,
            hop_limit,
        )
    }

    #[test]
    fn our_own_name_behind_by_is_a_loop_and_elsewhere_is_not() {
        let own = line(&origin(), 1);
        assert!(
            evidence(&[own.trim_start_matches("Received: ").trim_end()], 10)
                .unwrap()
                .contains("relay.example")
        );
        assert!(evidence(&["from a.example by RELAY.example. (x) with SMTP; date"], 10).is_some());
        assert!(evidence(&["from a.example\r\n by relay.example(fast);\r\n date"], 10).is_some());
        for harmless in [
            "from relay.example by b.example with SMTP; date",
            "from a.example (by relay.example) by b.example; date",
            "from by by not-relay.example; date",
            "(qmail 1 invoked by uid 1); date",
        ] {
            assert_eq!(evidence(&[harmless], 10), None, "{harmless}");
        }
    }

    #[test]
    fn the_hop_limit_holds_to_the_hop() {
        let hop = "from a.example by b.example; date";
        assert_eq!(evidence(&[hop; 6], 6), None);
        assert!(evidence(&[hop; 7], 6).unwrap().contains("7 hops"));
    }
}
