//! The binary: see `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    mm4relay::cli::main()
}
