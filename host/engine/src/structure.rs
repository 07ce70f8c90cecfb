//! Bounds on the cost of compiling a component, by counting what it consists of before anything else reads it.
//!
//! A few hundred kilobytes can cost a compiler minutes and gigabytes: one function with a hundred thousand blocks, a
//! switch with a million cases, components instantiated within components. Counting is one linear pass over the bytes,
//! without memory of its own, so it comes first, before the validator, the snapshot tool or Cranelift. What passes may
//! still be expensive; that is bounded where it is compiled ([`crate::compiler`]).
//!
//! Each limit is several times what the largest real plug-in has: one with a whole CPython in it, 18 MB. Its figures
//! are beside the limits in `docs/plugins.md`.

use wasmparser::{
    BinaryReaderError, ComponentType, ComponentTypeDeclaration, ElementItems, FunctionBody, InstanceTypeDeclaration,
    Operator, Parser, Payload,
};

use crate::load_error::LoadErrorKind;

/// A quantity with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    /// For the operator: "functions".
    pub what: &'static str,
    pub limit: u64,
}

const fn cost(what: &'static str, limit: u64) -> Cost {
    Cost { what, limit }
}

// For the whole component, nested ones included.
const DEPTH: Cost = cost("levels of components within each other", 8);
const COMPONENTS: Cost = cost("nested components", 100);
const MODULES: Cost = cost("core modules", 200);
const INSTANCES: Cost = cost("instances", 1_000);
const ITEMS: Cost = cost("imports, exports, aliases and adapter functions", 100_000);
const TYPES: Cost = cost("types", 50_000);
const FUNCTIONS: Cost = cost("functions", 100_000);
const MEMORIES: Cost = cost("memories", 4);
const TABLES: Cost = cost("tables", 64);
const ELEMENTS: Cost = cost("elements of tables", 1_000_000);
const GLOBALS: Cost = cost("globals", 20_000);
const DATA_SEGMENTS: Cost = cost("data segments", 20_000);

// For one function.
const CODE: Cost = cost("octets in one function", 1 << 20);
const LOCALS: Cost = cost("local variables in one function", 10_000);
const BLOCKS: Cost = cost("blocks and branch targets in one function", 65_536);
/// What the compiler keeps for each block about each variable.
const FLOW: Cost = cost("blocks times local variables in one function", 10_000_000);

/// The quantities so far.
#[derive(Debug, Default)]
struct Counted {
    components: u64,
    modules: u64,
    instances: u64,
    items: u64,
    types: u64,
    functions: u64,
    memories: u64,
    tables: u64,
    elements: u64,
    globals: u64,
    data_segments: u64,
}

/// Counts, and stops at the first quantity above its limit. The bytes need not be valid.
///
/// # Errors
/// [`LoadErrorKind::TooComplex`], or [`LoadErrorKind::Invalid`] when the bytes cannot be read as a component.
pub(crate) fn check(wasm: &[u8]) -> Result<(), LoadErrorKind> {
    let mut counted = Counted::default();
    let mut depth = 0_u64;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(invalid)?;
        match &payload {
            // The outermost component does not count.
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        within(DEPTH, depth.saturating_sub(1))?;
        counted.count(payload)?;
    }
    Ok(())
}

fn within(cost: Cost, figure: u64) -> Result<(), LoadErrorKind> {
    if figure > cost.limit {
        return Err(LoadErrorKind::TooComplex {
            what: cost.what,
            figure,
            limit: cost.limit,
        });
    }
    Ok(())
}

/// Adds to a quantity.
fn more(figure: &mut u64, by: u64, cost: Cost) -> Result<(), LoadErrorKind> {
    *figure = figure.saturating_add(by);
    within(cost, *figure)
}

fn invalid(error: BinaryReaderError) -> LoadErrorKind {
    LoadErrorKind::Invalid {
        problem: error.to_string(),
    }
}

impl Counted {
    fn count(&mut self, payload: Payload<'_>) -> Result<(), LoadErrorKind> {
        match payload {
            Payload::ComponentSection { .. } => more(&mut self.components, 1, COMPONENTS),
            Payload::ModuleSection { .. } => more(&mut self.modules, 1, MODULES),
            Payload::InstanceSection(section) => more(&mut self.instances, section.count().into(), INSTANCES),
            Payload::ComponentInstanceSection(section) => more(&mut self.instances, section.count().into(), INSTANCES),
            Payload::FunctionSection(section) => more(&mut self.functions, section.count().into(), FUNCTIONS),
            Payload::MemorySection(section) => more(&mut self.memories, section.count().into(), MEMORIES),
            Payload::GlobalSection(section) => more(&mut self.globals, section.count().into(), GLOBALS),
            Payload::DataSection(section) => more(&mut self.data_segments, section.count().into(), DATA_SEGMENTS),
            Payload::TableSection(section) => self.tables(section),
            Payload::ElementSection(section) => self.elements(section),
            Payload::CodeSectionEntry(body) => function(&body),
            Payload::TypeSection(section) => more(&mut self.types, section.count().into(), TYPES),
            Payload::CoreTypeSection(section) => more(&mut self.types, section.count().into(), TYPES),
            Payload::ComponentTypeSection(section) => self.component_types(section),
            other => more(&mut self.items, items(&other), ITEMS),
        }
    }

