//! `mm4relay cdr decode`: files of charging records, as text.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::charging::ber::Decoded;
use crate::charging::file;
use crate::cli::counted;
use crate::message::{Choice, Visible};

/// Prints each file's header and records: one line for each field.
pub(super) fn run(files: &[PathBuf]) -> anyhow::Result<()> {
    files.iter().try_for_each(|path| decode(path))
}

fn decode(path: &Path) -> anyhow::Result<()> {
    let octets = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    if octets.starts_with(b"{") || octets.starts_with(b"sequence,") {
        bail!(
            "{} is text already, JSON lines or CSV: files in BER end in .cdr",
            path.display()
        );
    }
    let mut records = 0;
    // Records are printed first: where a file is cut or changed, the last printed record stands before that place.
    let header = file::read(&octets, |record| {
        records += 1;
        show(records, &record);
    });
    let header = header.with_context(|| format!("{} is not a whole file of TS 32.297", path.display()))?;
    println!(
        "{}: file {}, {}, {} octets, opened {}, last record {}, closed {}",
        path.display(),
        header.number,
        counted(header.records.into(), "record"),
        header.length,
        header.opened,
        header.last_appended,
        header.closed
    );
    Ok(())
}

fn show(number: usize, record: &Decoded) {
    println!("record {number}: {}", record.record_type.word());
    for (name, value) in &record.fields {
        println!("    {name:<24} {}", Visible(value));
    }
}
