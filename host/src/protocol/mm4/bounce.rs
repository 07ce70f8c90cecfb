//! Bounces that the relay writes: delivery status notifications (RFC 3464), for senders that asked for neither a
//! response nor a report.

use bytes::Bytes;

use super::compose::{Author, Draft, ascii};
use super::{dates, fold};
use crate::message::{Header, MmsAddress, Timestamp};

/// A bounce of a message that was accepted and could not be delivered.
#[derive(Clone, Copy, Debug)]
pub struct Bounce<'a> {
    /// The sender in the envelope of that message.
    pub to: &'a MmsAddress,
    pub received_at: Timestamp,
    pub recipients: &'a [FailedRecipient<'a>],
    /// The header of that message. Fields that do not fit into 50 kB, or into short lines of ASCII, are left out.
    pub returned: &'a Header,
}

#[derive(Clone, Copy, Debug)]
pub struct FailedRecipient<'a> {
    pub address: &'a MmsAddress,
    /// Subject and detail of an enhanced code of class 5 (RFC 3463): `(4, 7)` is 5.4.7, given up after too long.
    pub status: (u16, u16),
    /// The next hop's reply, as text.
    pub diagnostic: Option<&'a str>,
    /// The next hop's host, `name:port` or `address:port`.
    pub next_hop: Option<&'a str>,
}

/// Writes the bounce. Its envelope must have the null sender, so that it cannot bounce in turn (RFC 5321, 4.5.5).
pub fn bounce(author: &Author<'_>, bounce: &Bounce<'_>) -> Bytes {
    let returned = returned(bounce.returned);
    let boundary = boundary(author, &returned);
    let part = |out: &mut Draft, media_type: &str| {
        out.lines(format!("\r\n--{boundary}\r\nContent-Type: {media_type}\r\n\r\n").as_bytes());
    };
    let mut out = Draft::new(author);
    out.line("To", bounce.to.as_str());
    out.line("Subject", "Message not delivered");
    out.line("Auto-Submitted", "auto-replied");
    out.line("MIME-Version", "1.0");
    let parameters = format!("report-type=delivery-status; boundary=\"{boundary}\"");
    out.line("Content-Type", &format!("multipart/report; {parameters}"));
    part(&mut out, "text/plain; charset=us-ascii");
    explanation(author, bounce, &mut out);
    part(&mut out, "message/delivery-status");
    statuses(author, bounce, &mut out);
    part(&mut out, "text/rfc822-headers");
    out.lines(&returned);
    out.lines(format!("\r\n--{boundary}--\r\n").as_bytes());
    out.octets()
}

/// The most octets of the header that are returned.
const MAX_RETURNED: usize = 50_000;

/// The part for people (RFC 3464, 2).
fn explanation(author: &Author<'_>, bounce: &Bounce<'_>, out: &mut Draft) {
    let name = ascii(author.our_name);
    out.lines(format!("This is {name}. Your message was not delivered to:\r\n\r\n").as_bytes());
    for recipient in bounce.recipients {
        let address = recipient.address;
        let why = recipient.diagnostic.map(ascii).unwrap_or_else(|| status(recipient));
        out.lines(format!("{address}\r\n    {why}\r\n").as_bytes());
    }
}

/// The part for programs: a group of fields for the message, and one for each recipient (RFC 3464, 2.2 and 2.3).
fn statuses(author: &Author<'_>, bounce: &Bounce<'_>, out: &mut Draft) {
    out.line("Reporting-MTA", &format!("dns; {}", ascii(author.our_name)));
    out.line("Arrival-Date", &dates::written(bounce.received_at));
    for recipient in bounce.recipients {
        out.lines(b"\r\n");
        out.line("Final-Recipient", &format!("rfc822; {}", recipient.address));
        out.line("Action", "failed");
        out.line("Status", &status(recipient));
        if let Some(host) = recipient.next_hop {
            out.line("Remote-MTA", &format!("dns; {}", ascii(&mta_name(host))));
        }
        if let Some(diagnostic) = recipient.diagnostic {
            out.line("Diagnostic-Code", &format!("smtp; {}", ascii(diagnostic)));
        }
    }
}

/// The name out of `name:port`; an IP address becomes an address literal (RFC 3464, 2.1.2).
fn mta_name(host: &str) -> String {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    match name.trim_matches(['[', ']']).parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(address)) => format!("[{address}]"),
        Ok(std::net::IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        Err(_) => name.to_owned(),
    }
}

fn status(recipient: &FailedRecipient<'_>) -> String {
    let (subject, detail) = recipient.status;
    format!("5.{subject}.{detail}")
}

fn returned(header: &Header) -> Vec<u8> {
    let mut out = Vec::new();
    for field in &header.fields {
        let Ok(short) = fold::seven_bit(field) else { continue };
        let lines = fold::wrap(short.raw(), fold::SOFT_LIMIT);
        let fits = lines
            .split(|octet| *octet == b'\n')
            .all(|line| line.len() <= fold::HARD_LIMIT + 1);
        if fits && lines.ends_with(b"\r\n") && out.len() + lines.len() <= MAX_RETURNED {
            out.extend_from_slice(&lines);
        }
    }
    out
}

