//! `mm4relay kv`: plug-ins' durable values, beside a running relay or without one.

use clap::Subcommand;

use crate::clock::rfc3339_millis as time;
use crate::control::audit::Audit;
use crate::control::kv::{self, Changed, Octets};
use crate::message::Visible;

use super::door::SpoolArgs;

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
    /// Set the value of a key; the audit records who did it, and the previous value
    Set {
        #[command(flatten)]
        spool: SpoolArgs,
        plugin: String,
        key: String,
        /// A text
        value: String,
    },
    /// Remove a key; the audit records who did it, and the previous value
    Delete {
        #[command(flatten)]
        spool: SpoolArgs,
        plugin: String,
        key: String,
    },
    /// What this command set and removed, by whom and when
    Log {
        #[command(flatten)]
        spool: SpoolArgs,
    },
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::List {
            spool,
            plugin,
            prefix,
            limit,
        } => {
            let asked = kv::ListValues {
                plugin,
                prefix: Some(prefix),
                limit: Some(limit as usize),
            };
            let found = spool.door().await?.ask(asked).await?;
            for value in &found.values {
                println!("{}  {} = {}", value.plugin, Visible(&value.key), shown(&value.value));
            }
            if found.more {
                println!("there are more: --prefix names fewer, --limit shows more");
            }
        }
        Args::Get { spool, plugin, key } => {
            let value = spool.door().await?.ask(kv::Get { plugin, key }).await?;
            println!("{}", shown(&value.value));
        }
        Args::Set {
            spool,
            plugin,
            key,
            value,
        } => {
            let asked = kv::Set {
                plugin: plugin.clone(),
                key: key.clone(),
                value,
            };
            say(&plugin, &key, &spool.door().await?.ask(asked).await?);
        }
        Args::Delete { spool, plugin, key } => {
            let asked = kv::Delete {
                plugin: plugin.clone(),
                key: key.clone(),
            };
            say(&plugin, &key, &spool.door().await?.ask(asked).await?);
        }
        Args::Log { spool } => log(&spool).await?,
    }
    Ok(())
}

/// Shows the changes from before the audit existed, then those of the audit.
async fn log(spool: &SpoolArgs) -> anyhow::Result<()> {
    let line = |at: String, who: &str, (plugin, key): (&str, &str), (was, is): (String, String)| {
        let (who, plugin, key) = (Visible(who), Visible(plugin), Visible(key));
        println!("{at}  {who}  {plugin}  {key}: {was} -> {is}");
    };
    for change in spool.open()?.value_changes()? {
        let octets = |octets: Option<&[u8]>| optional(octets.map(Octets::of).as_ref());
        let values = (octets(change.was.as_deref()), octets(change.is.as_deref()));
        line(time(change.at), &change.who, (&change.plugin, &change.key), values);
    }
    let asked = Audit {
        limit: Some(Audit::MOST),
        ..Audit::default()
    };
    for entry in spool.door().await?.ask(asked).await?.entries {
        let name = |field: &str| entry.asked[field].as_str().unwrap_or_default().to_owned();
        let changed = entry
            .changed
            .as_ref()
            .filter(|_| ["kv-set", "kv-delete"].contains(&entry.did.as_str()));
        let changed = changed.and_then(|changed| serde_json::from_value::<Changed>(changed.clone()).ok());
        if let Some(Changed { before, after }) = changed {
            let values = (optional(before.as_ref()), optional(after.as_ref()));
            line(time(entry.at.0), &entry.who, (&name("plugin"), &name("key")), values);
        }
    }
    Ok(())
}

fn say(plugin: &str, key: &str, changed: &Changed) {
    let (before, after) = (optional(changed.before.as_ref()), optional(changed.after.as_ref()));
    println!("{plugin}  {}: {before} -> {after}", Visible(key));
}

/// A value that may be missing.
fn optional(value: Option<&Octets>) -> String {
    value.map_or_else(|| "nothing".to_owned(), shown)
}

/// A text as it is, other octets in hexadecimal.
fn shown(value: &Octets) -> String {
    match (&value.text, &value.hex) {
        (Some(text), _) => Visible(text).to_string(),
        (None, hex) => format!("0x{}", hex.as_deref().unwrap_or_default()),
    }
}
