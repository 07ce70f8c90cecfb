//! The state of the outputs of charging records.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::super::charging_files::{ChargingFiles, OutputStanding};
use super::form::{Labels, gauge};

pub(super) struct ChargingOutputs(pub Arc<ChargingFiles>);

impl std::fmt::Debug for ChargingOutputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChargingOutputs")
    }
}

impl Collector for ChargingOutputs {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        type Value = fn(&OutputStanding) -> i64;
        let series: [(&str, &str, Value); 7] = [
            ("charging_files", "The number of the last closed file", |one| {
                one.files.into()
            }),
            (
                "charging_sequence",
                "The last charging record that is in a closed file, or was not wanted there",
                |one| one.sequence as i64,
            ),
            (
                "charging_records_left_out",
                "Records for which the format has no form, since the start",
                |one| one.left_out as i64,
            ),
            (
                "charging_records_set_aside",
                "Records that could not be written and were set aside, since the start",
                |one| one.set_aside as i64,
            ),
            (
                "charging_files_waiting",
                "Closed files that nobody has fetched yet",
                |one| one.waiting as i64,
            ),
            (
                "charging_files_oldest_seconds",
                "The age of the oldest of them",
                |one| one.oldest.as_secs() as i64,
            ),
            ("charging_output_writes", "1 while files can be written", |one| {
                one.trouble.is_none().into()
            }),
        ];
        let standing = self.0.standing();
        for (name, help, value) in series {
            let rows = standing
                .iter()
                .map(|(output, one)| (Labels::from([("output", output.clone())]), value(one)));
            gauge(&mut encoder, name, help, rows)?;
        }
        Ok(())
    }
}