    fn tables(&mut self, section: wasmparser::TableSectionReader<'_>) -> Result<(), LoadErrorKind> {
        more(&mut self.tables, section.count().into(), TABLES)?;
        for table in section {
            more(&mut self.elements, table.map_err(invalid)?.ty.initial, ELEMENTS)?;
        }
        Ok(())
    }

    fn elements(&mut self, section: wasmparser::ElementSectionReader<'_>) -> Result<(), LoadErrorKind> {
        for segment in section {
            let count = match segment.map_err(invalid)?.items {
                ElementItems::Functions(items) => items.count(),
                ElementItems::Expressions(_, items) => items.count(),
            };
            // A segment without elements has a cost too.
            more(&mut self.elements, u64::from(count) + 1, ELEMENTS)?;
        }
        Ok(())
    }

    fn component_types(&mut self, section: wasmparser::ComponentTypeSectionReader<'_>) -> Result<(), LoadErrorKind> {
        for declared in section {
            more(&mut self.types, types_in(&declared.map_err(invalid)?), TYPES)?;
        }
        Ok(())
    }
}

/// The number of types declared by a type. The parser bounds their nesting.
fn types_in(declared: &ComponentType<'_>) -> u64 {
    let inside: u64 = match declared {
        ComponentType::Component(declarations) => declarations
            .iter()
            .map(|it| match it {
                ComponentTypeDeclaration::Type(inner) => types_in(inner),
                _ => 1,
            })
            .sum(),
        ComponentType::Instance(declarations) => declarations
            .iter()
            .map(|it| match it {
                InstanceTypeDeclaration::Type(inner) => types_in(inner),
                _ => 1,
            })
            .sum(),
        _ => 0,
    };
    inside + 1
}

/// The entries of sections that only name things.
fn items(payload: &Payload<'_>) -> u64 {
    match payload {
        Payload::ImportSection(section) => section.count().into(),
        Payload::ExportSection(section) => section.count().into(),
        Payload::ComponentImportSection(section) => section.count().into(),
        Payload::ComponentExportSection(section) => section.count().into(),
        Payload::ComponentAliasSection(section) => section.count().into(),
        Payload::ComponentCanonicalSection(section) => section.count().into(),
        _ => 0,
    }
}

