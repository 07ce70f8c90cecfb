//! How the spool performs: messages a second, CPU seconds per 1,000 messages, and commit latency; then memory with
//! large messages in flight, and a backlog.
//!
//! `cargo run --release --example spool_throughput [FOLDER [SECONDS [LOG-MIB]]]` for throughput: twenty committers each wait for
//! their receipt before the next message, as SMTP sessions do, and each message is recorded as delivered soon after.
//! Each size is measured twice: as messages alone, and as requests that can be answered, each of which opens a transaction.
//! `... transactions FOLDER [COUNT [histories]]`: that many open transactions (20,000,000 unless told otherwise, which
//! takes about 14 GB of disk, and twice that with their histories), then restart, pairing, traffic and forgetting.
//! `... large FOLDER [COUNT]`: that many messages of 5 MB at once. `... backlog FOLDER [COUNT]`: that many messages of
//! 1 kB that nobody delivers, and a restart.

mod backlog;
mod load;
mod transactions;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use mm4relay::message::Content;
use mm4relay::spool::sqlite::{Options, SqliteSpool};
use mm4relay::spool::{Inbox, Queue, Spool};

use load::{acceptance, asking, delivered, handed_over};

const COMMITTERS: usize = 20;

/// Messages between the start of their commit and the end of their delivery, at the most.
const IN_FLIGHT: usize = 2 * COMMITTERS;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    match words[..] {
        ["large", base, ref count @ ..] => {
            let count = count.first().map_or(Ok(1000), |text| text.parse())?;
            runtime.block_on(backlog::large(tempfile::tempdir_in(base)?.path(), count))
        }
        ["backlog", base, ref count @ ..] => {
            let count = count.first().map_or(Ok(1_000_000), |text| text.parse())?;
            runtime.block_on(backlog::small(tempfile::tempdir_in(base)?.path(), count))
        }
        ["transactions", base, ref rest @ ..] => {
            let count = rest.first().map_or(Ok(20_000_000), |text| text.parse())?;
            transactions::fill_and_measure(Path::new(base), count, rest.get(1) == Some(&"histories"))
        }
        // The program runs itself so, that its memory is not that of the filling.
        ["measure", folder, count, first] => {
            runtime.block_on(transactions::measure(Path::new(folder), count.parse()?, first.parse()?))
        }
        ref rest => {
            let base = rest.first().map_or_else(std::env::temp_dir, PathBuf::from);
            let seconds = rest.get(1).map_or(Ok(5), |text| text.parse())?;
            let log = rest.get(2).map_or(Ok(64), |text| text.parse::<u64>())? << 20;
            println!("         size   msg/s  MB/s  CPU s/1000  commit p50 ms  p99 ms  max ms  requests a flush");
            for kilobytes in [10, 30, 300] {
                for requests in [false, true] {
                    let folder = tempfile::tempdir_in(&base)?;
                    let duration = Duration::from_secs(seconds);
                    runtime.block_on(measure(folder.path(), log, kilobytes, requests, duration))?;
                }
            }
            Ok(())
        }
    }
}

async fn measure(folder: &Path, log: u64, kilobytes: usize, requests: bool, duration: Duration) -> anyhow::Result<()> {
    let spool = SqliteSpool::open(
        folder,
        Options {
            log,
            ..Options::default()
        },
    )?;
    let content = Content::from_bytes(vec![b'x'; kilobytes * 1000]);
    // Fills the log once: from then on it is overwritten in place, as in a relay that has run for a while.
    run(&spool, &content, requests, Duration::from_secs(2)).await?;
    let (before, started, cpu) = (spool.counts(), Instant::now(), cpu_seconds()?);
    let mut latencies = run(&spool, &content, requests, duration).await?;
    let (elapsed, cpu, after) = (started.elapsed().as_secs_f64(), cpu_seconds()? - cpu, spool.counts());
    latencies.sort();
    let count = latencies.len() as f64;
    let at = |share: f64| latencies[((count - 1.0) * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{kilobytes:>4} kB {} {:>7.0} {:>5.0} {:>11.3} {:>14.1} {:>7.1} {:>7.1} {:>17.1}",
        if requests { "asked" } else { "     " },
        count / elapsed,
        count / elapsed * kilobytes as f64 / 1000.0,
        cpu / count * 1000.0,
        at(0.5),
        at(0.99),
        at(1.0),
        (after.requests - before.requests) as f64 / (after.flushes - before.flushes) as f64,
    );
    spool.close().await;
    Ok(())
}

async fn run(
    spool: &Arc<SqliteSpool>,
    content: &Content,
    requests: bool,
    duration: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let end = Instant::now() + duration;
    // Committers wait when deliveries fall behind.
    let slots = Arc::new(tokio::sync::Semaphore::new(IN_FLIGHT));
    let mut committers = Vec::new();
    for _ in 0..COMMITTERS {
        let (spool, content, slots) = (spool.clone(), content.clone(), slots.clone());
        committers.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            while Instant::now() < end {
                let slot = slots.clone().acquire_owned().await?;
                let acceptance = match requests {
                    true => asking(&*spool, &content)?,
                    false => acceptance(&*spool, &content)?,
                };
                let id = acceptance.outgoing[0].id;
                let started = Instant::now();
                spool.commit(acceptance).await?;
                latencies.push(started.elapsed());
                let spool = spool.clone();
                tokio::spawn(async move {
                    let outcome = if requests { handed_over(id) } else { delivered(id) };
                    let recorded = spool.record(outcome).await;
                    drop(slot);
                    recorded
                });
            }
            anyhow::Ok(latencies)
        }));
    }
    let mut all = Vec::new();
    for committer in committers {
        all.extend(committer.await??);
    }
    // Every delivery is recorded once all slots are free again.
    let _ = slots.acquire_many(IN_FLIGHT as u32).await?;
    Ok(all)
}

/// User and system time of this process, of all its threads.
fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Fields 14 and 15, counted behind the command's closing parenthesis; in ticks of 10 ms (proc(5)).
    let (_, fields) = stat.rsplit_once(')').context("no command in /proc/self/stat")?;
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
