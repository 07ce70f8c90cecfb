//! `mm4relay plugin load` and `plugin rollback`: another version for a running relay, and the result.
//!
//! The command asks the relay at its door, and prints the steps as the relay takes them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::cli::door;
use crate::config::Config;
use crate::control::placing::{LoadVersion, RollBack, VersionPlaced};
use crate::control::plugins::{Attempt, PlugIns};
use crate::control::{Ask, Client};

use super::rollout::Following;
use crate::versions::files;

/// How often the steps are asked for.
const LOOK: Duration = Duration::from_millis(50);
/// The default number of seconds to wait for the relay, and for all relays that share its store.
const WAIT: u64 = 120;
const WAIT_FOR_ALL: u64 = 900;

#[derive(Debug, clap::Args)]
pub struct LoadArgs {
    /// The plug-in's name in the configuration
    name: String,
    /// The new version; its signature is taken from FILE.sig
    file: PathBuf,
    /// Where relays share a store: configure it at each with that relay's own settings, although these differ
    #[arg(long)]
    own_settings: bool,
    #[command(flatten)]
    relay: RelayArgs,
}

#[derive(Debug, clap::Args)]
pub struct RollbackArgs {
    /// The plug-in's name in the configuration
    name: String,
    #[command(flatten)]
    relay: RelayArgs,
}

#[derive(Debug, clap::Args)]
struct RelayArgs {
    /// The relay's configuration
    #[arg(long, value_name = "FILE", default_value_os_t = crate::cli::usual_config())]
    config: PathBuf,
    /// Seconds to wait for the result [default: 120, and 900 where relays share a store]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: Option<u64>,
}

impl RelayArgs {
    fn seconds(&self) -> u64 {
        let shared = Config::load(&self.config).is_ok_and(|config| config.shared_spool.is_some());
        self.wait.unwrap_or(if shared { WAIT_FOR_ALL } else { WAIT })
    }
}

impl LoadArgs {
    /// A load with the default time to wait.
    pub fn of(name: String, file: PathBuf, config: PathBuf) -> Self {
        let relay = RelayArgs { config, wait: None };
        Self {
            name,
            file,
            own_settings: false,
            relay,
        }
    }
}

pub async fn load(args: &LoadArgs) -> anyhow::Result<()> {
    let file = &args.file;
    let wasm = super::read_component(file)?;
    let signature = files::read_signature(file).with_context(|| format!("{}.sig cannot be read", file.display()))?;
    let digest = mm4relay_engine::digest(&wasm);
    let component = STANDARD.encode(&wasm);
    ensure!(
        component.len() < LoadVersion::MOST_OCTETS,
        "{} is larger than the door takes: put it where the configuration says, the relay sees it there",
        file.display()
    );
    let ask = LoadVersion {
        plugin: args.name.clone(),
        component,
        signature,
        seconds: Some(args.relay.seconds()),
        own_settings: args.own_settings,
    };
    let placed = follow(&args.relay.config, &args.name, ask).await?;
    if placed.attempt.is_none() && placed.rollout.is_none() {
        println!("{digest} runs already");
    }
    Ok(())
}

pub async fn rollback(args: &RollbackArgs) -> anyhow::Result<()> {
    let ask = RollBack {
        plugin: args.name.clone(),
        seconds: Some(args.relay.seconds()),
    };
    let placed = follow(&args.relay.config, &args.name, ask).await?;
    println!("back to {}", placed.after);
    Ok(())
}

/// Asks the running relay, and prints the steps that it takes meanwhile.
async fn follow(config: &Path, plugin: &str, ask: impl Ask<Answer = VersionPlaced>) -> anyhow::Result<VersionPlaced> {
    let folder = door::folder_of(config)?;
    let open = async || {
        let client = door::running(&folder).await;
        client.with_context(|| {
            format!(
                "no relay runs on {}, and only a running one loads a version",
                folder.display()
            )
        })
    };
    let (asking, looking) = (open().await?, open().await?);
    let mut steps = Steps::behind(last_attempt(&looking, plugin).await?);
    let mut rollout = Following::begin(&looking, plugin).await?;
    let mut asked = std::pin::pin!(asking.ask(&ask));
    let answer = loop {
        tokio::select! {
            answer = &mut asked => break answer,
            () = tokio::time::sleep(LOOK) => match &mut rollout {
                Some(rollout) => rollout.print(&looking).await?,
                None => steps.print(last_attempt(&looking, plugin).await?.as_ref()),
            },
        }
    };
    if let Some(rollout) = &mut rollout {
        rollout.print(&looking).await?;
        return answer.map_err(|problem| anyhow::anyhow!("{problem}"));
    }
    match answer {
        Ok(placed) => {
            steps.print(placed.attempt.as_ref());
            if placed.attempt.is_some() && placed.watched_seconds > 0.0 {
                let seconds = placed.watched_seconds;
                println!("watched for {seconds} s: it is rolled back if it fails clearly more often");
            }
            Ok(placed)
        }
        Err(problem) => {
            steps.print(last_attempt(&looking, plugin).await?.as_ref());
            bail!("{problem}")
        }
    }
}

async fn last_attempt(client: &Client, plugin: &str) -> anyhow::Result<Option<Attempt>> {
    let all = client.ask(&PlugIns {}).await?;
    let named = all.plugins.into_iter().find(|known| known.name == plugin);
    Ok(named.and_then(|plugin| plugin.last_attempt))
}

/// The steps of one attempt, as far as they were printed.
struct Steps {
    /// The number of the attempt before.
    behind: u64,
    shown: usize,
}

impl Steps {
    fn behind(attempt: Option<Attempt>) -> Self {
        Self {
            behind: attempt.map_or(0, |attempt| attempt.number),
            shown: 0,
        }
    }

    fn print(&mut self, attempt: Option<&Attempt>) {
        let Some(attempt) = attempt.filter(|attempt| attempt.number > self.behind) else {
            return;
        };
        for step in attempt.steps.iter().skip(self.shown) {
            println!("{:<9} {:>8.1} ms  {}", step.step, step.after_ms, step.said);
        }
        self.shown = attempt.steps.len();
    }
}
