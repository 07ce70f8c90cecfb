//! Two relays on one store, with the locks switched off that keep two tasks of one relay apart: then only the
//! conditions of commits ensure that everything is sent and answered once.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm4relay_lab::peer::behaviour::{Action, Rule, Stage};
use mm4relay_lab::peer::{Behaviour, Keep, Received, serve};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Running, Setup};
use crate::clock::SystemClock;
use crate::message::{Content, MessageId, Timestamp};
use crate::spool::memory::{Memory, MemorySpool};
use crate::spool::{
    Acceptance, BoxFuture, Expect, Filter, Finish, Inbox, Leased, Leases, Node, Operator as _, Receipt, Requests as _,
    Room, Space, Spool, SpoolError, Unfinished,
};

/// Long, because test machines may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// An operator's MMSE, which keeps what it receives.
struct Operator {
    letter: char,
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Received>>>,
}

impl Operator {
    async fn start(letter: char, rules: Vec<Rule>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken: Arc<Mutex<Vec<Received>>> = Arc::default();
        let kept = Arc::clone(&taken);
        let behaviour = Behaviour {
            host: format!("mms.{letter}.example"),
            keep: Keep::Everything,
            rules,
            on_message: Some(Box::new(move |message, code| {
                if code == 250 {
                    kept.lock().unwrap().push(message);
                }
            })),
            ..Behaviour::default()
        };
        tokio::spawn(serve(listener, Arc::new(behaviour), Arc::default()));
        Self { letter, address, taken }
    }

    fn taken(&self) -> Vec<Received> {
        self.taken.lock().unwrap().clone()
    }

    /// Waits until it has received so many messages.
    async fn wait_for(&self, count: usize) -> Vec<Received> {
        let until = Instant::now() + PATIENCE;
        while self.taken().len() < count {
            let had = self.taken().len();
            assert!(Instant::now() < until, "operator {} has {had} of {count}", self.letter);
            sleep(Duration::from_millis(20)).await;
        }
        self.taken()
    }

    /// The IDs of the received messages, in order, with duplicates.
    fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self
            .taken()
            .iter()
            .map(|message| field(message, "X-Mms-Message-ID"))
            .collect();
        ids.sort();
        ids
    }
}

fn field(message: &Received, name: &str) -> String {
    let text = String::from_utf8_lossy(&message.data).into_owned();
    let line = text.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    });
    line.unwrap_or_default()
}

