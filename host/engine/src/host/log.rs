//! `log`: lines in the relay's log.

use crate::bindings::mm4::filter::log;
use crate::limits::Grant;
use crate::text::one_line;
use crate::words::Level;

use super::Call;

/// The number of lines.
#[derive(Default)]
pub(crate) struct Book {
    written: u32,
    /// Lines beyond the limit.
    pub dropped: u64,
}

impl Call {
    pub(super) fn log_line(&mut self, level: Level, text: &str) {
        if self.log.written >= self.owner.limits.log_lines {
            self.log.dropped += 1;
            return;
        }
        self.log.written += 1;
        let line = one_line(text);
        self.owner
            .services
            .log(&self.owner.name, self.message_id(), level, &line);
    }
}

impl log::Host for Call {
    fn write(&mut self, level: log::Level, text: String) -> wasmtime::Result<()> {
        self.ask(Grant::Log)?;
        self.log_line(level.into(), &text);
        Ok(())
    }

    fn rule(&mut self, name: String) -> wasmtime::Result<()> {
        self.ask(Grant::Log)?;
        self.rules.add(&name);
        Ok(())
    }
}
