//! The forms of metrics for Prometheus.

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::message::Visible;

/// Labels of one series, in their order.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A number that only grows; its name gets the ending `_total`.
pub(super) fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = (Labels, u64)>,
) -> std::fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in rows {
        // Without labels the encoder must not get an empty set of them.
        match labels.is_empty() {
            true => metric.encode_counter::<NoLabelSet, u64, u64>(&value, None)?,
            false => metric
                .encode_family(&shown(labels))?
                .encode_counter::<NoLabelSet, u64, u64>(&value, None)?,
        }
    }
    Ok(())
}

/// A number that rises and falls.
pub(super) fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = (Labels, i64)>,
) -> std::fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in rows {
        match labels.is_empty() {
            true => metric.encode_gauge(&value)?,
            false => metric.encode_family(&shown(labels))?.encode_gauge(&value)?,
        }
    }
    Ok(())
}

/// Values may be texts of a plug-in: they are made visible, and escaped as OpenMetrics requires (1.0, "Escaping"),
/// which the library leaves to its callers.
pub(super) fn shown(labels: Labels) -> Labels {
    let escaped = |value: String| Visible(&value).to_string().replace('\\', "\\\\").replace('"', "\\\"");
    labels.into_iter().map(|(name, value)| (name, escaped(value))).collect()
}
