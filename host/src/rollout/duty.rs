//! What one relay has to do now: a pure function of the course.

use super::course::{Course, HowFar, Phase, Rollout, Version};

/// The duty of one relay.
#[derive(Clone, Debug, PartialEq)]
pub enum Duty<'c> {
    Nothing,
    /// Prepare the version of the roll-out, and say what came of it.
    Prepare(&'c Rollout),
    /// Show messages to it, and say so.
    Show(&'c Rollout),
    /// WatchState it, and say how that ends.
    Watch(&'c Rollout),
    /// Run this version, as all do; with a roll-out, say that it does.
    Run(&'c Version, Option<&'c Rollout>),
}

impl Course {
    pub fn duty(&self, relay: &str) -> Duty<'_> {
        let Some(rollout) = &self.rollout else {
            return Duty::Nothing;
        };
        match (&rollout.phase, rollout.progress(relay)) {
            (phase, None | Some(HowFar::Preparing { .. })) if !phase.is_over() => Duty::Prepare(rollout),
            (Phase::Canary { relay: canary }, Some(HowFar::Ready { .. })) if canary == relay => Duty::Show(rollout),
            (Phase::Rest, Some(HowFar::Ready { .. })) => Duty::Show(rollout),
            (Phase::Canary { .. } | Phase::Rest, Some(HowFar::Watching { .. } | HowFar::Stood)) => Duty::Watch(rollout),
            (Phase::Back { .. }, progress) => match &self.live {
                Some(live) if progress != Some(HowFar::GoneBack) => Duty::Run(live, Some(rollout)),
                Some(live) => Duty::Run(live, None),
                None => Duty::Nothing,
            },
            (Phase::Done | Phase::Refused { .. }, _) => {
                self.live.as_ref().map_or(Duty::Nothing, |it| Duty::Run(it, None))
            }
            _ => Duty::Nothing,
        }
    }

    /// The version that a relay runs now, whatever its file holds. `None`: what its file holds.
    pub fn runs_at(&self, relay: &str) -> Option<&Version> {
        match self.under_way() {
            Some(rollout) if rollout.shows_at(relay) => Some(&rollout.version),
            _ => self.live.as_ref(),
        }
    }

    /// The version with which a relay starts: never that of a roll-out under way, of which it may have ended.
    pub fn starts(&self) -> Option<&Version> {
        self.live.as_ref()
    }
}

impl Rollout {
    fn shows_at(&self, relay: &str) -> bool {
        matches!(self.progress(relay), Some(HowFar::Watching { .. } | HowFar::Stood))
    }
}
