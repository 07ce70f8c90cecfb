//! How Wizer reads the memory and the globals of a component that has configured itself.
//!
//! Wizer has an implementation of its own behind its feature `wasmtime`. It is not used, for two reasons: that feature
//! compiles parts of Wasmtime that the relay never runs (garbage collection, a disk cache, text formats), and it
//! panics where a read fails, which a plug-in can cause.

use std::collections::HashMap;

use wasmtime::Store;
use wasmtime::component::{Instance, Lift, WasmList};
use wasmtime_wizer::ComponentInstanceState;

use crate::host::Call;

/// An instrumented instance, read through the exports that Wizer has added to it.
pub(crate) struct InstanceState<'a> {
    store: &'a mut Store<Call>,
    instance: Instance,
    /// The memories that were read. Wizer reads each of them twice, and what it has added to the component grows a memory by
    /// a page to say where it is: a memory at its limit could not be read again.
    memories: HashMap<String, WasmList<u8>>,
    /// The first read that failed. Wizer's trait has no room for an error, so Wizer was given zeros in its place.
    failed: Option<wasmtime::Error>,
}

impl<'a> InstanceState<'a> {
    pub fn new(store: &'a mut Store<Call>, instance: Instance) -> Self {
        Self {
            store,
            instance,
            memories: HashMap::new(),
            failed: None,
        }
    }

    /// Says whether everything could be read. A snapshot made from a state that fails here must be thrown away.
    pub fn finish(self) -> wasmtime::Result<()> {
        self.failed.map_or(Ok(()), Err)
    }

    async fn call<R: Lift + Send + Sync + 'static>(&mut self, interface: &str, name: &str) -> wasmtime::Result<R> {
        let missing = || wasmtime::format_err!("the instrumented component has no {interface}#{name}");
        let store = &mut *self.store;
        let (_, exports) = self
            .instance
            .get_export(&mut *store, None, interface)
            .ok_or_else(missing)?;
        let (_, export) = self
            .instance
            .get_export(&mut *store, Some(&exports), name)
            .ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (R,)>(&mut *store, export)?;
        Ok(function.call_async(&mut *store, ()).await?.0)
    }

    async fn number<R: Lift + Send + Sync + Default + 'static>(&mut self, interface: &str, name: &str) -> R {
        match self.call(interface, name).await {
            Ok(number) => number,
            Err(error) => {
                self.failed.get_or_insert(error);
                R::default()
            }
        }
    }
}

impl ComponentInstanceState for InstanceState<'_> {
    async fn call_func_ret_list_u8(&mut self, instance: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        let name = format!("{instance}#{func}");
        if !self.memories.contains_key(&name) {
            match self.call::<WasmList<u8>>(instance, func).await {
                Ok(list) => drop(self.memories.insert(name.clone(), list)),
                Err(error) => drop(self.failed.get_or_insert(error)),
            }
        }
        match self.memories.get(&name) {
            Some(list) => contents(list.as_le_slice(&*self.store)),
            // Wizer expects one call for each memory, and loses count without it.
            None => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.number(instance, func).await
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.number(instance, func).await
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.number::<f32>(instance, func).await.to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.number::<f64>(instance, func).await.to_bits()
    }
}
