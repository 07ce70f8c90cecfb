//! A store in memory, a clock that follows Tokio's, and peers to deliver to.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use crate::clock::Clock;
use crate::delivery::{Caused, Delivery, DeliveryReport, OutcomeSink, PeerOptions, Schedule};
use crate::message::*;
use crate::spool::*;
use mm4relay_lab::peer::behaviour::{Action, Rule, Stage};
use mm4relay_lab::peer::{Behaviour, Counts, Keep, Received, serve};

/// Follows Tokio's clock, which tests hold still.
pub struct TestClock(pub Instant);

pub struct FakeSpool {
    rows: Mutex<BTreeMap<OutgoingId, (Outgoing, Timestamp)>>,
    leased: Mutex<HashSet<OutgoingId>>,
    recorded: mpsc::UnboundedSender<Outcome>,
    /// Records to refuse before one is taken.
    pub broken: AtomicU64,
    /// How often it is not certain whose a message is before it is.
    pub uncertain: AtomicU64,
}

pub struct FakeSink(pub Mutex<Vec<DeliveryReport>>);

/// A peer MMSE that runs.
pub struct TestPeer {
    pub address: String,
    pub counts: Arc<Counts>,
    pub received: Arc<Mutex<Vec<Received>>>,
    task: tokio::task::JoinHandle<()>,
}

/// Delivery to one peer, with everything around it.
pub struct Room {
    pub delivery: Arc<Delivery>,
    pub spool: Arc<FakeSpool>,
    pub sink: Arc<FakeSink>,
    pub shutdown: watch::Sender<bool>,
    recorded: mpsc::UnboundedReceiver<Outcome>,
}

pub const BASE: u64 = 1_790_000_000_000;

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(BASE).plus(self.0.elapsed())
    }
}

impl FakeSpool {
    pub fn put(&self, outgoing: &Outgoing) {
        let row = (outgoing.clone(), outgoing.received_at);
        self.rows.lock().unwrap().insert(outgoing.id, row);
    }

    pub fn len(&self) -> usize {
        self.rows.lock().unwrap().len()
    }

    fn apply(&self, outcome: &Outcome) {
        let mut rows = self.rows.lock().unwrap();
        let Some((outgoing, row_due)) = rows.get_mut(&outcome.id) else {
            return;
        };
        match &outcome.result {
            DeliveryResult::Delivered | DeliveryResult::Failed { .. } | DeliveryResult::Dropped { .. } => {
                rows.remove(&outcome.id);
            }
            DeliveryResult::Deferred { due, attempts, reason } => {
                (*row_due, outgoing.attempts) = (*due, *attempts);
                outgoing.said = Some(reason.clone());
            }
            DeliveryResult::Partly {
                remaining,
                due,
                attempts,
                ..
            } => {
                (*row_due, outgoing.attempts) = (*due, *attempts);
                outgoing.envelope.recipients.retain(|r| remaining.contains(&r.id));
            }
        }
    }
}

impl FakeSpool {
    /// At most so many of those that nobody has.
    fn lease_those(&self, limit: usize, wanted: impl Fn(&Outgoing, Timestamp) -> bool) -> Vec<Outgoing> {
        let (rows, mut leased) = (self.rows.lock().unwrap(), self.leased.lock().unwrap());
        let free = rows
            .values()
            .filter(|(o, due)| wanted(o, *due) && !leased.contains(&o.id));
        let found: Vec<Outgoing> = free.take(limit).map(|(outgoing, _)| outgoing.clone()).collect();
        leased.extend(found.iter().map(|outgoing| outgoing.id));
        found
    }
}

impl Space for FakeSpool {}

impl Leases for FakeSpool {
    fn give_back(&self, leased: Leased) {
        if let Leased::Outgoing(id) = leased {
            self.leased.lock().unwrap().remove(&id);
        }
    }

    fn is_ours(&self, _leased: Leased) -> bool {
        let one_less = |left: u64| left.checked_sub(1);
        let uncertain = self
            .uncertain
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        uncertain.is_err()
    }

    fn renew(&self) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Queue for FakeSpool {
    fn lease<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        Box::pin(async move { Ok(self.lease_those(limit, |o, due| o.next_hop.peer() == Some(peer) && due <= now)) })
    }

    fn lease_overdue<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        aged: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        let is_over = move |o: &Outgoing| o.has_expired(now) || o.received_at <= aged;
        Box::pin(async move { Ok(self.lease_those(limit, |o, _| o.next_hop.peer() == Some(peer) && is_over(o))) })
    }

    fn record(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            let held = self.leased.lock().unwrap().contains(&outcome.id);
            assert!(held, "{} is recorded, and was not leased", outcome.id);
            let broken = self
                .broken
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if broken.is_ok() {
                return Err(SpoolError::Full("told to".into()));
            }
            self.apply(&outcome);
            let _ = self.recorded.send(outcome);
            Ok(())
        })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Vec<(PeerName, Timestamp)>, SpoolError>> {
        Box::pin(async {
            let rows = self.rows.lock().unwrap();
            let first = rows
                .values()
                .map(|(outgoing, due)| (outgoing.next_hop.peer().unwrap().clone(), *due))
                .min_by_key(|row| row.1);
            Ok(first.into_iter().collect())
        })
    }

    fn retries_asked(&self) -> BoxFuture<'_, Result<Vec<(PeerName, u64)>, SpoolError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl OutcomeSink for FakeSink {
    fn decide<'a>(&'a self, _: &'a Outgoing, report: &'a DeliveryReport) -> BoxFuture<'a, Caused> {
        self.0.lock().unwrap().push(report.clone());
        let kv = vec![KvWrite::Delete {
            plugin: "witness".into(),
            key: "told".into(),
        }];
        Box::pin(async {
            Caused {
                kv,
                ..Caused::default()
            }
        })
    }
}

