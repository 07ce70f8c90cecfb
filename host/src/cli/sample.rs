//! `mm4relay sample`: the library of sample messages, for authors and testers of plug-ins.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Subcommand;

use super::print;
use crate::rehearsal::library::{SAMPLES, Sample, sample};

#[derive(Debug, Subcommand)]
pub enum Args {
    /// List the messages of the library, with what is special about each
    List {
        /// Only those whose name or line contains this
        word: Option<String>,
    },
    /// Print a message as it is on the wire
    Show { name: String },
    /// Write messages into a folder: one as FOLDER/message.eml, several as FOLDER/NAME/message.eml
    Write {
        #[arg(required_unless_present = "all")]
        names: Vec<String>,
        /// Every message
        #[arg(long, conflicts_with = "names")]
        all: bool,
        /// The folder of a sample case, or of several
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
}

pub fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::List { word } => {
            let word = word.unwrap_or_default().to_lowercase();
            let holds = |sample: &&Sample| sample.name.contains(&word) || sample.about().to_lowercase().contains(&word);
            let found: Vec<&Sample> = SAMPLES.iter().filter(holds).collect();
            ensure!(!found.is_empty(), "no sample has {word:?} in its name or its line");
            for sample in found {
                println!("{:<28} {:>7}  {}", sample.name, sample.octets.len(), sample.about());
            }
            Ok(())
        }
        Args::Show { name } => {
            let sample = sample(&name).map_err(anyhow::Error::msg)?;
            print::octets(sample.octets);
            Ok(())
        }
        Args::Write { names, all, to } => {
            let chosen = match all {
                true => SAMPLES.to_vec(),
                false => names
                    .iter()
                    .map(|name| sample(name))
                    .collect::<Result<_, _>>()
                    .map_err(anyhow::Error::msg)?,
            };
            for sample in &chosen {
                let folder = if chosen.len() == 1 {
                    to.clone()
                } else {
                    to.join(sample.name)
                };
                write(sample, &folder)?;
            }
            Ok(())
        }
    }
}

/// Writes a message. Existing files are kept.
fn write(sample: &Sample, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join("message.eml");
    ensure!(!path.exists(), "{} is there already", path.display());
    std::fs::create_dir_all(folder).with_context(|| format!("folder {} cannot be made", folder.display()))?;
    std::fs::write(&path, sample.octets).with_context(|| format!("{} cannot be written", path.display()))?;
    println!("{}: {}", path.display(), sample.about());
    Ok(())
}
