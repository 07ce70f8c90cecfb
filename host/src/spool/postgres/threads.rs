//! Threads of the store's own: its connections go on while its callers block.

use std::future::Future;
use std::sync::mpsc::sync_channel;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::spool::SpoolError;

pub(super) struct Threads(Option<Runtime>);

impl Threads {
    pub(super) fn new() -> Result<Self, SpoolError> {
        let made = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("spool")
            .enable_all()
            .build();
        let runtime = made.map_err(|error| SpoolError::Broken(format!("no thread for the spool: {error}")))?;
        Ok(Self(Some(runtime)))
    }

    pub(super) fn handle(&self) -> Option<Handle> {
        self.0.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// For callers that block: may be called from anywhere but the store's own threads.
pub(super) fn wait<T: Send + 'static>(
    on: &Handle,
    future: impl Future<Output = Result<T, SpoolError>> + Send + 'static,
) -> Result<T, SpoolError> {
    let (done, answer) = sync_channel(1);
    on.spawn(async move {
        let _ = done.send(future.await);
    });
    // It has been stopped.
    answer.recv().unwrap_or(Err(SpoolError::Closed))
}