fn request(id: &str) -> String {
    format!(
        "From: +15555550100/TYPE=PLMN\r\nTo: +15555550199/TYPE=PLMN\r\nX-Mms-3GPP-MMS-Version: 6.5.0\r\n\
         X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: \"{id}\"\r\nX-Mms-Message-ID: \"{id}\"\r\n\
         X-Mms-Originator-System: system@mms.a.example\r\nX-Mms-Ack-Request: Yes\r\n\
         Date: Mon, 26 Jan 2026 00:17:43 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    )
}

/// The response of a next hop to a received message.
fn response(to: &Received) -> String {
    let (system, transaction, id) = (
        field(to, "X-Mms-Originator-System"),
        field(to, "X-Mms-Transaction-ID"),
        field(to, "X-Mms-Message-ID"),
    );
    format!(
        "From: system@mms.b.example\r\nTo: {system}\r\nX-Mms-3GPP-MMS-Version: 6.5.0\r\n\
         X-Mms-Message-Type: MM4_forward.RES\r\nX-Mms-Transaction-ID: {transaction}\r\nX-Mms-Message-ID: {id}\r\n\
         X-Mms-Request-Status-Code: Ok\r\n\r\n"
    )
}

/// Sends a message to a relay. Returns the answer to the end of data.
async fn say(relay: SocketAddr, from: String, to: Vec<String>, message: String) -> String {
    let talk = move || {
        let mut out = TcpStream::connect(relay).unwrap();
        let mut answers = BufReader::new(out.try_clone().unwrap());
        let mut answer = move || {
            loop {
                let mut line = String::new();
                assert!(answers.read_line(&mut line).unwrap() > 0, "the relay hung up");
                if line.as_bytes().get(3) == Some(&b' ') {
                    return line;
                }
            }
        };
        answer();
        let mut ask = |line: String| {
            out.write_all(line.as_bytes()).unwrap();
            answer()
        };
        ask("EHLO mms.example\r\n".into());
        ask(format!("MAIL FROM:<{from}>\r\n"));
        for recipient in to {
            let answer = ask(format!("RCPT TO:<{recipient}>\r\n"));
            assert!(answer.starts_with("250"), "{recipient}: {answer}");
        }
        ask("DATA\r\n".into());
        ask(format!("{message}.\r\n"))
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}

fn configuration(folder: &Path, operators: &[&Operator]) -> PathBuf {
    let peers = operators.iter().map(|operator| {
        let Operator { letter, address, .. } = operator;
        format!(
            "[[peer]]\nname = \"operator-{letter}\"\ndomains = [\"mms.{letter}.example\"]\nfrom = [\"127.0.0.1\"]\n\
             hosts = [\"{address}\"]\nretry = {{ first = \"50 ms\", longest = \"200 ms\" }}\n"
        )
    });
    let text = format!(
        "[relay]\nname = \"mm4.hub.example\"\ndomains = [\"mms.hub.example\"]\nlisten = [\"127.0.0.1:0\"]\n\
         spool = \"spool\"\n{}",
        peers.collect::<String>()
    );
    let path = folder.join("relay.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// A meeting point for commits that were decided by the same state of a request: none goes on before another one is
/// there, or none has come for a while. So two relays certainly answer one request at the same time.
#[derive(Default)]
struct Meeting(Mutex<Vec<(Expect, Arc<Notify>)>>);

const WAITS: Duration = Duration::from_millis(500);

impl Meeting {
    async fn wait(&self, at: Expect) {
        let came = Arc::new(Notify::new());
        let first = {
            let mut waiting = self.0.lock().unwrap();
            match waiting.iter().position(|(expect, _)| *expect == at) {
                Some(place) => {
                    waiting.swap_remove(place).1.notify_one();
                    false
                }
                None => {
                    waiting.push((at, Arc::clone(&came)));
                    true
                }
            }
        };
        if first && timeout(WAITS, came.notified()).await.is_err() {
            self.0.lock().unwrap().retain(|(_, waits)| !Arc::ptr_eq(waits, &came));
        }
    }
}

/// Wraps one relay's inbox.
struct MeetingFirst {
    inbox: Arc<dyn Inbox>,
    meeting: Arc<Meeting>,
}

impl Space for MeetingFirst {
    fn room(&self) -> Room {
        self.inbox.room()
    }
}

impl Leases for MeetingFirst {
    fn give_back(&self, leased: Leased) {
        self.inbox.give_back(leased);
    }

    fn is_ours(&self, leased: Leased) -> bool {
        self.inbox.is_ours(leased)
    }

    fn renew(&self) -> BoxFuture<'_, Result<(), SpoolError>> {
        self.inbox.renew()
    }
}

impl Inbox for MeetingFirst {
    fn next_id(&self) -> MessageId {
        self.inbox.next_id()
    }

    fn commit(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Receipt, SpoolError>> {
        Box::pin(async move {
            if let Some(expect) = acceptance.expects.first() {
                self.meeting.wait(*expect).await;
            }
            self.inbox.commit(acceptance).await
        })
    }

    fn unfinished(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Unfinished>, SpoolError>> {
        self.inbox.unfinished(now, limit)
    }

    fn finish(&self, id: MessageId, finish: Finish) -> BoxFuture<'_, Result<(), SpoolError>> {
        self.inbox.finish(id, finish)
    }

    fn received(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, SpoolError>> {
        self.inbox.received(id)
    }
}

struct TwoRelays {
    folders: [tempfile::TempDir; 2],
    running: [Running; 2],
    store: Arc<MemorySpool>,
}

impl TwoRelays {
    async fn start(memory: &Arc<Memory>, operators: &[&Operator]) -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let (mut running, meeting) = (Vec::new(), Arc::<Meeting>::default());
        for (folder, node) in folders.iter().zip(0..) {
            let store = memory.relay(Node::new(node).unwrap()) as Arc<dyn Spool>;
            let meeting = Arc::clone(&meeting);
            let in_front = move |inbox| Arc::new(MeetingFirst { inbox, meeting }) as Arc<dyn Inbox>;
            let setup = Setup {
                inbox: Some(Box::new(in_front)),
                store: Some(store),
                ..Setup::default()
            };
            let relay = Running::start(&configuration(folder.path(), operators), setup)
                .await
                .unwrap();
            relay.without_desks();
            running.push(relay);
        }
        let running = running.try_into().unwrap_or_else(|_| panic!("two relays"));
        Self {
            folders,
            running,
            store: memory.relay(Node::new(2).unwrap()),
        }
    }

    fn address(&self, relay: usize) -> SocketAddr {
        self.running[relay].addresses().next().unwrap().0
    }

    /// Waits until nothing is in the queue and nothing is due; then both relays stop.
    async fn end(self) {
        let until = Instant::now() + PATIENCE;
        let quiet = async {
            while !self.store.list(&Filter::default()).unwrap().is_empty()
                || self.store.next_transaction_due().await.unwrap().is_some()
            {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout_at(until, quiet).await.expect("the queue becomes empty");
        for relay in self.running {
            relay.drain().await;
        }
        drop(self.folders);
    }
}

const FROM: &str = "+15555550100/TYPE=PLMN@mms.a.example";
const AT_B: &str = "+15555550199/TYPE=PLMN@mms.b.example";
const AT_C: &str = "+15555550188/TYPE=PLMN@mms.c.example";

/// Both next hops are down at first, so that everything waits in the store, and both relays look for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_relays_on_one_store_send_no_message_twice_and_answer_no_request_twice() {
    const REQUESTS: usize = 30;
    let away = || vec![Rule::new(Stage::Connect, Action::Answer(421), Some(6))];
    let (a, b, c) = (
        Operator::start('a', Vec::new()).await,
        Operator::start('b', away()).await,
        Operator::start('c', away()).await,
    );
    let memory = Memory::new(Arc::new(SystemClock));
    let relays = TwoRelays::start(&memory, &[&a, &b, &c]).await;
    for number in 0..REQUESTS {
        let to = vec![AT_B.to_owned(), AT_C.to_owned()];
        let message = request(&format!("k{number}@mms.a.example"));
        let answer = say(relays.address(number % 2), FROM.into(), to, message).await;
        assert!(answer.starts_with("250"), "{answer}");
    }
    let (at_b, at_c) = (b.wait_for(REQUESTS).await, c.wait_for(REQUESTS).await);
    // Both next hops of a request answer at the same time, each at another relay; and operator B sends everything
    // twice.
    let mut said = Vec::new();
    for message in at_b {
        for relay in [0, 1] {
            let system = field(&message, "X-Mms-Originator-System");
            let answer = say(
                relays.address(relay),
                "system@mms.b.example".into(),
                vec![system],
                response(&message),
            );
            said.push(tokio::spawn(answer));
        }
    }
    for (message, relay) in at_c.into_iter().zip([0, 1].into_iter().cycle()) {
        let system = field(&message, "X-Mms-Originator-System");
        let answer = say(
            relays.address(relay),
            "system@mms.c.example".into(),
            vec![system],
            response(&message),
        );
        said.push(tokio::spawn(answer));
    }
    for answer in said {
        let answer = answer.await.unwrap();
        assert!(answer.starts_with("250"), "{answer}");
    }
    a.wait_for(REQUESTS).await;
    relays.end().await;
    let mut expected: Vec<String> = (0..REQUESTS)
        .map(|number| format!("\"k{number}@mms.a.example\""))
        .collect();
    expected.sort();
    assert_eq!(
        (b.ids(), c.ids()),
        (expected.clone(), expected.clone()),
        "each request once at each next hop"
    );
    assert_eq!(a.ids(), expected, "one response to each request");
}

/// A lone next hop sends every response twice, to both relays at once. Its response is passed on as it is, so both
/// relays could do so. Returns the number of requests, and of responses to those who asked.
async fn every_response_at_both_relays(memory: &Arc<Memory>) -> (usize, usize) {
    const REQUESTS: usize = 10;
    let (a, b) = (
        Operator::start('a', Vec::new()).await,
        Operator::start('b', Vec::new()).await,
    );
    let relays = TwoRelays::start(memory, &[&a, &b]).await;
    for number in 0..REQUESTS {
        let message = request(&format!("k{number}@mms.a.example"));
        let answer = say(relays.address(number % 2), FROM.into(), vec![AT_B.into()], message).await;
        assert!(answer.starts_with("250"), "{answer}");
    }
    let mut said = Vec::new();
    for message in b.wait_for(REQUESTS).await {
        for relay in [0, 1] {
            let system = field(&message, "X-Mms-Originator-System");
            let answer = say(
                relays.address(relay),
                "system@mms.b.example".into(),
                vec![system],
                response(&message),
            );
            said.push(tokio::spawn(answer));
        }
    }
    for answer in said {
        let answer = answer.await.unwrap();
        assert!(answer.starts_with("250"), "{answer}");
    }
    a.wait_for(REQUESTS).await;
    relays.end().await;
    (REQUESTS, a.ids().len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_response_that_comes_at_two_relays_at_once_one_passes_on() {
    let (requests, responses) = every_response_at_both_relays(&Memory::new(Arc::new(SystemClock))).await;
    assert_eq!(responses, requests, "one response to each request");
}

/// Otherwise the claim above would hold for any store.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_does_not_look_at_what_a_commit_expects_is_found_out() {
    let (requests, responses) = every_response_at_both_relays(&Memory::liar(Arc::new(SystemClock))).await;
    assert!(responses > requests, "{responses} responses to {requests} requests");
}
