//! The scanners and services outside that plug-ins use.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::outside::{ENDS, GateReading, GateState, Gates};

use super::form::{Labels, counter, gauge, shown};

pub(super) struct OutsideCalls(pub Arc<Gates>);

impl std::fmt::Debug for OutsideCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OutsideCalls")
    }
}

impl Collector for OutsideCalls {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let gates = self.0.all();
        let rows: Vec<(Labels, GateReading)> = gates
            .iter()
            .map(|gate| {
                let labels = vec![("kind", gate.kind.to_string()), ("name", gate.name.clone())];
                (labels, gate.read())
            })
            .collect();
        counter(
            &mut encoder,
            "outside_calls",
            "Questions of plug-ins to scanners and services outside, by how they ended",
            rows.iter().flat_map(|(labels, read)| {
                let named = ENDS.iter().zip(read.ends);
                named.map(|(end, count)| {
                    let mut labels = labels.clone();
                    labels.push(("end", (*end).to_owned()));
                    (labels, count)
                })
            }),
        )?;
        gauge(
            &mut encoder,
            "outside_running",
            "Questions under way",
            rows.iter()
                .map(|(labels, read)| (labels.clone(), i64::try_from(read.running).unwrap_or(i64::MAX))),
        )?;
        gauge(
            &mut encoder,
            "outside_breaker_open",
            "0: asked; 1: left alone after failures; 2: tried with one question",
            rows.iter()
                .map(|(labels, read)| (labels.clone(), number(read.standing))),
        )?;
        let help = "Wall time of questions that were asked";
        let mut metric = encoder.encode_descriptor("outside_call_seconds", help, None, MetricType::Histogram)?;
        for (labels, read) in rows {
            let labels = shown(labels);
            let mut series = metric.encode_family(&labels)?;
            let count = read.buckets.iter().map(|(_, count)| count).sum();
            series.encode_histogram::<NoLabelSet>(read.seconds, count, &read.buckets, None)?;
        }
        Ok(())
    }
}

fn number(standing: GateState) -> i64 {
    match standing {
        GateState::Closed => 0,
        GateState::Open => 1,
        GateState::Probing => 2,
    }
}
