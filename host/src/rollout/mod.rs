//! One version of a plug-in for all relays that share a store: a roll-out.
//!
//! A version goes to every relay in the same steps, and each relay takes them by itself, at its own pace. Nobody leads:
//!
//! 1. *Preparing.* Every relay that lives fetches the octets, compares them with their digest, verifies the signature by its
//!    own keys, compiles, configures and tests the version, and tries it on messages where it is configured so. One that
//!    refuses ends the roll-out, and nothing was live anywhere.
//! 2. *Canary.* One relay shows messages to it, and watches it.
//! 3. *Rest.* The others do the same, each with a watch of its own.
//! 4. *Done.* Every relay that lives has stood its watch: relays that start run this version.
//!
//! A version that fails in traffic, at whichever relay, goes back everywhere, and is barred. So does one that an operator
//! calls back. Each message still sees one version: a relay changes between two messages ([`crate::versions`]).
//!
//! What relays tell each other is the *course* of a plug-in ([`course`]), in the store. What follows from what is one pure
//! function ([`steps`]), and what a relay has to do is another one ([`duty`]). A relay looks at all courses twice a second
//! ([`participant`]), does its duty, and tells what came of it. It changes a course only where that is still what it has seen, so
//! any order of what relays tell comes to one course.
//!
//! Which relays live is the store's word, by the store's clock: one that died is not waited for.

mod asked;
mod attend;
mod course;
mod duty;
mod not_now;
mod participant;
mod start;
mod steps;
#[cfg(test)]
mod tests;
mod words;

pub use asked::NotBegun;
pub use course::{Bar, Course, HowFar, Phase, Rollout, Version};
pub use not_now::NotNow;
pub use participant::{CourseChange, LastLook, NotChanged, NoteChange, Participant};
pub use start::pins;
