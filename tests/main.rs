//! The relay as its users meet it: the real binary, over real sockets.
//!
//! Every test is a claim. `support` is the small language that they are written in.

mod journey;
mod loading;
mod support;