/// A boundary that does not occur in the returned header. Everything else in a bounce is written here, or has no line
/// of its own.
fn boundary(author: &Author<'_>, returned: &[u8]) -> String {
    let mut boundary = format!("=_{}", author.id);
    while memchr::memmem::find(returned, boundary.as_bytes()).is_some() {
        boundary.push('_');
    }
    boundary
}

#[cfg(test)]
mod tests {
    use super::super::compose::Body;
    use super::super::compose::tests::{author, system};
    use super::super::samples::{MULTIPART, incoming, read_text};
    use super::super::{Foreign, Limits, decode_part, read};
    use super::*;
    use crate::message::Message;

    fn read_back(bytes: &[u8]) -> Message {
        let limits = Limits {
            notifications: Foreign::Pass,
            ..Limits::default()
        };
        read(incoming(bytes), &limits).unwrap()
    }

    fn bounced(text: &str, diagnostic: &str) -> Bytes {
        let (system, to) = (
            system(),
            MmsAddress::new("+15555550100/TYPE=PLMN@mms.a.example").unwrap(),
        );
        let address = MmsAddress::new("+15555550201/TYPE=PLMN@mms.b.example").unwrap();
        let recipient = |status| FailedRecipient {
            address: &address,
            status,
            diagnostic: Some(diagnostic),
            next_hop: Some("mta.b.example:25"),
        };
        let message = read_text(text).unwrap();
        bounce(
            &author(&system, Body::Empty),
            &Bounce {
                to: &to,
                received_at: message.origin.received_at,
                recipients: &[recipient((1, 1)), recipient((4, 7))],
                returned: &message.header,
            },
        )
    }

    fn parts(bytes: &[u8]) -> Vec<(String, String)> {
        let message = read_back(bytes);
        let text = |id| String::from_utf8(decode_part(&message, id).unwrap().to_vec()).unwrap();
        message
            .parts
            .iter()
            .map(|part| (part.media_type.clone(), text(part.id)))
            .collect()
    }

    #[test]
    fn a_bounce_has_three_parts_for_people_programs_and_the_sender() {
        let parts = parts(&bounced(MULTIPART, "550 5.1.1 no such user"));
        let types: Vec<&str> = parts.iter().map(|(media_type, _)| media_type.as_str()).collect();
        assert_eq!(types, ["text/plain", "message/delivery-status", "text/rfc822-headers"]);
        assert_eq!(
            parts[1].1,
            "Reporting-MTA: dns; relay.hub.example\r\nArrival-Date: Sat, 21 Nov 2026 22:00:00 +0000\r\n\r\n\
             Final-Recipient: rfc822; +15555550201/TYPE=PLMN@mms.b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\
             Remote-MTA: dns; mta.b.example\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n\
             Final-Recipient: rfc822; +15555550201/TYPE=PLMN@mms.b.example\r\nAction: failed\r\nStatus: 5.4.7\r\n\
             Remote-MTA: dns; mta.b.example\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
        );
        let header = MULTIPART.split_inclusive("\r\n\r\n").next().unwrap().trim_end();
        assert_eq!(parts[2].1.trim_end(), header);
    }

    #[test]
    fn a_next_hop_is_named_without_its_port() {
        for (host, name) in [
            ("mta.b.example:25", "mta.b.example"),
            ("192.0.2.1:25", "[192.0.2.1]"),
            ("[2001:db8::1]:25", "[IPv6:2001:db8::1]"),
        ] {
            assert_eq!(mta_name(host), name);
        }
    }

    #[test]
    fn nothing_that_is_returned_breaks_the_bounce() {
        let hostile = format!(
            "--=_000000000002D: x\r\n{}X-Long: {}\r\nSubject: gr\u{fc}n {}\r\n{MULTIPART}",
            format!("Received: by {}\r\n", "hop ".repeat(100)).repeat(150),
            "y".repeat(2_000),
            "z ".repeat(1_000),
        );
        let diagnostic = format!("550 \u{fc}\r\n--=_000000000002D--\r\n.\r\n{}", "x".repeat(2_000));
        let bounce = bounced(&hostile, &diagnostic);
        assert!(
            bounce.is_ascii() && bounce.len() < MAX_RETURNED + 4_000,
            "{}",
            bounce.len()
        );
        assert!(bounce.split(|octet| *octet == b'\n').all(|line| line.len() <= 999));
        let parts = parts(&bounce);
        assert_eq!(parts.len(), 3);
        assert!(parts[2].1.contains("--=_000000000002D: x") && !parts[2].1.contains("X-Long"));
        assert!(parts[0].1.contains("550 ?  --=_000000000002D--"));
    }
}
