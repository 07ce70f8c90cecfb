//! What is made of the contract, and kept: bindings in Rust, types for JavaScript, the reference for people.
//!
//! `cargo run --manifest-path tests/bindings/Cargo.toml -- --write` writes them anew after a change of `wit/`; without
//! `--write` it compares, as a test does.

mod reference;
mod rust;
mod typescript;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use wit_bindgen_core::wit_parser::{Resolve, WorldId};

fn main() -> ExitCode {
    let write = std::env::args().any(|argument| argument == "--write");
    let texts = [
        ("plugins/sdk/src/bindings.rs", rust::text()),
        ("plugins/templates/mm4-filter.d.ts", typescript::text()),
        ("docs/contract.md", reference::text()),
    ];
    let mut same = true;
    for (path, made) in texts {
        let kept = root().join(path);
        if write {
            std::fs::write(&kept, &made).expect("the file is written");
        } else if std::fs::read_to_string(&kept).unwrap_or_default() != made {
            same = false;
            println!("{path} is not what wit/ makes: run this with --write");
        }
    }
    match same {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn contract() -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit")).expect("the contract is WIT");
    let world = resolve.select_world(&[package], Some("filter")).expect("the world");
    (resolve, world)
}
