//! Sessions over real sockets and, where time is played with, over pipes: a relay with a scripted handler, and a
//! language for conversations.

mod anything;
mod chunks;
mod commands;
mod farewell;
mod limits;
mod logins;
mod measures;
mod messages;
mod patience;
mod smuggling;
mod talk;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use self::talk::Talk;
use super::session::Session;
use super::{Handler, LoginRefused, Options, Proof, SenderTerms, Welcome, serve};
use crate::message::{Incoming, MessageId, MmsAddress, PeerName, RecipientId, Refusal, Timestamp};
use crate::protocol::smtp::AuthCredentials;
use crate::spool::{BoxFuture, Receipt};

/// Knows the peer `a`, routes everything to `b.example`, and takes what it gets unless it has been told otherwise.
struct Script {
    /// What the next messages are refused with, last first.
    refusals: Mutex<Vec<Refusal>>,
    terms: Mutex<SenderTerms>,
    unwelcome: Mutex<Option<Refusal>>,
    welcome: Mutex<Welcome>,
    arrived: mpsc::UnboundedSender<Incoming>,
    /// A message needs a permit to be carried.
    gate: Semaphore,
}

struct Relay {
    address: SocketAddr,
    script: Arc<Script>,
    options: Arc<Options>,
    arrived: mpsc::UnboundedReceiver<Incoming>,
    stop: watch::Sender<bool>,
    /// Of sessions over pipes, which take no places.
    overload: watch::Sender<bool>,
    server: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Handler for Script {
    fn greet(&self, _: SocketAddr) -> Result<Welcome, Refusal> {
        let welcome = *self.welcome.lock().unwrap();
        self.unwelcome.lock().unwrap().clone().map_or(Ok(welcome), Err)
    }

    fn log_in(&self, _: SocketAddr, credentials: AuthCredentials) -> BoxFuture<'_, Result<PeerName, LoginRefused>> {
        let right = credentials.name == "ann" && credentials.password.reveal() == "a secret";
        Box::pin(async move {
            match right {
                true => Ok(PeerName::new("a").unwrap()),
                false => Err(LoginRefused::Wrong),
            }
        })
    }

    fn sender(&self, _: SocketAddr, proof: &Proof, sender: Option<&MmsAddress>) -> Result<SenderTerms, Refusal> {
        match sender.map(MmsAddress::as_str) {
            Some("ann@a.example") if proof.login.is_none() => Err(Refusal::NotProven { what: "log in" }),
            Some("stranger@c.example") => Err(Refusal::SenderNotAllowed {
                sender: "stranger@c.example".into(),
            }),
            _ => Ok(self.terms.lock().unwrap().clone()),
        }
    }

    fn recipient(&self, source: &PeerName, address: &MmsAddress) -> Result<(), Refusal> {
        assert_eq!(source.as_str(), "a");
        match address.domain() {
            Some("b.example") => Ok(()),
            _ => Err(Refusal::NoRoute {
                recipient: address.to_string(),
            }),
        }
    }

    fn next_id(&self) -> MessageId {
        MessageId(7)
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_790_000_000_000)
    }

    fn carry(&self, incoming: Incoming) -> BoxFuture<'_, Result<Receipt, Refusal>> {
        Box::pin(async move {
            let id = incoming.id;
            self.arrived.send(incoming).unwrap();
            self.gate.acquire().await.unwrap().forget();
            self.gate.add_permits(1);
            match self.refusals.lock().unwrap().pop() {
                Some(refusal) => Err(refusal),
                None => Ok(Receipt::forged(id)),
            }
        })
    }
}

impl Relay {
    async fn start() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Small limits, which messages of a few lines reach.
        let mut options = Options {
            line: 998,
            errors: 10,
            transaction: std::time::Duration::from_secs(30 * 60),
            ..Options::new("relay.example", folder.path())
        };
        change(&mut options);
        let options = Arc::new(options);
        let (arrive, arrived) = mpsc::unbounded_channel();
        let script = Arc::new(Script {
            refusals: Mutex::default(),
            terms: Mutex::new(SenderTerms::new(PeerName::new("a").unwrap())),
            unwelcome: Mutex::default(),
            welcome: Mutex::default(),
            arrived: arrive,
            gate: Semaphore::new(1),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let server = tokio::spawn(serve(
            Arc::new(listener),
            Arc::clone(&options),
            Arc::clone(&script),
            stopping,
        ));
        Self {
            address,
            script,
            options,
            arrived,
            stop,
            overload: watch::Sender::new(false),
            server,
            _folder: folder,
        }
    }

    async fn connect(&self) -> Talk<TcpStream> {
        Talk::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// A session over a pipe, for tests that stop the clock.
    fn pipe(&self) -> Talk<DuplexStream> {
        let (session, talk) = self.session();
        tokio::spawn(session.run());
        talk
    }

    /// The same, as if TLS were on.
    fn encrypted_pipe(&self) -> Talk<DuplexStream> {
        let (session, talk) = self.session();
        tokio::spawn(session.encrypted().run());
        talk
    }

    fn session(&self) -> (Session<Script>, Talk<DuplexStream>) {
        let (near, far) = tokio::io::duplex(64 << 10);
        let remote = ([192, 0, 2, 1], 2525).into();
        let (options, script) = (Arc::clone(&self.options), Arc::clone(&self.script));
        let (stop, overload) = (self.stop.subscribe(), self.overload.subscribe());
        let session = Session::new(far, remote, options, script, stop, overload);
        (session, Talk::new(near).patient())
    }

    fn refuse_next(&self, refusal: Refusal) {
        self.script.refusals.lock().unwrap().push(refusal);
    }

    fn nothing_arrived(&mut self) -> bool {
        self.arrived.try_recv().is_err()
    }
}

fn octets(incoming: &Incoming) -> String {
    let all = incoming.content.read(0..incoming.content.size()).unwrap();
    String::from_utf8(all.to_vec()).unwrap()
}
