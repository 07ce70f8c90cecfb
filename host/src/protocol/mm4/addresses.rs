//! Addresses inside `From`, `To`, `Cc` and `Bcc`, replaced in place.
//!
//! Real peers write the same address in several lengths: the envelope has `+15555550100/TYPE=PLMN@mms.a.example`, the
//! header only `+15555550100/TYPE=PLMN` or `+15555550100`. A mailbox matches an address when no part that both have
//! differs, and it keeps its own length when it is rewritten.

use bytes::Bytes;

use super::fold::HARD_LIMIT;
use super::mailboxes::{self, Mailbox, Mailboxes};
use crate::message::{AddressKind, Field, MmsAddress};

/// Replaces `old` by `new` in every mailbox of the field that matches it; `None` when no mailbox does. All other octets
/// stay, except that a line which grows too long is folded before the mailbox.
pub(super) fn rewritten(field: &Field, old: &MmsAddress, new: &MmsAddress) -> Option<Field> {
    replaced(field, old, |written| Some(in_the_form_of(written, old, new)))
}

/// Removes the type from the mailboxes that match `address`; `None` when none of them has a type.
pub(super) fn untyped(field: &Field, address: &MmsAddress) -> Option<Field> {
    replaced(field, address, |written| {
        written.without_type().map(|bare| bare.to_string())
    })
}

/// Replaces every mailbox that matches `old` by the result of `make`.
fn replaced(field: &Field, old: &MmsAddress, make: impl Fn(&MmsAddress) -> Option<String>) -> Option<Field> {
    // An address in an unusual spelling may be written so on purpose: its octets stay.
    exchanged(field, |written, octets| {
        make(written).filter(|_| names(written, old) && octets == written.as_str().as_bytes())
    })
}

/// Replaces the addresses for which `make` returns another one; `None` when there is none. `make` gets the address and
/// its octets as written.
pub(super) fn exchanged(field: &Field, make: impl Fn(&MmsAddress, &[u8]) -> Option<String>) -> Option<Field> {
    let raw = field.raw();
    let colon = memchr::memchr(b':', raw)?;
    let mut out: Vec<u8> = Vec::with_capacity(raw.len() + 64);
    let mut kept = 0;
    for Mailbox { start, place, address } in mailboxes::read(raw, colon + 1).known {
        let Some(replacement) = make(&address, &raw[place.clone()]) else {
            continue;
        };
        out.extend_from_slice(&raw[kept..start]);
        let line = out.len() - memchr::memrchr(b'\n', &out).map_or(0, |end| end + 1);
        let grown = line + (place.start - start) + replacement.len() + 2;
        if grown > HARD_LIMIT && line > 1 {
            out.extend_from_slice(b"\r\n ");
        }
        out.extend_from_slice(&raw[start..place.start]);
        out.extend_from_slice(replacement.as_bytes());
        kept = place.end;
    }
    if kept == 0 {
        return None;
    }
    out.extend_from_slice(&raw[kept..]);
    Field::parse(Bytes::from(out))
}

/// The addresses of a field, in order. Passes over what is no address, or could not stand in a command.
pub(super) fn listed(field: &Field) -> Vec<MmsAddress> {
    mailboxes_of(field)
        .known
        .into_iter()
        .map(|mailbox| mailbox.address)
        .collect()
}

/// The mailboxes of a field, with a note when part of it could not be read with certainty.
pub(super) fn mailboxes_of(field: &Field) -> Mailboxes {
    let raw = field.raw();
    memchr::memchr(b':', raw).map_or_else(Mailboxes::default, |colon| mailboxes::read(raw, colon + 1))
}

/// Whether `written` in a header and `known` from the envelope are the same address, as far as both are complete.
fn names(written: &MmsAddress, known: &MmsAddress) -> bool {
    let agree = |one: Option<&str>, other: Option<&str>| match (one, other) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => true,
    };
    !written.as_str().ends_with('@')
        && written.user() == known.user()
        && agree(written.address_type(), known.address_type())
        && agree(written.domain(), known.domain())
}

