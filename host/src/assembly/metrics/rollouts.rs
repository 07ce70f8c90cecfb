//! What all relays on the store run, as this one saw it last.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::form::{Labels, gauge};
use crate::rollout::{Course, LastLook, Participant};

pub(super) struct Rollouts(pub Arc<Participant>);

impl std::fmt::Debug for Rollouts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rollouts")
    }
}

impl Collector for Rollouts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let seen = self.0.seen();
        let of = |plugin: &String| Labels::from([("plugin", plugin.clone())]);
        let phase = |(plugin, course): (&String, &Course)| {
            let phase = course.rollout.as_ref()?.phase.as_str().to_owned();
            Some(([of(plugin), Labels::from([("phase", phase)])].concat(), 1))
        };
        gauge(
            &mut encoder,
            "plugin_rollout",
            "1 for where the roll-out of a plug-in is, or the last one ended",
            seen.courses.iter().filter_map(phase),
        )?;
        let barred = |(plugin, course): (&String, &Course)| (of(plugin), course.barred.len() as i64);
        gauge(
            &mut encoder,
            "plugin_versions_barred",
            "versions that no relay on the store loads",
            seen.courses.iter().map(barred),
        )?;
        gauge(
            &mut encoder,
            "plugin_as_all",
            "1 when this relay runs the version that it is to run, 0 when not",
            seen.courses
                .iter()
                .filter_map(|of_it| as_all(&self.0, &seen, of_it).map(|right| (of(of_it.0), right))),
        )
    }
}

fn as_all(participant: &Participant, seen: &LastLook, (plugin, course): (&String, &Course)) -> Option<i64> {
    let (wanted, runs) = (course.runs_at(&seen.me)?, participant.runs(plugin)?);
    Some(i64::from(wanted.digest == runs))
}
