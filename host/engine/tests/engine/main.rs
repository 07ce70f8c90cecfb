//! The engine against real components: `tests/guests/hostile`, whose settings say what it does, and `noop`.

mod clocks_and_wasi;
mod configure;
mod deterministic;
mod fairness;
mod fuzz;
mod host_functions;
mod isolation;
mod limits;
mod lines;
mod load;
mod may;
mod support;
mod verdicts;
