//! Servers that are out of step: whatever they say, a message counts as delivered only when the server has taken it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::support::*;
use crate::spool::DeliveryResult;

/// What is asked of a server, in the order of a session.
const STEPS: [&str; 7] = ["greeting", "EHLO", "MAIL", "RCPT one", "RCPT two", "DATA", "end"];

/// What a server says at one step, once, instead of the right reply.
#[derive(Clone, Copy, Debug)]
struct Slip {
    step: &'static str,
    /// `=` is the right reply.
    says: &'static str,
    cut: Cut,
}

/// How what is said comes over the wire.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Whole,
    /// In two segments, the first one of so many octets, with a moment between.
    At(usize),
    /// Octet by octet.
    Crumbs,
}

struct Server {
    slip: Slip,
    pipelining: bool,
    /// The slip was made.
    slipped: AtomicBool,
    /// Messages that came whole and were answered with 250 as they should be.
    taken: AtomicUsize,
}

impl Server {
    async fn start(slip: Slip, pipelining: bool) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Arc::new(Self {
            slip,
            pipelining,
            slipped: AtomicBool::new(false),
            taken: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(Arc::clone(&serving).session(stream));
            }
        });
        (server, address)
    }

    /// An error ends the session.
    async fn session(self: Arc<Self>, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        self.say(&mut stream, "greeting", "220 mms.b.example\r\n").await?;
        let mut recipients = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            match line.get(..4).unwrap_or_default() {
                "EHLO" if self.pipelining => {
                    let offers = "250-mms.b.example\r\n250 PIPELINING\r\n";
                    self.say(&mut stream, "EHLO", offers).await?;
                }
                "EHLO" => self.say(&mut stream, "EHLO", "250 mms.b.example\r\n").await?,
                "MAIL" => {
                    recipients = 0;
                    self.say(&mut stream, "MAIL", "250 sender\r\n").await?;
                }
                "RCPT" => {
                    recipients += 1;
                    let step = STEPS[2 + recipients.min(2)];
                    self.say(&mut stream, step, "250 recipient\r\n").await?;
                }
                "DATA" => {
                    let said = self.say_once(&mut stream, "DATA", "354 go on\r\n").await?;
                    if said.is_some_and(|said| !said.starts_with('=')) {
                        // It does not wait for a message: whatever comes is a command that it does not know.
                        continue;
                    }
                    loop {
                        line.clear();
                        if stream.read_line(&mut line).await? == 0 {
                            return Ok(());
                        }
                        if line == ".\r\n" {
                            break;
                        }
                    }
                    self.taken.fetch_add(1, Ordering::SeqCst);
                    self.say(&mut stream, "end", "250 taken\r\n").await?;
                }
                "RSET" => stream.write_all(b"250 reset\r\n").await?,
                "QUIT" => return stream.write_all(b"221 bye\r\n").await,
                _ => stream.write_all(b"500 what?\r\n").await?,
            }
        }
    }

    async fn say(&self, stream: &mut BufReader<TcpStream>, step: &str, right: &str) -> std::io::Result<()> {
        self.say_once(stream, step, right).await.map(drop)
    }

    /// What was said wrongly, if it was.
    async fn say_once(
        &self,
        stream: &mut BufReader<TcpStream>,
        step: &str,
        right: &str,
    ) -> std::io::Result<Option<&'static str>> {
        if step != self.slip.step || self.slipped.swap(true, Ordering::SeqCst) {
            stream.write_all(right.as_bytes()).await?;
            return Ok(None);
        }
        let says = self.slip.says.replace('=', right);
        let cuts = match self.slip.cut {
            Cut::Whole => says.len(),
            Cut::At(octets) => octets.min(says.len()),
            Cut::Crumbs => 1,
        };
        let rest = match self.slip.cut {
            Cut::Crumbs => says.as_bytes()[cuts..].chunks(1).collect(),
            _ => vec![&says.as_bytes()[cuts..]],
        };
        stream.write_all(&says.as_bytes()[..cuts]).await?;
        for chunk in rest.into_iter().filter(|chunk| !chunk.is_empty()) {
            stream.flush().await?;
            sleep(Duration::from_millis(2)).await;
            stream.write_all(chunk).await?;
        }
        Ok(Some(self.slip.says))
    }
}

