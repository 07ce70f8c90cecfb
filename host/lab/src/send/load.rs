//! The load generator: many sessions, messages that share their body, and figures at the end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until};

use super::request::Requests;
use crate::tally::Latencies;
use mm4relay::delivery::{Client, ClientError, Extent};
use mm4relay::message::MmsAddress;
use mm4relay::protocol::smtp::Question;
use mm4relay::protocol::smtp::outbound::{self, Extensions};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Generate messages instead of sending files.
    #[arg(long)]
    pub load: bool,
    /// How many to send in all.
    #[arg(long, default_value_t = 1000, requires = "load", value_name = "N")]
    messages: u64,
    /// Sessions at the same time.
    #[arg(long, default_value_t = 20, requires = "load", value_name = "N")]
    sessions: u64,
    /// Octets of each message.
    #[arg(long, default_value_t = 30_000, requires = "load", value_name = "OCTETS")]
    size: usize,
    /// Messages over one connection; without it, connections are used to the end.
    #[arg(long, requires = "load", value_name = "N")]
    per_connection: Option<u64>,
    /// Messages per second over all sessions; without it, as fast as it goes.
    #[arg(long, requires = "load", value_name = "N")]
    rate: Option<f64>,
    /// Octets per second within each session, to have many messages under way at once.
    #[arg(long, requires = "load", value_name = "OCTETS")]
    pace: Option<u64>,
    /// Ask for a response to each message.
    #[arg(long, requires = "load")]
    ack: bool,
    /// Write the transaction id of each message acknowledged with 250 to FILE, line by line.
    #[arg(long, requires = "load", value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// How long a session tries to connect and to be greeted before it gives up.
    #[arg(long, default_value_t = 10.0, requires = "load", value_name = "SECONDS")]
    patience: f64,
}

/// The state that all sessions share.
struct Load {
    to: String,
    helo: String,
    from: MmsAddress,
    recipients: Vec<MmsAddress>,
    requests: Requests,
    next: AtomicU64,
    messages: u64,
    per_connection: u64,
    rate: Option<f64>,
    pace: Option<u64>,
    patience: Duration,
    ledger: Option<Mutex<File>>,
    begun: Instant,
}

/// The results of one session.
#[derive(Debug, Default)]
struct Tally {
    acknowledged: u64,
    refused: u64,
    deferred: u64,
    /// Messages during which the connection broke, so that their fate is unknown.
    lost: u64,
    latencies: Latencies,
}

struct Connection {
    client: Client,
    offered: Extensions,
    messages: u64,
}

/// A limit for everything, so that a relay that was killed in a test is noticed.
const LIMIT: Duration = Duration::from_secs(600);

/// The pause between attempts to connect.
const AGAIN: Duration = Duration::from_millis(50);

/// How often a paced session writes.
const PACE: Duration = Duration::from_millis(100);

pub(super) async fn run(
    args: &Args,
    to: String,
    helo: String,
    from: MmsAddress,
    recipients: Vec<MmsAddress>,
) -> anyhow::Result<serde_json::Value> {
    let run = format!("{:08x}", fastrand::u32(..));
    let open = |path: &PathBuf| File::create(path).with_context(|| format!("cannot write to {}", path.display()));
    if args.rate.is_some_and(|rate| rate.is_nan() || rate <= 0.0) || args.pace == Some(0) {
        bail!("--rate and --pace must be greater than 0");
    }
    let load = Arc::new(Load {
        requests: Requests::new(args.size, (&from, &recipients), args.ack, run),
        to,
        helo,
        from,
        recipients,
        next: AtomicU64::new(0),
        messages: args.messages,
        per_connection: args.per_connection.unwrap_or(u64::MAX).max(1),
        rate: args.rate,
        pace: args.pace,
        patience: Duration::try_from_secs_f64(args.patience).context("--patience")?,
        ledger: args.ledger.as_ref().map(open).transpose()?.map(Mutex::new),
        begun: Instant::now(),
    });
    let sessions = args.sessions.clamp(1, args.messages.max(1));
    let sessions: Vec<_> = (0..sessions).map(|_| tokio::spawn(load.clone().session())).collect();
    let mut total = Tally::default();
    let mut given_up = 0;
    for session in sessions {
        let (tally, ended) = session.await?;
        total.merge(tally);
        if let Err(error) = ended {
            eprintln!("mm4relay send: a session gave up: {}: {error}", load.to);
            given_up += 1;
        }
    }
    Ok(load.report(total, given_up))
}

