//! `message`: the one message that this instance was made for.

use crate::bindings::mm4::filter::{message, types};
use crate::may::Which;
use crate::services::Subject;
use crate::words::Fault;

use super::Call;

/// The most that one `read-part` returns, in octets.
const READ_MAX: u32 = 1 << 20;

const NAME: &str = "message";

impl Call {
    /// Whether the field may be read; then it counts as used.
    fn may_read_header(&mut self, name: &str) -> bool {
        let may = self.owner.may.read_headers.includes(name);
        if may {
            self.note(|used| used.header(name));
        }
        may
    }

    /// The fault for a part that may not be read. The subject refuses an unknown part.
    pub(super) fn may_read_part(&mut self, subject: &dyn Subject, id: u32) -> Result<(), Fault> {
        let is_noted = !self.owner.is_watched || !self.used.read_parts.is_empty();
        if self.owner.may.read_parts == Which::All && is_noted {
            return Ok(());
        }
        let parts = subject.parts();
        let Some(part) = parts.iter().find(|part| part.id == id) else {
            return Ok(());
        };
        if !self.owner.may.read_parts.includes(&part.media_type) {
            return Err(Fault::Invalid(format!("part {id} is not granted to it: read.parts")));
        }
        self.note(|used| used.part(&part.media_type));
        Ok(())
    }
}

impl message::Host for Call {
    fn current(&mut self) -> wasmtime::Result<message::Summary> {
        self.host_calls += 1;
        Ok(self.subject(NAME)?.summary().into())
    }

    fn originator(&mut self) -> wasmtime::Result<Option<types::Address>> {
        self.host_calls += 1;
        Ok(self.subject(NAME)?.originator().map(Into::into))
    }

    fn recipients(&mut self) -> wasmtime::Result<Vec<types::Recipient>> {
        self.host_calls += 1;
        let recipients = self.subject(NAME)?.recipients();
        Ok(recipients.into_iter().map(Into::into).collect())
    }

    fn header(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.host_calls += 1;
        let value = self.subject(NAME)?.header(&name);
        Ok(value.filter(|_| self.may_read_header(&name)))
    }

    fn field(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.host_calls += 1;
        let value = self.subject(NAME)?.field(&name);
        Ok(value.filter(|_| self.may_read_header(&name)))
    }

    fn answered(&mut self) -> wasmtime::Result<Option<message::Request>> {
        self.host_calls += 1;
        Ok(self.subject(NAME)?.answered().map(Into::into))
    }

    fn refused_late(&mut self) -> wasmtime::Result<Option<message::LateRefusal>> {
        self.host_calls += 1;
        Ok(self.subject(NAME)?.refused_late().map(Into::into))
    }

    fn headers(&mut self) -> wasmtime::Result<Vec<types::HeaderField>> {
        self.host_calls += 1;
        let mut fields = self.subject(NAME)?.headers();
        let readable = &self.owner.may.read_headers;
        fields.retain(|field| readable.includes(&field.name));
        self.note(|used| used.header("*"));
        Ok(fields.into_iter().map(Into::into).collect())
    }

    fn parts(&mut self) -> wasmtime::Result<Vec<types::Part>> {
        self.host_calls += 1;
        let mut parts = self.subject(NAME)?.parts();
        let readable = &self.owner.may.read_parts;
        parts.retain(|part| readable.includes(&part.media_type));
        self.note(|used| parts.iter().for_each(|part| used.part(&part.media_type)));
        Ok(parts.into_iter().map(Into::into).collect())
    }

    fn time_left(&mut self) -> wasmtime::Result<u64> {
        self.host_calls += 1;
        let budget = self.owner.limits.budget(self.subject(NAME)?.size());
        let left = budget.saturating_sub(self.time_used());
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    async fn part_header(&mut self, id: u32, name: String) -> wasmtime::Result<Result<Option<String>, types::Fault>> {
        self.host_calls += 1;
        let subject = self.subject(NAME)?.clone();
        if let Err(fault) = self.may_read_part(&*subject, id) {
            return Ok(Err(fault.into()));
        }
        Ok(subject.part_header(id, &name).await.map_err(Into::into))
    }

    async fn read_part(&mut self, id: u32, offset: u64, max: u32) -> wasmtime::Result<Result<Vec<u8>, types::Fault>> {
        self.host_calls += 1;
        let subject = self.subject(NAME)?.clone();
        if let Err(fault) = self.may_read_part(&*subject, id) {
            return Ok(Err(fault.into()));
        }
        let max = max.min(READ_MAX);
        match subject.read_part(id, offset, max).await {
            Ok(bytes) if bytes.len() <= max as usize => {
                self.body_bytes_read += bytes.len() as u64;
                Ok(Ok(bytes.into()))
            }
            Ok(bytes) => {
                // This is a mistake of the relay, and not of the plug-in, which must not get more than it made room
                // for.
                let text = format!("part {id}: {} octets were read instead of {max}", bytes.len());
                Ok(Err(Fault::Unavailable(text).into()))
            }
            Err(fault) => Ok(Err(fault.into())),
        }
    }
}
