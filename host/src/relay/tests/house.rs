//! A relay without sockets, disks, WebAssembly and waiting: the street of rooms over a store in memory, with a clock that
//! moves when a test says so.
//!
//! What the test puts in the place of the world: next hops that say what they were told to ([`Does`]), and one plug-in that
//! decides what it was told to ([`Plays`]) and records every call for charging. Everything between them is the product's.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use mm4relay_engine::{BoxFuture as Answered, Occasion, Verdict};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;

use crate::assembly::{directory, terms};
use crate::clock::{Clock, SharedClock};
use crate::config::Config;
use crate::delivery::tests::by_hand::{ByHand, Says};
use crate::delivery::{Delivery, OutcomeSink};
use crate::intake::reply_to;
use crate::message::{
    Content, Envelope, Header, Incoming, MmsAddress, Origin, Outgoing, PeerName, Protocol, Recipient, RecipientId,
    Refusal, Source, Timestamp,
};
use crate::pipeline::script::{NoServices, Script, engine};
use crate::protocol::mm4;
use crate::relay::deferrals::Deferrals;
use crate::relay::directory::Directory;
use crate::relay::homes::Homes;
use crate::relay::plugin_outcomes::Outcomes;
use crate::relay::{Observer, ROOM_BLOCKS, Relay};
use crate::spool::memory::{Memory, MemorySpool};
use crate::spool::{
    Acceptance, By, Facets, Inbox as _, Leased, Leases as _, Node, Operator as _, Refusals, Requests as _, Spool,
};
use crate::transactions::{Terms, Transactions};
use crate::versions::Catalogue;

/// When every case begins.
const BEGIN: Timestamp = Timestamp(1_790_000_000_000);

/// What one configuration comes to; made once for all the cases that share it.
#[derive(Clone)]
pub(super) struct Ground {
    peers: Vec<PeerName>,
    directory: Arc<Directory>,
    terms: Terms,
}

/// What a next hop does with a request; of several that name it, or one of its recipients, the first holds. Whoever is
/// not named takes everything.
#[derive(Clone, Copy)]
pub(super) struct Does(pub &'static str, pub Says);

/// What the plug-in decides of messages from outside, each at its occasion and in its turn; then it passes everything.
#[derive(Clone, Copy)]
pub(super) enum Plays {
    AtArrival(Decides),
    /// On the way to this peer.
    AtDeparture(&'static str, Decides),
}

#[derive(Clone, Copy)]
pub(super) enum Decides {
    Pass,
    Refuse,
    Hold,
    Discard,
    Fail,
}

/// One relay, and what it has been seen to do.
pub(super) struct House {
    relay: Arc<Relay>,
    pub(super) store: Arc<MemorySpool>,
    hands: ByHand,
    clock: SharedClock,
    does: &'static [Does],
    pub(super) accepted: Arc<Accepted>,
    /// In order.
    pub(super) tried: Vec<Tried>,
}

/// What a peer hears at the end of its data.
pub(super) type Heard = Result<(), Refusal>;

/// A message that was tried at its next hop.
pub(super) struct Tried {
    pub(super) outgoing: Outgoing,
    pub(super) header: Header,
    /// What the next hop said of its first recipient.
    pub(super) said: Says,
}

impl Tried {
    /// Whether it is for operator A, who asked.
    pub(super) fn is_for_a(&self) -> bool {
        self.outgoing.next_hop.as_str() == "operator-a"
    }

    fn value(&self, name: &str) -> String {
        self.header.value(name).map(Into::into).unwrap_or_default()
    }
}

/// Sees what is about to be committed.
#[derive(Default)]
pub(super) struct Accepted(pub(super) Mutex<Vec<Acceptance>>);

impl Observer for Accepted {
    fn accepted(&self, acceptance: &Acceptance) {
        self.0.lock().unwrap().push(acceptance.clone());
    }
}

/// Tokio's, which stands still.
struct HeldClock(Instant);

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        BEGIN.plus(self.0.elapsed())
    }
}

struct Player(Mutex<Vec<Plays>>);

impl Script for Player {
    fn judge<'a>(&'a self, occasion: &'a Occasion, source: &'a Source) -> Answered<'a, Result<Verdict, String>> {
        Box::pin(std::future::ready(self.decided(occasion, source)))
    }
}

impl Player {
    fn decided(&self, occasion: &Occasion, source: &Source) -> Result<Verdict, String> {
        if *source == Source::Relay {
            return Ok(Verdict::Pass);
        }
        let mut left = self.0.lock().unwrap();
        let fits = |plays: &Plays| match (plays, occasion) {
            (Plays::AtArrival(_), Occasion::Arrival) => true,
            (Plays::AtDeparture(peer, _), Occasion::Departure(to)) => *peer == to.peer,
            _ => false,
        };
        let Some(place) = left.iter().position(fits) else {
            return Ok(Verdict::Pass);
        };
        let (Plays::AtArrival(decides) | Plays::AtDeparture(_, decides)) = left.remove(place);
        match decides {
            Decides::Pass => Ok(Verdict::Pass),
            Decides::Refuse => Ok(Verdict::Refuse {
                code: 552,
                text: "too large for it".into(),
            }),
            Decides::Hold => Ok(Verdict::Hold("to be looked at".into())),
            Decides::Discard => Ok(Verdict::Discard("dull".into())),
            Decides::Fail => Err("it trapped".into()),
        }
    }
}

