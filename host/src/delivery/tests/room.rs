//! Next hops that take so many recipients in one transaction, and no more.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::support::*;
use crate::message::Outgoing;
use crate::spool::DeliveryResult;

#[derive(Clone, Copy, Debug)]
struct Narrow {
    room: usize,
    /// What it says to a recipient too many; or, with `at_end`, to the message.
    refusal: &'static str,
    at_end: bool,
    offers: &'static str,
}

const PLAIN: Narrow = Narrow {
    room: 100,
    refusal: "452 4.5.3 too many recipients",
    at_end: false,
    offers: "250 mms.b.example\r\n",
};

/// Recipients in each transaction that was taken.
type Taken = Arc<Mutex<Vec<usize>>>;

async fn start(narrow: Narrow) -> (Taken, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let taken = Taken::default();
    let kept = taken.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(session(stream, narrow, kept.clone()));
        }
    });
    (taken, address)
}

async fn session(stream: TcpStream, narrow: Narrow, taken: Taken) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mms.b.example\r\n").await?;
    let (mut recipients, mut line) = (0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let refusal = format!("{}\r\n", narrow.refusal);
        let answer = match &line[..4] {
            "EHLO" => narrow.offers,
            "RCPT" if recipients == narrow.room && !narrow.at_end => &refusal,
            "RCPT" => {
                recipients += 1;
                "250 ok\r\n"
            }
            "DATA" if recipients == 0 => "503 nobody\r\n",
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                while line != ".\r\n" {
                    line.clear();
                    stream.read_line(&mut line).await?;
                }
                match recipients > narrow.room {
                    true => &refusal,
                    false => {
                        taken.lock().unwrap().push(std::mem::take(&mut recipients));
                        "250 taken\r\n"
                    }
                }
            }
            _ => {
                recipients = 0;
                "250 ok\r\n"
            }
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

fn to_many(number: u64, recipients: usize) -> Outgoing {
    let to: Vec<String> = (0..recipients).map(|n| format!("n{n}@b.example")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    message_to(number, &to, "hello\r\n")
}

#[tokio::test(start_paused = true)]
async fn a_thousand_recipients_leave_at_once_a_hundred_in_each_transaction() {
    for refusal in [
        "452 4.5.3 too many recipients",
        "452 too many",
        "552 too many",
        "552 5.5.3 too many",
        "451 4.7.1 Too many recipients received this session",
        "550 5.5.3 no more",
        "550 too many recipients",
    ] {
        for offers in [PLAIN.offers, "250-mms.b.example\r\n250 PIPELINING\r\n"] {
            let narrow = Narrow {
                refusal,
                offers,
                ..PLAIN
            };
            let (taken, address) = start(narrow).await;
            let mut room = Room::open(options(&[&address]), &[]);
            let begun = Instant::now();
            room.enqueue(to_many(1, 1_000));
            for part in 1..10 {
                let result = room.result().await;
                let DeliveryResult::Partly {
                    remaining, attempts, ..
                } = result
                else {
                    panic!("{narrow:?}: {result:?}");
                };
                assert_eq!((remaining.len(), attempts), (1_000 - part * 100, 0), "{narrow:?}");
            }
            assert_eq!(room.result().await, DeliveryResult::Delivered);
            assert!(begun.elapsed() < Duration::from_secs(1), "{narrow:?}");
            assert_eq!(*taken.lock().unwrap(), [100; 10], "{narrow:?}");
            let told: usize = room.reports().iter().map(|report| report.delivered.len()).sum();
            assert_eq!(told, 1_000, "each recipient is told of once");

            room.enqueue(to_many(2, 150));
            assert!(matches!(room.result().await, DeliveryResult::Partly { .. }));
            assert_eq!(room.result().await, DeliveryResult::Delivered);
            assert_eq!(
                taken.lock().unwrap()[10..],
                [100, 50],
                "what was learnt is known for the next message"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_says_how_many_it_takes_is_never_asked_for_more() {
    let offers = "250-mms.b.example\r\n250 LIMITS RCPTMAX=40\r\n";
    let refusal = "554 we told you";
    let (taken, address) = start(Narrow {
        offers,
        room: 40,
        refusal,
        at_end: false,
    })
    .await;
    let mut room = Room::open(options(&[&address]), &[]);
    room.enqueue(to_many(1, 100));
    while room.result().await != DeliveryResult::Delivered {}
    assert_eq!(*taken.lock().unwrap(), [40, 40, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_refuses_the_message_for_its_recipients_gets_fewer_until_it_takes_it() {
    let refusal = "554 5.5.3 too many recipients";
    let (taken, address) = start(Narrow {
        room: 30,
        refusal,
        at_end: true,
        ..PLAIN
    })
    .await;
    let mut room = Room::open(options(&[&address]), &[]);
    room.enqueue(to_many(1, 100));
    while room.result().await != DeliveryResult::Delivered {}
    assert_eq!(*taken.lock().unwrap(), [25; 4]);
}

#[tokio::test(start_paused = true)]
async fn one_recipient_too_many_is_tried_again_and_given_up_in_time() {
    let (taken, address) = start(Narrow { room: 0, ..PLAIN }).await;
    let mut short = options(&[&address]);
    short.give_up_after = Duration::from_secs(120);
    let mut room = Room::open(short, &[]);
    room.enqueue(to_many(1, 3));
    assert!(matches!(
        room.result().await,
        DeliveryResult::Deferred { attempts: 1, .. }
    ));
    let reason = loop {
        match room.result().await {
            DeliveryResult::Failed { reason } => break reason,
            result => assert!(matches!(result, DeliveryResult::Deferred { .. }), "{result:?}"),
        }
    };
    assert!(reason.contains("given up") && reason.contains("452 4.5.3"), "{reason}");
    assert!(taken.lock().unwrap().is_empty());
}
