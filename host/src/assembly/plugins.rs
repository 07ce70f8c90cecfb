//! The chain of plug-ins as the configuration states it, in the engine's words.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use mm4relay_engine::{Engine, EngineOptions, MessageType, PluginSpec, Services};

use crate::clock::SystemClock;
use crate::config::{self, Code, Config};
use crate::message::{PeerName, Source};
use crate::outside::Gates;
use crate::pipeline::{
    Chain, Direction, KvSource, NoNumbers, NoValues, NobodyOutside, Numbering, PluginServices, Seeds, When,
    engine_options,
};
use crate::rehearsal::recording::{self, Recorder, RecordingOptions};
use crate::rehearsal::samples::Bench;
use crate::relay::Directory;
use crate::tables::Tables;
use crate::versions::ShadowTerms;
use crate::versions::signing::{PublicKey, Signing};
use crate::versions::{Catalogue, LinkSpec};

use super::findings::Findings;
use super::numbers::RoutedNumbers;
use super::outside::Neighbours;
use super::plugin_limits::plugin_limits;
use super::services::table_set;
use super::sources;

/// The links, in the order of the file; their calls go to `recorder`. Components that are only in a registry are
/// fetched.
pub async fn specs(config: &Config, recorder: Option<&Arc<Recorder>>) -> anyhow::Result<Vec<LinkSpec>> {
    sources::fetch_missing(config).await?;
    let signing = Arc::new(signing(&config.plugin_signing)?);
    let inside = Arc::new(inside(config));
    let spec = |plugin: &config::Plugin| {
        let plugin_spec = PluginSpec {
            name: plugin.name.clone(),
            wasm: plugin.file.clone(),
            settings: plugin.settings.clone(),
            grants: plugin.grants.clone(),
            may: plugin.may.clone(),
            limits: plugin_limits(&plugin.limits, &plugin.breaker),
        };
        Ok(LinkSpec {
            plugin: plugin_spec,
            on_failure: plugin.on_failure,
            when: Arc::new(when(&plugin.when, &inside)),
            samples: plugin.samples.clone(),
            watch: plugin.watch,
            signing: Arc::clone(&signing),
            shadow: ShadowTerms {
                messages: plugin.shadow,
                within: plugin.shadow_within,
                refuse_differences: plugin.shadow_refuses,
            },
            recorder: recorder.cloned(),
        })
    };
    config.plugins.iter().map(spec).collect()
}

/// The recorder of calls: the running one, if its options are the same, else a new one.
pub fn recorder(config: &Config, running: Option<Arc<Recorder>>) -> anyhow::Result<Option<Arc<Recorder>>> {
    let Some(recording) = &config.recording else {
        return Ok(None);
    };
    let options = RecordingOptions {
        folder: recording.folder.clone(),
        messages: recording.messages as usize,
        octets: recording.size,
        plugins: recording.plugins.iter().cloned().collect(),
    };
    if let Some(running) = running.filter(|running| running.options == options) {
        return Ok(Some(running));
    }
    let folder = options.folder.display().to_string();
    tracing::warn!(
        folder,
        event = "recording-on",
        "what plug-ins see is recorded, whole messages and numbers"
    );
    Ok(Some(
        Recorder::start(options).with_context(|| format!("recording folder {folder}"))?,
    ))
}

/// The peers of our own MMSE, and the relay, whose own messages come from inside.
fn inside(config: &Config) -> HashSet<String> {
    let ours = config.peers.iter().filter(|peer| peer.inside).map(|peer| &peer.name);
    ours.map(PeerName::as_str)
        .chain([Source::RELAY])
        .map(str::to_owned)
        .collect()
}

/// The configuration has checked the words.
fn when(set: &config::PluginWhen, inside: &Arc<HashSet<String>>) -> When {
    When {
        from: set.from.iter().cloned().collect(),
        to: set.to.iter().cloned().collect(),
        directions: set
            .direction
            .iter()
            .filter_map(|word| Direction::from_word(word))
            .collect(),
        message_types: set.message_types.iter().filter_map(|word| message_type(word)).collect(),
        inside: Arc::clone(inside),
    }
}

/// The engine uses the contract's word for a type too.
fn message_type(word: &str) -> Option<MessageType> {
    serde_json::from_value(word.into()).ok()
}

/// The configured keys, in the form that verifies signatures.
fn signing(set: &config::PluginSigning) -> anyhow::Result<Signing> {
    let key = |(name, point): &(String, [u8; 32])| PublicKey::new(name, *point);
    Ok(Signing {
        required: set.required,
        keys: set.keys.iter().map(key).collect::<Result<_, _>>()?,
    })
}

