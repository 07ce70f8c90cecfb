//! Calls `configure` once, and puts the memory that it leaves back into the component.
//!
//! The steps are those of Wizer, called one by one: its own `run_component` would also keep the state of a `configure`
//! that returned an error.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::{Component, Instance};
use wasmtime_wizer::Wizer;

use crate::allocation::PAGE;
use crate::bindings::Filter;
use crate::compiler::Bounds;
use crate::failure::FailureClass;
use crate::fit;
use crate::host::classify::classify;
use crate::host::{Call, OnlyInProcess, Owner};
use crate::instance_state::InstanceState;
use crate::load_error::{LoadErrorKind, LoadStep, Progress};
use crate::sandbox::Inner;
use crate::text::one_line;
use crate::words::Description;

/// A component that has configured itself.
pub(crate) struct Snapshot {
    pub description: Description,
    /// The rules that `configure` named.
    pub rules: Vec<String>,
    pub wasm: Vec<u8>,
}

/// Ticks until the next yield while the snapshot is taken: never, because nothing of the plug-in runs then.
const NO_DEADLINE: u64 = 1 << 40;

/// Runs `describe` and `configure` in a sandbox of their own, and snapshots the result. Compiles, so it must not run on
/// async threads.
///
/// It runs at every load, even with cached code, because what `configure` builds may depend on tables and on the time.
pub(crate) async fn take(
    engine: &Inner,
    owner: &Arc<Owner>,
    wasm: &[u8],
    progress: &Progress,
) -> Result<Snapshot, LoadErrorKind> {
    fit::check(wasm)?;
    let wizer = Wizer::new();
    let (context, instrumented) = contained(async { wizer.instrument_component(wasm) }).await?;
    let cached = engine.cache.has(&engine.wasmtime, &instrumented);
    let component = engine.compile(&instrumented, Bounds::from(&owner.limits)).await?;
    let said = if cached { "from the cache" } else { "compiled" };
    progress(LoadStep::Compile, said.to_owned());
    let mut store = engine.store(Call::new(owner.clone(), None));
    let limit = owner.limits.configure_time;
    let (instance, description) = configure(engine, &mut store, &component, limit).await?;
    if !store.data().handles.is_empty() {
        return Err(LoadErrorKind::HandlesLeft);
    }
    let rules = store.data_mut().rules.take();
    // Reading the memory out uses the sandbox's own exports, which need a page, and must not be interrupted.
    store.data_mut().memory.raise(PAGE);
    store.set_hostcall_fuel(usize::MAX);
    store.set_epoch_deadline(NO_DEADLINE);
    let mut state = InstanceState::new(&mut store, instance);
    let wasm = contained(wizer.snapshot_component(&context, &mut state)).await?;
    state.finish().map_err(unfit)?;
    Ok(Snapshot {
        description,
        rules,
        wasm,
    })
}

async fn configure(
    engine: &Inner,
    store: &mut Store<Call>,
    component: &Component,
    limit: Duration,
) -> Result<(Instance, Description), LoadErrorKind> {
    let calls = async {
        let instance = engine.linker.instantiate_async(&mut *store, component).await?;
        let filter = Filter::new(&mut *store, &instance)?;
        let plugin = filter.mm4_filter_plugin();
        let description = plugin.call_describe(&mut *store).await?;
        let answer = plugin.call_configure(&mut *store).await?;
        wasmtime::Result::Ok((instance, description, answer))
    };
    let ended = tokio::time::timeout(limit, calls).await;
    let said = store.data_mut().finish_log();
    match ended {
        Err(_) => Err(LoadErrorKind::ConfigureTime { limit }),
        Ok(Err(error)) => Err(failed(store.data(), &error, &said)),
        Ok(Ok((_, _, Err(text)))) => Err(LoadErrorKind::ConfigureRefused {
            text: one_line(&text).into_owned(),
        }),
        Ok(Ok((instance, description, Ok(())))) => Ok((instance, description.into())),
    }
}

fn failed(call: &Call, error: &wasmtime::Error, said: &str) -> LoadErrorKind {
    if let Some(OnlyInProcess { interface }) = error.downcast_ref() {
        return LoadErrorKind::OnlyInProcess { interface };
    }
    match classify(call, error, said) {
        (FailureClass::Memory, _) => LoadErrorKind::ConfigureMemory {
            limit: call.owner.limits.memory_bytes,
        },
        (class, text) => LoadErrorKind::ConfigureFailed { class, text },
    }
}

/// Awaits a step of Wizer's. A panic counts as a refusal of the component: Wizer expects the output of compilers, and
/// this component comes from outside. Known causes are refused before ([`fit`]).
async fn contained<T>(step: impl Future<Output = wasmtime::Result<T>>) -> Result<T, LoadErrorKind> {
    let mut step = std::pin::pin!(step);
    let ended = poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| step.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(ended)) => Poll::Ready(ended.map_err(unfit)),
            Err(panic) => Poll::Ready(Err(LoadErrorKind::Snapshot {
                problem: format!("the tool that makes snapshots cannot handle it ({})", text(&*panic)),
            })),
        }
    });
    ended.await
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    one_line(text.unwrap_or("it panicked")).into_owned()
}

fn unfit(error: wasmtime::Error) -> LoadErrorKind {
    LoadErrorKind::Snapshot {
        problem: format!("{error:#}"),
    }
}
