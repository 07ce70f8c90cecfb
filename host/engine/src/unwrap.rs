//! Components around a component, as `componentize-qjs` makes them for JavaScript.
//!
//! Its output contains the plug-in as a nested component, and a second one that only satisfies the import
//! `local:init/module-loader`, which resolved modules when the plug-in was built. A snapshot is possible of the inner
//! one only. So that one is loaded, and the linker satisfies the import with functions that fail, as those of the
//! second component would.
//!
//! Nothing else is unwrapped: in any other composition the outer component may matter.

use std::ops::Range;

use wasmparser::{Parser, Payload};
use wasmtime::component::Linker;

use crate::surface::{Surface, read_surface};

/// The import of the inner component that the outer one does not have.
const MODULE_LOADER: &str = "local:init/module-loader";
/// Its functions.
const FUNCTIONS: [&str; 2] = ["resolve", "load"];

/// The component to take a snapshot of: the nested plug-in if there is one, else all of it. The bytes were validated,
/// and `outer` is their surface.
pub(crate) fn unwrap<'a>(wasm: &'a [u8], outer: &Surface) -> &'a [u8] {
    nested(wasm)
        .and_then(|range| wasm.get(range))
        .filter(|inner| is_plugin(inner, outer))
        .unwrap_or(wasm)
}

/// Satisfies the import of unwrapped components.
pub(crate) fn add_module_loader<T: 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut loader = linker.instance(MODULE_LOADER)?;
    for name in FUNCTIONS {
        loader.func_new(name, |_, _, _, _| {
            Err(wasmtime::format_err!(
                "modules cannot be loaded while it runs: import them where they are needed, so that they are there when it is built"
            ))
        })?;
    }
    Ok(())
}

/// The first nested component, if the outermost one has no module of its own.
fn nested(wasm: &[u8]) -> Option<Range<usize>> {
    let (mut depth, mut first) = (0, None);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.ok()? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ModuleSection { .. } if depth == 1 => return None,
            Payload::ComponentSection { unchecked_range, .. } if depth == 1 && first.is_none() => {
                first = Some(unchecked_range);
            }
            _ => {}
        }
    }
    first
}

/// Whether the inner component exports what the outer one does, and imports nothing else: the grants were checked by
/// the imports of the outer one.
fn is_plugin(inner: &[u8], outer: &Surface) -> bool {
    let Ok(inner) = read_surface(inner) else {
        return false;
    };
    let (loader, rest): (Vec<_>, Vec<_>) = inner.imports.iter().partition(|name| *name == MODULE_LOADER);
    !loader.is_empty()
        && rest.iter().all(|name| outer.imports.contains(name))
        && outer.exports.iter().all(|name| inner.exports.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty component with `sections` behind its header.
    fn component(sections: &[&[u8]]) -> Vec<u8> {
        let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
        for section in sections {
            wasm.extend_from_slice(section);
        }
        wasm
    }

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let mut section = vec![id, u8::try_from(content.len()).unwrap()];
        section.extend_from_slice(content);
        section
    }

    const MODULE: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn the_first_nested_component_is_found_and_modules_of_its_own_forbid_it() {
        let inner = component(&[&section(1, MODULE)]);
        let wrapped = component(&[&section(4, &inner), &section(4, &component(&[]))]);
        let found = nested(&wrapped).unwrap();
        assert_eq!(wrapped[found], inner);
        let own = component(&[&section(4, &inner), &section(1, MODULE)]);
        assert_eq!(nested(&own), None);
        assert_eq!(nested(&inner), None);
    }

    #[test]
    fn a_component_that_does_not_ask_for_the_module_loader_is_left_as_it_is() {
        let wrapped = component(&[&section(4, &component(&[]))]);
        assert_eq!(unwrap(&wrapped, &Surface::default()), wrapped);
    }
}
