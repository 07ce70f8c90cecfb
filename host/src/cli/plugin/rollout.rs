//! `mm4relay plugin rollout` and `plugin unbar`: what all relays on a store run, and how another version comes to them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::bail;

use crate::cli::door::{self, SpoolArgs};
use crate::control::Client;
use crate::control::rollouts::{ListRollouts, RolledOut, RolloutAtWork, Unbar};

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    #[command(flatten)]
    spool: SpoolArgs,
    /// The plug-in's name in the configuration; all of them without it
    name: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct UnbarArgs {
    #[command(flatten)]
    spool: SpoolArgs,
    /// The plug-in's name in the configuration
    name: String,
    /// The digest of the version, or the beginning of it, as `plugin rollout` shows it
    digest: String,
}

pub async fn show(args: ShowArgs) -> anyhow::Result<()> {
    let all = args.spool.door().await?.ask(ListRollouts {}).await?;
    if !all.shared {
        bail!("this relay shares its store with no other: `plugin list` shows its versions");
    }
    let wanted = |plugin: &&RolledOut| args.name.as_ref().is_none_or(|name| *name == plugin.plugin);
    let shown: Vec<String> = all.plugins.iter().filter(wanted).map(describe).collect();
    match shown.as_slice() {
        [] => println!("nothing was ever rolled out here: each relay runs what is in its files"),
        shown => print!("{}", shown.concat()),
    }
    Ok(())
}

/// What all relays on the store run; empty where they share none, and when no relay runs.
pub(super) async fn for_all(spool: &Path) -> Vec<RolledOut> {
    match door::running(spool).await {
        Ok(client) => client.ask(&ListRollouts {}).await.unwrap_or_default().plugins,
        Err(_) => Vec::new(),
    }
}

pub async fn unbar(args: UnbarArgs) -> anyhow::Result<()> {
    let asked = Unbar {
        plugin: args.name.clone(),
        digest: args.digest,
    };
    let lifted = args.spool.door().await?.ask(asked).await?;
    println!("{} of {} may be rolled out again", lifted.digest, args.name);
    Ok(())
}

/// A plug-in for a person, with a line end.
fn describe(plugin: &RolledOut) -> String {
    format!("{}\n{}", plugin.plugin, lines(plugin))
}

/// The same without its name.
pub(super) fn lines(plugin: &RolledOut) -> String {
    let mut text = String::new();
    let mut line = |left: &str, right: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {left:<10} {right}");
    };
    if let Some(live) = &plugin.live {
        line("for all", short(live));
    }
    for before in &plugin.before {
        line("before", short(before));
    }
    for barred in &plugin.barred {
        let why = format!("since {} at relay {}: {}", barred.at, barred.relay, barred.why);
        line("barred", format!("{}  {why}", short(&barred.digest)));
    }
    if let Some(rollout) = &plugin.rollout {
        line("roll-out", head(rollout));
        line(
            "",
            format!("{} since {}: {}", rollout.phase, rollout.since, rollout.said),
        );
        for relay in &rollout.relays {
            let lives = if relay.lives { "" } else { ", does not live" };
            line("", format!("{:<10} {}{lives}", relay.relay, relay.progress));
        }
    }
    text
}

fn head(rollout: &RolloutAtWork) -> String {
    format!(
        "{}  {} in the place of {}, asked for by {} at relay {}, {}",
        rollout.number,
        short(&rollout.digest),
        short(&rollout.replaces),
        rollout.by,
        rollout.from,
        rollout.begun
    )
}

fn short(digest: &str) -> String {
    digest.get(..12).unwrap_or(digest).to_owned()
}

/// Prints what becomes of the roll-out that is about to begin.
pub(super) struct Following {
    plugin: String,
    /// The number of the one before.
    behind: u64,
    said: String,
    progress: BTreeMap<String, String>,
}

impl Following {
    /// `None` where relays share no store.
    pub async fn begin(client: &Client, plugin: &str) -> anyhow::Result<Option<Self>> {
        let all = client.ask(&ListRollouts {}).await?;
        let known = all.plugins.iter().find(|known| known.plugin == plugin);
        let over = |rollout: &&RolloutAtWork| ["done", "refused", "back"].contains(&rollout.phase.as_str());
        let last = known.and_then(|known| known.rollout.as_ref());
        // One that is under way is called back, or keeps another one from beginning: then its own end is of interest.
        let behind = last.map_or(0, |last| last.number - u64::from(!over(&last)));
        Ok(all.shared.then(|| Self {
            plugin: plugin.to_owned(),
            behind,
            said: String::new(),
            progress: BTreeMap::new(),
        }))
    }

    pub async fn print(&mut self, client: &Client) -> anyhow::Result<()> {
        let all = client.ask(&ListRollouts {}).await?;
        let known = all.plugins.into_iter().find(|known| known.plugin == self.plugin);
        let Some(rollout) = known
            .and_then(|known| known.rollout)
            .filter(|it| it.number > self.behind)
        else {
            return Ok(());
        };
        if self.said != rollout.said {
            println!("{:<10} {}", rollout.phase, rollout.said);
            self.said.clone_from(&rollout.said);
        }
        for relay in rollout.relays {
            let before = self.progress.insert(relay.relay.clone(), relay.progress.clone());
            if before.as_ref() != Some(&relay.progress) && relay.progress != "preparing" {
                println!("{:<10} {:<10} {}", "", relay.relay, relay.progress);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::rollouts::{BarredVersion, RelayInRollout};
    use crate::message::Timestamp;

    #[test]
    fn a_rollout_is_shown_with_every_relay_and_what_is_barred() {
        let at = || Timestamp(1_790_000_000_000).into();
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let plugin = RolledOut {
            plugin: "charging".into(),
            live: Some(a.clone()),
            before: vec!["c".repeat(64)],
            barred: vec![BarredVersion {
                digest: b.clone(),
                why: "5 of its first 5 calls failed".into(),
                relay: "two".into(),
                at: at(),
            }],
            rollout: Some(RolloutAtWork {
                number: 3,
                digest: b,
                replaces: a,
                by: "root".into(),
                from: "two".into(),
                begun: at(),
                phase: "back".into(),
                said: "all relays go back, since at relay two: 5 of its first 5 calls failed".into(),
                since: at(),
                relays: vec![RelayInRollout {
                    relay: "one".into(),
                    progress: "gone-back".into(),
                    lives: false,
                }],
            }),
        };
        insta::assert_snapshot!(describe(&plugin), @r"
        charging
          for all    aaaaaaaaaaaa
          before     cccccccccccc
          barred     bbbbbbbbbbbb  since 2026-09-21T14:13:20Z at relay two: 5 of its first 5 calls failed
          roll-out   3  bbbbbbbbbbbb in the place of aaaaaaaaaaaa, asked for by root at relay two, 2026-09-21T14:13:20Z
                     back since 2026-09-21T14:13:20Z: all relays go back, since at relay two: 5 of its first 5 calls failed
                     one        gone-back, does not live
        ");
    }
}
