//! The outside of a component: what it imports and exports.

use wasmparser::{Encoding, Parser, Payload};

/// A linear memory that a component declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Octets at the start.
    pub initial: u64,
    /// The most octets, if the component states a maximum.
    pub maximum: Option<u64>,
}

/// The outside of a component.
#[derive(Default)]
pub(crate) struct Surface {
    pub imports: Vec<String>,
    pub exports: Vec<String>,
    pub memories: Vec<Memory>,
}

/// The imports and exports of a validated component.
pub(crate) fn read_surface(wasm: &[u8]) -> Result<Surface, wasmparser::BinaryReaderError> {
    let mut surface = Surface::default();
    // How many components and modules enclose the present section; the outermost is the plug-in itself.
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::Version {
                encoding: Encoding::Component | Encoding::Module,
                ..
            } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    surface.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    surface.exports.push(export?.name.name.to_owned());
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory?;
                    let page = 1_u64 << memory.page_size_log2.unwrap_or(16);
                    surface.memories.push(Memory {
                        initial: memory.initial.saturating_mul(page),
                        maximum: memory.maximum.map(|pages| pages.saturating_mul(page)),
                    });
                }
            }
            _ => {}
        }
    }
    Ok(surface)
}
