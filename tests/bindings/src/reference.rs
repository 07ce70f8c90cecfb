//! `docs/contract.md`: every interface, function and type of the contract, with what is said of it, for people.

use std::fmt::Write;

use wit_bindgen_core::wit_parser::{
    Docs, Function, FunctionKind, Handle, Interface, Resolve, Type, TypeDefKind, TypeId,
};

pub fn text() -> String {
    let (resolve, _) = super::contract();
    let mut out = String::from(
        "# The contract\n\nMade of [`wit/`](../wit) by [`tests/bindings`](../tests/bindings), which a test compares: do not edit. How the parts \
         work together is in [plugins.md](plugins.md), and a first plug-in in [write-a-plugin.md](write-a-plugin.md).\n\n\
         | name in `wit/` | Rust | JavaScript | Python |\n|---|---|---|---|\n\
         | `read-part` | `message::read_part` | `readPart` | `message.read_part` |\n\
         | `result<T, fault>` | `Result<T, Fault>` | `T`; an `Error` is thrown, with the fault as its `payload` | `T`; `Err(fault)` is raised |\n\
         | `option<T>` | `Option<T>` | `T` or `null` | `T` or `None` |\n\
         | `list<u8>` | `Vec<u8>` | `Uint8Array` | `bytes` |\n\
         | `u64`, `s64` | `u64`, `i64` | a number, exact up to 2^53 | `int` |\n\
         | a variant's case `set-header(x)` | `Edit::SetHeader(x)` | `{ tag: \"set-header\", val: x }` | `Edit_SetHeader(x)` |\n\
         | an enum's case `forward-request` | `MessageType::ForwardRequest` | `\"forward-request\"` | `MessageType.FORWARD_REQUEST` |\n\
         | flags | `Occasions::ARRIVAL` | `{ arrival: true }` | `Occasions.ARRIVAL` |\n",
    );
    for (_, interface) in &resolve.interfaces {
        let name = interface.name.as_deref().expect("a name");
        let _ = write!(out, "\n## `{name}`\n\n");
        paragraph(&mut out, &interface.docs);
        let free = interface
            .functions
            .values()
            .filter(|it| it.kind == FunctionKind::Freestanding);
        for function in free {
            let _ = write!(
                out,
                "### `{name}.{}`\n\n```wit\n{}\n```\n\n",
                function.name,
                signature(&resolve, function)
            );
            paragraph(&mut out, &function.docs);
        }
        for (own, id) in &interface.types {
            define(&mut out, &resolve, own, *id, interface);
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

fn define(out: &mut String, resolve: &Resolve, name: &str, id: TypeId, of: &Interface) {
    let it = &resolve.types[id];
    let kind = match &it.kind {
        TypeDefKind::Type(_) => return,
        kind => kind.as_str(),
    };
    let _ = write!(out, "### {kind} `{name}`\n\n");
    paragraph(out, &it.docs);
    let mut rows: Vec<(String, String)> = Vec::new();
    match &it.kind {
        TypeDefKind::Record(record) => rows.extend(
            record
                .fields
                .iter()
                .map(|it| (format!("{}: {}", it.name, shown(resolve, &it.ty)), line(&it.docs))),
        ),
        TypeDefKind::Variant(variant) => rows.extend(variant.cases.iter().map(|case| {
            let value = case
                .ty
                .map(|ty| format!("({})", shown(resolve, &ty)))
                .unwrap_or_default();
            (format!("{}{value}", case.name), line(&case.docs))
        })),
        TypeDefKind::Enum(cases) => rows.extend(cases.cases.iter().map(|it| (it.name.clone(), line(&it.docs)))),
        TypeDefKind::Flags(flags) => rows.extend(flags.flags.iter().map(|it| (it.name.clone(), line(&it.docs)))),
        TypeDefKind::Resource => {
            let own = of.functions.values().filter(|it| it.kind.resource() == Some(id));
            rows.extend(own.map(|it| (signature(resolve, it), line(&it.docs))));
        }
        _ => {}
    }
    if rows.is_empty() {
        return;
    }
    out.push_str("| | |\n|---|---|\n");
    for (left, right) in rows {
        let _ = writeln!(
            out,
            "| `{}` | {} |",
            left.replace('|', "\\|"),
            right.replace('|', "\\|")
        );
    }
    out.push('\n');
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let parameters = function.params.iter().filter(|it| it.name != "self");
    let parameters: Vec<String> = parameters
        .map(|it| format!("{}: {}", it.name, shown(resolve, &it.ty)))
        .collect();
    let result = match (&function.kind, &function.result) {
        (FunctionKind::Constructor(_), _) | (_, None) => String::new(),
        (_, Some(ty)) => format!(" -> {}", shown(resolve, ty)),
    };
    let name = match function.kind {
        FunctionKind::Constructor(_) => "constructor",
        _ => function.item_name(),
    };
    format!("{name}: func({}){result}", parameters.join(", "))
}

fn shown(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else {
        return format!("{ty:?}").to_lowercase();
    };
    let it = &resolve.types[*id];
    if let Some(name) = &it.name {
        return name.clone();
    }
    let one = |ty: &Option<Type>| ty.map_or_else(|| "_".to_owned(), |ty| shown(resolve, &ty));
    match &it.kind {
        TypeDefKind::List(of) => format!("list<{}>", shown(resolve, of)),
        TypeDefKind::Option(of) => format!("option<{}>", shown(resolve, of)),
        TypeDefKind::Result(of) => format!("result<{}, {}>", one(&of.ok), one(&of.err)),
        TypeDefKind::Tuple(of) => {
            let types: Vec<String> = of.types.iter().map(|ty| shown(resolve, ty)).collect();
            format!("tuple<{}>", types.join(", "))
        }
        TypeDefKind::Handle(Handle::Own(of) | Handle::Borrow(of)) => {
            resolve.types[*of].name.clone().unwrap_or_default()
        }
        other => panic!("no form is known for {other:?}"),
    }
}

fn paragraph(out: &mut String, docs: &Docs) {
    if let Some(text) = &docs.contents {
        let _ = write!(out, "{}\n\n", text.trim_end());
    }
}

fn line(docs: &Docs) -> String {
    let text = docs.contents.as_deref().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
