//! `config`: the settings from the configuration, read in pieces.

use crate::bindings::mm4::filter::config;
use crate::limits::Grant;

use super::Call;

/// The most that one `read` returns, in octets.
const READ_MAX: u32 = 1 << 20;

impl config::Host for Call {
    fn size(&mut self) -> wasmtime::Result<u64> {
        self.host_calls += 1;
        Ok(self.owner.settings.len() as u64)
    }

    fn read(&mut self, offset: u64, max: u32) -> wasmtime::Result<Vec<u8>> {
        self.host_calls += 1;
        let settings = &self.owner.settings;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(settings.len());
        let end = start.saturating_add(max.min(READ_MAX) as usize).min(settings.len());
        Ok(settings[start..end].to_vec())
    }

    fn granted(&mut self, grant: String) -> wasmtime::Result<bool> {
        self.host_calls += 1;
        if let Some(granted) = self.owner.may.grants(&grant) {
            return Ok(granted);
        }
        let known = grant.parse::<Grant>();
        Ok(known.is_ok_and(|grant| self.owner.grants.contains(&grant)))
    }
}
