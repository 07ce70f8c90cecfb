//! The relay and the operators of the demo, in this process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::mailer::{Mailer, Sent};
use crate::peer::{Behaviour, Keep, Received, serve};
use mm4relay::assembly::{Running, Setup};
use mm4relay::config::Config;
use mm4relay::message::{MmsAddress, StreamName};
use mm4relay::relay::Observer;
use mm4relay::spool::{self, Acceptance, Hand, Recorded};

use super::samples::Sample;
use super::{PATIENCE, queue_is_empty};

pub struct Stage {
    relay: Running,
    operators: Vec<Operator>,
    config_path: PathBuf,
    spool: Arc<dyn Hand>,
    /// Charging records that have been shown.
    shown: u64,
    accepted: Arc<Accepted>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

struct Operator {
    name: &'static str,
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// A message that reached an operator.
pub struct Arrival {
    pub operator: &'static str,
    pub message: Received,
}

/// What became of a sample.
pub struct Played {
    pub sent: Sent,
    /// What the relay was about to commit, if it came that far.
    pub acceptance: Option<Acceptance>,
    pub arrivals: Vec<Arrival>,
    pub records: Vec<Recorded>,
}

impl Played {
    pub fn was_taken(&self) -> bool {
        self.sent.answer.as_ref().is_some_and(|answer| answer.is_positive())
    }
}

/// Keeps what the relay accepted last.
#[derive(Default)]
struct Accepted(Mutex<Option<Acceptance>>);

impl Observer for Accepted {
    fn accepted(&self, acceptance: &Acceptance) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(acceptance.clone());
    }
}

impl Stage {
    /// Starts three operators, and a relay between them that is configured in `folder`.
    pub async fn set(folder: &Path) -> anyhow::Result<Self> {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let mut operators = Vec::new();
        for name in ["operator-a", "operator-b", "operator-c"] {
            operators.push(Operator::start(name, arrived.clone()).await?);
        }
        let config_path = folder.join("relay.toml");
        std::fs::write(
            folder.join("portability.csv"),
            "# number, network\n+15555550188,mms.c.example\n",
        )?;
        std::fs::write(&config_path, configuration(&operators))?;

        let accepted = Arc::new(Accepted::default());
        let observer = Arc::clone(&accepted) as Arc<dyn Observer>;
        let spool_folder = Config::load(&config_path)?.relay.spool;
        let relay = Running::start(
            &config_path,
            Setup {
                observer,
                ..Setup::default()
            },
        )
        .await?;
        let spool = spool::open_beside(&spool_folder)?;
        Ok(Self {
            relay,
            operators,
            config_path,
            spool,
            shown: 0,
            accepted,
            arrivals,
        })
    }

    pub fn relay_address(&self) -> String {
        self.relay
            .addresses()
            .map(|(address, _)| address.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    }

    pub fn config_path(&self) -> &Path {
        &self.config_path
    }

    pub fn operators(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        self.operators.iter().map(|operator| (operator.name, operator.address))
    }

    /// Sends one sample and waits until everything that it causes has happened.
    pub async fn play(&mut self, sample: &Sample) -> anyhow::Result<Played> {
        self.accepted.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let sent = send(&self.relay_address(), sample).await?;
        let acceptance = self.accepted.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut arrivals = Vec::new();
        for _ in 0..acceptance.as_ref().map_or(0, |acceptance| acceptance.outgoing.len()) {
            let arrival = timeout(PATIENCE, self.arrivals.recv()).await;
            arrivals.push(
                arrival
                    .context("an operator did not get its message")?
                    .context("the operators are gone")?,
            );
        }
        arrivals.sort_by_key(|arrival| arrival.operator);
        queue_is_empty(&*self.spool).await?;
        let records = self.spool.records(&StreamName::CHARGING, self.shown, 1000)?;
        self.shown = records.last().map_or(self.shown, |row| row.sequence);
        Ok(Played {
            sent,
            acceptance,
            arrivals,
            records,
        })
    }

    /// Drains the relay and stops the operators.
    pub async fn clear(self) {
        self.relay.drain().await;
        for operator in self.operators {
            operator.server.abort();
        }
    }
}

impl Operator {
    async fn start(name: &'static str, arrived: mpsc::UnboundedSender<Arrival>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let on_message = move |message, _code| {
            // Nobody listens any more when the demo ends.
            let _ = arrived.send(Arrival {
                operator: name,
                message,
            });
        };
        let host = format!("mms.{name}.example");
        let keep = Keep::Everything;
        let behaviour = Behaviour {
            host,
            keep,
            on_message: Some(Box::new(on_message)),
            ..Behaviour::default()
        };
        let server = tokio::spawn(async move { serve(listener, Arc::new(behaviour), Arc::default()).await });
        Ok(Self { name, address, server })
    }
}

async fn send(relay: &str, sample: &Sample) -> anyhow::Result<Sent> {
    let mut mailer = Mailer::connect(relay, "mms.sender.example", false).await?;
    let from = MmsAddress::new(sample.from)?;
    let to = sample
        .to
        .iter()
        .map(|text| MmsAddress::new(text))
        .collect::<Result<Vec<_>, _>>()?;
    let sent = mailer
        .send(Some(&from), &to, Bytes::from_static(sample.message))
        .await?;
    mailer.quit().await?;
    Ok(sent)
}

fn configuration(operators: &[Operator]) -> String {
    let mut text = String::from(
        r#"# What the demo runs with. See docs/relay.toml for every key.
[relay]
name = "mm4.hub.example"
domains = ["mms.hub.example"]
listen = ["127.0.0.1:0"]
plugin-folder = "."
"#,
    );
    for Operator { name, address, .. } in operators {
        let letter = name.trim_start_matches("operator-");
        text.push_str(&format!(
            "\n[[peer]]\nname = \"{name}\"\ndomains = [\"mms.{letter}.example\"]\nhosts = [\"{address}\"]\n\
             from = [\"127.0.0.1\"]\n"
        ));
        if letter == "b" {
            text.push_str("max-image-width = 80\nmax-image-height = 60\n");
        }
    }
    text.push_str(
        r#"
[[table]]
name = "portability"
file = "portability.csv"

[[plugin]]
name = "address-rewrite"
file = "address-rewrite.wasm"
grants = ["tables", "log"]
[plugin.settings]
country-code = "999"
national-prefix = "0"
portability-table = "portability"

[[plugin]]
name = "content-adapt"
file = "content-adapt.wasm"
grants = ["log"]

[[plugin]]
name = "skeleton"
file = "skeleton.wasm"
[plugin.settings]
relay-name = "mm4.hub.example"

[[plugin]]
name = "charging"
file = "charging.wasm"
grants = ["charging"]
"#,
    );
    text
}
