//! Scanners of parts and services over HTTP, outside the relay, which plug-ins may use.
//!
//! Each has a [`gate`] before it, which bounds its cost: how long a call waits, how many calls there are at the same
//! time, and how many may fail before it is left alone for a while. When a plug-in's own time is over, its call ends
//! where it waits: everything here is a future, and dropping it closes the connection.

mod allowed;
mod breaker;
mod gate;
mod http_connection;
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