/// Delivers one message to two recipients; it is never recorded as delivered before the server has taken it, and is in the
/// end.
async fn is_delivered_only_when_it_was_taken(slip: Slip) {
    for pipelining in [false, true] {
        let (server, address) = Server::start(slip, pipelining).await;
        let mut room = Room::open(options(&[&address]), &[]);
        room.enqueue(message_to(1, &["one@b.example", "two@b.example"], "hello\r\n"));
        let mut attempts = 0;
        loop {
            let result = room.result().await;
            let taken = server.taken.load(Ordering::SeqCst);
            match result {
                DeliveryResult::Delivered => {
                    assert!(taken > 0, "{slip:?}, pipelining {pipelining}: it was never taken");
                    break;
                }
                DeliveryResult::Deferred { .. } => attempts += 1,
                other => panic!("{slip:?}, pipelining {pipelining}: {other:?}"),
            }
            assert!(attempts < 5, "{slip:?}, pipelining {pipelining}");
        }
    }
}

const CUTS: [Cut; 5] = [Cut::Whole, Cut::At(1), Cut::At(5), Cut::At(14), Cut::Crumbs];

#[tokio::test(start_paused = true)]
async fn a_reply_too_many_never_makes_a_delivery() {
    for step in STEPS {
        for says in [
            "==",
            "=250 more\r\n",
            "=354 go on\r\n",
            "=220 hello again\r\n",
            "250 before\r\n=",
        ] {
            // The answer to the end of data that comes twice is one.
            for cut in CUTS.into_iter().filter(|_| step != "end" || says == "==") {
                is_delivered_only_when_it_was_taken(Slip { step, says, cut }).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_of_the_wrong_kind_never_makes_a_delivery() {
    for step in &STEPS[..6] {
        for says in [
            "354 go on\r\n",
            "300 well\r\n",
            "250 fine\r\n",
            "220 hello\r\n",
            "251 elsewhere\r\n",
        ] {
            let fits = match *step {
                "DATA" => says.starts_with("354"),
                _ => says.starts_with('2'),
            };
            for cut in [Cut::Whole, Cut::At(2)].into_iter().filter(|_| !fits) {
                is_delivered_only_when_it_was_taken(Slip { step, says, cut }).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_code_alone_decides_whether_a_message_was_taken() {
    for says in [
        "\r\n=",
        "\r\n\r\n\r\n=",
        "250-first\r\n\r\n=",
        "250\r\n",
        "250_taken\r\n",
        "299 taken\r\n",
        "queueing\r\n=",
        "=\r\n",
        "=421 bye\r\n",
    ] {
        for cut in CUTS {
            let slip = Slip { step: "end", says, cut };
            let (server, address) = Server::start(slip, true).await;
            let mut room = Room::open(options(&[&address]), &[]);
            room.enqueue(message(1));
            assert_eq!(room.result().await, DeliveryResult::Delivered, "{slip:?}");
            room.enqueue(message(2));
            assert_eq!(room.result().await, DeliveryResult::Delivered, "after {slip:?}");
            assert_eq!(server.taken.load(Ordering::SeqCst), 2, "each was sent once: {slip:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn long_replies_decide_by_their_code() {
    let long: &'static str = "x".repeat(40_000).leak();
    for (says, delivered) in [
        (format!("250 {long}\r\n"), true),
        (format!("250-{long}\r\n250 ok\r\n"), true),
        (format!("{}250 ok\r\n", "250-line\r\n".repeat(1_000)), true),
        (format!("550 5.7.1 {long}\r\n"), false),
        (format!("{}554 no\r\n", "554-line\r\n".repeat(1_000)), false),
    ] {
        let (step, says, cut) = ("end", &*says.leak(), Cut::At(3_000));
        let (_, address) = Server::start(Slip { step, says, cut }, true).await;
        let mut room = Room::open(options(&[&address]), &[]);
        room.enqueue(message(1));
        match room.result().await {
            DeliveryResult::Delivered => assert!(delivered, "{}", &says[..20]),
            DeliveryResult::Failed { reason } => assert!(!delivered && reason.len() < 2_000, "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}
