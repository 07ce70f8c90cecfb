//! `mm4-filter.d.ts`: the contract as types, in the forms that componentize-qjs gives values.

use std::fmt::Write;

use wit_bindgen_core::wit_parser::{
    Docs, Function, FunctionKind, Handle, Interface, InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner,
};

pub fn text() -> String {
    let (resolve, world) = super::contract();
    let mut out = String::from(
        "// Made of wit/ by tests/bindings. Do not edit.\n//\n// The contract as types: each interface is a \
         module. What is `result` in the contract is returned, or thrown as the `payload` of an Error.\n",
    );
    for (_, interface) in &resolve.interfaces {
        let exported = interface.name.as_deref() == Some("plugin");
        let name = interface.name.clone().expect("a name");
        let _ = write!(out, "\ndeclare module \"mm4:filter/{name}@0.1.0\" {{\n");
        for (from, types) in used(&resolve, interface) {
            let _ = writeln!(
                out,
                "  import type {{ {} }} from \"mm4:filter/{from}@0.1.0\";",
                types.join(", ")
            );
        }
        for (name, id) in &interface.types {
            out.push_str(&declared(&resolve, name, *id, interface));
        }
        let functions = interface.functions.values();
        let free: Vec<&Function> = functions.filter(|it| it.kind == FunctionKind::Freestanding).collect();
        if exported {
            out.push_str("  /** What a plug-in exports under the name `plugin`. */\n  export interface Plugin {\n");
            free.iter()
                .for_each(|it| out.push_str(&signature(&resolve, it, "    ", "")));
            out.push_str("  }\n");
        } else {
            free.iter()
                .for_each(|it| out.push_str(&exported_function(&resolve, it)));
        }
        out.push_str("}\n");
    }
    let _ = world;
    out.push_str(
        "\n/** A stand-in for the relay in tests: see test/relay.mjs. */\ndeclare module \"mm4:relay\" {\n  \
         export function relay(given?: Record<string, unknown>): Record<string, any>;\n}\n",
    );
    out
}

/// A function in a module. `delete` is no name there.
fn exported_function(resolve: &Resolve, function: &Function) -> String {
    match function.name.as_str() {
        "delete" => {
            let renamed =
                signature(resolve, function, "  ", "function ").replace("function delete(", "function _delete(");
            format!("{renamed}  export {{ _delete as delete }};\n")
        }
        _ => signature(resolve, function, "  ", "export function "),
    }
}

fn signature(resolve: &Resolve, function: &Function, indent: &str, before: &str) -> String {
    let parameters = function.params.iter().filter(|it| it.name != "self");
    let parameters: Vec<String> = parameters
        .map(|it| format!("{}: {}", camel(&it.name), shown(resolve, &it.ty)))
        .collect();
    let (result, thrown) = match function.result.as_ref().map(|it| as_result(resolve, it)) {
        None => ("void".to_owned(), None),
        Some(Ok(plain)) => (shown(resolve, &plain), None),
        Some(Err((ok, err))) => (
            ok.map_or_else(|| "void".to_owned(), |ok| shown(resolve, &ok)),
            err.map(|err| shown(resolve, &err)),
        ),
    };
    let mut lines = doc_lines(&function.docs);
    lines.extend(thrown.map(|thrown| format!("@throws {{{thrown}}}")));
    let name = function.item_name();
    let name = camel(name);
    format!(
        "{}{indent}{before}{name}({}): {result};\n",
        comment(&lines, indent),
        parameters.join(", ")
    )
}

/// The two sides of a result, or the type itself.
fn as_result(resolve: &Resolve, ty: &Type) -> Result<Type, (Option<Type>, Option<Type>)> {
    if let Type::Id(id) = ty
        && let TypeDefKind::Result(result) = &resolve.types[*id].kind
    {
        return Err((result.ok, result.err));
    }
    Ok(*ty)
}

