//! The plug-in engine of mm4relay: everything about WebAssembly, nothing about mail.
//!
//! A plug-in is a WebAssembly component against the contract in `wit/`. Its life, which is also the order in which to
//! read this crate:
//!
//! 1. [`inspect`]: what the component consists of is counted ([`structure`]), its bytes are validated as a whole, and
//!    what they import is compared with what is granted. Nothing of the plug-in has run yet.
//! 2. [`load`]: off the message path, the component runs `describe` and `configure` once, in a sandbox that is thrown
//!    away. The memory that `configure` left is written back into the component ([`snapshot`]), compiled ([`compiler`]),
//!    and kept in a file ([`cache`]) that is mapped and shared by every instance from then on.
//! 3. [`plugin`]: every message gets a new instance of that snapshot in a new [`sandbox`]: already configured, and with
//!    nothing in it from any message before. It calls back through [`host`], one file for each interface. When it takes
//!    long, it takes [`turns`] with others that do.
//! 4. [`verdict`]: what it answered comes out as plain data, together with the records and key/value writes that it
//!    asked for, or as a [`Failure`] ([`failure`]). Nothing has been done yet: the caller applies all of it, or none.
//! 5. [`breaker`]: the caller says how it went, and hears when a plug-in that keeps failing is to be left alone.
//!
//! What lives how long: an [`Engine`] as long as the relay, with one thread that ticks; a [`Plugin`] from its load until
//! the last message that holds it is through; a sandbox for one call.

#![warn(missing_docs)]

mod allocation;
#[allow(unsafe_code)] // generated
mod bindings;
mod breaker;
mod cache;
mod compiler;
mod component_file;
mod deterministic;
mod failure;
mod fit;
mod host;
mod inspect;
mod instance_state;
mod limits;
mod load;
mod load_error;
mod may;
mod options;
mod plugin;
mod sampler;
mod sandbox;
mod services;
mod snapshot;
mod structure;
mod surface;
mod text;
mod turns;
mod unwrap;
mod verdict;
mod words;

pub use allocation::Allocation;
pub use breaker::{Breaker, BreakerOpen, BreakerOptions, BreakerState, Permit};
pub use cache::digest;
pub use compiler::child::compile_as_told;
pub use component_file::{FileError, read_file};
pub use deterministic::fuel as fuel_for;
pub use failure::{Failure, FailureClass, Spent};
pub use inspect::Inspection;
pub use limits::{Grant, Limits, UnknownGrant};
pub use load::PluginSpec;
pub use load_error::{LoadError, LoadErrorKind, LoadStep, Progress};
pub use may::{May, Used, Which};
pub use options::{CompilerProcess, EngineError, EngineOptions};
pub use plugin::Plugin;
pub use sampler::Sampler;
pub use sandbox::Engine;
pub use services::{BoxFuture, NoOutside, Outside, Services, Subject, Table};
pub use surface::Memory;
pub use verdict::{Body, Edit, Judgement, KvWrite, Verdict};
pub use words::{
    Address, AddressKind, AskedOf, ChargingRecord, Delivery, Description, Destination, Fault, HeaderField, HttpRequest,
    HttpResponse, LateRefusal, Level, Measure, MeasureValue, MessageType, Network, Occasion, OccasionKind, Outcome,
    OutsideCall, Part, Recipient, RecordType, Request, Response, Summary,
};

/// The version of the contract in `wit/` that this engine implements. It runs plug-ins that were built against 0.1.n
/// with n up to its own last number.
pub const API_VERSION: &str = "0.1.0";
