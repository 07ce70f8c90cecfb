//! `mm4relay plugin test`: sample messages in, snapshots out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use mm4relay_engine::{Engine, Limits, Occasion, PluginSpec};
use similar::{ChangeTag, TextDiff};

use crate::clock::FixedClock;
use crate::message::{OnFailure, Outgoing, OutgoingId, PeerName, Rope};
use crate::pipeline::{Catalogue, Chain, Effects, LinkSpec, NoValues, PluginServices, TellOutcome};

use super::case::{Case, cases};
use super::{Manifest, snapshot};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plug-in's folder, with plugin.toml and samples/
    folder: PathBuf,
    /// Accept what the plug-in does now as what is expected
    #[arg(long)]
    bless: bool,
    /// Only the cases whose name holds this
    #[arg(long)]
    case: Option<String>,
    /// Test this component instead of building the one in the folder
    #[arg(long)]
    wasm: Option<PathBuf>,
}

pub async fn run(args: &Args) -> anyhow::Result<()> {
    let manifest = Manifest::read(&args.folder)?;
    let mut cases = cases(&args.folder)?;
    if let Some(part) = &args.case {
        cases.retain(|case| case.name.contains(part.as_str()));
    }
    if cases.is_empty() {
        bail!(
            "no sample case in {}/samples: a case is a folder with a message.eml",
            args.folder.display()
        );
    }
    let wasm = match &args.wasm {
        Some(wasm) => wasm.clone(),
        None => super::build(&args.folder, None)?.wasm,
    };
    let engine = super::small_engine()?;
    let mut failed = 0;
    for case in &cases {
        let now = made_of(case, &engine, &wasm, &manifest)
            .await
            .with_context(|| format!("case {}", case.name))?;
        failed += usize::from(!compare(case, &now, args.bless)?);
    }
    println!("{} cases, {failed} differ", cases.len());
    if failed > 0 {
        bail!(
            "{failed} of {} cases differ from what is expected; --bless accepts what the plug-in does now",
            cases.len()
        );
    }
    Ok(())
}

/// What the plug-in makes of the case, as text. A plug-in that does not load is a result too: samples show bad settings.
async fn made_of(case: &Case, engine: &Engine, wasm: &Path, manifest: &Manifest) -> anyhow::Result<String> {
    let services = Arc::new(PluginServices {
        tables: Arc::new(ArcSwap::from_pointee(case.tables())),
        kv: Arc::new(NoValues),
        clock: Arc::new(FixedClock(case.now()?)),
    });
    let plugin = PluginSpec {
        name: wasm
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default(),
        wasm: wasm.to_owned(),
        settings: case.settings_json()?,
        grants: manifest.grants()?,
        limits: Limits::default(),
    };
    let spec = LinkSpec {
        plugin,
        on_failure: OnFailure::Defer,
    };
    match Catalogue::load(engine.clone(), services, vec![spec]).await {
        Ok(catalogue) => put_through(case, &catalogue.chain()).await,
        Err(error) => Ok(format!("does not load:\n  {error}\n")),
    }
}

async fn put_through(case: &Case, chain: &Chain) -> anyhow::Result<String> {
    let message = Arc::new(case.read_message()?);
    let mut effects = Effects::default();
    Ok(match case.occasion()? {
        Occasion::Arrival => snapshot::passage(&chain.arrive(message, &mut effects).await, &effects),
        Occasion::Departure(destination) => {
            snapshot::passage(&chain.depart(message, destination, &mut effects).await, &effects)
        }
        Occasion::Outcome(outcome) => {
            let outgoing = Outgoing {
                id: OutgoingId {
                    message: message.id,
                    ordinal: 1,
                },
                peer: PeerName::new("sample-destination")?,
                source: message.origin.peer.clone(),
                received_at: message.origin.received_at,
                envelope: message.envelope.clone(),
                rope: Rope {
                    content: message.content.clone(),
                    pieces: Vec::new(),
                },
                header: None,
                attempts: 0,
            };
            let header = Arc::new(message.header.clone());
            let tell = TellOutcome {
                outgoing: &outgoing,
                recipients: message.envelope.recipients.clone(),
                header,
                outcome,
                only: None,
            };
            snapshot::told(&chain.tell(tell).await)
        }
    })
}

/// Whether the snapshot is the expected one. A difference is shown.
fn compare(case: &Case, now: &str, bless: bool) -> anyhow::Result<bool> {
    let path = case.folder.join("expected.txt");
    let expected = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    };
    if expected == now {
        println!("ok       {}", case.name);
        return Ok(true);
    }
    if bless {
        std::fs::write(&path, now).with_context(|| format!("{} cannot be written", path.display()))?;
        println!("blessed  {}", case.name);
        return Ok(true);
    }
    println!("differs  {}  (- expected, + what it does now)", case.name);
    for change in TextDiff::from_lines(expected.as_str(), now).iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Delete => "-",
            ChangeTag::Insert => "+",
            ChangeTag::Equal => " ",
        };
        print!("  {sign} {change}");
    }
    Ok(false)
}
