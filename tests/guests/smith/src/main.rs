//! Random, valid components and modules, the same for the same seed: `smith FOLDER SEEDS` writes `component-SEED.wasm`
//! and `module-SEED.wasm` for each seed from which one can be made.

use std::path::PathBuf;
use std::{env, fs};

use arbitrary::Unstructured;
use wasm_smith::{Component, Config, Module};

fn main() {
    let mut arguments = env::args().skip(1);
    let (Some(folder), Some(seeds)) = (arguments.next(), arguments.next()) else {
        panic!("usage: smith FOLDER SEEDS");
    };
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder).expect("the folder can be made");
    for seed in 0..seeds.parse().expect("a number of seeds") {
        let noise = noise(seed, 4096);
        let component = Component::new(Config::default(), &mut Unstructured::new(&noise));
        if let Ok(component) = component {
            fs::write(folder.join(format!("component-{seed}.wasm")), component.to_bytes()).expect("it can be written");
        }
        let module = Module::new(Config::default(), &mut Unstructured::new(&noise));
        if let Ok(module) = module {
            fs::write(folder.join(format!("module-{seed}.wasm")), module.to_bytes()).expect("it can be written");
        }
    }
}

/// Octets that look random, the same for the same seed (xorshift64*).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}
