//! Our own side of a comparison: from files of our outputs, and from the spool.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::period::Times;
use crate::charging::Record;
use crate::cli::counted;
use crate::cli::door::SpoolArgs;
use crate::ledger::compare::{self, Comparison, Partner, ReadRecord, RecordName, Tolerance};
use crate::spool;

/// Records that are read at once.
const PAGE: usize = 1000;

/// The extensions of our files, most complete first: a record in several files is read from the first.
const FORMS: [&str; 3] = ["jsonl", "csv", "cdr"];

/// Compares our records to or from the partner, from the spool and from these files and folders. Returns their number.
pub(super) fn compare(
    spool: &SpoolArgs,
    peer: &str,
    from_files: &[PathBuf],
    times: Times,
    tolerance: Tolerance,
    comparison: &mut Comparison,
) -> anyhow::Result<u64> {
    let mut ours = Ours {
        peer,
        peers: spool.peers()?,
        times,
        tolerance,
        comparison,
        read: HashSet::new(),
        count: 0,
        unclear: 0,
    };
    for file in files(from_files)? {
        compare::read(&file, &mut |record| ours.enter(record))?;
    }
    if from_files.is_empty() || spool::is_there(&spool.folder()?) {
        ours.enter_spool(spool)?;
    }
    if ours.unclear > 0 {
        eprintln!(
            "{} of ours in BER: nothing in them says to which peer they belong, so that they are compared only where the \
             partner has them. Files in CSV or JSON name peers",
            counted(ours.unclear, "record")
        );
    }
    Ok(ours.count)
}

struct Ours<'a> {
    peer: &'a str,
    /// Names and domains of all peers.
    peers: Vec<(String, Vec<String>)>,
    times: Times,
    tolerance: Tolerance,
    comparison: &'a mut Comparison,
    /// The numbers of records from files: the last 32 bits, because BER has no more.
    read: HashSet<u32>,
    count: u64,
    unclear: u64,
}

impl Ours<'_> {
    fn enter(&mut self, record: ReadRecord) {
        let number = record.legs.first().map(|(_, said)| said.record);
        if let Some(RecordName::Number(number)) = number
            && !self.read.insert(low(number))
        {
            return;
        }
        let is_ours_and_theirs = match &record.partner {
            None => Some(false),
            Some(Partner::Peer(peer)) => Some(peer == self.peer),
            Some(Partner::System(system)) => self.peer_of(system).map(|peer| peer == self.peer),
        };
        let mut is_unclear = false;
        let mut is_counted = false;
        for (leg, said) in record.legs.into_iter().filter(|(_, said)| self.times.hold(said)) {
            let compares = is_ours_and_theirs.unwrap_or_else(|| self.comparison.is_theirs_too(&leg));
            is_unclear |= is_ours_and_theirs.is_none() && !compares;
            if compares {
                is_counted = true;
                self.comparison.ours(leg, said, self.tolerance);
            }
        }
        self.count += u64::from(is_counted);
        self.unclear += u64::from(is_unclear);
    }

    /// The peer that a system belongs to, by name or by one of its domains. Several Relay/Servers of ours may share a
    /// domain.
    fn peer_of(&self, system: &str) -> Option<&str> {
        let domain = system.to_ascii_lowercase();
        let is = |(name, domains): &&(String, Vec<String>)| name == system || domains.contains(&domain);
        let mut peers = self.peers.iter().filter(is);
        let first = peers.next();
        first.filter(|_| peers.next().is_none()).map(|(name, _)| name.as_str())
    }

    fn enter_spool(&mut self, spool: &SpoolArgs) -> anyhow::Result<()> {
        let stream = spool.charging()?;
        let mut after = 0;
        loop {
            let rows = stream.records(after, PAGE)?;
            for row in &rows {
                after = row.sequence;
                if self.read.contains(&low(row.sequence)) {
                    continue;
                }
                let Ok(record) = Record::of(row) else {
                    eprintln!("record {} cannot be read, and is not compared", row.sequence);
                    continue;
                };
                if compare::partner(&record.fields) != Some(self.peer) {
                    continue;
                }
                let legs = compare::legs_of(&record, RecordName::Number(row.sequence));
                let legs: Vec<_> = legs.into_iter().filter(|(_, said)| self.times.hold(said)).collect();
                self.count += u64::from(!legs.is_empty());
                for (leg, said) in legs {
                    self.comparison.ours(leg, said, self.tolerance);
                }
            }
            if rows.len() < PAGE {
                return Ok(());
            }
        }
    }
}

fn low(sequence: u64) -> u32 {
    (sequence & u64::from(u32::MAX)) as u32
}

/// The named files, and the closed ones in the named folders.
fn files(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let rank = |file: &Path| {
        let extension = file.extension().and_then(|extension| extension.to_str())?;
        FORMS.iter().position(|form| *form == extension)
    };
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let cannot = || format!("--ours {} cannot be read", path.display());
        let mut inside = Vec::new();
        for entry in fs::read_dir(path).with_context(cannot)? {
            inside.push(entry.with_context(cannot)?.path());
        }
        inside.retain(|file| rank(file).is_some());
        if inside.is_empty() {
            anyhow::bail!("--ours {}: no closed file of charging records is in it", path.display());
        }
        inside.sort();
        files.extend(inside);
    }
    files.sort_by_key(|file| rank(file).unwrap_or(FORMS.len()));
    Ok(files)
}
