//! `src/bindings.rs`: what `wit-bindgen` makes of the contract, with two things changed. Each function asks the crate's own
//! `native` outside of WebAssembly, where a test runs; and a fault is shown in words.

use syn::parse_quote;
use syn::visit_mut::VisitMut;
use syn::{Block, FnArg, Ident, ImplItem, ImplItemFn, Item, ItemFn, ItemImpl, ItemMod, Pat, Signature, Stmt, Type};
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::Opts;

pub fn text() -> String {
    let (mut resolve, world) = super::contract();
    let options = Opts {
        pub_export_macro: true,
        default_bindings_module: Some("mm4_filter::bindings".into()),
        additional_derive_attributes: vec!["PartialEq".into()],
        // They own a body writer, a handle of the relay's, which has no equality.
        additional_derive_ignore: ["edit", "replace-part", "add-part", "verdict"].map(Into::into).to_vec(),
        ..Opts::default()
    };
    let mut files = Files::default();
    options
        .build()
        .generate(&mut resolve, world, &mut files)
        .expect("bindings");
    let (_, source) = files.iter().next().expect("one file");
    let mut file = syn::parse_file(std::str::from_utf8(source).expect("UTF-8")).expect("Rust");
    Native { path: Vec::new() }.visit_file_mut(&mut file);
    format!(
        "// Made of wit/ by tests/bindings. Do not edit.\n\n{}",
        prettyplease::unparse(&file)
    )
}

/// Puts a way out before each function that is imported.
struct Native {
    path: Vec<String>,
}

impl VisitMut for Native {
    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        self.path.push(module.ident.to_string());
        if let (["mm4", "filter", interface], Some((_, items))) = (
            &self.path.iter().map(String::as_str).collect::<Vec<_>>()[..],
            &mut module.content,
        ) {
            let interface = interface.to_string();
            items.iter_mut().for_each(|item| divert(&interface, item));
            module.attrs.push(parse_quote!(#[allow(unreachable_code)]));
        } else {
            syn::visit_mut::visit_item_mod_mut(self, module);
        }
        self.path.pop();
    }
}

fn divert(interface: &str, item: &mut Item) {
    match item {
        Item::Fn(ItemFn { sig, block, .. }) => go_native(interface, &sig.ident.to_string(), sig, block),
        Item::Impl(of) => divert_methods(interface, of),
        _ => {}
    }
}

fn divert_methods(interface: &str, of: &mut ItemImpl) {
    let Type::Path(owner) = &*of.self_ty else { return };
    let Some(owner) = owner.path.get_ident().map(Ident::to_string) else {
        return;
    };
    let implemented = of
        .trait_
        .as_ref()
        .and_then(|(path, _)| path.segments.last())
        .map(|last| last.ident.to_string());
    for item in &mut of.items {
        let ImplItem::Fn(ImplItemFn { sig, block, .. }) = item else {
            continue;
        };
        match (owner.as_str(), implemented.as_deref(), sig.ident.to_string().as_str()) {
            ("BodyWriter", None, name @ ("new" | "write")) => {
                go_native(interface, &format!("body_writer_{name}"), sig, block);
            }
            ("BodyWriter", Some("WasmResource"), "drop") => go_native(interface, "body_writer_drop", sig, block),
            ("Fault", Some("Display"), "fmt") => {
                *block = parse_quote!({
                    match self {
                        Fault::Invalid(text) => write!(f, "invalid: {text}"),
                        Fault::Unavailable(text) => write!(f, "unavailable: {text}"),
                        Fault::Limit(text) => write!(f, "limit: {text}"),
                    }
                });
            }
            _ => {}
        }
    }
}

/// The function ends at once outside of WebAssembly, with what `crate::native` answers.
fn go_native(interface: &str, name: &str, signature: &Signature, block: &mut Block) {
    let arguments = signature.inputs.iter().map(|input| match input {
        FnArg::Receiver(_) => parse_quote!(self),
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(named) => {
                let ident = &named.ident;
                parse_quote!(#ident)
            }
            _ => panic!("an argument without a name in {name}"),
        },
    });
    let arguments: Vec<syn::Expr> = arguments.collect();
    let path: syn::Path = syn::parse_str(&format!("crate::native::{interface}::{name}")).expect("a path");
    let answer: syn::Expr = match name {
        "body_writer_new" => parse_quote!(unsafe { Self::from_handle(#path(#(#arguments),*)) }),
        _ => parse_quote!(#path(#(#arguments),*)),
    };
    let way_out: Stmt = parse_quote! {
        #[cfg(not(target_family = "wasm"))]
        return #answer;
    };
    block.stmts.insert(0, way_out);
}
