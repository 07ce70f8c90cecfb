//! `mm4relay queue hold`, `reroute` and `message`.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

use crate::control::queue::{GetContent, KeepBack, Named, Reroute};

use super::super::door::Door;
use super::super::{counted, print};

pub(super) async fn hold(door: &Door, asked: KeepBack) -> anyhow::Result<()> {
    let done = door.ask(asked).await?;
    println!("{} held: `queue release` lets them go on", done.held);
    match done.not_waiting.as_slice() {
        [] => Ok(()),
        others => bail!("did not wait: {}", others.join(", ")),
    }
}

pub(super) async fn reroute(door: &Door, asked: Reroute) -> anyhow::Result<()> {
    let to = asked.to.clone();
    let rerouted = door.ask(asked).await?.rerouted;
    println!("{} to {to} now", counted(rerouted, "destination"));
    Ok(())
}

/// Copies a message piece by piece, to standard output or into a new file.
pub(super) async fn message(door: &Door, (id, received): (Named, bool), out: Option<&Path>) -> anyhow::Result<()> {
    let mut from = None;
    let mut file = None;
    loop {
        let piece = door.ask(GetContent { id, received, from }).await?;
        let octets = piece.decoded()?;
        match out {
            // Created with the first piece: a wrong id leaves no file.
            Some(path) => {
                if file.is_none() {
                    let made = File::create(path);
                    file = Some(made.with_context(|| format!("{} cannot be written", path.display()))?);
                }
                if let Some(file) = &mut file {
                    file.write_all(&octets)?;
                }
            }
            // Unchanged, for other programs.
            None => print::octets(&octets),
        }
        from = piece.next;
        if from.is_none() {
            return Ok(());
        }
    }
}
