//! `mm4relay peer-password`: the hash of a password with which a peer logs in.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use ring::rand::{SecureRandom, SystemRandom};

use crate::passwords::{PasswordHash, to_agree_on};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file with the password in its first line; without it, the line is read from standard input
    #[arg(long)]
    file: Option<PathBuf>,
}

/// How many octets are read in search of the line's end.
const MOST: u64 = 4096;

/// The password is no argument, because the list of processes shows command lines.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut text = String::new();
    match &args.file {
        Some(file) => {
            let opened = std::fs::File::open(file).with_context(|| format!("password file {}", file.display()))?;
            opened.take(MOST).read_to_string(&mut text)
        }
        None => std::io::stdin().take(MOST).read_to_string(&mut text),
    }
    .context("the password cannot be read")?;
    let password = to_agree_on(text.lines().next().unwrap_or_default())?;
    let mut salt = [0; 16];
    let filled = SystemRandom::new().fill(&mut salt);
    filled.map_err(|_| anyhow::anyhow!("the system gives no random octets"))?;
    println!("{}", PasswordHash::make(&password, &salt)?);
    Ok(())
}
