//! Detection of what a snapshot cannot hold, before the tool that makes snapshots (Wizer) reads the component: it
//! panics at some of these.

use wasmparser::{BinaryReaderError, GlobalType, Parser, Payload, TypeRef, ValType};

use crate::load_error::LoadErrorKind;

/// Searches a validated component for what a snapshot cannot hold.
///
/// # Errors
/// [`LoadErrorKind::Snapshot`] names the first such thing.
pub(crate) fn check(wasm: &[u8]) -> Result<(), LoadErrorKind> {
    let mut memories = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let found = match payload.map_err(unreadable)? {
            Payload::MemorySection(section) => {
                memories += section.count();
                (memories > 1).then(|| format!("it has {memories} memories, and 1 is possible"))
            }
            Payload::GlobalSection(section) => {
                let mut unfit = None;
                for global in section {
                    unfit = unfit.or(unfit_global(global.map_err(unreadable)?.ty));
                }
                unfit
            }
            Payload::ImportSection(section) => {
                let mut unfit = None;
                for import in section.into_imports() {
                    unfit = unfit.or(unfit_import(import.map_err(unreadable)?.ty));
                }
                unfit
            }
            Payload::TagSection(_) => Some("it throws exceptions, which are not possible".to_owned()),
            _ => None,
        };
        if let Some(problem) = found {
            return Err(LoadErrorKind::Snapshot { problem });
        }
    }
    Ok(())
}

fn unfit_global(global: GlobalType) -> Option<String> {
    let what = match global.content_type {
        ValType::V128 => "a vector (v128)",
        ValType::Ref(_) => "a reference",
        _ => return None,
    };
    global
        .mutable
        .then(|| format!("it has a mutable global that is {what}; only numbers are possible"))
}

fn unfit_import(import: TypeRef) -> Option<String> {
    match import {
        TypeRef::Tag(_) => Some("it throws exceptions, which are not possible".to_owned()),
        TypeRef::FuncExact(_) => Some("it imports a function by its exact type, which is not possible".to_owned()),
        _ => None,
    }
}

fn unreadable(error: BinaryReaderError) -> LoadErrorKind {
    LoadErrorKind::Invalid {
        problem: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component with one core module of one section, whose content is short.
    fn module(id: u8, content: &[u8]) -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend([id, content.len() as u8]);
        module.extend(content);
        let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
        wasm.extend([1, module.len() as u8]);
        wasm.extend(module);
        wasm
    }

    #[track_caller]
    fn says(wasm: &[u8], words: &str) {
        let refusal = check(wasm).unwrap_err();
        assert!(matches!(refusal, LoadErrorKind::Snapshot { .. }), "{refusal:?}");
        assert!(refusal.to_string().contains(words), "{refusal}");
    }

    #[test]
    fn what_a_snapshot_cannot_hold_is_named() {
        says(&module(5, &[2, 0, 1, 0, 1]), "2 memories");
        says(
            &module(6, &[&[1, 0x7b, 1, 0xfd, 0x0c][..], &[0; 16], &[0x0b]].concat()),
            "v128",
        );
        says(&module(6, &[1, 0x70, 1, 0xd0, 0x70, 0x0b]), "a reference");
        says(&module(13, &[1, 0, 0]), "exceptions");
        says(&module(2, &[1, 1, b'm', 1, b'n', 4, 0, 0]), "exceptions");
    }

    #[test]
    fn one_memory_and_numbers_can_be_held_and_what_never_changes() {
        check(&module(5, &[1, 0, 1])).unwrap();
        check(&module(6, &[1, 0x7f, 1, 0x41, 0, 0x0b])).unwrap();
        check(&module(6, &[&[1, 0x7b, 0, 0xfd, 0x0c][..], &[0; 16], &[0x0b]].concat())).unwrap();
    }
}
