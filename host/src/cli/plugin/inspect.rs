//! `mm4relay plugin inspect`: a component's contract and grants, whether a relay would load it, and a configuration to
//! paste.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use mm4relay_engine::{
    BoxFuture, Description, Engine, Inspection, Level, Limits, MessageType, Network, NoOutside, OccasionKind, Outside,
    PluginSpec, Services, Table,
};

use crate::versions::files;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A component (.wasm)
    file: PathBuf,
    /// Do not run it: without this, `describe` and `configure` are called once, in the sandbox
    #[arg(long)]
    no_run: bool,
    /// Settings for `configure`, as TOML
    #[arg(long, value_name = "FILE", conflicts_with = "no_run")]
    settings: Option<PathBuf>,
}

pub async fn run(args: &Args) -> anyhow::Result<()> {
    let bytes = super::read_component(&args.file)?;
    let engine = super::small_engine(false)?;
    let inspection = engine
        .inspect(&bytes)
        .with_context(|| args.file.display().to_string())?;
    outside(&args.file, &inspection)?;
    let settings = match &args.settings {
        Some(path) => super::read_settings(path)?,
        None => serde_json::json!({}),
    };
    if !args.no_run {
        inside(&engine, bytes, &inspection, settings).await;
    }
    paste(&args.file, &inspection);
    Ok(())
}

/// Prints what the octets show without running them.
fn outside(file: &Path, inspection: &Inspection) -> anyhow::Result<()> {
    let memory = inspection.memories.iter().map(|memory| memory.initial).sum::<u64>();
    println!("file       {}, {} KiB", file.display(), inspection.size.div_ceil(1024));
    println!("sha256     {}", inspection.digest);
    let signature = files::read_signature(file).with_context(|| format!("{}.sig cannot be read", file.display()))?;
    let signed = match signature {
        Some(_) => "there is one, beside the file; a relay compares it with its keys",
        None => "none",
    };
    println!("signature  {signed}");
    println!("contract   mm4:filter@{}", inspection.api_version);
    println!("memory     {} KiB at the start", memory.div_ceil(1024));
    println!("imports    {}", inspection.imports.join("\n           "));
    println!("exports    {}", inspection.exports.join("\n           "));
    let label = if inspection.asks_for_grants { "can use" } else { "needs" };
    println!("{label:<10} grants = [{}]", quoted(&inspection.grants));
    Ok(())
}

/// Prints what `describe` returns, and whether a relay would load the component.
async fn inside(engine: &Engine, bytes: Vec<u8>, inspection: &Inspection, settings: serde_json::Value) {
    let world = Arc::new(Nothing::default());
    let spec = PluginSpec {
        name: "inspected".to_owned(),
        wasm: PathBuf::new(),
        settings,
        grants: inspection.grants.clone(),
        may: Default::default(),
        limits: Limits::default(),
    };
    let services = Arc::clone(&world) as Arc<dyn Services>;
    let loading = engine.load_bytes(spec, bytes.into(), services, Arc::new(|_, _| {}));
    match loading.await {
        Ok(plugin) => {
            describe(plugin.description());
            println!("a relay    would take it, with these settings and the default limits");
        }
        Err(error) => println!("a relay    would refuse it: {}", error.kind),
    }
    for line in std::mem::take(&mut *world.log()) {
        println!("log        {line}");
    }
}

fn describe(description: &Description) {
    println!("name       {} {}", description.name, description.version);
    let occasions: Vec<&str> = description.occasions.iter().map(|kind| occasion(*kind)).collect();
    println!("called on  {}", none_or(&occasions, "no occasion: it never runs"));
    let types: Vec<&str> = description
        .message_types
        .iter()
        .map(|kind| message_type(*kind))
        .collect();
    println!("messages   {}", none_or(&types, "of every type"));
    let media: Vec<&str> = description.media_types.iter().map(String::as_str).collect();
    println!("parts      {}", none_or(&media, "whatever they are"));
}

fn none_or(words: &[&str], none: &str) -> String {
    match words.is_empty() {
        true => none.to_owned(),
        false => words.join(", "),
    }
}

fn occasion(kind: OccasionKind) -> &'static str {
    match kind {
        OccasionKind::Arrival => "arrival",
        OccasionKind::Departure => "departure",
        OccasionKind::Outcome => "outcome",
    }
}

fn message_type(kind: MessageType) -> &'static str {
    match kind {
        MessageType::ForwardRequest => "MM4_forward.REQ",
        MessageType::ForwardResponse => "MM4_forward.RES",
        MessageType::DeliveryReportRequest => "MM4_delivery_report.REQ",
        MessageType::DeliveryReportResponse => "MM4_delivery_report.RES",
        MessageType::ReadReplyReportRequest => "MM4_read_reply_report.REQ",
        MessageType::ReadReplyReportResponse => "MM4_read_reply_report.RES",
        MessageType::Other => "others",
    }
}

/// The lines for the relay's configuration.
fn paste(file: &Path, inspection: &Inspection) {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    println!("configuration:");
    println!("  [[plugin]]");
    println!("  name = {name:?}");
    println!("  file = {:?}", file.file_name().unwrap_or_default().to_string_lossy());
    println!("  grants = [{}]", quoted(&inspection.grants));
    println!("  on-failure = \"defer\"      # or \"skip\", \"hold\", \"refuse\"");
    println!("  [plugin.settings]");
}

fn quoted(grants: &BTreeSet<mm4relay_engine::Grant>) -> String {
    let quoted: Vec<String> = grants.iter().map(|grant| format!("\"{grant}\"")).collect();
    quoted.join(", ")
}

/// A relay without content: its tables exist, and are empty.
#[derive(Default)]
struct Nothing(Mutex<Vec<String>>);

impl Nothing {
    fn log(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Services for Nothing {
    fn now_ms(&self) -> u64 {
        0
    }

    fn table(&self, _name: &str) -> Option<Arc<dyn Table>> {
        Some(Arc::new(NoRows))
    }

    fn kv_get<'a>(&'a self, _plugin: &'a str, _key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        Box::pin(async { Ok(None) })
    }

    fn random_seed(&self) -> [u8; 32] {
        [0; 32]
    }

    fn network<'a>(&'a self, _number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        Box::pin(async { Ok(None) })
    }

    fn outside(&self) -> &dyn Outside {
        &NoOutside
    }

    fn log(&self, _plugin: &str, _message: &str, _level: Level, text: &str) {
        self.log().push(text.to_owned());
    }
}

struct NoRows;

impl Table for NoRows {
    fn lookup(&self, _key: &str) -> Option<&str> {
        None
    }

    fn lookup_prefix(&self, _text: &str) -> Option<(&str, &str)> {
        None
    }
}