fn function(body: &FunctionBody<'_>) -> Result<(), LoadErrorKind> {
    within(CODE, body.range().len() as u64)?;
    let mut locals = 0;
    for group in body.get_locals_reader().map_err(invalid)? {
        more(&mut locals, group.map_err(invalid)?.0.into(), LOCALS)?;
    }
    let mut blocks = 0;
    for operator in body.get_operators_reader().map_err(invalid)? {
        let by = match operator.map_err(invalid)? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::Else => 1,
            Operator::Br { .. } | Operator::BrIf { .. } => 1,
            Operator::BrTable { targets } => u64::from(targets.len()) + 1,
            _ => continue,
        };
        more(&mut blocks, by, BLOCKS)?;
        within(FLOW, blocks * locals)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leb(mut number: usize) -> Vec<u8> {
        let mut octets = Vec::new();
        loop {
            let low = (number & 0x7f) as u8;
            number >>= 7;
            octets.push(if number == 0 { low } else { low | 0x80 });
            if number == 0 {
                return octets;
            }
        }
    }

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        [&[id], leb(content.len()).as_slice(), content].concat()
    }

    fn component(content: &[u8]) -> Vec<u8> {
        [b"\0asm\x0d\0\x01\0", content].concat()
    }

    /// A component with one core module that has these sections.
    fn module(sections: &[u8]) -> Vec<u8> {
        component(&section(1, &[b"\0asm\x01\0\0\0", sections].concat()))
    }

    /// So many entries of the same octets, with their number in front.
    fn entries(count: usize, entry: &[u8]) -> Vec<u8> {
        [leb(count), entry.repeat(count)].concat()
    }

    /// A component with one function, with so many locals, and this code in front of its end.
    fn function(locals: usize, code: &[u8]) -> Vec<u8> {
        let locals = [&[1], leb(locals).as_slice(), &[0x7f]].concat();
        let body = [&locals, code, &[0x0b]].concat();
        let code = [&[1], leb(body.len()).as_slice(), &body].concat();
        module(&[section(3, &[1, 0]), section(10, &code)].concat())
    }

    const BLOCK: &[u8] = &[0x02, 0x40, 0x0b];
    const NOP: &[u8] = &[0x01];

    #[track_caller]
    fn exceeds(wasm: &[u8], cost: Cost) {
        match check(wasm) {
            Err(LoadErrorKind::TooComplex { what, figure, limit }) => {
                assert_eq!((what, limit), (cost.what, cost.limit));
                assert!(figure > limit, "{figure}");
            }
            other => panic!("not refused for its {}: {other:?}", cost.what),
        }
    }

    #[test]
    fn each_thing_that_makes_compiling_expensive_has_a_limit_of_its_own() {
        let at = |cost: Cost, more: usize| usize::try_from(cost.limit).unwrap() + more;
        // An entry of each section that need not be more than a count for this pass, or one that reads.
        exceeds(&module(&section(3, &entries(at(FUNCTIONS, 1), &[0]))), FUNCTIONS);
        exceeds(&module(&section(1, &entries(at(TYPES, 1), &[0x60, 0, 0]))), TYPES);
        exceeds(&module(&section(5, &entries(at(MEMORIES, 1), &[0, 1]))), MEMORIES);
        exceeds(&module(&section(4, &entries(at(TABLES, 1), &[0x70, 0, 1]))), TABLES);
        exceeds(
            &module(&section(4, &[&[1, 0x70, 0], leb(at(ELEMENTS, 1)).as_slice()].concat())),
            ELEMENTS,
        );
        exceeds(
            &module(&section(6, &entries(at(GLOBALS, 1), &[0x7f, 0, 0x41, 0, 0x0b]))),
            GLOBALS,
        );
        exceeds(
            &module(&section(11, &entries(at(DATA_SEGMENTS, 1), &[1, 0]))),
            DATA_SEGMENTS,
        );
        exceeds(
            &component(&section(1, b"\0asm\x01\0\0\0").repeat(at(MODULES, 1))),
            MODULES,
        );
        exceeds(
            &component(&section(4, &component(&[])).repeat(at(COMPONENTS, 1))),
            COMPONENTS,
        );
        exceeds(
            &component(&section(2, &entries(at(INSTANCES, 1), &[0, 0, 0]))),
            INSTANCES,
        );
        exceeds(&module(&section(7, &entries(at(ITEMS, 1), &[0, 0, 0]))), ITEMS);
        let nested = (0..at(DEPTH, 1)).fold(component(&[]), |inner, _| component(&section(4, &inner)));
        exceeds(&nested, DEPTH);
    }

    #[test]
    fn one_function_has_limits_on_its_length_its_locals_its_blocks_and_on_blocks_times_locals() {
        let limit = |cost: Cost| usize::try_from(cost.limit).unwrap();
        exceeds(&function(0, &NOP.repeat(limit(CODE))), CODE);
        exceeds(&function(limit(LOCALS) + 1, &[]), LOCALS);
        exceeds(&function(0, &BLOCK.repeat(limit(BLOCKS) + 1)), BLOCKS);
        // One switch with that many cases, which is one instruction.
        let cases = [
            &[0x41, 0, 0x0e],
            leb(limit(BLOCKS)).as_slice(),
            &vec![0; limit(BLOCKS) + 1],
        ]
        .concat();
        exceeds(&function(0, &cases), BLOCKS);
        let blocks = limit(FLOW) / limit(LOCALS) + 1;
        exceeds(&function(limit(LOCALS), &BLOCK.repeat(blocks)), FLOW);
    }

    #[test]
    fn what_is_within_the_limits_passes_to_the_last_one() {
        let limit = |cost: Cost| usize::try_from(cost.limit).unwrap();
        check(&component(&[])).unwrap();
        check(&function(limit(LOCALS), &BLOCK.repeat(limit(FLOW) / limit(LOCALS)))).unwrap();
        check(&function(0, &BLOCK.repeat(limit(BLOCKS)))).unwrap();
        check(&module(&section(11, &entries(limit(DATA_SEGMENTS), &[1, 0])))).unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_damaged_and_not_too_complex() {
        for damaged in [&module(&[10, 5])[..], &component(&[4, 0x7f]), &function(1, &[0xff])] {
            assert!(matches!(check(damaged), Err(LoadErrorKind::Invalid { .. })));
        }
    }
}
