//! `types`: body writers.

use bytes::Bytes;
use wasmtime::component::Resource;

use crate::bindings::mm4::filter::types;
use crate::verdict::Body;

use super::{Call, LimitPassed, limit};

/// The longest media type with its parameters, in octets. It becomes one header field.
const MEDIA_TYPE_MAX: usize = 1024;

/// A body that a plug-in is writing. The resource behind the contract's `body-writer`.
pub struct BodyWriter {
    media_type: String,
    bytes: Vec<u8>,
}

impl BodyWriter {
    pub(crate) fn into_body(self) -> Body {
        Body {
            media_type: self.media_type,
            bytes: Bytes::from(self.bytes),
        }
    }
}

impl types::Host for Call {}

impl types::HostBodyWriter for Call {
    fn new(&mut self, media_type: String) -> wasmtime::Result<Resource<BodyWriter>> {
        self.host_calls += 1;
        if media_type.len() > MEDIA_TYPE_MAX {
            // A constructor cannot return a fault, and the host must not keep strings of any length.
            let text = format!(
                "a media type has {} octets, at most {MEDIA_TYPE_MAX} are allowed",
                media_type.len()
            );
            return Err(LimitPassed(text).into());
        }
        Ok(self.handles.push(BodyWriter {
            media_type,
            bytes: Vec::new(),
        })?)
    }

    fn write(&mut self, writer: Resource<BodyWriter>, bytes: Vec<u8>) -> wasmtime::Result<Result<(), types::Fault>> {
        self.host_calls += 1;
        let allowed = self.owner.limits.output_bytes;
        let total = self.output_bytes.saturating_add(bytes.len() as u64);
        if total > allowed {
            return Ok(Err(limit("output", allowed).into()));
        }
        let writer = self.handles.get_mut(&writer)?;
        if writer.bytes.is_empty() {
            writer.bytes = bytes;
        } else {
            writer.bytes.extend_from_slice(&bytes);
        }
        self.output_bytes = total;
        Ok(Ok(()))
    }

    fn drop(&mut self, writer: Resource<BodyWriter>) -> wasmtime::Result<()> {
        self.handles.delete(writer)?;
        Ok(())
    }
}
