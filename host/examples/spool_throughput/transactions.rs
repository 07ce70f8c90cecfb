//! Open transactions by the million: written straight into the tables, then used through the spool.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mm4relay::clock::FixedClock;
use mm4relay::message::{Content, MessageId, Ordinal, OutgoingId, Timestamp};
use mm4relay::spool::sqlite::{Options, SqliteSpool, hash, write_event, write_request};
use mm4relay::spool::{Arrival, Event, Inbox, Requests, Spool};
use rusqlite::Connection;

use crate::load::{acceptance, asked, request};
use crate::{backlog, run};

/// Between two requests, in microseconds: 100 a second.
const STEP: u64 = 10_000;

/// How many of the oldest are over when the forgetting is measured.
const OVER: u64 = 50_000;

/// Look-ups that are measured.
const LOOKUPS: usize = 20_000;

pub fn fill_and_measure(base: &Path, count: u64, histories: bool) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(base)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let first = now.as_micros() as u64 - (count + 1000) * STEP;
    fill(folder.path(), count, first, histories)?;
    drop_from_cache(folder.path())?;
    let words = [count.to_string(), first.to_string()];
    let measured = Command::new(std::env::current_exe()?)
        .arg("measure")
        .arg(folder.path())
        .args(words)
        .status()?;
    ensure!(measured.success(), "the measurement failed");
    Ok(())
}

