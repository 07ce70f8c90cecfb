//! Messages that the tests of this room share.

use bytes::Bytes;

use super::{Limits, read};
use crate::message::{
    Content, Envelope, Field, Incoming, Message, MessageId, MmsAddress, Origin, PeerName, Recipient, RecipientId,
    Refusal, Timestamp,
};

/// Four parts: plain text, quoted-printable, base64, and an unknown encoding.
pub const MULTIPART: &str = "From: +15555550100/TYPE=PLMN\r\n\
    To: +15555550201/TYPE=PLMN,\r\n\t+15555550202\r\n\
    Subject: hello\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: multipart/related; boundary=\"b1\"\r\n\
    X-Mms-Message-Type: MM4_forward.REQ\r\n\
    X-Mms-Transaction-ID: \"t1\"\r\n\
    X-Mms-Message-ID: \"k1\"\r\n\
    \r\n\
    preamble\r\n\
    --b1\r\n\
    Content-ID: <smil>\r\n\
    Content-Type: application/smil\r\n\
    \r\n\
    <smil></smil>\r\n\
    --b1\r\n\
    Content-Type: text/plain; charset=utf-8; name=\"a.txt\"\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\
    Content-Location: a.txt\r\n\
    \r\n\
    gr=C3=BCn\r\n\
    --b1\r\n\
    Content-Type: image/jpeg;\r\n Name=\"a.jpg\"\r\n\
    Content-Id: <img>\r\n\
    Content-Disposition: attachment; filename=\"a.jpg\"; size=4\r\n\
    Content-MD5: x\r\n\
    Content-Transfer-Encoding: base64\r\n\
    X-Kept:  as it is\r\n\
    \r\n\
    /9j/4A==\r\n\
    --b1\r\n\
    Content-Transfer-Encoding: x-uue\r\n\
    \r\n\
    begin\r\n\
    --b1--\r\n\
    epilogue\r\n";

pub fn origin() -> Origin {
    Origin {
        source: PeerName::new("operator-a").unwrap().into(),
        remote: "192.0.2.7:2525".parse().unwrap(),
        helo: "mta.a.example".into(),
        protocol: crate::message::Protocol::Esmtp,
        received_at: Timestamp(1_795_298_400_000),
    }
}

/// From `+15555550100`, for `+15555550201` and as many following numbers as asked for.
pub fn envelope(recipients: u32) -> Envelope {
    let address = |number: u32| MmsAddress::new(&format!("+1555555{number:04}/TYPE=PLMN@mms.b.example")).unwrap();
    Envelope {
        sender: Some(MmsAddress::new("+15555550100/TYPE=PLMN@mms.a.example").unwrap()),
        recipients: (1..=recipients)
            .map(|id| Recipient {
                id: RecipientId(id),
                address: address(200 + id),
            })
            .collect(),
    }
}

pub fn incoming(bytes: &[u8]) -> Incoming {
    Incoming {
        id: MessageId(77),
        origin: origin(),
        envelope: envelope(2),
        content: Content::from_bytes(Bytes::copy_from_slice(bytes)),
    }
}

pub fn read_bytes(bytes: &[u8]) -> Result<Message, Refusal> {
    read(incoming(bytes), &Limits::default())
}

pub fn read_text(text: &str) -> Result<Message, Refusal> {
    read_bytes(text.as_bytes())
}

pub fn trace() -> Field {
    Field::build("Received", "by relay.example; date")
}

/// The message as it goes out, without our `Received` field.
pub fn written(message: &Message) -> Bytes {
    let rope = super::serialise(message, trace());
    rope.to_bytes().unwrap().slice(trace().raw().len()..)
}