impl Ground {
    pub(super) async fn of(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("relay.toml");
        std::fs::write(&file, configuration).unwrap();
        let config = Config::load(&file).unwrap();
        let peers = config.peers.iter().filter(|peer| peer.takes_messages());
        Self {
            peers: peers.map(|peer| peer.name.clone()).collect(),
            terms: terms(&config).unwrap(),
            directory: directory(config, &file).await.unwrap(),
        }
    }
}

impl House {
    pub(super) async fn on(ground: &Ground, does: &'static [Does], plays: &[Plays]) -> Self {
        let clock: SharedClock = Arc::new(HeldClock(Instant::now()));
        let memory = Memory::new(Arc::clone(&clock));
        let store = memory.relay(Node::default());
        let facets = Facets::of(&(Arc::clone(&store) as Arc<dyn Spool>));
        let player = Arc::new(Player(Mutex::new(plays.to_vec())));
        let catalogue = Catalogue::scripted(engine(), Arc::new(NoServices), player).await;
        let transactions = Transactions::new(
            Arc::clone(&facets.requests),
            Arc::clone(&facets.inbox),
            Arc::clone(&clock),
            ground.terms.clone(),
        );
        let (transactions, news) = (Arc::new(transactions), Arc::<Notify>::default());
        let outcomes: Arc<dyn OutcomeSink> = Arc::new(Outcomes {
            catalogue: Arc::clone(&catalogue),
            transactions: Arc::clone(&transactions),
            news: Arc::clone(&news),
            clock: Arc::clone(&clock),
        });
        // To nobody: what it is handed goes back to the store, from where the hands take it.
        let (_, ended) = watch::channel(true);
        let (queue, sink) = (Arc::clone(&facets.queue), Arc::clone(&outcomes));
        let delivery = Delivery::start(Vec::new(), queue, Arc::clone(&clock), sink, ended);
        let accepted = Arc::<Accepted>::default();
        let relay = Relay {
            callers: Arc::default(),
            guesses: Default::default(),
            sent: Default::default(),
            name: "mm4.hub.example".into(),
            hop_limit: 100,
            pass_limit: 4,
            limits: mm4::Limits::default(),
            directory: ArcSwap::new(Arc::clone(&ground.directory)),
            deferrals: Deferrals::new(10),
            homes: Homes::default(),
            unfinished: Notify::new(),
            transactions,
            news,
            reloaded: Notify::new(),
            gates: Arc::default(),
            catalogue,
            delivery,
            counts: Arc::default(),
            refusals: Refusals::nowhere(),
            room: Semaphore::new(ROOM_BLOCKS as usize),
            observer: Arc::clone(&accepted) as Arc<dyn Observer>,
            steady: Arc::default(),
            clock: Arc::clone(&clock),
            store: facets.clone(),
        };
        Self {
            relay: Arc::new(relay),
            hands: ByHand::new(&ground.peers, &facets.queue, &clock, &outcomes),
            store,
            clock,
            does,
            accepted,
            tried: Vec::new(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A peer says this; what it hears at the end of its data.
    pub(super) async fn hears(&self, peer: &str, from: &str, to: &[&str], message: &[u8]) -> Heard {
        let address = |text: &str| MmsAddress::new(text).unwrap();
        let recipients = to.iter().zip(1..).map(|(to, id)| Recipient {
            id: RecipientId(id),
            address: address(to),
        });
        let incoming = Incoming {
            id: self.store.next_id(),
            origin: Origin {
                source: Source::Peer(PeerName::new(peer).unwrap()),
                remote: SocketAddr::from(([192, 0, 2, 1], 2525)),
                helo: "mms.example".into(),
                protocol: Protocol::Esmtp,
                received_at: self.now(),
            },
            envelope: Envelope {
                sender: Some(from).filter(|from| !from.is_empty()).map(address),
                recipients: recipients.collect(),
            },
            content: Content::from_bytes(message.to_vec()),
        };
        self.relay.carry(incoming).await.map(drop)
    }

    /// Lets everything happen that is due now, and what comes of that.
    pub(super) async fn settle(&mut self) {
        while self.finish().await | self.tell().await | self.deliver().await {}
    }

    /// Lets time pass, gives up what is too old by then, and lets the rest happen.
    pub(super) async fn pass(&mut self, time: Duration) {
        tokio::time::advance(time).await;
        // As a task of the running relay does all the time.
        self.store.live_on();
        self.hands.give_up().await;
        self.settle().await;
    }

    async fn finish(&self) -> bool {
        let found = self.store.unfinished(self.now(), 100).await.unwrap();
        let any = !found.is_empty();
        for unfinished in found {
            let id = unfinished.incoming.id;
            self.relay.finish(unfinished).await;
            self.store.give_back(Leased::Unfinished(id));
        }
        any
    }

    async fn tell(&self) -> bool {
        let due = self.store.transactions_due(self.now(), 100).await.unwrap();
        for transaction in &due {
            self.relay.look_after(transaction).await;
            self.store.give_back(Leased::Request(transaction.id));
        }
        !due.is_empty()
    }

    async fn deliver(&mut self) -> bool {
        let does = self.does;
        let tried = self.hands.attempt(|peer, recipient| says(does, peer, recipient)).await;
        let any = !tried.is_empty();
        for (outgoing, header) in tried {
            let first = outgoing.next_hop.peer().zip(outgoing.envelope.recipients.first());
            let said = first.map_or(Says::Nothing, |(peer, first)| says(does, peer, first));
            self.tried.push(Tried { outgoing, header, said });
        }
        any
    }

    /// This peer sends its response to the request; what it hears, or `None` when nobody was asked.
    pub(super) async fn answers(&self, peer: &str, status: &str) -> Option<Heard> {
        let asked = self.asked(peer)?;
        let kind = asked.value(mm4::MESSAGE_TYPE).replace("REQ", "RES");
        let (transaction, message) = (asked.value(mm4::TRANSACTION_ID), asked.value(mm4::MESSAGE_ID));
        let system = asked.value("X-Mms-Originator-System");
        // Not of a report or a response, which some quirks are.
        if !kind.contains("forward") || MmsAddress::new(&system).is_err() {
            return None;
        }
        let letter = peer.trim_start_matches("operator-");
        let response = format!(
            "From: system@mms.{letter}.example\r\nTo: {system}\r\nX-Mms-3GPP-MMS-Version: 6.5.0\r\n\
             X-Mms-Message-Type: {kind}\r\nX-Mms-Transaction-ID: {transaction}\r\nX-Mms-Message-ID: {message}\r\n\
             X-Mms-Request-Status-Code: {status}\r\n\r\n"
        );
        let from = format!("system@mms.{letter}.example");
        Some(self.hears(peer, &from, &[&system], response.as_bytes()).await)
    }

    /// The mail system of this peer returns the request (RFC 3464).
    pub(super) async fn bounces(&self, peer: &str) {
        let Some(asked) = self.asked(peer) else { return };
        let envelope = &asked.outgoing.envelope;
        let Some(sender) = &envelope.sender else { return };
        let bounce = format!(
            "From: MAILER-DAEMON@mms.b.example\r\nTo: {sender}\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=xx\r\n\r\n--xx\r\n\
             Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.b.example\r\n\r\n\
             Final-Recipient: rfc822; {}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--xx\r\n\
             Content-Type: text/rfc822-headers\r\n\r\nX-Mms-Message-Type: {}\r\n\
             X-Mms-Transaction-ID: {}\r\nX-Mms-Message-ID: {}\r\n\r\n--xx--\r\n",
            envelope.recipients[0].address,
            asked.value(mm4::MESSAGE_TYPE),
            asked.value(mm4::TRANSACTION_ID),
            asked.value(mm4::MESSAGE_ID),
        );
        let to = sender.to_string();
        self.hears(peer, "", &[&to], bounce.as_bytes()).await.unwrap();
    }

    /// An operator releases everything that is held.
    pub(super) fn release(&self) {
        let by = By {
            who: "operator".into(),
            noting: None,
            at: self.now(),
        };
        let held = self.store.held(None, &[]).unwrap();
        self.store.release(&held, &[], &by).unwrap();
    }

    /// What this peer was asked last; of one that was not asked, what another one was.
    fn asked(&self, peer: &str) -> Option<&Tried> {
        let requests = || self.tried.iter().rev().filter(|tried| !tried.is_for_a());
        let own = requests().find(|tried| tried.outgoing.next_hop.as_str() == peer);
        own.or_else(|| requests().next())
    }
}

/// What a next hop says of a recipient. Operator A, who asks, takes everything.
fn says(does: &[Does], peer: &PeerName, recipient: &Recipient) -> Says {
    let fits = |Does(whom, _): &&Does| *whom == peer.as_str() || recipient.address.as_str().starts_with(whom);
    let Does(_, says) = does.iter().find(fits).unwrap_or(&Does("", Says::Yes));
    *says
}

/// In the words of the reply: `250`, or `550 5.7.1`.
pub(super) fn reply(heard: &Heard) -> String {
    match heard {
        Ok(()) => "250".into(),
        Err(refusal) => reply_to(refusal)
            .to_string()
            .split(' ')
            .take(2)
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// So many of each, in the order in which they came first: `arrival, failed at operator-b x2`.
pub(super) fn tally(things: impl IntoIterator<Item = String>) -> String {
    let (mut order, mut counts) = (Vec::new(), BTreeMap::<String, usize>::new());
    for thing in things {
        if !counts.contains_key(&thing) {
            order.push(thing.clone());
        }
        *counts.entry(thing).or_default() += 1;
    }
    let shown = order.into_iter().map(|thing| match counts[&thing] {
        1 => thing,
        many => format!("{thing} x{many}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}
