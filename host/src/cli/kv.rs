//! `mm4relay kv`: plug-ins' durable values, beside a running relay or without one.

use anyhow::{Context, ensure};
use clap::Subcommand;

use crate::message::Visible;

use super::door::SpoolArgs;
use super::who;
use crate::clock::rfc3339_millis as time;

/// The longest key and value that a plug-in may write (`wit/host.wit`, interface `kv`).
const KEY_MAX: usize = 256;
const VALUE_MAX: usize = 64 << 10;

#[derive(Debug, Subcommand)]
pub enum Args {
    /// The values of a plug-in, or of all
    List {
        #[command(flatten)]
        spool: SpoolArgs,
        /// The plug-in's name in the configuration
        plugin: Option<String>,
        /// Only keys that begin with this
        #[arg(long, default_value = "")]
        prefix: String,
        /// At most so many
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// One value, as it is; the exit code is 1 when there is none
    Get {
        #[command(flatten)]
        spool: SpoolArgs,
        plugin: String,
        key: String,
    },
    /// Gives a key a value; who did it and what was there before is noted
    Set {
        #[command(flatten)]
        spool: SpoolArgs,
        plugin: String,
        key: String,
        /// A text
        value: String,
    },
    /// Removes a key; who did it and what was there before is noted
    Delete {
        #[command(flatten)]
        spool: SpoolArgs,
        plugin: String,
        key: String,
    },
    /// What was set and removed by this command, by whom and when
    Log {
        #[command(flatten)]
        spool: SpoolArgs,
    },
}

pub fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::List {
            spool,
            plugin,
            prefix,
            limit,
        } => {
            let found = spool
                .open()?
                .values(plugin.as_deref(), &prefix, limit.saturating_add(1))?;
            for value in found.iter().take(limit as usize) {
                println!("{}  {} = {}", value.plugin, Visible(&value.key), shown(&value.value));
            }
            if found.len() > limit as usize {
                println!("there are more: --prefix names fewer, --limit shows more");
            }
            Ok(())
        }
        Args::Get { spool, plugin, key } => {
            let found = spool.open()?.values(Some(&plugin), &key, 1)?;
            let value = found.into_iter().find(|value| value.key == key);
            let value = value.with_context(|| format!("plug-in {plugin:?} has no value {key:?}"))?;
            println!("{}", shown(&value.value));
            Ok(())
        }
        Args::Set {
            spool,
            plugin,
            key,
            value,
        } => {
            let length = value.len();
            ensure!(
                length <= VALUE_MAX,
                "the value has {length} octets: at most {VALUE_MAX} are legal"
            );
            change(&spool, &plugin, &key, Some(value.as_bytes()))
        }
        Args::Delete { spool, plugin, key } => change(&spool, &plugin, &key, None),
        Args::Log { spool } => {
            for change in spool.open()?.value_changes()? {
                let (plugin, key) = (Visible(&change.plugin), Visible(&change.key));
                let (was, is) = (optional(change.was.as_deref()), optional(change.is.as_deref()));
                println!(
                    "{}  {}  {plugin}  {key}: {was} -> {is}",
                    time(change.at),
                    Visible(&change.who)
                );
            }
            Ok(())
        }
    }
}

fn change(spool: &SpoolArgs, plugin: &str, key: &str, value: Option<&[u8]>) -> anyhow::Result<()> {
    ensure!(
        (1..=KEY_MAX).contains(&key.len()),
        "a key of {} octets: 1 to {KEY_MAX} are legal",
        key.len()
    );
    let hand = spool.open()?;
    if let Some(known) = spool.plugins()? {
        let has_values = || Ok::<_, anyhow::Error>(!hand.values(Some(plugin), "", 1)?.is_empty());
        ensure!(
            known.iter().any(|name| name == plugin) || has_values()?,
            "no plug-in {plugin:?} is configured, and none of that name has values; there are {}",
            known.join(", ")
        );
    }
    let was = hand.set_value(plugin, key, value, &who::me())?;
    println!(
        "{plugin}  {}: {} -> {}",
        Visible(key),
        optional(was.as_deref()),
        optional(value)
    );
    Ok(())
}

/// A value that may not be there.
fn optional(value: Option<&[u8]>) -> String {
    value.map_or_else(|| "nothing".to_owned(), shown)
}

/// A text as it is, other octets in hexadecimal.
fn shown(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => Visible(text).to_string(),
        Err(_) => value
            .iter()
            .fold("0x".to_owned(), |all, octet| all + &format!("{octet:02x}")),
    }
}
