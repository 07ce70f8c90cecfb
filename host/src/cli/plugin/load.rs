//! `mm4relay plugin load` and `plugin rollback`: another version for a running relay, and its verdict.
//!
//! There is no channel to the relay but its files: the version is put where the configuration says, the relay sees that,
//! and what it makes of it is read from the history in its spool. A version that is refused does not stay there: what
//! runs is put back, so that the next start finds it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::config::{Config, Plugin};
use crate::versions::files;
use crate::versions::history::{Attempt, Book, FILE, Record, Verdict};

/// How often the history is looked at. It is a file: there is nothing else to wait for.
const LOOK: Duration = Duration::from_millis(50);
/// Seconds to wait for the relay, when nobody says.
const WAIT: u64 = 120;

#[derive(Debug, clap::Args)]
pub struct LoadArgs {
    /// The plug-in's name in the configuration
    name: String,
    /// The new version; its signature is taken from FILE.sig
    file: PathBuf,
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
    /// Seconds to wait for what the relay says
    #[arg(long, value_name = "SECONDS", default_value_t = WAIT, value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: u64,
}

impl LoadArgs {
    /// With the default time to wait.
    pub fn of(name: String, file: PathBuf, config: PathBuf) -> Self {
        let relay = RelayArgs { config, wait: WAIT };
        Self { name, file, relay }
    }
}

/// What is to be put in place.
struct Parcel {
    wasm: Vec<u8>,
    signature: Option<String>,
    digest: String,
}

/// The relay as this command sees it: a plug-in of its configuration, and its spool.
struct Target {
    plugin: Plugin,
    spool: PathBuf,
    wait: Duration,
}

pub async fn load(args: &LoadArgs) -> anyhow::Result<()> {
    let target = Target::find(&args.name, &args.relay)?;
    let file = &args.file;
    let wasm = super::read_component(file)?;
    let signature = files::read_signature(file).with_context(|| format!("{}.sig cannot be read", file.display()))?;
    target.deliver(Parcel::new(wasm, signature)).await
}

pub async fn rollback(args: &RollbackArgs) -> anyhow::Result<()> {
    let target = Target::find(&args.name, &args.relay)?;
    let record = target.record()?;
    let previous = record.previous().with_context(|| {
        format!(
            "plug-in {:?} has no version before the running one that was kept",
            args.name
        )
    })?;
    println!("back to {}  {}", previous.version, previous.digest);
    let (wasm, signature) = files::kept(&target.spool, &previous.digest).context("the kept version cannot be used")?;
    target.deliver(Parcel::new(wasm.into(), signature)).await
}

impl Parcel {
    fn new(wasm: Vec<u8>, signature: Option<String>) -> Self {
        let digest = mm4relay_engine::digest(&wasm);
        Self {
            wasm,
            signature,
            digest,
        }
    }

    /// What stands at `path` now; nothing when there is no file.
    fn at(path: &Path) -> anyhow::Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let wasm = super::read_component(path)?;
        let signature = files::read_signature(path)
            .with_context(|| format!("{} cannot be read", files::signature_path(path).display()))?;
        Ok(Some(Self::new(wasm, signature)))
    }

    /// The signature first: a component is looked at as soon as it is there, and must not be found with another's.
    fn put(&self, path: &Path) -> io::Result<()> {
        let mode = fs::metadata(path).map_or(0o644, |file| file.permissions().mode() & 0o777);
        let signature = files::signature_path(path);
        match &self.signature {
            Some(text) => files::put(&signature, text.as_bytes(), mode)?,
            None => match fs::remove_file(&signature) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            },
        }
        files::put(path, &self.wasm, mode)
    }
}

impl Target {
    fn find(name: &str, args: &RelayArgs) -> anyhow::Result<Self> {
        let config = Config::load(&args.config)?;
        let spool = config.relay.spool.clone();
        let names: Vec<_> = config.plugins.iter().map(|plugin| plugin.name.clone()).collect();
        let names = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        let mut plugins = config.plugins.into_iter();
        let plugin = plugins.find(|plugin| plugin.name == name);
        let unknown = || format!("{} has no plug-in {name:?}: there are {names}", args.config.display());
        Ok(Self {
            plugin: plugin.with_context(unknown)?,
            spool,
            wait: Duration::from_secs(args.wait),
        })
    }

