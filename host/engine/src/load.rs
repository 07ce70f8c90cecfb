//! Loading: from a component's file to a plug-in that can be called, with every reason for a refusal.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::bindings::FilterPre;
use crate::compiler::Bounds;
use crate::component_file::{FileError, read_file};
use crate::failure::FailureClass;
use crate::host::classify::classify;
use crate::host::{Call, Owner};
use crate::inspect::{Inspection, examine, inspect};
use crate::limits::{Grant, Limits};
use crate::load_error::{LoadError, LoadErrorKind, LoadStep, Progress};
use crate::may::May;
use crate::plugin::Plugin;
use crate::sandbox::{Engine, Inner};
use crate::services::Services;
use crate::snapshot;
use crate::text::one_line;
use crate::unwrap::unwrap;

/// The configuration of a plug-in.
#[derive(Debug, Clone)]
pub struct PluginSpec {
    /// Its name in the configuration, and the namespace of its durable values.
    pub name: String,
    /// The component.
    pub wasm: PathBuf,
    /// Handed to the plug-in as JSON; `null` becomes `{}`.
    pub settings: serde_json::Value,
    /// The grants: the interfaces that it may import.
    pub grants: BTreeSet<Grant>,
    /// The kinds of verdict and edit that it may return.
    pub may: May,
    /// How much it may use.
    pub limits: Limits,
}

impl PluginSpec {
    /// Reads the component's file, once, for [`Engine::load_bytes`]. Blocks its thread.
    ///
    /// # Errors
    /// The file cannot be read, or has more octets than the limit `component_bytes`.
    pub fn read(&self) -> Result<Bytes, LoadError> {
        let wasm = read(&self.wasm, self.limits.component_bytes);
        wasm.map(Bytes::from).map_err(|kind| LoadError {
            plugin: self.name.clone(),
            kind,
        })
    }
}

impl Engine {
    /// Reads the imports, exports and limits of a component without running it. Takes milliseconds for each megabyte.
    ///
    /// # Errors
    /// The bytes are no valid component, are no plug-in, or import what does not exist.
    pub fn inspect(&self, wasm: &[u8]) -> Result<Inspection, LoadError> {
        inspect(wasm).map_err(|kind| LoadError {
            plugin: String::new(),
            kind,
        })
    }

    /// Reads, checks, configures, snapshots and compiles a plug-in: everything short of a message. Compiling takes from
    /// 0.1 s (Rust) to several seconds (Python) of one core the first time. It happens beside the async threads, one
    /// load at a time; a load that is no longer awaited still ends by itself.
    ///
    /// # Errors
    /// See [`LoadErrorKind`]; each says what to do.
    pub async fn load(&self, spec: PluginSpec, services: Arc<dyn Services>) -> Result<Plugin, LoadError> {
        self.load_from(spec, None, services, Arc::new(|_, _| {})).await
    }

    /// As [`load`](Self::load), but from bytes that were read before, for those who look at them first: what was
    /// verified is what runs, whatever has become of the file meanwhile. `progress` is told of each step.
    ///
    /// # Errors
    /// As above.
    pub async fn load_bytes(
        &self,
        spec: PluginSpec,
        wasm: Bytes,
        services: Arc<dyn Services>,
        progress: Progress,
    ) -> Result<Plugin, LoadError> {
        self.load_from(spec, Some(wasm), services, progress).await
    }

    async fn load_from(
        &self,
        spec: PluginSpec,
        wasm: Option<Bytes>,
        services: Arc<dyn Services>,
        progress: Progress,
    ) -> Result<Plugin, LoadError> {
        let turn = self.0.loading.clone().lock_owned().await;
        let engine = self.0.clone();
        let runtime = Handle::current();
        let plugin = spec.name.clone();
        let (ended, end) = oneshot::channel();
        let job = move || {
            let _turn = turn;
            if engine.gives_way() {
                stand_behind();
            }
            // The caller may have stopped waiting.
            let _ = ended.send(runtime.block_on(load(engine, spec, wasm, services, progress)));
        };
        let internal = |problem: String| Err(LoadErrorKind::Internal { problem });
        let ended = match std::thread::Builder::new().name("plugin-load".into()).spawn(job) {
            Ok(_) => end.await.unwrap_or_else(|_| internal("its thread panicked".to_owned())),
            Err(error) => internal(error.to_string()),
        };
        ended.map_err(|kind| LoadError { plugin, kind })
    }
}

/// How far behind the threads of messages a load stands in line for a core (nice, 0 to 19).
const NICE: i32 = 15;