/// `new`, with as many parts as `written` had of `old`.
fn in_the_form_of(written: &MmsAddress, old: &MmsAddress, new: &MmsAddress) -> String {
    let is_number = matches!(new.kind(), AddressKind::Number | AddressKind::ShortCode);
    if written == old || !is_number {
        return new.as_str().to_owned();
    }
    let mut text = new.user().to_owned();
    if let Some(kind) = written.address_type() {
        text.push_str("/TYPE=");
        text.push_str(new.address_type().unwrap_or(kind));
    }
    if let Some(domain) = written.domain() {
        text.push('@');
        text.push_str(new.domain().unwrap_or(domain));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrite(field: &str, old: &str, new: &str) -> Option<String> {
        let field = Field::parse(Bytes::copy_from_slice(field.as_bytes())).unwrap();
        rewritten(&field, &MmsAddress::new(old).unwrap(), &MmsAddress::new(new).unwrap())
            .map(|field| String::from_utf8(field.raw().to_vec()).unwrap())
    }

    const OLD: &str = "+15555550199/TYPE=PLMN@mms.b.example";
    const NEW: &str = "+999123/TYPE=PLMN@mms.c.example";

    #[test]
    fn an_address_keeps_the_length_in_which_the_peer_wrote_it() {
        for (written, expected) in [
            (
                "+15555550199/TYPE=PLMN@mms.b.example",
                "+999123/TYPE=PLMN@mms.c.example",
            ),
            ("+15555550199/TYPE=PLMN", "+999123/TYPE=PLMN"),
            (
                "+15555550199/type=plmn@MMS.B.example",
                "+999123/TYPE=PLMN@mms.c.example",
            ),
            ("+15555550199", "+999123"),
            ("+15555550199@mms.b.example", "+999123@mms.c.example"),
            ("<+15555550199/TYPE=PLMN>", "<+999123/TYPE=PLMN>"),
        ] {
            let field = rewrite(&format!("To: {written}\r\n"), OLD, NEW);
            assert_eq!(
                field.as_deref(),
                Some(format!("To: {expected}\r\n").as_str()),
                "{written}"
            );
        }
    }

    #[test]
    fn everything_around_the_address_keeps_its_bytes() {
        let before = "tO :\r\n        +15555550188/TYPE=PLMN ,\r\n   \r\n\t\"+15555550199, \\\" x\" (a (b), c) \
                      < +15555550199/TYPE=PLMN > ,+15555550177\r\n";
        let after = before.replace("< +15555550199/", "< +999123/");
        assert_eq!(rewrite(before, OLD, NEW), Some(after));
    }

    #[test]
    fn what_is_another_address_stays() {
        for other in [
            "+15555550199/TYPE=PLMN@mms.other.example",
            "+155555501990/TYPE=PLMN",
            "+15555550199/TYPE=IPv4",
            "15555550199",
            "+15555550199@",
            "+15555550199 two words",
            "\"+15555550199\" <ann@mail.example>",
            "(+15555550199)",
        ] {
            assert_eq!(rewrite(&format!("To: {other}\r\n"), OLD, NEW), None, "{other}");
        }
    }

    #[test]
    fn every_mention_in_the_list_is_replaced() {
        assert_eq!(
            rewrite("To: +15555550199, x@b.example, +15555550199/TYPE=PLMN\r\n", OLD, NEW).as_deref(),
            Some("To: +999123, x@b.example, +999123/TYPE=PLMN\r\n")
        );
    }

    #[test]
    fn a_number_that_becomes_a_mail_address_is_written_whole() {
        assert_eq!(
            rewrite("To: +15555550199\r\n", OLD, "ann@mail.example").as_deref(),
            Some("To: ann@mail.example\r\n")
        );
    }

    #[test]
    fn a_line_that_would_grow_too_long_is_folded_before_the_mailbox() {
        let many = vec!["+15555550199"; 76].join(",");
        let raw = rewrite(&format!("To: {many}\r\n"), "+15555550199", NEW).unwrap();
        assert!(raw.lines().all(|line| line.len() <= HARD_LIMIT));
        assert_eq!(raw.replace("\r\n ", ""), format!("To: {}\r\n", vec![NEW; 76].join(",")));
    }
}
