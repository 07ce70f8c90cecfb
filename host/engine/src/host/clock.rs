//! `clock`: the time.

use crate::bindings::mm4::filter::clock;
use crate::limits::Grant;

use super::Call;

impl clock::Host for Call {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.ask(Grant::Clock)?;
        Ok(self.owner.services.now_ms())
    }
}
