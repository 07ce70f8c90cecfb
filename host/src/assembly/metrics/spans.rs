//! Spans for a collector.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::form::{Labels, counter};
use crate::spans::Sink;

#[derive(Debug)]
pub(super) struct Told(pub Arc<Sink>);

impl Collector for Told {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let one = |value| [(Labels::new(), value)];
        let counts = self.0.counts();
        counter(
            &mut encoder,
            "spans_sent",
            "Spans that the collector has taken",
            one(counts.sent()),
        )?;
        counter(
            &mut encoder,
            "spans_dropped",
            "Spans that nobody has: too many waited, or the collector did not take them",
            one(counts.dropped()),
        )
    }
}
