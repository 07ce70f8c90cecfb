//! Bodies that a plug-in under test has made, by handle.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::{BodyWriter, Fault};

#[derive(Default)]
struct Bodies {
    last: u32,
    open: HashMap<u32, (String, Vec<u8>)>,
}

thread_local! {
    static BODIES: RefCell<Bodies> = RefCell::default();
}

/// Media type and octets of a body that stands in an edit. It must have been made on this thread.
pub fn body_of(writer: &BodyWriter) -> (String, Vec<u8>) {
    let handle = writer.handle();
    BODIES.with_borrow(|bodies| bodies.open.get(&handle).cloned().unwrap_or_default())
}

pub(crate) fn open(media_type: &str) -> u32 {
    BODIES.with_borrow_mut(|bodies| {
        bodies.last += 1;
        bodies.open.insert(bodies.last, (media_type.to_owned(), Vec::new()));
        bodies.last
    })
}

pub(crate) fn write(handle: u32, bytes: &[u8]) -> Result<(), Fault> {
    BODIES.with_borrow_mut(|bodies| match bodies.open.get_mut(&handle) {
        Some((_, body)) => {
            body.extend_from_slice(bytes);
            Ok(())
        }
        None => Err(Fault::Invalid("the body was made on another thread".to_owned())),
    })
}

pub(crate) fn close(handle: u32) {
    // When the thread ends, the bodies may be gone before their writers.
    let _ = BODIES.try_with(|bodies| bodies.borrow_mut().open.remove(&handle));
}
