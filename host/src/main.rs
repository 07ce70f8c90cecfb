//! The binary: see `cli`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    mm4relay::cli::main()
}