    fn record(&self) -> anyhow::Result<Record> {
        Ok(self.book()?.plugins.remove(&self.plugin.name).unwrap_or_default())
    }

    fn book(&self) -> anyhow::Result<Book> {
        Book::read(&self.spool).with_context(|| format!("{} cannot be read", self.spool.join(FILE).display()))
    }

    async fn deliver(&self, parcel: Parcel) -> anyhow::Result<()> {
        let path = &self.plugin.file;
        let before = self.book()?;
        let record = before.plugins.get(&self.plugin.name);
        if record.and_then(|record| record.running.as_deref()) == Some(parcel.digest.as_str()) {
            println!("{} runs already", parcel.digest);
            // It may run in the place of a file that was rolled back.
            return parcel
                .put(path)
                .with_context(|| format!("{} cannot be written", path.display()));
        }
        let before_it = self
            .running(record)
            .map_or_else(|| Parcel::at(path), |running| Ok(Some(running)))?;
        parcel
            .put(path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        match self.verdict(&parcel.digest, before.last_attempt).await {
            Ok(()) => Ok(()),
            Err(error) => {
                if let Some(before_it) = before_it {
                    before_it
                        .put(path)
                        .with_context(|| format!("{} cannot be put back", path.display()))?;
                    println!("put back  {}  {}", short(&before_it.digest), path.display());
                }
                Err(error)
            }
        }
    }

    /// The plug-in that the relay loads now, if any: it loads one after the other.
    fn busy_with(&self) -> Option<String> {
        let plugins = self.book().ok()?.plugins;
        let under_way = |record: &Record| record.attempts.last().is_some_and(|it| it.verdict == Verdict::UnderWay);
        plugins
            .into_iter()
            .find(|(_, record)| under_way(record))
            .map(|(name, _)| name)
    }

    /// What runs, as it was kept. What stands in its file may be another version, which was refused or rolled back, and
    /// must not be put there again.
    fn running(&self, record: Option<&Record>) -> Option<Parcel> {
        let (wasm, signature) = files::kept(&self.spool, record?.running.as_deref()?).ok()?;
        Some(Parcel::new(wasm.into(), signature))
    }

    /// Prints the steps of the attempt with this digest as they come, and waits for its end.
    async fn verdict(&self, digest: &str, after: u64) -> anyhow::Result<()> {
        let mut shown = 0;
        let following = async {
            loop {
                let record = self.record()?;
                // One without a digest could not even be read.
                let ours = |attempt: &&Attempt| {
                    attempt.number > after && (attempt.digest == digest || attempt.digest.is_empty())
                };
                if let Some(attempt) = record.attempts.iter().find(ours) {
                    for step in attempt.steps.iter().skip(shown) {
                        println!("{:<9} {:>8.1} ms  {}", step.step, step.after_ms, step.said);
                    }
                    shown = attempt.steps.len();
                    if attempt.verdict != Verdict::UnderWay {
                        return anyhow::Ok(attempt.clone());
                    }
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let Ok(attempt) = tokio::time::timeout(self.wait, following).await else {
            let why = match self.busy_with() {
                Some(name) => {
                    format!("it is busy with a load of plug-in {name:?}, see `plugin list`; this one follows")
                }
                None => "does it run?".to_owned(),
            };
            bail!("the relay said nothing of it within {} s: {why}", self.wait.as_secs());
        };
        let attempt = attempt?;
        ensure!(attempt.verdict == Verdict::Live, "it does not go live: {}", attempt.why);
        match self.plugin.watch {
            Duration::ZERO => {}
            watch => println!(
                "watched for {} s: it is rolled back if it fails clearly more often",
                watch.as_secs_f32()
            ),
        }
        Ok(())
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
