//! One stage of a message's way, so many times and nothing else: `instructions STAGE TIMES`.
//!
//! `tests/bench/instructions.py` runs it under valgrind, twice with different TIMES; the difference is the exact cost
//! of the stage in instructions. The message is a request of 10 kB with SMIL, a text and a picture.

use std::fmt::Write;
use std::hint::black_box;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use mm4relay::message::{
    Content, Edit, Envelope, Field, HeaderName, HeaderValue, Incoming, Message, MessageId, MmsAddress, Origin,
    PeerName, Protocol, Recipient, RecipientId, Timestamp,
};
use mm4relay::protocol::mm4::{self, Limits};
use mm4relay::protocol::smtp::{DataLimits, DataReader};
use mm4relay::routing::{AllReachable, Plan, Route, Routing};

/// The octets of one read from a socket.
const READ: usize = 8 << 10;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let stage = arguments.next().context("which stage?")?;
    let times: usize = arguments.next().context("how many times?")?.parse()?;
    let received = Bytes::from(request());
    match stage.as_str() {
        "data" => repeat(times, || framed(&received)),
        "index" => repeat(times, || read(&received).map(drop)),
        "edit" => {
            let message = read(&received)?;
            let edits = edits()?;
            repeat(times, || edited(message.clone(), &edits))
        }
        "routing" => {
            let (routing, recipient) = routing()?;
            repeat(times, || {
                black_box(routing.route(&recipient, &AllReachable).is_ok());
                Ok(())
            })
        }
        _ => bail!("{stage} is none of data, index, edit, routing"),
    }
}

fn repeat(times: usize, mut stage: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    (0..times).try_for_each(|_| stage())
}

/// Reads the octets of the message as they come behind DATA, dot-stuffed, in pieces.
fn framed(received: &Bytes) -> anyhow::Result<()> {
    let mut reader = DataReader::new(DataLimits {
        message: 1 << 20,
        header: 64 << 10,
        line: 998,
    });
    let mut payload = Vec::with_capacity(received.len());
    for piece in received.chunks(READ) {
        reader.read(piece, |octets| payload.extend_from_slice(octets));
    }
    let end = reader.read(b".\r\n", |octets| payload.extend_from_slice(octets));
    anyhow::ensure!(
        end.ended && payload.len() == received.len(),
        "the message was not framed"
    );
    Ok(())
}

fn read(received: &Bytes) -> anyhow::Result<Message> {
    let incoming = Incoming {
        id: MessageId(77),
        origin: Origin {
            source: PeerName::new("operator-a")?.into(),
            remote: "192.0.2.7:2525".parse()?,
            helo: "mta.a.example".into(),
            protocol: Protocol::Esmtp,
            received_at: Timestamp(1_795_298_400_000),
        },
        envelope: Envelope {
            sender: Some(MmsAddress::new("+15555550100/TYPE=PLMN@mms.a.example")?),
            recipients: vec![Recipient {
                id: RecipientId(1),
                address: MmsAddress::new("+15555550201/TYPE=PLMN@mms.b.example")?,
            }],
        },
        content: Content::from_bytes(received.clone()),
    };
    mm4::read(incoming, &Limits::default()).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))
}

/// The edits of an address-rewriting plug-in.
fn edits() -> anyhow::Result<Vec<Edit>> {
    Ok(vec![
        Edit::SetOriginator(MmsAddress::new("+15555550999/TYPE=PLMN@mms.hub.example")?),
        Edit::SetRecipient {
            id: RecipientId(1),
            address: MmsAddress::new("+15555550777/TYPE=PLMN@mms.c.example")?,
        },
        Edit::SetHeader {
            name: HeaderName::new("X-Example-Relay")?,
            value: HeaderValue::new("hub.example")?,
        },
    ])
}

/// Applies the edits, and serialises the message.
fn edited(message: Message, edits: &[Edit]) -> anyhow::Result<()> {
    let message = mm4::apply(message, edits).map_err(|illegal| anyhow::anyhow!("{illegal:?}"))?;
    let rope = mm4::serialise(&message, Field::build("Received", "by relay.example; date"));
    black_box(rope.to_bytes()?);
    Ok(())
}

/// Ten thousand ranges, as an operator with ported blocks has.
fn routing() -> anyhow::Result<(Routing, MmsAddress)> {
    let peer = Route::Peer(PeerName::new("operator-b")?);
    let prefixes = (0..10_000).map(|range| (format!("+1555{range:04}"), peer.clone()));
    let routing = Routing::new(Plan::simple([], Vec::new(), prefixes))?;
    Ok((routing, MmsAddress::new("+15555550201")?))
}

fn request() -> String {
    let picture: Vec<u8> = (0..6_900u32).map(|octet| (octet * 7 % 251) as u8).collect();
    let mut text = String::from(
        "From: +15555550100/TYPE=PLMN@mms.a.example\r\n\
         To: +15555550201/TYPE=PLMN@mms.b.example\r\n\
         Subject: a picture\r\n\
         Date: Thu, 26 Nov 2026 10:00:00 +0000\r\n\
         X-Mms-3GPP-MMS-Version: 6.10.0\r\n\
         X-Mms-Message-Type: MM4_forward.REQ\r\n\
         X-Mms-Transaction-ID: \"t1\"\r\n\
         X-Mms-Message-ID: \"k1@mms.a.example\"\r\n\
         X-Mms-Ack-Request: Yes\r\n\
         X-Mms-Originator-System: system-user@mms.a.example\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/related; boundary=\"b1\"; start=\"<smil>\"; type=\"application/smil\"\r\n\r\n\
         --b1\r\nContent-ID: <smil>\r\nContent-Type: application/smil; charset=utf-8\r\n\r\n\
         <smil><body><par><text src=\"a.txt\"/><img src=\"a.jpg\"/></par></body></smil>\r\n\
         --b1\r\nContent-Type: text/plain; charset=utf-8; name=\"a.txt\"\r\nContent-Location: a.txt\r\n\r\n\
         Greetings from the sea\r\n\
         --b1\r\nContent-Type: image/jpeg; name=\"a.jpg\"\r\nContent-Location: a.jpg\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n",
    );
    for line in BASE64_STANDARD.encode(picture).as_bytes().chunks(76) {
        let _ = write!(text, "{}\r\n", String::from_utf8_lossy(line));
    }
    text.push_str("--b1--\r\n");
    text
}
