//! Wire formats: bytes to types and back. Nothing here does I/O, waits, or reads a clock.

pub mod mm4;
pub mod proxy;
pub mod smtp;
