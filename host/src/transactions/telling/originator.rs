//! The originator of a request, from what is stored of it: what a bounce returns to it, and where a report goes.

use crate::message::{Field, Header, MmsAddress, Transaction};
use crate::protocol::mm4;

/// A header with the stored facts of a request, by which its sender can recognise it.
pub fn header(current: &Transaction) -> Header {
    let texts = [
        ("From", current.originator.as_deref()),
        (mm4::headers::VERSION, current.version.as_deref()),
        (mm4::MESSAGE_TYPE, Some(current.kind.name())),
    ];
    let ids = [
        (mm4::TRANSACTION_ID, &current.transaction_id),
        (mm4::MESSAGE_ID, &current.message_id),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(name, value)| Some(Field::build(name, value?)));
    let ids = ids.into_iter().map(|(name, id)| Field::exact(name, &id.octets()));
    Header {
        fields: texts.chain(ids).collect(),
    }
}

/// The address for a report: that in `From`, if it has a domain, else the envelope sender.
pub(super) fn originator_address(from: &str, sender: Option<&MmsAddress>) -> Option<MmsAddress> {
    let header = Header {
        fields: vec![Field::build("From", from)],
    };
    let stated = mm4::Pdu::of(&header).from();
    let with_domain = |address: &MmsAddress| address.domain().is_some();
    stated
        .clone()
        .filter(with_domain)
        .or_else(|| sender.cloned())
        .or(stated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_goes_to_the_originator_where_that_leads_somewhere_and_else_to_the_envelope_sender() {
        let address = |text: &str| MmsAddress::new(text).unwrap();
        let sender = address("+15555550100/TYPE=PLMN@mms.a.example");
        let cases = [
            (
                "+15555550101/TYPE=PLMN@mms.a.example",
                "+15555550101/TYPE=PLMN@mms.a.example",
            ),
            ("Ann <ann@mail.example>", "ann@mail.example"),
            ("+15555550101/TYPE=PLMN", sender.as_str()),
            ("", sender.as_str()),
        ];
        for (from, expected) in cases {
            let found = originator_address(from, Some(&sender)).unwrap();
            assert_eq!(found.as_str(), expected, "{from}");
        }
        assert_eq!(originator_address("2020", None).unwrap().as_str(), "2020");
        assert_eq!(originator_address("", None), None);
    }
}
