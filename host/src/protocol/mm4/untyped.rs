//! Recipients without `/TYPE=PLMN`, for peers that do not take it.

use super::addresses;
use crate::message::Message;

/// The fields that may list recipients.
const LISTS: [&str; 3] = ["To", "Cc", "Bcc"];

/// Removes the type from each recipient of the envelope, and from the mailboxes of the header that match it. Other
/// octets stay, and so do the mailboxes of people who are not recipients of this message.
pub fn without_types(message: &mut Message) {
    let fields = &mut message.header.fields;
    for recipient in &mut message.envelope.recipients {
        for field in fields
            .iter_mut()
            .filter(|field| LISTS.iter().any(|list| field.is(list)))
        {
            if let Some(changed) = addresses::untyped(field, &recipient.address) {
                *field = changed;
            }
        }
        if let Some(bare) = recipient.address.without_type() {
            recipient.address = bare;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::message::{Field, MmsAddress, Recipient, RecipientId};

    #[test]
    fn the_types_of_its_recipients_go_and_nothing_else_does() {
        let mut message = samples::read_text(
            "X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: m\r\n\r\nbody\r\n",
        )
        .unwrap();
        let recipient = |id, text: &str| Recipient {
            id: RecipientId(id),
            address: MmsAddress::new(text).unwrap(),
        };
        message.envelope.recipients = vec![
            recipient(1, "+15555550199/TYPE=PLMN@mms.b.example"),
            recipient(2, "+15555550198@mms.b.example"),
        ];
        let list = "To:  +15555550199/TYPE=PLMN,\r\n\t\"B\" <+15555550198/type=plmn@mms.b.example>, +15555550177/TYPE=PLMN \r\n";
        message.header.fields = vec![
            Field::parse(bytes::Bytes::from_static(b"From: +15555550199/TYPE=PLMN\r\n")).unwrap(),
            Field::parse(bytes::Bytes::from(list)).unwrap(),
        ];
        without_types(&mut message);
        let written: Vec<_> = message
            .header
            .fields
            .iter()
            .map(|field| String::from_utf8_lossy(field.raw()).into_owned())
            .collect();
        assert_eq!(
            written,
            [
                "From: +15555550199/TYPE=PLMN\r\n",
                "To:  +15555550199,\r\n\t\"B\" <+15555550198@mms.b.example>, +15555550177/TYPE=PLMN \r\n",
            ]
        );
        let addresses: Vec<_> = message
            .envelope
            .recipients
            .iter()
            .map(|r| r.address.to_string())
            .collect();
        assert_eq!(addresses, ["+15555550199@mms.b.example", "+15555550198@mms.b.example"]);
    }
}
