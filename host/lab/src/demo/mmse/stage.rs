//! The two operators and the relay, with every message between them: shown, compared with what should happen, and
//! counted.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::sync::mpsc;
use tokio::time::timeout;

use mm4relay::assembly::{Running, Setup};
use mm4relay::config::Config;
use mm4relay::message::StreamName;
use mm4relay::routing::Side;
use mm4relay::spool::{self, Hand};

use super::super::{PATIENCE, queue_is_empty};
use super::BETWEEN_OUR_OWN;
use super::actor::Actor;
use super::pdu::{Arrival, Pdu};

pub struct Stage {
    relay: Running,
    config_path: PathBuf,
    actors: Vec<Actor>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    spool: Arc<dyn Hand>,
    step: u32,
    sent: u32,
    came: u32,
}

/// How long to wait to be sure that nothing arrives for a message that goes nowhere yet.
const QUIET: Duration = Duration::from_millis(300);

/// The systems, by name, last octet of their address, and domain.
const SYSTEMS: [(&str, u8, &str); 4] = [
    ("a1", 11, "mms.a.example"),
    ("a2", 12, "mms.a.example"),
    ("a3", 13, "mms.a.example"),
    ("operator-b", 1, "mms.b.example"),
];

impl Stage {
    /// Starts all systems, and a relay that is configured in `folder`, where charging.wasm is.
    pub async fn set(folder: &Path) -> anyhow::Result<Self> {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let mut actors = Vec::new();
        for (name, octet, domain) in SYSTEMS {
            let host = IpAddr::V4(Ipv4Addr::new(127, 0, 0, octet));
            actors.push(Actor::start(name, host, domain, arrived.clone()).await?);
        }
        let config_path = folder.join("relay.toml");
        std::fs::write(&config_path, configuration(&actors))?;
        std::fs::write(folder.join(SUBSCRIBERS), NOBODY_MOVED)?;
        let spool_folder = Config::load(&config_path)?.relay.spool;
        let relay = Running::start(&config_path, Setup::default()).await?;
        Ok(Self {
            relay,
            config_path,
            actors,
            arrivals,
            spool: spool::open_beside(&spool_folder)?,
            step: 0,
            sent: 0,
            came: 0,
        })
    }

    pub fn config_path(&self) -> &Path {
        &self.config_path
    }

    /// The address that operator B connects to.
    pub fn relay_address(&self) -> String {
        self.door(Side::Outside)
            .map(|door| door.to_string())
            .unwrap_or_default()
    }

    pub fn introduce(&self) {
        println!("\noperator A: one domain, mms.a.example, and the relay in front of three Relay/Servers");
        println!(
            "relay       {} outside, {} inside",
            self.relay_address(),
            self.inside_address()
        );
        for actor in &self.actors {
            println!("{:<11} {}", actor.name, actor.address);
        }
    }

    fn inside_address(&self) -> String {
        self.door(Side::Inside).map(|door| door.to_string()).unwrap_or_default()
    }

    pub fn step(&mut self, title: &str, about: &str) {
        self.step += 1;
        println!("\n=== {}. {title} ===\n{about}\n", self.step);
    }

    /// `from` sends, and exactly `to` must get a message for it. Returns these messages, in the order of `to`.
    pub async fn pass(&mut self, from: &str, pdu: &Pdu, to: &[&str]) -> anyhow::Result<Vec<Arrival>> {
        let step = self.step;
        self.passed(from, pdu, to)
            .await
            .with_context(|| format!("step {step}: {} from {from}", pdu.kind))
    }

    async fn passed(&mut self, from: &str, pdu: &Pdu, to: &[&str]) -> anyhow::Result<Vec<Arrival>> {
        let sender = self.actor(from)?;
        let side = if from == "operator-b" {
            Side::Outside
        } else {
            Side::Inside
        };
        sender.send(self.door(side)?, pdu).await?;
        self.sent += 1;
        println!("{from:<11} -> relay        {:<26} {}", pdu.kind, pdu.about);
        let mut got = Vec::new();
        for _ in to {
            got.push(self.arrival().await?);
        }
        let place = |arrival: &Arrival| to.iter().position(|name| *name == arrival.by);
        if let Some(stray) = got.iter().find(|arrival| place(arrival).is_none()) {
            bail!(
                "{} came to {}, and should have come to {}",
                stray.value("X-Mms-Message-Type"),
                stray.by,
                to.join(", ")
            );
        }
        got.sort_by_key(place);
        for arrival in &got {
            show(pdu, arrival);
        }
        if to.is_empty() {
            self.nothing_comes().await?;
            println!("            (nothing goes out yet)");
        }
        Ok(got)
    }

    /// The whole life of a message behind its request: response, delivery report, read-reply report, and the answers to
    /// those. `originator` is the system that sent the request.
    pub async fn answer_and_report(&mut self, taken: &Arrival, originator: &str) -> anyhow::Result<()> {
        self.pass(taken.by, &Pdu::response_to(taken, "Ok"), &[originator])
            .await?;
        for report in [Pdu::delivery_report_on(taken), Pdu::read_reply_report_on(taken)] {
            let reported = self.pass(taken.by, &report, &[originator]).await?;
            self.pass(originator, &Pdu::response_to(&reported[0], "Ok"), &[taken.by])
                .await?;
        }
        Ok(())
    }

    pub fn kill(&mut self, name: &str) {
        for actor in self.actors.iter_mut().filter(|actor| actor.name == name) {
            actor.stop();
        }
        println!("{name:<11} is gone");
    }

