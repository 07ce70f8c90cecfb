//! What a component is and asks for, read from its bytes. Nothing of it runs.

use std::collections::BTreeSet;

use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::TypesRef;
use wasmparser::{Validator, WasmFeatures};

use crate::API_VERSION;
use crate::cache::digest;
use crate::limits::Grant;
use crate::load_error::LoadErrorKind;
use crate::structure;
use crate::surface::{Memory, Surface, read_surface};

/// The package of the contract.
const PACKAGE: &str = "mm4:filter/";
/// The interface that a plug-in exports.
const EXPORT: &str = "plugin";
/// Interfaces of the contract that need no grant.
const UNGRANTED: [&str; 3] = ["types", "message", "config"];
/// What of WASI is linked, with nothing behind it.
const WASI: [&str; 6] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// What a component is and asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// SHA-256 of the component in lower-case hexadecimal.
    pub digest: String,
    /// Octets.
    pub size: u64,
    /// The names of its imports, in its own order.
    pub imports: Vec<String>,
    /// The names of its exports, in its own order.
    pub exports: Vec<String>,
    /// What the configuration has to grant; what it can grant, where `asks_for_grants`.
    pub grants: BTreeSet<Grant>,
    /// Whether it asks what it is granted, and so loads without the rest.
    pub asks_for_grants: bool,
    /// The version of the contract that it was built against.
    pub api_version: String,
    /// Its linear memories, in the order of its modules.
    pub memories: Vec<Memory>,
}

/// Validates the component as a whole, and reads its outside.
pub(crate) fn inspect(wasm: &[u8]) -> Result<Inspection, LoadErrorKind> {
    examine(wasm).map(|(inspection, _)| inspection)
}

/// As [`inspect`], with the outside as it was read.
pub(crate) fn examine(wasm: &[u8]) -> Result<(Inspection, Surface), LoadErrorKind> {
    check_encoding(wasm)?;
    // First of all: what is not bounded there would not be bounded in the validator either.
    structure::check(wasm)?;
    // Everything that the parser knows is let through here: what Wasmtime does not run, it refuses when it compiles.
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let types = validator.validate_all(wasm).map_err(invalid)?;
    let surface = read_surface(wasm).map_err(invalid)?;
    let inspection = Inspection {
        digest: digest(wasm),
        size: wasm.len() as u64,
        api_version: api_version(&surface)?,
        grants: grants(&surface.imports)?,
        asks_for_grants: asks_for_grants(types.as_ref(), &surface.imports),
        imports: surface.imports.clone(),
        exports: surface.exports.clone(),
        memories: surface.memories.clone(),
    };
    Ok((inspection, surface))
}

/// Tells a component from a module and from anything else by its first eight octets.
fn check_encoding(wasm: &[u8]) -> Result<(), LoadErrorKind> {
    if !wasm.starts_with(b"\0asm") {
        return Err(LoadErrorKind::NotWebAssembly);
    }
    match wasm.get(4..8) {
        Some([_, _, 1, 0]) => Ok(()),
        Some([_, _, 0, 0]) => Err(LoadErrorKind::CoreModule),
        _ => Err(LoadErrorKind::Invalid {
            problem: "it ends within its first eight octets".into(),
        }),
    }
}

fn invalid(error: wasmparser::BinaryReaderError) -> LoadErrorKind {
    LoadErrorKind::Invalid {
        problem: error.to_string(),
    }
}

/// The version in the name of the export, checked against ours; the names of the imports must agree with that.
fn api_version(surface: &Surface) -> Result<String, LoadErrorKind> {
    let export = surface
        .exports
        .iter()
        .find_map(|name| contract_name(name).filter(|(interface, _)| *interface == EXPORT));
    let Some((_, version)) = export else {
        return Err(LoadErrorKind::NoPlugin {
            exports: surface.exports.join(", "),
        });
    };
    let imported = surface
        .imports
        .iter()
        .filter_map(|name| contract_name(name))
        .map(|(_, version)| version);
    for version in std::iter::once(version).chain(imported) {
        if !runs(version) {
            return Err(LoadErrorKind::ApiVersion {
                built_for: version.to_owned(),
                remedy: remedy(version),
            });
        }
    }
    Ok(version.to_owned())
}

/// The interface and version in the name of an item of the contract: `mm4:filter/kv@0.1.0`.
fn contract_name(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE)?.split_once('@')
}