impl Load {
    /// Sends until all messages were taken by some session.
    async fn session(self: Arc<Self>) -> (Tally, Result<(), ClientError>) {
        let (mut tally, mut connection) = (Tally::default(), None);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.messages {
                break;
            }
            if let Some(rate) = self.rate {
                sleep_until(self.begun + Duration::from_secs_f64(number as f64 / rate)).await;
            }
            let mut open = match connection.take() {
                Some(open) => open,
                None => match self.connect().await {
                    Ok(open) => open,
                    Err(error) => return (tally, Err(error)),
                },
            };
            match self.transaction(&mut open, number, &mut tally).await {
                Ok(()) => {
                    open.messages += 1;
                    if open.messages < self.per_connection {
                        connection = Some(open);
                    } else {
                        let _ = open.client.ask(Question::Quit, b"QUIT\r\n", LIMIT).await;
                    }
                }
                Err(_) => tally.lost += 1,
            }
        }
        if let Some(mut open) = connection {
            let _ = open.client.ask(Question::Quit, b"QUIT\r\n", LIMIT).await;
        }
        (tally, Ok(()))
    }

    async fn connect(&self) -> Result<Connection, ClientError> {
        let deadline = Instant::now() + self.patience;
        loop {
            match self.greet().await {
                Ok(connection) => return Ok(connection),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => sleep(AGAIN).await,
            }
        }
    }

    async fn greet(&self) -> Result<Connection, ClientError> {
        let limit = self.patience;
        let mut client = Client::connect(&self.to, limit).await?;
        let refused = |what| ClientError::HungUp { what };
        if client.answer(limit).await?.code != 220 {
            return Err(refused("a greeting"));
        }
        let ehlo = format!("EHLO {}\r\n", self.helo);
        client.ask(Question::Ehlo, ehlo.as_bytes(), limit).await?;
        let reply = client.answer(LIMIT).await?;
        if reply.code != 250 {
            return Err(refused("EHLO"));
        }
        Ok(Connection {
            client,
            offered: Extensions::from_reply(&reply),
            messages: 0,
        })
    }

    /// Sends one message. Fails when the connection breaks.
    async fn transaction(&self, open: &mut Connection, number: u64, tally: &mut Tally) -> Result<(), ClientError> {
        let mut lines = Vec::with_capacity(2 + self.recipients.len());
        let mut line = Vec::with_capacity(160);
        let size = open.offered.size.map(|_| self.requests.size() as u64);
        outbound::mail(&mut line, Some(&self.from), size, false);
        lines.push((Question::Mail, line.len()));
        for recipient in &self.recipients {
            outbound::rcpt(&mut line, recipient);
            lines.push((Question::Rcpt, line.len()));
        }
        line.extend_from_slice(b"DATA\r\n");
        lines.push((Question::Data, line.len()));
        let client = &mut open.client;
        if open.offered.pipelining {
            client.ask_all(&line, &lines, LIMIT).await?;
        }
        let (mut start, mut worst, mut last) = (0, 0, 0);
        for (question, end) in lines {
            if !open.offered.pipelining {
                client.ask(question, &line[start..end], LIMIT).await?;
                start = end;
            }
            last = client.answer(LIMIT).await?.code;
            worst = worst.max(last);
        }
        if last != 354 {
            tally.count(worst);
            client.ask(Question::Rset, b"RSET\r\n", LIMIT).await?;
            return client.answer(LIMIT).await.map(drop);
        }
        self.write_message(client, number).await?;
        let dot = Instant::now();
        let code = client.answer(LIMIT).await?.code;
        tally.latencies.add(dot.elapsed());
        tally.count(code);
        if code == 250 {
            self.enter(number);
        }
        Ok(())
    }

    async fn write_message(&self, client: &mut Client, number: u64) -> Result<(), ClientError> {
        let (head, body) = (self.requests.head(number), self.requests.body());
        let Some(pace) = self.pace else {
            return client
                .write_message(&mut VecDeque::from([head, body]), Extent::ToItsEnd(None), LIMIT)
                .await;
        };
        let step = usize::try_from((pace / 10).max(1)).unwrap_or(usize::MAX);
        let mut rest = body;
        let mut slice: Bytes = head;
        loop {
            let last = rest.is_empty();
            let written = match last {
                true => Extent::ToItsEnd(None),
                false => Extent::InPart,
            };
            client
                .write_message(&mut VecDeque::from([slice]), written, LIMIT)
                .await?;
            if last {
                return Ok(());
            }
            sleep(PACE).await;
            slice = rest.split_to(step.min(rest.len()));
        }
    }

    /// One system call a line: an entry in the ledger was acknowledged, even if this process is killed.
    fn enter(&self, number: u64) {
        let Some(ledger) = &self.ledger else { return };
        let line = format!("{}\n", self.requests.id(number));
        let written = ledger.lock().map(|mut file| file.write_all(line.as_bytes()));
        if !matches!(written, Ok(Ok(()))) {
            eprintln!("mm4relay send: the ledger cannot be written");
        }
    }

    fn report(&self, mut total: Tally, given_up: u64) -> serde_json::Value {
        let seconds = self.begun.elapsed().as_secs_f64();
        let octets = total.acknowledged as f64 * self.requests.size() as f64;
        serde_json::json!({
            "messages": total.acknowledged,
            "refused": total.refused,
            "deferred": total.deferred,
            "lost": total.lost,
            "sessions_given_up": given_up,
            "octets_each": self.requests.size(),
            "seconds": seconds,
            "messages_per_second": total.acknowledged as f64 / seconds,
            "megabytes_per_second": octets / seconds / 1e6,
            "latency_ms": {
                "p50": total.latencies.quantile(0.5),
                "p99": total.latencies.quantile(0.99),
                "max": total.latencies.quantile(1.0),
            },
        })
    }
}

impl Tally {
    fn count(&mut self, code: u16) {
        match code {
            250 => self.acknowledged += 1,
            500..600 => self.refused += 1,
            _ => self.deferred += 1,
        }
    }

    fn merge(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.deferred += other.deferred;
        self.lost += other.lost;
        self.latencies.merge(other.latencies);
    }
}
