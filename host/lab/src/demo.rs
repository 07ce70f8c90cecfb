//! `mm4relay demo`: the bundled plug-ins, a relay and three operators on loopback, and what happens to each sample. With
//! `--topology mmse`: several MMS Relay/Servers behind one face.

mod mmse;
mod samples;
mod show;
mod stage;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};

use mm4relay::cli::console::Forwarder;
use mm4relay::config::Config;
use mm4relay::spool::{Filter, Operator};
use mm4relay::telemetry;

use samples::SAMPLES;
use stage::Stage;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// End when the samples are through
    #[arg(long)]
    once: bool,
    /// Who there is: three operators around a hub, or one operator with three MMS Relay/Servers and another outside
    #[arg(long, value_enum, default_value_t = Topology::Hub)]
    topology: Topology,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Topology {
    Hub,
    Mmse,
}

/// How long to wait for anything that is expected to happen.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(10);

const PLUGINS: [&str; 4] = ["address-rewrite", "content-adapt", "skeleton", "charging"];

pub async fn run(args: Args) -> anyhow::Result<()> {
    telemetry::start("warn");
    let folder = tempfile::tempdir().context("a temporary folder cannot be made")?;
    match args.topology {
        Topology::Hub => hub(args.once, folder.path()).await,
        Topology::Mmse => several_relay_servers(args.once, folder.path()).await,
    }
}

async fn several_relay_servers(once: bool, folder: &Path) -> anyhow::Result<()> {
    build_plugins(&["charging"], folder)?;
    let stage = mmse::play(folder).await?;
    if !once {
        stay(&stage.relay_address(), stage.config_path()).await?;
    }
    stage.clear().await;
    Ok(())
}

async fn hub(once: bool, folder: &Path) -> anyhow::Result<()> {
    build_plugins(&PLUGINS, folder)?;
    let mut stage = Stage::set(folder).await?;
    println!(
        "\nrelay       {}  (configuration: {})",
        stage.relay_address(),
        stage.config_path().display()
    );
    for (operator, address) in stage.operators() {
        println!("{operator}  {address}");
    }
    for (number, sample) in (1..).zip(SAMPLES) {
        println!("\n=== {number}. {} ===\n{}\n", sample.title, sample.about);
        let played = stage
            .play(sample)
            .await
            .with_context(|| format!("sample {number}, {}", sample.title))?;
        print!("{}", show::played(sample, &played));
        ensure!(
            played.was_taken() == sample.taken,
            "sample {number}, {}, was {}, which is not what should happen",
            sample.title,
            if played.was_taken() { "taken" } else { "refused" },
        );
    }
    println!("\nall {} samples did what they should", SAMPLES.len());
    if !once {
        stay(&stage.relay_address(), stage.config_path()).await?;
    }
    stage.clear().await;
    Ok(())
}

/// Builds the plug-ins into `folder`, from the source tree: the one of the current folder, else the one that this
/// program was built from.
fn build_plugins(plugins: &[&str], folder: &Path) -> anyhow::Result<()> {
    println!("building the bundled plug-ins: {}", plugins.join(", "));
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let has_plugins = |root: &PathBuf| root.join("plugins/skeleton/Cargo.toml").exists();
    let root = [PathBuf::from("."), built_from].into_iter().find(has_plugins);
    let root = root.context("the sources of the bundled plug-ins are not here: run the demo in a checkout")?;
    for plugin in plugins {
        mm4relay::cli::plugin::build(&root.join("plugins").join(plugin), Some(folder))?;
    }
    Ok(())
}

/// Waits until nothing is in the relay's queue.
async fn queue_is_empty(spool: &dyn Operator) -> anyhow::Result<()> {
    let emptied = async {
        while !spool.list(&Filter::default())?.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    };
    let emptied = tokio::time::timeout(PATIENCE, emptied).await;
    emptied.context("the queue did not become empty")?
}

/// Leaves everything running until Ctrl-C or SIGTERM.
async fn stay(relay: &str, config: &Path) -> anyhow::Result<()> {
    println!("\nThe relay stays up until you interrupt it. To try your own message:\n");
    println!("  mm4relay send FILE.eml --to {} --verbose", relay);
    println!("  mm4relay queue list --config {}", config.display());
    println!("  mm4relay cdr export --config {}", config.display());
    let console = Forwarder::open(&Config::load(config)?.relay.spool, 0).await?;
    println!(
        "\nIts console, in your browser (the address is good once):\n\n  {}",
        console.url()
    );
    let console = tokio::spawn(console.serve());
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    console.abort();
    Ok(())
}
