//! `mm4relay peer`: a programmable peer MMSE, for demonstrations, tests and load.

pub mod behaviour;
mod message;
mod server;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use tokio::net::{TcpListener, TcpSocket, lookup_host};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::mailer::Mailer;
use behaviour::{Action, Rule, Stage, StageCode};
use message::Manners;
use mm4relay::assembly::server_tls;
use mm4relay::message::MmsAddress;

pub use behaviour::{Behaviour, Keep, OnMessage};
pub use message::Received;
pub use server::{Counts, serve};

/// A programmable peer MMSE: takes messages, counts and keeps them, answers, or misbehaves as told.
///
/// Recipients whose name begins with refuse, defer, stall, hang-up or garbage get what they ask for. Stages are
/// connect, helo, tls, mail, rcpt, data, body and end.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where to listen; with port 0, the address is printed.
    #[arg(long, value_name = "HOST:PORT")]
    listen: String,
    /// What the peer calls itself.
    #[arg(long, default_value = "mms.peer.example")]
    host: String,
    /// Answer 500 to EHLO, as old servers do.
    #[arg(long)]
    helo_only: bool,
    /// Offer no extensions.
    #[arg(long)]
    no_extensions: bool,
    /// Answer with a refusal, 550 unless told otherwise.
    #[arg(long, value_name = "STAGE[:CODE]")]
    refuse: Vec<StageCode>,
    /// Answer "later", 450 unless told otherwise.
    #[arg(long, value_name = "STAGE[:CODE]")]
    defer: Vec<StageCode>,
    /// Say nothing more.
    #[arg(long, value_name = "STAGE")]
    stall: Vec<Stage>,
    /// Close the connection.
    #[arg(long, value_name = "STAGE")]
    hang_up: Vec<Stage>,
    /// Answer with something that is no reply.
    #[arg(long, value_name = "STAGE")]
    garbage: Vec<Stage>,
    /// Misbehave only the first N times.
    #[arg(long, value_name = "N")]
    times: Option<u64>,
    /// Misbehave only after the stage has passed N times.
    #[arg(long, default_value_t = 0, value_name = "N")]
    after: u64,
    /// Write each message to DIR/NUMBER.eml, and its envelope to DIR/NUMBER.json.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print each message.
    #[arg(long)]
    print: bool,
    /// Write a line of JSON for each message to FILE, before it is answered.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Answer requests that ask for it with MM4 responses, sent there.
    #[arg(long, value_name = "HOST:PORT")]
    answer_to: Option<String>,
    /// The X-Mms-Request-Status-Code of responses.
    #[arg(long, default_value = "Ok")]
    status: String,
    /// Answer so many milliseconds later.
    #[arg(long, default_value_t = 0, value_name = "MS", requires = "answer_to")]
    answer_after: u64,
    /// Send delivery reports with this X-Mms-MM-Status-Code, such as Retrieved, to those who ask for them.
    #[arg(long, value_name = "STATUS", requires = "answer_to")]
    report: Option<String>,
    /// Send read-reply reports to those who ask for them.
    #[arg(long, requires = "answer_to")]
    read: bool,
    /// Offer STARTTLS with this certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The key of the certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Stop after N messages.
    #[arg(long, value_name = "N")]
    messages: Option<u64>,
}

/// Looks whether `--messages` is reached this often.
const LOOK: Duration = Duration::from_millis(20);

/// Connections that wait to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 4096;

/// Listens until told to stop, and prints what was counted as one line of JSON.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let listener = listen(&args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let counts = Arc::new(Counts::default());
    let (answers, to_answer) = mpsc::unbounded_channel();
    let answered = args
        .answer_to
        .clone()
        .map(|to| tokio::spawn(answer(to, args.host.clone(), to_answer)));
    let delay = Duration::from_millis(args.answer_after);
    let behaviour = Arc::new(args.behaviour(answers, delay)?);
    println!("listening on {}", listener.local_addr()?);
    let begun = Instant::now();
    let serving = tokio::spawn(serve(listener, behaviour, counts.clone()));
    tokio::select! {
        () = stop_signal()? => {}
        () = enough(args.messages, counts.clone()) => {}
    }
    serving.abort();
    // With the sessions gone, the last sender of answers is too: what is to be answered is answered.
    let _ = serving.await;
    let answers = match answered {
        Some(answered) => answered.await.unwrap_or_default(),
        None => 0,
    };
    println!("{}", summary(&counts, answers, begun.elapsed()));
    Ok(())
}

/// Listens with room for a thousand clients that connect at once. Where there is none, the kernel may drop the end of
/// a handshake that the client takes for done, and then both sides wait for the other to speak.
async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    let address = lookup_host(address).await?.next().context("the name has no address")?;
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(BACKLOG)?)
}

impl Args {
    fn behaviour(&self, answers: mpsc::UnboundedSender<Answer>, delay: Duration) -> anyhow::Result<Behaviour> {
        let keep = match () {
            () if self.keep.is_some() || self.print => Keep::Everything,
            () if self.log.is_some() || self.answer_to.is_some() => Keep::Beginning,
            () => Keep::Nothing,
        };
        Ok(Behaviour {
            host: self.host.clone(),
            helo_only: self.helo_only,
            no_extensions: self.no_extensions,
            extensions: None,
            tls: match (&self.tls_certificate, &self.tls_key) {
                (Some(certificate), Some(key)) => Some(Arc::new(server_tls(certificate, key)?)),
                _ => None,
            },
            rules: self.rules(),
            keep,
            on_message: (keep != Keep::Nothing)
                .then(|| self.on_message(answers, delay))
                .transpose()?,
        })
    }

