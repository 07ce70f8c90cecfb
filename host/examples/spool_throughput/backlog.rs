//! Many messages at once, and many that stay.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use bytes::Bytes;
use mm4relay::message::{Content, PeerName, ReadAt, Timestamp};
use mm4relay::spool::sqlite::{Options, SqliteSpool};
use mm4relay::spool::{Inbox, Queue, Spool};
use tokio::task::JoinSet;

use crate::load::{acceptance, delivered};

/// Content that takes no memory, as a temporary file would.
struct Zeroes(u64);

impl ReadAt for Zeroes {
    fn size(&self) -> u64 {
        self.0
    }

    fn read_at(&self, range: Range<u64>) -> io::Result<Bytes> {
        Ok(vec![0; (range.end - range.start) as usize].into())
    }
}

/// `count` messages of 5 MB, all committed at once, then all delivered.
pub async fn large(folder: &Path, count: usize) -> anyhow::Result<()> {
    let spool = SqliteSpool::open(folder, Options::default())?;
    let content = Content::Stored(Arc::new(Zeroes(5_000_000)));
    let before = peak_memory()?;
    let started = Instant::now();
    let mut commits = JoinSet::new();
    for _ in 0..count {
        let (spool, content) = (spool.clone(), content.clone());
        commits.spawn(async move { anyhow::Ok(spool.commit(acceptance(&*spool, &content)?).await?) });
    }
    let mut accepted = Vec::new();
    while let Some(receipt) = commits.join_next().await {
        accepted.push(receipt??.id());
    }
    println!(
        "{count} messages of 5 MB: {:.1} s to commit",
        started.elapsed().as_secs_f64()
    );
    println!("peak memory {} MB, {before} before", peak_memory()?);
    let started = Instant::now();
    let peer = PeerName::new("operator-b")?;
    while let [first, ..] = &spool.lease(&peer, Timestamp(u64::MAX), 1).await?[..] {
        let outgoing = first.clone();
        let read = move || {
            outgoing
                .rope
                .chunks(256 * 1024)
                .try_fold(0, |sum, chunk| Ok::<_, io::Error>(sum + chunk?.len()))
        };
        tokio::task::spawn_blocking(read).await??;
        spool.record(delivered(first.id)).await?;
    }
    println!(
        "{:.1} s to read and deliver, one by one; peak memory {} MB",
        started.elapsed().as_secs_f64(),
        peak_memory()?
    );
    spool.close().await;
    Ok(())
}

/// `count` messages of 1 kB that stay, and a restart among them.
pub async fn small(folder: &Path, count: usize) -> anyhow::Result<()> {
    let spool = SqliteSpool::open(folder, Options::default())?;
    let tenth = count / 10;
    for part in 1..=10 {
        let started = Instant::now();
        let mut committers = JoinSet::new();
        for _ in 0..100 {
            let spool = spool.clone();
            committers.spawn(async move {
                let content = Content::from_bytes(vec![b'x'; 1000]);
                for _ in 0..tenth / 100 {
                    spool.commit(acceptance(&*spool, &content)?).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = committers.join_next().await {
            done??;
        }
        println!(
            "{:>9} spooled, {:>6.0} msg/s",
            part * tenth,
            tenth as f64 / started.elapsed().as_secs_f64()
        );
    }
    spool.close().await;
    drop(spool);
    let started = Instant::now();
    let spool = SqliteSpool::open(folder, Options::default())?;
    let opened = started.elapsed();
    let peers = spool.next_due().await?;
    let first = spool.lease(&peers[0].0, Timestamp(u64::MAX), 100).await?;
    let bytes = first[0].rope.to_bytes()?.len();
    println!(
        "opened in {opened:?}, first 100 messages and the bytes of one ({bytes}) after {:?}; peak memory {} MB",
        started.elapsed(),
        peak_memory()?
    );
    spool.close().await;
    Ok(())
}

/// The most memory that this process has had, in MB (proc(5): `VmHWM`).
pub fn peak_memory() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1000)
}
