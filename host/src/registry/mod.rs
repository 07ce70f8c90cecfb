//! Registries of plug-ins: there, a component is an OCI artifact, as elsewhere in the WebAssembly world.
//!
//! A component pulled by digest is the intended one, whoever stores it: the manifest has that digest and names the
//! digest of the component, and both are checked. A signature (`FILE.sig`) travels as an annotation of the manifest,
//! and is verified like that of a file when the component is loaded.
//!
//! [`mod@reference`] parses what follows `oci://`; [`artifact`] is the stored form (OCI image specification 1.1, and
//! the layout of WebAssembly artifacts); [`client`] speaks with the registry (OCI distribution specification 1.1);
//! [`login`] has the user's logins.

mod artifact;
mod client;
mod login;
mod reference;

pub use artifact::Artifact;
pub use client::Registry;
pub use login::{Credentials, Logins};
pub use reference::{Digest, Reference};
