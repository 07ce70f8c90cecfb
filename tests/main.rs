//! The relay as its users meet it: the real binary, over real sockets.
//!
//! Every test is a claim. `support` is the small language that they are written in; each other module is a theme.

mod bad_input;
mod bundled;
mod charging;
mod charging_export;
mod commands;
mod compatibility;
mod console;
mod contained;
mod contract;
mod crash;
mod golden;
mod held;
mod home;
mod hot_loading;
mod interop;
mod journey;
mod languages;
mod loading;
mod memory;
mod mmse;
mod modes;
mod mx;
mod next_hop;
mod numbering;
mod operator;
mod peers;
mod plugins;
mod problems;
mod replay;
mod rights;
mod rooms;
mod routing;
mod stays_up;
mod strangers;
mod support;
mod swap;
mod tls;
mod told;
mod told_in_part;
mod told_late;
mod trace;
mod transactions;
mod unasked;
mod upgrade;
