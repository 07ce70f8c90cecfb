//! `clock`: the time.

use crate::bindings::mm4::filter::clock;

use super::Call;

impl clock::Host for Call {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.host_calls += 1;
        Ok(self.owner.services.now_ms())
    }
}