impl TestPeer {
    pub async fn start(behaviour: Behaviour) -> Self {
        Self::start_at("127.0.0.1:0", behaviour).await
    }

    pub async fn start_at(address: &str, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let kept = received.clone();
        let behaviour = Behaviour {
            host: "mms.b.example".into(),
            keep: Keep::Everything,
            on_message: Some(Box::new(move |message, _| kept.lock().unwrap().push(message))),
            ..behaviour
        };
        Self::serve(listener, address, behaviour, received)
    }

    /// A peer that keeps nothing, and is fast.
    pub async fn sink() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self::serve(listener, address, Behaviour::default(), Arc::default())
    }

    fn serve(
        listener: TcpListener,
        address: String,
        behaviour: Behaviour,
        received: Arc<Mutex<Vec<Received>>>,
    ) -> Self {
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(serve(listener, Arc::new(behaviour), counts.clone()));
        Self {
            address,
            counts,
            received,
            task,
        }
    }

    /// A peer that misbehaves `times` times.
    pub async fn that(stage: Stage, action: Action, times: u64) -> Self {
        let rules = vec![Rule::new(stage, action, Some(times))];
        Self::start(Behaviour {
            rules,
            ..Behaviour::default()
        })
        .await
    }

    pub fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::SeqCst)
    }

    pub fn taken(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    pub async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl Room {
    /// `waiting` is in the spool from the start.
    pub fn open(options: PeerOptions, waiting: &[Outgoing]) -> Self {
        let (sender, recorded) = mpsc::unbounded_channel();
        let spool = Arc::new(FakeSpool {
            rows: Mutex::default(),
            leased: Mutex::default(),
            recorded: sender,
            broken: AtomicU64::new(0),
            uncertain: AtomicU64::new(0),
        });
        for outgoing in waiting {
            spool.put(outgoing);
        }
        let sink = Arc::new(FakeSink(Mutex::default()));
        let (shutdown, stop) = watch::channel(false);
        let clock = Arc::new(TestClock(Instant::now()));
        let delivery = Delivery::start(vec![options], spool.clone(), clock, sink.clone(), stop);
        Self {
            delivery,
            spool,
            sink,
            shutdown,
            recorded,
        }
    }

    pub fn enqueue(&self, outgoing: Outgoing) {
        self.spool.put(&outgoing);
        self.spool.leased.lock().unwrap().insert(outgoing.id);
        self.delivery.enqueue(outgoing);
    }

    /// The next outcome recorded.
    pub async fn outcome(&mut self) -> Outcome {
        let waiting = timeout(Duration::from_secs(7 * 86_400), self.recorded.recv()).await;
        waiting.expect("nothing was recorded in a week").unwrap()
    }

    pub async fn result(&mut self) -> DeliveryResult {
        self.outcome().await.result
    }

    pub fn reports(&self) -> Vec<DeliveryReport> {
        self.sink.0.lock().unwrap().clone()
    }
}

pub fn peer_name() -> PeerName {
    PeerName::new("operator-b").unwrap()
}

pub fn options(hosts: &[&str]) -> PeerOptions {
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    PeerOptions {
        random: || 0.5,
        schedule: Schedule::default(),
        sessions: 20,
        ..PeerOptions::new(peer_name(), hosts, "relay.example")
    }
}

pub fn message_to(number: u64, to: &[&str], text: impl Into<Bytes>) -> Outgoing {
    let content = Content::from_bytes(text);
    let recipients = (0..).zip(to).map(|(id, address)| Recipient {
        id: RecipientId(id),
        address: MmsAddress::new(address).unwrap(),
    });
    Outgoing {
        id: OutgoingId {
            message: MessageId(number),
            ordinal: Ordinal::FIRST,
        },
        next_hop: peer_name().into(),
        source: PeerName::new("operator-a").unwrap().into(),
        received_at: Timestamp(BASE),
        envelope: Envelope {
            sender: MmsAddress::new("+15555550100/TYPE=PLMN@mms.a.example").ok(),
            recipients: recipients.collect(),
        },
        rope: Rope {
            pieces: vec![Piece::Received(0..content.size())],
            content,
        },
        kind: Some(MessageType::ForwardRequest),
        repeats: 0,
        header: None,
        parts: None,
        attempts: 0,
        said: None,
        expires_at: None,
    }
}

pub fn message(number: u64) -> Outgoing {
    let text = format!("Subject: {number}\r\n\r\n.hello\r\n");
    message_to(number, &["+15555550199/TYPE=PLMN@mms.b.example"], text)
}

/// Too long for one write: the server sees its beginning before its end is sent.
pub fn long_message(number: u64) -> Outgoing {
    message_to(
        number,
        &["+15555550199/TYPE=PLMN@mms.b.example"],
        "0123456789\r\n".repeat(1 << 20),
    )
}