/// As commits would leave it: each request on its way, its response to come; with the history of its acceptance and its
/// delivery, if that is asked for.
fn fill(folder: &Path, count: u64, first: u64, histories: bool) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let spool = SqliteSpool::open(folder, Options::default())?;
    let content = Content::from_bytes("x".repeat(30_000));
    let model = acceptance(&*spool, &content)?;
    runtime.block_on(spool.close());
    let started = Instant::now();
    let mut db = Connection::open(folder.join("spool.db"))?;
    for pragma in [
        "journal_mode=OFF",
        "synchronous=OFF",
        "locking_mode=EXCLUSIVE",
        "cache_size=-100000",
    ] {
        db.query_row(&format!("PRAGMA {pragma}"), (), |_| Ok(()))
            .or_else(no_row)?;
    }
    let salt = db.query_row("SELECT value FROM counter WHERE name = 'salt'", (), |row| row.get(0))?;
    let mut keys: Vec<(i64, i64)> = Vec::with_capacity(count as usize * 3);
    let transaction = db.transaction()?;
    {
        let mut insert =
            transaction.prepare("INSERT INTO request(id, due, forget_at, state) VALUES(?1, NULL, ?2, ?3)")?;
        let mut tell = transaction.prepare("INSERT INTO history(request, place, at, event) VALUES(?1, ?2, ?3, ?4)")?;
        for place in 0..count {
            let id = MessageId(first + place * STEP);
            let at = Timestamp(id.0 / 1000);
            let request = request(id, at)?;
            insert.execute((id.0 as i64, request.forget_at.0 as i64, write_request(&request)?))?;
            let history = if histories {
                history(&model, id)?.to_vec()
            } else {
                Vec::new()
            };
            for (event, place) in history.iter().zip(1..) {
                tell.execute((id.0 as i64, place, at.0 as i64, event))?;
            }
            keys.extend(request.keys().iter().map(|key| (hash(salt, key), id.0 as i64)));
        }
    }
    keys.sort_unstable();
    {
        let mut insert = transaction.prepare("INSERT INTO lookup(hash, request) VALUES(?1, ?2)")?;
        for key in &keys {
            insert.execute(*key)?;
        }
        let ceiling = (first + count * STEP) as i64;
        transaction.execute("UPDATE counter SET value = ?1 WHERE name = 'id-ceiling'", [ceiling])?;
        transaction.execute("INSERT INTO asked(peer) VALUES('operator-b')", ())?;
    }
    transaction.commit()?;
    db.query_row("PRAGMA journal_mode=WAL", (), |_| Ok(()))?;
    drop(db);
    println!(
        "{count} open requests in {:.1} GB, filled in {:.0} s",
        folder.join("spool.db").metadata()?.len() as f64 / 1e9,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

fn history(model: &mm4relay::spool::Acceptance, id: MessageId) -> anyhow::Result<[String; 2]> {
    let origin = &model.origin;
    let accepted = Event::Accepted(Box::new(Arrival {
        id,
        source: origin.source.clone(),
        remote: origin.remote.to_string(),
        helo: origin.helo.clone(),
        size: 30_000,
        from: model.envelope.sender.as_ref().map(ToString::to_string),
        to: model
            .envelope
            .recipients
            .iter()
            .map(|r| r.address.to_string())
            .collect(),
        journey: Vec::new(),
        says: None,
        destinations: vec![(Ordinal::FIRST, model.outgoing[0].next_hop.clone(), None)],
        hold: None,
        holders: Vec::new(),
        changes: Vec::new(),
        charged: Some((1, 1)),
    }));
    let outcome = Event::Outcome {
        id: OutgoingId {
            message: id,
            ordinal: Ordinal::FIRST,
        },
        became: "delivered".into(),
        said: Some("192.0.2.10:25: 250 2.0.0 Ok: queued as 4F1A2B3C4D".into()),
        due: None,
        changes: vec!["destination 1 is delivered".into()],
        charged: Some((2, 2)),
    };
    Ok([write_event(&accepted)?, write_event(&outcome)?])
}

pub async fn measure(folder: &Path, count: u64, first: u64) -> anyhow::Result<()> {
    let any = || first + fastrand::u64(OVER..count) * STEP;
    let started = Instant::now();
    let spool = SqliteSpool::open(folder, quiet())?;
    let opened = started.elapsed();
    find(&spool, any()).await?;
    println!(
        "restart, nothing of it cached: open after {:.1} ms, first response paired after {:.1} ms",
        millis(opened),
        millis(started.elapsed())
    );
    pairing(&spool, "not cached", LOOKUPS / 10, any).await?;
    let read = Command::new("cat")
        .arg(folder.join("spool.db"))
        .stdout(std::process::Stdio::null())
        .status()?;
    ensure!(read.success(), "the database cannot be read");
    pairing(&spool, "cached by the kernel", LOOKUPS, any).await?;
    let last = first + (count - 360_000.min(count / 2)) * STEP;
    pairing(&spool, "of the last hour", LOOKUPS, || {
        last + fastrand::u64(0..360_000.min(count / 2)) * STEP
    })
    .await?;
    println!("peak memory {} MB", backlog::peak_memory()?);

    traffic(&spool, "among them").await?;
    spool.close().await;
    drop(spool);
    let empty = tempfile::tempdir_in(folder)?;
    let spool = SqliteSpool::open(empty.path(), quiet())?;
    traffic(&spool, "in an empty spool").await?;
    spool.close().await;
    forgetting(folder, first).await?;
    println!("peak memory {} MB", backlog::peak_memory()?);
    Ok(())
}

/// Commits once a millisecond or as often as they get through, while the oldest are forgotten, and without that.
async fn forgetting(folder: &Path, first: u64) -> anyhow::Result<()> {
    let over = Timestamp((first + OVER * STEP) / 1000 + 3 * 86_400_000);
    for (name, forget) in [
        ("nothing to forget", None),
        ("while forgetting", Some(Duration::from_millis(1))),
    ] {
        let clock = Arc::new(FixedClock(over));
        let spool = SqliteSpool::open(
            folder,
            Options {
                clock,
                forget,
                ..Options::default()
            },
        )?;
        let (content, started) = (Content::from_bytes("x".repeat(1000)), Instant::now());
        let mut latencies = Vec::new();
        let enough = |spool: &SqliteSpool| match forget {
            Some(_) => spool.counts().forgotten >= OVER,
            None => started.elapsed() > Duration::from_secs(10),
        };
        while !enough(&spool) && started.elapsed() < Duration::from_secs(120) {
            let accepted = acceptance(&*spool, &content)?;
            let before = Instant::now();
            spool.commit(accepted).await?;
            latencies.push(before.elapsed());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (forgotten, elapsed) = (spool.counts().forgotten, started.elapsed().as_secs_f64());
        spread(
            &format!("{name}: {:.0} forgotten a second, commits", forgotten as f64 / elapsed),
            latencies,
        );
        spool.close().await;
    }
    Ok(())
}

async fn traffic(spool: &Arc<SqliteSpool>, place: &str) -> anyhow::Result<()> {
    let content = Content::from_bytes("x".repeat(10_000));
    run(spool, &content, true, Duration::from_secs(2)).await?;
    let started = Instant::now();
    let latencies = run(spool, &content, true, Duration::from_secs(10)).await?;
    let rate = latencies.len() as f64 / started.elapsed().as_secs_f64();
    spread(
        &format!("10 kB, {place}: {rate:.0} requests a second taken and delivered, commits"),
        latencies,
    );
    Ok(())
}

async fn pairing(
    spool: &Arc<SqliteSpool>,
    name: &str,
    times: usize,
    mut number: impl FnMut() -> u64,
) -> anyhow::Result<()> {
    let mut latencies = Vec::new();
    for _ in 0..times {
        let started = Instant::now();
        find(spool, number()).await?;
        latencies.push(started.elapsed());
    }
    spread(&format!("pairing, {name}"), latencies);
    Ok(())
}

async fn find(spool: &SqliteSpool, number: u64) -> anyhow::Result<()> {
    let found = spool.find(&asked(number)?).await?;
    ensure!(
        found.len() == 1 && found[0].id.0 == number,
        "the request {number} is not found"
    );
    Ok(())
}

fn quiet() -> Options {
    Options {
        forget: None,
        ..Options::default()
    }
}

fn spread(name: &str, mut latencies: Vec<Duration>) {
    latencies.sort();
    let at = |share: f64| millis(latencies[((latencies.len() - 1) as f64 * share) as usize]);
    println!(
        "{name}: p50 {:.3} ms, p99 {:.3} ms, longest {:.1} ms ({})",
        at(0.5),
        at(0.99),
        at(1.0),
        latencies.len()
    );
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Some pragmas answer with a row, others do not.
fn no_row(error: rusqlite::Error) -> rusqlite::Result<()> {
    match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(()),
        error => Err(error),
    }
}

/// What was just written is in the kernel's memory: a machine that has been started has none of it.
fn drop_from_cache(folder: &Path) -> anyhow::Result<()> {
    let file = folder.join("spool.db");
    std::fs::File::open(&file)?.sync_all()?;
    let said = Command::new("dd")
        .arg(format!("if={}", file.display()))
        .args(["iflag=nocache", "count=0", "status=none"])
        .status()
        .context("dd")?;
    ensure!(said.success(), "dd cannot drop the file from the kernel's cache");
    Ok(())
}