fn declared(resolve: &Resolve, name: &str, id: TypeId, of: &Interface) -> String {
    let it = &resolve.types[id];
    let (docs, name) = (comment(&doc_lines(&it.docs), "  "), pascal(name));
    let mut out = docs;
    let _ = match &it.kind {
        TypeDefKind::Record(record) => {
            let _ = writeln!(out, "  export interface {name} {{");
            for field in &record.fields {
                let optional = if is_option(resolve, &field.ty) { "?" } else { "" };
                out.push_str(&comment(&doc_lines(&field.docs), "    "));
                let _ = writeln!(
                    out,
                    "    {}{optional}: {};",
                    camel(&field.name),
                    shown(resolve, &field.ty)
                );
            }
            writeln!(out, "  }}")
        }
        TypeDefKind::Enum(cases) => {
            let words: Vec<String> = cases.cases.iter().map(|case| format!("{:?}", case.name)).collect();
            writeln!(out, "  export type {name} = {};", words.join(" | "))
        }
        TypeDefKind::Flags(flags) => {
            let fields: Vec<String> = flags
                .flags
                .iter()
                .map(|it| format!("{}?: boolean", camel(&it.name)))
                .collect();
            writeln!(out, "  export type {name} = {{ {} }};", fields.join("; "))
        }
        TypeDefKind::Variant(variant) => {
            let _ = writeln!(out, "  export type {name} =");
            for case in &variant.cases {
                out.push_str(&comment(&doc_lines(&case.docs), "    "));
                let value = case
                    .ty
                    .map(|ty| format!("; val: {}", shown(resolve, &ty)))
                    .unwrap_or_default();
                let _ = writeln!(out, "    | {{ tag: {:?}{value} }}", case.name);
            }
            out.truncate(out.trim_end().len());
            writeln!(out, ";")
        }
        TypeDefKind::Resource => {
            let _ = writeln!(out, "  export class {name} {{");
            let own = of.functions.values().filter(|it| it.kind.resource() == Some(id));
            for function in own {
                let text = signature(resolve, function, "    ", "");
                let text = match function.kind {
                    FunctionKind::Constructor(_) => constructor(&text),
                    _ => text,
                };
                out.push_str(&text);
            }
            writeln!(out, "  }}")
        }
        TypeDefKind::Type(_) => return String::new(),
        other => panic!("{name}: no form is known for {other:?}"),
    };
    out
}

/// `bodyWriter(x): BodyWriter;` as a class says it.
fn constructor(signature: &str) -> String {
    let line = signature.lines().last().unwrap_or_default();
    let (open, close) = (line.find('(').unwrap_or(0), line.rfind(')').unwrap_or(0));
    let before = &signature[..signature.len() - line.len() - 1];
    format!("{before}    constructor{};\n", &line[open..=close])
}

fn is_option(resolve: &Resolve, ty: &Type) -> bool {
    matches!(ty, Type::Id(id) if matches!(resolve.types[*id].kind, TypeDefKind::Option(_)))
}

fn shown(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Bool => "boolean".to_owned(),
        Type::String | Type::Char => "string".to_owned(),
        Type::Id(id) => shown_id(resolve, *id),
        _ => "number".to_owned(),
    }
}

fn shown_id(resolve: &Resolve, id: TypeId) -> String {
    let it = &resolve.types[id];
    if let Some(name) = &it.name {
        return pascal(name);
    }
    match &it.kind {
        TypeDefKind::List(Type::U8) => "Uint8Array".to_owned(),
        TypeDefKind::List(of) => format!("Array<{}>", shown(resolve, of)),
        TypeDefKind::Option(of) => format!("{} | null | undefined", shown(resolve, of)),
        TypeDefKind::Tuple(of) => {
            let types: Vec<String> = of.types.iter().map(|ty| shown(resolve, ty)).collect();
            format!("[{}]", types.join(", "))
        }
        TypeDefKind::Handle(Handle::Own(of) | Handle::Borrow(of)) => shown_id(resolve, *of),
        other => panic!("no form is known for {other:?}"),
    }
}

/// The types that an interface takes from others.
fn used(resolve: &Resolve, interface: &Interface) -> Vec<(String, Vec<String>)> {
    let mut from: Vec<(InterfaceId, Vec<String>)> = Vec::new();
    for (name, id) in &interface.types {
        let TypeDefKind::Type(Type::Id(original)) = &resolve.types[*id].kind else {
            continue;
        };
        let TypeOwner::Interface(owner) = resolve.types[*original].owner else {
            continue;
        };
        match from.iter_mut().find(|(known, _)| *known == owner) {
            Some((_, names)) => names.push(pascal(name)),
            None => from.push((owner, vec![pascal(name)])),
        }
    }
    let named = |id: InterfaceId| resolve.interfaces[id].name.clone().expect("a name");
    from.into_iter().map(|(id, types)| (named(id), types)).collect()
}

fn doc_lines(docs: &Docs) -> Vec<String> {
    let text = docs.contents.as_deref().unwrap_or_default();
    text.lines().map(|line| line.replace("*/", "* /")).collect()
}

fn comment(lines: &[String], indent: &str) -> String {
    match lines {
        [] => String::new(),
        [one] => format!("{indent}/** {one} */\n"),
        many => {
            let body: String = many
                .iter()
                .map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n")
                .collect();
            format!("{indent}/**\n{body}{indent} */\n")
        }
    }
}

pub fn camel(name: &str) -> String {
    let mut words = name.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |all, word| all + &capital(word))
}

fn pascal(name: &str) -> String {
    name.split('-').map(capital).collect()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect()
}
