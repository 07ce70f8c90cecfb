//! Those outside of the relay whom plug-ins may ask: scanners of parts, and services over HTTP.
//!
//! Each has a [`gate`] in front of it, which bounds what it can cost: how long a call waits, how many there are at the same
//! time, and how often it may fail before it is left alone for a while. A call that a plug-in gives up, because its own time
//! is over, ends where it waits: everything here is a future, and dropping it closes the connection.

mod allowed;
mod breaker;
mod gate;
mod kept;
mod places;
mod scan;
mod service;
mod wire;

pub use allowed::WebOrigin;
pub use breaker::{BreakerTerms, GateState};
pub use gate::{ENDS, GateReading, GateTerms, Gates, Kind};
pub use scan::{Address, Scanner, ScannerTerms, Speaks};
pub use service::{Service, ServiceTerms, service_for};
pub use wire::exchange;
