//! What goes over the wire.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::support::*;
use crate::delivery::PeerOptions;
use crate::message::{Content, Piece, ReadAt, RecipientId, Rope};
use crate::spool::DeliveryResult;
use mm4relay_lab::peer::Behaviour;

struct OnDisk(Bytes);

impl ReadAt for OnDisk {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, range: Range<u64>) -> io::Result<Bytes> {
        Ok(self.0.slice(range.start as usize..range.end as usize))
    }
}

async fn arrives(behaviour: Behaviour) {
    let peer = TestPeer::start(behaviour).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    let text = ".first\r\n\r\n..two\r\n.\r\nlast";
    let to = ["+15555550198/TYPE=PLMN@mms.b.example", "2020@mms.b.example"];
    room.enqueue(message_to(1, &to, text));
    assert_eq!(room.result().await, DeliveryResult::Delivered);
    let received = peer.received.lock().unwrap().remove(0);
    assert_eq!(received.data, format!("{text}\r\n"));
    assert_eq!(received.from, "+15555550100/TYPE=PLMN@mms.a.example");
    assert_eq!(received.to, to);
    let report = room.reports().remove(0);
    assert_eq!(
        (report.delivered, report.failed),
        ([0, 1].map(RecipientId).to_vec(), vec![])
    );
    assert_eq!((report.code, report.attempts), (Some(250), 1));
    assert_eq!(report.host, Some(peer.address));
}

#[tokio::test]
async fn a_message_arrives_byte_for_byte() {
    arrives(Behaviour::default()).await;
}

#[tokio::test]
async fn a_server_without_ehlo_is_greeted_with_helo() {
    let helo_only = true;
    arrives(Behaviour {
        helo_only,
        ..Behaviour::default()
    })
    .await;
}

#[tokio::test]
async fn a_server_without_extensions_is_asked_step_by_step() {
    let no_extensions = true;
    arrives(Behaviour {
        no_extensions,
        ..Behaviour::default()
    })
    .await;
}

#[tokio::test]
async fn a_large_stored_message_goes_out_in_batches() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    let stored = Bytes::from("0123456789\r\n.dot\r\n".repeat(60_000));
    let mut outgoing = message(1);
    outgoing.rope = Rope {
        content: Content::Stored(Arc::new(OnDisk(stored.clone()))),
        pieces: vec![
            Piece::New(Bytes::from_static(b"Received: here\r\n")),
            Piece::Received(0..7),
            Piece::Received(7..stored.len() as u64),
        ],
    };
    room.enqueue(outgoing);
    assert_eq!(room.result().await, DeliveryResult::Delivered);
    let received = peer.received.lock().unwrap().remove(0);
    assert_eq!(received.data, [&b"Received: here\r\n"[..], &stored].concat());
}

#[tokio::test]
async fn messages_share_connections() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let mut room = Room::open(few(&peer.address, 2, 1_000), &[]);
    for number in 0..300 {
        room.enqueue(message(number));
    }
    for _ in 0..300 {
        assert_eq!(room.result().await, DeliveryResult::Delivered);
    }
    assert!((1..=2).contains(&peer.connections()), "{}", peer.connections());
}

#[tokio::test]
async fn a_connection_is_closed_after_so_many_messages() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let mut room = Room::open(few(&peer.address, 1, 3), &[]);
    for number in 0..9 {
        room.enqueue(message(number));
    }
    for _ in 0..9 {
        assert_eq!(room.result().await, DeliveryResult::Delivered);
    }
    assert_eq!(peer.connections(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    for number in 1..=2 {
        room.enqueue(message(number));
        assert_eq!(room.result().await, DeliveryResult::Delivered);
        tokio::time::sleep(std::time::Duration::from_secs(31)).await;
        assert_eq!(peer.connections(), number, "idle for longer than allowed");
    }
}

#[tokio::test]
async fn a_message_larger_than_the_peer_takes_is_not_sent() {
    let extensions = Some(vec!["SIZE 100".to_owned()]);
    let peer = TestPeer::start(Behaviour {
        extensions,
        ..Behaviour::default()
    })
    .await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    let text = |size: usize| "a".repeat(size);
    room.enqueue(message_to(1, &["b@b.example"], text(101)));
    let DeliveryResult::Failed { reason } = room.result().await else {
        panic!("101 octets are too many");
    };
    assert!(reason.contains("552 5.3.4") && reason.contains("101"), "{reason}");
    assert_eq!(peer.taken(), 0);
    room.enqueue(message_to(2, &["b@b.example"], text(100)));
    assert_eq!(room.result().await, DeliveryResult::Delivered);
}

#[tokio::test]
async fn eight_bit_text_is_converted_or_refused_where_the_peer_cannot_take_it() {
    let no_extensions = true;
    let behaviour = || Behaviour {
        no_extensions,
        ..Behaviour::default()
    };
    let peer = TestPeer::start(behaviour()).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    room.enqueue(message_to(1, &["b@b.example"], "gr\u{fc}n\r\n"));
    let DeliveryResult::Failed { reason } = room.result().await else {
        panic!("nobody converts it");
    };
    assert!(reason.contains("5.6.3"), "{reason}");

    let mut converting = options(&[&peer.address]);
    converting.convert = Some(|_| Ok(Bytes::from_static(b"green\r\n")));
    let mut room = Room::open(converting, &[]);
    room.enqueue(message_to(2, &["b@b.example"], "gr\u{fc}n\r\n"));
    assert_eq!(room.result().await, DeliveryResult::Delivered);
    assert_eq!(peer.received.lock().unwrap()[0].data, "green\r\n");
}

#[tokio::test]
async fn eight_bit_text_goes_as_it_is_to_a_peer_that_takes_it() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    room.enqueue(message_to(1, &["b@b.example"], "gr\u{fc}n\r\n"));
    assert_eq!(room.result().await, DeliveryResult::Delivered);
    assert_eq!(peer.received.lock().unwrap()[0].data, "gr\u{fc}n\r\n");
}

#[tokio::test]
async fn a_bare_line_feed_never_leaves() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    room.enqueue(message_to(
        1,
        &["b@b.example"],
        "a\r\n\n.\r\nMAIL FROM:<x@x.example>\r\n",
    ));
    let DeliveryResult::Failed { reason } = room.result().await else {
        panic!("such a message must not be sent");
    };
    assert!(reason.contains("bare CR or LF"), "{reason}");
    room.enqueue(message(2));
    assert_eq!(room.result().await, DeliveryResult::Delivered);
    assert_eq!(peer.taken(), 1, "only the second");
}

fn few(host: &str, sessions: usize, messages_per_connection: u32) -> PeerOptions {
    PeerOptions {
        sessions,
        messages_per_connection,
        ..options(&[host])
    }
}
