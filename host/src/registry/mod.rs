//! Registries of plug-ins: a component is an OCI artifact there, as elsewhere in the WebAssembly world.
//!
//! What is pulled by a digest is what was meant, whoever keeps it: the manifest has that digest, it names the digest of the
//! component, and both are checked. A signature (`FILE.sig`) travels as an annotation of the manifest, and is verified like
//! that of a file, when the component is loaded.
//!
//! Read [`mod@reference`], what stands behind `oci://`; [`artifact`], what is stored (OCI image specification 1.1, and the layout
//! of WebAssembly artifacts); [`client`], how it is asked for (OCI distribution specification 1.1); [`login`], who asks.

mod artifact;
mod client;
mod login;
mod reference;

pub use artifact::Artifact;
pub use client::Registry;
pub use login::{Credentials, Logins};
pub use reference::{Digest, Reference};
