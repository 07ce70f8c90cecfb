//! The plug-ins of the running chain, by version.

use mm4relay_engine::BreakerState;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::pipeline::{FAILURES, Histogram, Link, Own, Reading, VERDICTS};
use crate::versions::Catalogue;

use super::Watched;
use super::form::{Labels, counter, gauge, shown};

pub(super) struct Plugins(pub Watched<Catalogue>);

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plugins")
    }
}

/// One plug-in and what it has counted.
struct Row {
    labels: Labels,
    digest: String,
    reading: Reading,
    breaker: BreakerState,
    /// The peers for which the breaker is in another state.
    breaker_of_peers: Vec<(String, BreakerState)>,
}

impl Collector for Plugins {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let chain = self.0.upgrade().map(|catalogue| catalogue.chain());
        let rows: Vec<Row> = chain.iter().flat_map(|chain| &chain.links).map(row).collect();
        what_runs(&mut encoder, &rows)?;
        calls(&mut encoder, &rows)?;
        own(&mut encoder, &rows)
    }
}

fn row(link: &Link) -> Row {
    let version = word(&link.plugin.description().version);
    Row {
        labels: vec![("plugin", link.plugin.name().to_owned()), ("version", version)],
        digest: link.plugin.digest()[..12].to_owned(),
        reading: link.health.meter.read(),
        breaker: link.plugin.breaker().state(),
        breaker_of_peers: link.plugin.breaker().open_for(),
    }
}

fn what_runs(encoder: &mut DescriptorEncoder<'_>, rows: &[Row]) -> std::fmt::Result {
    gauge(
        encoder,
        "plugin_live",
        "1 for each version in the running chain, by the beginning of its digest",
        rows.iter().map(|row| (with(row, "digest", &row.digest), 1)),
    )?;
    gauge(
        encoder,
        "plugin_breaker_open",
        "0: called; 1: left alone after failures; 2: tried with one message at a time",
        rows.iter().map(|row| (row.labels.clone(), number(row.breaker))),
    )?;
    gauge(
        encoder,
        "plugin_breaker_open_for_peer",
        "1: left alone with this peer's messages, after failures on those; 2: tried with one at a time",
        rows.iter().flat_map(|row| {
            let peers = row.breaker_of_peers.iter();
            peers.map(|(peer, state)| (with(row, "peer", peer), number(*state)))
        }),
    )?;
    gauge(
        encoder,
        "plugin_instances",
        "Calls under way, those that wait for an instance included",
        rows.iter().map(|row| (row.labels.clone(), row.reading.running)),
    )
}

fn number(state: BreakerState) -> i64 {
    match state {
        BreakerState::Closed => 0,
        BreakerState::Open => 1,
        BreakerState::Probing => 2,
    }
}

fn calls(encoder: &mut DescriptorEncoder<'_>, rows: &[Row]) -> std::fmt::Result {
    counter(
        encoder,
        "plugin_verdicts",
        "Calls that succeeded, by verdict",
        rows.iter().flat_map(|row| {
            let named = VERDICTS.iter().zip(row.reading.verdicts);
            named.map(|(verdict, count)| (with(row, "verdict", verdict), count))
        }),
    )?;
    counter(
        encoder,
        "plugin_failures",
        "Calls that failed, by what went wrong",
        rows.iter().flat_map(|row| {
            let named = FAILURES.iter().zip(row.reading.failures);
            named.map(|(class, count)| (with(row, "class", &class.to_string()), count))
        }),
    )?;
    for (name, help, number) in [
        (
            "plugin_not_called",
            "Messages for which it was not called, because its breaker was open",
            (|reading| reading.not_called) as fn(&Reading) -> u64,
        ),
        ("plugin_octets_in", "Octets of message bodies that it read", |reading| {
            reading.octets_in
        }),
        ("plugin_octets_out", "Octets of new bodies that it wrote", |reading| {
            reading.octets_out
        }),
        (
            "plugin_fuel",
            "Fuel that it used; 0 where the engine does not count",
            |reading| reading.fuel,
        ),
    ] {
        let rows = rows.iter().map(|row| (row.labels.clone(), number(&row.reading)));
        counter(encoder, name, help, rows)?;
    }
    let times = rows.iter().map(|row| (row.labels.clone(), &row.reading.time));
    histogram(encoder, "plugin_call_seconds", "Wall time of calls", times)?;
    let waits = rows.iter().map(|row| (row.labels.clone(), &row.reading.queue_wait));
    histogram(
        encoder,
        "plugin_queue_wait_seconds",
        "Time that calls waited for a free instance",
        waits,
    )
}

/// The plug-ins' own counters and histograms: their names are in a label, the families' names are ours.
fn own(encoder: &mut DescriptorEncoder<'_>, rows: &[Row]) -> std::fmt::Result {
    let all = || {
        rows.iter().flat_map(|row| {
            row.reading
                .own
                .iter()
                .map(move |(name, own)| (with(row, "name", name), own))
        })
    };
    counter(
        encoder,
        "plugin_own_count",
        "Counters of plug-ins' own",
        all().filter_map(|(labels, own)| match own {
            Own::Counter(count) => Some((labels, *count)),
            Own::Histogram(_) => None,
        }),
    )?;
    histogram(
        encoder,
        "plugin_own_value",
        "Histograms of plug-ins' own",
        all().filter_map(|(labels, own)| match own {
            Own::Counter(_) => None,
            Own::Histogram(histogram) => Some((labels, histogram)),
        }),
    )
}

fn histogram<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = (Labels, &'a Histogram)>,
) -> std::fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for (labels, it) in rows {
        let labels = shown(labels);
        let mut series = metric.encode_family(&labels)?;
        series.encode_histogram::<NoLabelSet>(it.sum, it.count(), &it.buckets, None)?;
    }
    Ok(())
}

fn with(row: &Row, key: &'static str, value: &str) -> Labels {
    let mut labels = row.labels.clone();
    labels.push((key, value.to_owned()));
    labels
}

/// A plug-in's text about itself as a label: short, and without anything that could end the label or forge a line.
fn word(text: &str) -> String {
    const SHOWN: usize = 64;
    let legal = |c: char| {
        if c.is_ascii_alphanumeric() || "+-._".contains(c) {
            c
        } else {
            '_'
        }
    };
    text.chars().take(SHOWN).map(legal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_cannot_forge_a_series() {
        assert_eq!(word("1.2.3-rc.1+b"), "1.2.3-rc.1+b");
        assert_eq!(word("1\"} 1\nx"), "1___1_x");
        assert_eq!(word(&"9".repeat(1000)).len(), 64);
    }
}