    /// Lets it listen again, and waits for what waited for it.
    pub async fn bring_back(&mut self, name: &str) -> anyhow::Result<Arrival> {
        for actor in self.actors.iter_mut().filter(|actor| actor.name == name) {
            actor.listen().await?;
        }
        println!("{name:<11} is back");
        let arrival = self.arrival().await?;
        ensure!(arrival.by == name, "what waited for {name} came to {}", arrival.by);
        println!("relay       -> {name:<12} {}", arrival.value("X-Mms-Message-Type"));
        Ok(arrival)
    }

    /// Writes a row into the table of subscribers, and reloads.
    pub async fn move_subscriber(&mut self, number: &str, to: &str) -> anyhow::Result<()> {
        let folder = self.config_path.parent().unwrap_or(Path::new(""));
        std::fs::write(folder.join(SUBSCRIBERS), format!("{NOBODY_MOVED}{number},{to}\n"))?;
        self.relay.reload(&self.config_path).await?;
        println!("            (subscribers.csv: {number},{to}; reloaded)");
        Ok(())
    }

    /// Nothing is on its way, nothing waits, and nothing came that was not expected.
    pub async fn account_for_everything(&mut self) -> anyhow::Result<()> {
        queue_is_empty(&*self.spool).await?;
        self.nothing_comes().await?;
        println!(
            "\n{} messages were sent to the relay, {} came out of it, nothing waits in its queue",
            self.sent, self.came
        );
        self.account_for_records()
    }

    /// What came in and what went out has a record each, which says whether operator B had a part in it.
    fn account_for_records(&self) -> anyhow::Result<()> {
        let records = self.spool.records(&StreamName::CHARGING, 0, 10_000)?;
        let of_type = |wanted: &str| records.iter().filter(|row| row.record["record-type"] == wanted).count();
        let (came_in, went_out) = (of_type("relay-in"), of_type("relay-out"));
        ensure!(
            (came_in, went_out, records.len()) == (self.sent as usize, self.came as usize, came_in + went_out),
            "{came_in} relay-in and {went_out} relay-out among {} charging records",
            records.len()
        );
        for row in &records {
            // The response to a read-reply report has no message ID; the IDs of all the others begin with their message's.
            let ids = [&row.record["message-id"], &row.record["transaction-id"]];
            let is_between_our_own = ids.iter().any(|id| id.to_string().contains(BETWEEN_OUR_OWN));
            ensure!(
                row.record["intra-mmse"] == is_between_our_own,
                "charging record {} is wrong about whom the message was between: {}",
                row.sequence,
                row.record
            );
        }
        let intra = records.iter().filter(|row| row.record["intra-mmse"] == true).count();
        println!(
            "{came_in} relay-in and {went_out} relay-out records: {intra} within operator A, {} with operator B",
            records.len() - intra
        );
        Ok(())
    }

    /// Drains the relay and stops everybody.
    pub async fn clear(self) {
        self.relay.drain().await;
    }

    async fn nothing_comes(&mut self) -> anyhow::Result<()> {
        match timeout(QUIET, self.arrivals.recv()).await {
            Ok(Some(arrival)) => bail!("{} came to {} unasked", arrival.value("X-Mms-Message-Type"), arrival.by),
            _ => Ok(()),
        }
    }

    async fn arrival(&mut self) -> anyhow::Result<Arrival> {
        let arrival = timeout(PATIENCE, self.arrivals.recv())
            .await
            .context("nothing came out of the relay")?;
        self.came += 1;
        arrival.context("everybody is gone")
    }

    fn actor(&self, name: &str) -> anyhow::Result<&Actor> {
        let found = self.actors.iter().find(|actor| actor.name == name);
        found.with_context(|| format!("there is no {name}"))
    }

    fn door(&self, side: Side) -> anyhow::Result<SocketAddr> {
        let mut doors = self.relay.addresses();
        let door = doors.find(|(_, of)| *of == side).map(|(address, _)| address);
        door.context("the relay has no such listener")
    }
}

/// Where it went, and what is different from what was sent.
fn show(sent: &Pdu, arrival: &Arrival) {
    let kind = arrival.value("X-Mms-Message-Type");
    let status = arrival.value("X-Mms-Request-Status-Code");
    println!("relay       -> {:<12} {kind:<26} {status}", arrival.by);
    let text = String::from_utf8_lossy(&sent.bytes);
    let before: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    let after = arrival.lines();
    if kind != sent.kind {
        return;
    }
    for line in after
        .iter()
        .filter(|line| !before.contains(&line.as_str()) && !line.starts_with("Received:"))
    {
        println!("{:<27} + {line}", "");
    }
}

const SUBSCRIBERS: &str = "subscribers.csv";
const NOBODY_MOVED: &str = "# number, Relay/Server: only those who are not where their range is\n";

fn configuration(actors: &[Actor]) -> String {
    let mut text = String::from(
        r#"# What the demo runs with. See docs/relay.toml for every key.
[relay]
name = "mm4.a.example"
domains = ["mms.a.example"]
listen = ["127.0.0.1:0"]
inside-listen = ["127.0.0.1:0"]
plugin-folder = "."

[routing]
subscribers = "subscribers"

[[table]]
name = "subscribers"
file = "subscribers.csv"
"#,
    );
    for Actor { name, address, .. } in actors {
        let (section, keys) = match name.strip_prefix('a') {
            Some(digit) => ("relay-server", format!("numbers = [\"+1555{digit}\"]")),
            None => ("peer", "domains = [\"mms.b.example\"]".to_owned()),
        };
        text.push_str(&format!(
            "\n[[{section}]]\nname = \"{name}\"\nhosts = [\"{address}\"]\nfrom = [\"{}\"]\n{keys}\n\
             retry = {{ first = \"100 ms\", longest = \"200 ms\" }}\n",
            address.ip()
        ));
    }
    text.push_str(
        r#"
[[plugin]]
name = "charging"
file = "charging.wasm"
grants = ["charging"]
"#,
    );
    text
}