    fn rules(&self) -> Vec<Rule> {
        let answer = |default| move |told: &StageCode| (told.stage, Action::Answer(told.code.unwrap_or(default)));
        let stages = |stages: &[Stage], action| stages.iter().map(|stage| (*stage, action)).collect::<Vec<_>>();
        let mut all: Vec<(Stage, Action)> = self.refuse.iter().map(answer(550)).collect();
        all.extend(self.defer.iter().map(answer(450)));
        all.extend(stages(&self.stall, Action::Stall));
        all.extend(stages(&self.hang_up, Action::HangUp));
        all.extend(stages(&self.garbage, Action::Garbage));
        let rule = |(stage, action)| Rule::new(stage, action, self.times).after(self.after);
        all.into_iter().map(rule).collect()
    }

    /// What is done with each message. Files are written on the session's thread: the answer has to wait for them.
    fn on_message(&self, answers: mpsc::UnboundedSender<Answer>, delay: Duration) -> anyhow::Result<OnMessage> {
        let open = |path: &PathBuf| {
            let opened = File::options().append(true).create(true).open(path);
            opened.with_context(|| format!("cannot write to {}", path.display()))
        };
        let log = self.log.as_ref().map(open).transpose()?.map(Mutex::new);
        if let Some(dir) = &self.keep {
            std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let (dir, print) = (self.keep.clone(), self.print);
        let manners = self.answer_to.is_some().then(|| Manners {
            host: self.host.clone(),
            status: self.status.clone(),
            report: self.report.clone(),
            read: self.read,
            ..Manners::default()
        });
        Ok(Box::new(move |received, code| {
            let line = format!("{}\n", received.to_json(code));
            if let Some(log) = &log {
                let written = log.lock().map(|mut log| log.write_all(line.as_bytes()));
                report(matches!(written, Ok(Ok(()))), "the log");
            }
            if let Some(dir) = &dir {
                let name = dir.join(format!("{:06}", received.number));
                let kept = std::fs::write(name.with_extension("eml"), &received.data)
                    .and_then(|()| std::fs::write(name.with_extension("json"), &line));
                report(kept.is_ok(), "a message");
            }
            if print {
                println!("{}{}", line, String::from_utf8_lossy(&received.data));
            }
            for (to, text) in manners
                .iter()
                .filter(|_| code == 250)
                .flat_map(|manners| received.answers(manners))
            {
                let due = Instant::now() + delay;
                // The receiver is gone when the peer stops.
                let _ = answers.send(Answer { due, to, text });
            }
        }))
    }
}

fn report(written: bool, what: &str) {
    if !written {
        eprintln!("mm4relay peer: {what} cannot be written");
    }
}

/// A message that the peer sends because of one that it took.
#[derive(Debug)]
struct Answer {
    due: Instant,
    to: String,
    text: Bytes,
}

/// Sends what is to be sent, one after another over one connection, and returns how many were taken.
async fn answer(to: String, host: String, mut answers: mpsc::UnboundedReceiver<Answer>) -> u64 {
    let (mut mailer, mut taken) = (None, 0);
    let Ok(from) = MmsAddress::new(&format!("system-user@{host}")) else {
        eprintln!("mm4relay peer: \"{host}\" cannot be part of an address");
        return 0;
    };
    while let Some(Answer { due, to: address, text }) = answers.recv().await {
        tokio::time::sleep_until(due).await;
        for attempt in 0..2 {
            match answer_once(&mut mailer, &to, &host, &from, &address, text.clone()).await {
                Ok(true) => taken += 1,
                Ok(false) => eprintln!("mm4relay peer: the answer to {address} was refused"),
                Err(error) => {
                    mailer = None;
                    if attempt == 1 {
                        eprintln!("mm4relay peer: the answer to {address} was not sent: {error:#}");
                    }
                    continue;
                }
            }
            break;
        }
    }
    taken
}

async fn answer_once(
    mailer: &mut Option<Mailer>,
    to: &str,
    host: &str,
    from: &MmsAddress,
    address: &str,
    text: Bytes,
) -> anyhow::Result<bool> {
    let address = MmsAddress::new(address)?;
    let mailer = match mailer {
        Some(open) => open,
        None => mailer.insert(Mailer::connect(to, host, false).await?),
    };
    let sent = mailer.send(Some(from), &[address], text).await?;
    Ok(sent.answer.is_some_and(|answer| answer.code == 250))
}

fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    })
}

async fn enough(messages: Option<u64>, counts: Arc<Counts>) {
    let Some(messages) = messages else {
        return std::future::pending().await;
    };
    while counts.messages.load(Ordering::Acquire) < messages {
        tokio::time::sleep(LOOK).await;
    }
    // The last answers are on their way out.
    tokio::time::sleep(LOOK).await;
}

fn summary(counts: &Counts, answers: u64, elapsed: Duration) -> serde_json::Value {
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    serde_json::json!({
        "connections": count(&counts.connections),
        "encrypted": count(&counts.encrypted),
        "most_connections_at_once": count(&counts.most_open),
        "messages": count(&counts.messages),
        "recipients": count(&counts.recipients),
        "octets": count(&counts.octets),
        "refused": count(&counts.refused),
        "deferred": count(&counts.deferred),
        "unanswered": count(&counts.unanswered),
        "answers": answers,
        "seconds": elapsed.as_secs_f64(),
    })
}