/// A version as three numbers. Anything else is a version that we never published.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// Items are only added within 0.1.x: ours runs what was built for the same or an earlier one.
fn runs(version: &str) -> bool {
    match (numbers(version), numbers(API_VERSION)) {
        (Some([major, minor, patch]), Some(ours)) => [major, minor] == ours[..2] && patch <= ours[2],
        _ => false,
    }
}

fn remedy(version: &str) -> &'static str {
    if numbers(version) > numbers(API_VERSION) {
        "run it on a newer relay, or build it against this relay's wit/"
    } else {
        "build it again against this relay's wit/"
    }
}

/// What has to be granted for these imports. WASI is always there, with nothing behind it.
fn grants(imports: &[String]) -> Result<BTreeSet<Grant>, LoadErrorKind> {
    let mut grants = BTreeSet::new();
    for name in imports {
        match contract_name(name) {
            Some((interface, _)) if UNGRANTED.contains(&interface) => {}
            Some((interface, _)) => match interface.parse() {
                Ok(grant) => drop(grants.insert(grant)),
                Err(_) => return Err(LoadErrorKind::UnknownImport { name: name.clone() }),
            },
            None if WASI.iter().any(|package| name.starts_with(package)) => {}
            None => return Err(LoadErrorKind::UnknownImport { name: name.clone() }),
        }
    }
    Ok(grants)
}

/// Whether the function `granted` of `config` is among what it imports.
fn asks_for_grants(types: TypesRef<'_>, imports: &[String]) -> bool {
    let mut config = imports
        .iter()
        .filter(|name| contract_name(name).is_some_and(|(interface, _)| interface == "config"));
    config.any(|name| match types.component_item_for_import(name).map(|item| item.ty) {
        Some(ComponentEntityType::Instance(instance)) => types[instance].exports.contains_key("granted"),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(imports: &[&str], exports: &[&str]) -> Surface {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Surface {
            imports: owned(imports),
            exports: owned(exports),
            memories: vec![],
        }
    }

    #[test]
    fn the_same_and_earlier_patches_run_and_nothing_else() {
        assert!(runs("0.1.0"));
        for other in ["0.1.1", "0.2.0", "1.1.0", "0.1", "0.1.0-rc.1", "0.1.0.0", ""] {
            assert!(!runs(other), "{other}");
        }
    }

    #[test]
    fn a_newer_plug_in_is_told_to_look_for_a_newer_relay() {
        let refusal = api_version(&surface(&[], &["mm4:filter/plugin@0.1.1"]))
            .unwrap_err()
            .to_string();
        assert!(
            refusal.contains("0.1.1") && refusal.contains(API_VERSION) && refusal.contains("newer relay"),
            "{refusal}"
        );
    }

    #[test]
    fn a_single_import_of_another_version_is_noticed() {
        let mixed = surface(&["mm4:filter/kv@0.0.9"], &["mm4:filter/plugin@0.1.0"]);
        let refusal = api_version(&mixed).unwrap_err().to_string();
        assert!(
            refusal.contains("0.0.9") && refusal.contains("build it again"),
            "{refusal}"
        );
    }

    #[test]
    fn imports_are_sorted_into_granted_free_and_unknown() {
        let names = ["mm4:filter/types@0.1.0", "mm4:filter/kv@0.1.0", "wasi:io/poll@0.2.6"].map(str::to_owned);
        assert_eq!(grants(&names).unwrap(), BTreeSet::from([Grant::Kv]));
        for unknown in [
            "mm4:filter/modem@0.1.0",
            "acme:db/query@1.0.0",
            "wasi:http/handler@0.2.6",
            "frobnicate",
        ] {
            let refusal = grants(&[unknown.to_owned()]).unwrap_err().to_string();
            assert!(refusal.contains(unknown), "{refusal}");
        }
    }

    #[test]
    fn what_is_not_webassembly_is_told_apart() {
        assert!(matches!(inspect(b"#!/bin/sh"), Err(LoadErrorKind::NotWebAssembly)));
        assert!(matches!(inspect(b"\0asm\x01\0\0\0"), Err(LoadErrorKind::CoreModule)));
        assert!(matches!(inspect(b"\0asm\x0d\0"), Err(LoadErrorKind::Invalid { .. })));
        assert!(matches!(
            inspect(b"\0asm\x0d\0\x01\0"),
            Err(LoadErrorKind::NoPlugin { .. })
        ));
    }
}