/// Loads every plug-in as a start would, and drops the result. Returns a line for each when all are good.
///
/// Code that a relay of this user has compiled is used, and new code is kept for the next one: compiling takes seconds.
pub(crate) async fn check(config: &Config, tables: &Tables, found: &mut Findings) -> Vec<String> {
    if config.plugins.is_empty() {
        return Vec::new();
    }
    let (engine, loaded) = match trial(config, tables).await {
        Ok((engine, services, specs)) => (engine.clone(), Catalogue::load(engine, services, specs).await),
        Err(error) => {
            found.problem(Code::PluginsUnusable, "plugin", format!("{error:#}"));
            return Vec::new();
        }
    };
    let catalogue = match loaded {
        Ok(catalogue) => catalogue,
        Err(error) => {
            found.plugins(&error);
            return Vec::new();
        }
    };
    let mut lines = Vec::new();
    for (link, plugin) in catalogue.chain().links.iter().zip(&config.plugins) {
        let described = link.plugin.description();
        let (name, version) = (&described.name, &described.version);
        let mut line = format!("{}: {name} {version}, on failure {}", plugin.name, link.on_failure);
        let deniable = deniable(config, plugin, &engine).await;
        if !deniable.is_empty() {
            line += &format!("\n{:17}could be denied: {}", "", deniable.join(", "));
        }
        lines.push(line);
    }
    lines
}

/// The grants that a plug-in has not used, by its samples and its recorded calls. Empty when it has neither.
async fn deniable(config: &Config, plugin: &config::Plugin, engine: &Engine) -> Vec<String> {
    let recorded = config
        .recording
        .as_ref()
        .and_then(|recording| recording::uses(&recording.folder, &plugin.name));
    let sampled = match (&plugin.samples, mm4relay_engine::read_file(&plugin.file, u64::MAX)) {
        (Some(samples), Ok(wasm)) => {
            let mut bench = Bench::new(
                engine.clone(),
                wasm.into(),
                plugin.grants.clone(),
                plugin_limits(&plugin.limits, &plugin.breaker),
            );
            bench.uses(samples).await.ok()
        }
        _ => None,
    };
    let used = match (recorded, sampled) {
        (None, None) => return Vec::new(),
        (Some(used), None) | (None, Some(used)) => used,
        (Some(mut used), Some(more)) => {
            used.add(&more);
            used
        }
    };
    used.deniable(&plugin.may)
}

/// The chain as a start would load it, with these values, and the numbering of these routes.
pub(crate) async fn rehearsed(
    config: &Config,
    tables: &Tables,
    values: Arc<dyn KvSource>,
    directory: Arc<Directory>,
    found: &mut Findings,
) -> Option<Arc<Chain>> {
    let catalogue = match on_stage(config, tables, values, Arc::new(RoutedNumbers(directory))).await {
        Ok((engine, services, specs)) => Catalogue::load(engine, services, specs).await,
        Err(error) => {
            found.problem(Code::PluginsUnusable, "plugin", format!("{error:#}"));
            return None;
        }
    };
    match catalogue {
        Ok(catalogue) => Some(catalogue.chain()),
        Err(error) => {
            found.plugins(&error);
            None
        }
    }
}

async fn trial(config: &Config, tables: &Tables) -> anyhow::Result<(Engine, Arc<dyn Services>, Vec<LinkSpec>)> {
    on_stage(config, tables, Arc::new(NoValues), Arc::new(NoNumbers)).await
}

async fn on_stage(
    config: &Config,
    tables: &Tables,
    kv: Arc<dyn KvSource>,
    numbering: Arc<dyn Numbering>,
) -> anyhow::Result<(Engine, Arc<dyn Services>, Vec<LinkSpec>)> {
    // Plug-ins that are only tried call no service.
    Neighbours::of(config, &Gates::default())?;
    let engine = Engine::new(EngineOptions {
        max_instances: 4,
        cache_dir: cache_of_ours(&config.relay.spool),
        ..engine_options()
    })?;
    let services = PluginServices {
        tables: table_set(tables),
        kv,
        clock: Arc::new(SystemClock),
        numbering,
        outside: Arc::new(NobodyOutside),
        seeds: Seeds::new()?,
    };
    Ok((engine, Arc::new(services), specs(config, None).await?))
}

/// The folder of compiled code.
pub(crate) fn cache(spool: &Path) -> PathBuf {
    spool.join("compiled")
}

/// The folder of compiled code, if the spool belongs to this user. Nobody runs code that another user has compiled, and
/// files written as root would be of no use to the relay.
fn cache_of_ours(spool: &Path) -> Option<PathBuf> {
    // A process's entry in /proc belongs to its effective user (proc(5)).
    let (spool_of, us) = (std::fs::metadata(spool).ok()?, std::fs::metadata("/proc/self").ok()?);
    (spool_of.is_dir() && spool_of.uid() == us.uid()).then(|| cache(spool))
}
