//! Courses of plug-ins' versions in the memory store.

use bytes::Bytes;

use super::super::model::{Made, Work};
use super::super::{BoxFuture, Overview, Rollouts, SpoolError, Steering};
use super::MemorySpool;

impl Rollouts for MemorySpool {
    fn overview(&self) -> BoxFuture<'_, Result<Overview, SpoolError>> {
        Box::pin(async move {
            let now = self.memory.clock.now();
            let state = self.memory.state();
            let courses = state.courses.iter().filter(|(_, course)| course.revision > 0);
            Ok(Overview {
                now,
                me: self.name(),
                relays: state.leases.living(now).map(|(_, name)| name.to_owned()).collect(),
                courses: courses
                    .map(|(plugin, course)| (plugin.clone(), course.clone()))
                    .collect(),
            })
        })
    }

    fn steer(&self, steering: Steering) -> BoxFuture<'_, Result<bool, SpoolError>> {
        Box::pin(async move {
            let made = self.change(|state, now| {
                state.leases.must_live(self.owner, now)?;
                state.apply(&Work::Steer(steering), now)
            });
            Ok(made? == Made::Steered(true))
        })
    }

    fn put_component<'a>(&'a self, digest: &'a str, octets: Bytes) -> BoxFuture<'a, Result<(), SpoolError>> {
        Box::pin(async move {
            self.change(|state, now| {
                state.components.insert(digest.to_owned(), (now, octets));
                Ok(())
            })
        })
    }

    fn component<'a>(&'a self, digest: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, SpoolError>> {
        Box::pin(async move {
            let state = self.memory.state();
            Ok(state.components.get(digest).map(|(_, octets)| octets.clone()))
        })
    }

    fn forget_components(&self, but: Vec<String>) -> BoxFuture<'_, Result<u64, SpoolError>> {
        const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);
        Box::pin(async move {
            self.change(|state, now| {
                let before = state.components.len();
                let keep = |digest: &String, at| but.contains(digest) || at >= now.minus(HOUR);
                state.components.retain(|digest, (at, _)| keep(digest, *at));
                Ok((before - state.components.len()) as u64)
            })
        })
    }
}