/// Lowers the thread's priority for its whole life (only a privileged process could raise it again), so that a load
/// does not slow messages; compiling, its longest step, runs at an even lower one ([`crate::compiler`]). Where the
/// system refuses, messages are slower during a load, and nothing worse happens.
fn stand_behind() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!("a load runs with the priority of messages: {error}");
    }
}

/// Blocks its thread for as long as it takes.
async fn load(
    engine: Arc<Inner>,
    spec: PluginSpec,
    wasm: Option<Bytes>,
    services: Arc<dyn Services>,
    progress: Progress,
) -> Result<Plugin, LoadErrorKind> {
    if spec.limits.memory_bytes > engine.options.max_memory_bytes {
        let (asked, available) = (spec.limits.memory_bytes, engine.options.max_memory_bytes);
        return Err(LoadErrorKind::MemoryLimit { asked, available });
    }
    let wasm = match wasm {
        Some(wasm) => wasm,
        None => read(&spec.wasm, spec.limits.component_bytes)?.into(),
    };
    let (inspection, surface) = examine(&wasm)?;
    let said = format!("a valid component, {} octets", inspection.size);
    progress(LoadStep::Parse, said);
    if !inspection.asks_for_grants {
        check_grants(&inspection.grants, &spec.grants)?;
    }
    let needs: Vec<_> = inspection.grants.iter().map(|grant| grant.as_str()).collect();
    let said = format!("mm4:filter@{}, uses [{}]", inspection.api_version, needs.join(", "));
    progress(LoadStep::Imports, said);
    let owner = Arc::new(Owner {
        settings: settings(&spec.settings),
        name: spec.name,
        grants: spec.grants,
        may: spec.may,
        limits: spec.limits,
        services,
        metrics: Default::default(),
        deterministic: engine.options.deterministic,
        is_watched: false,
    });
    let mut snapshot = snapshot::take(&engine, &owner, unwrap(&wasm, &surface), &progress).await?;
    drop(wasm);
    let component = engine.compile(&snapshot.wasm, Bounds::from(&owner.limits)).await?;
    let pre = engine.linker.instantiate_pre(&component).and_then(FilterPre::new);
    let pre = pre.map_err(|error| LoadErrorKind::Compile {
        problem: format!("{error:#}"),
    })?;
    warm_up(&engine, &owner, &pre).await?;
    for text in [&mut snapshot.description.name, &mut snapshot.description.version] {
        *text = one_line(text).into_owned();
    }
    let described = &snapshot.description;
    progress(LoadStep::Configure, format!("{} {}", described.name, described.version));
    let said_of_itself = (snapshot.description, snapshot.rules);
    Ok(Plugin::new(engine, owner, pre, said_of_itself, inspection.digest))
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, LoadErrorKind> {
    read_file(path, limit).map_err(|error| match error {
        FileError::TooLarge(limit) => LoadErrorKind::TooLarge { limit },
        error => LoadErrorKind::Read {
            path: path.to_owned(),
            error,
        },
    })
}

fn check_grants(needed: &BTreeSet<Grant>, granted: &BTreeSet<Grant>) -> Result<(), LoadErrorKind> {
    let missing: BTreeSet<_> = needed.difference(granted).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let all: Vec<_> = needed
        .union(granted)
        .map(|grant| format!("{:?}", grant.as_str()))
        .collect();
    Err(LoadErrorKind::NotGranted {
        missing,
        line: all.join(", "),
    })
}

fn settings(value: &serde_json::Value) -> Bytes {
    match value {
        serde_json::Value::Null => Bytes::from_static(b"{}"),
        value => Bytes::from(value.to_string()),
    }
}

/// Runs the first instance, which pays for mapping the code and the snapshot, so that no message does. It also shows
/// that the snapshot fits into the plug-in's limits.
async fn warm_up(engine: &Inner, owner: &Arc<Owner>, pre: &FilterPre<Call>) -> Result<(), LoadErrorKind> {
    let mut store = engine.store(Call::new(owner.clone(), None));
    match tokio::time::timeout(owner.limits.configure_time, pre.instantiate_async(&mut store)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => {
            let said = store.data_mut().finish_log();
            let (class, text) = classify(store.data(), &error, &said);
            Err(LoadErrorKind::Instantiate { class, text })
        }
        Err(_) => Err(LoadErrorKind::Instantiate {
            class: FailureClass::Time,
            text: format!("it took longer than {:?}", owner.limits.configure_time),
        }),
    }
}
