//! What is raised.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::super::alarms::Alarms;
use super::form::{Labels, gauge};

#[derive(Debug)]
pub(super) struct Raised(pub Arc<Alarms>);

impl Collector for Raised {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let raised = self.0.raised().into_iter().map(|alarm| {
            let labels = Labels::from([
                ("alarm", alarm.kind.as_str().to_owned()),
                ("severity", alarm.severity().as_str().to_owned()),
                ("about", alarm.about),
            ]);
            (labels, 1)
        });
        gauge(&mut encoder, "alarm", "1 for each alarm that is raised", raised)
    }
}
