//! Wire formats: bytes to types and back. Pure: nothing here does I/O, waits, or looks at a clock.

pub mod mm4;
pub mod proxy;
pub mod smtp;
