//! Metrics: the names, units and meanings that alarms, dashboards and operators share.
//!
//! A tick writes one line. A worker run writes one at its end, and earlier ones after each page
//! with rejects and after many pages, so that little is lost when it is killed. A line is a JSON
//! object in the embedded metric format, which CloudWatch Logs turns into metrics, so that metrics
//! cost no request. (Amazon CloudWatch User Guide, "Specification: Embedded metric format".)

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::time::Timestamp;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "windlass";
/// The one dimension: the deployment. A second one, such as the source, would multiply the cost.
pub const DIMENSION: &str = "Deployment";

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name in CloudWatch.
    pub name: &'static str,
    /// The unit, as CloudWatch writes it.
    pub unit: &'static str,
    /// The meaning, in one sentence.
    pub about: &'static str,
}

macro_rules! metrics {
    ($($constant:ident $name:literal $unit:literal $about:literal;)*) => {
        $(
            #[doc = $about]
            pub const $constant: Metric = Metric { name: $name, unit: $unit, about: $about };
        )*
        /// All metrics.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    TICK_COMPLETED "TickCompleted" "Count" "Ticks that read and planned everything.";
    TICK_DURATION "TickDurationMs" "Milliseconds" "Duration of one tick.";
    SOURCES "Sources" "Count" "Sources of the planned shards.";
    SOURCES_FAILED "SourcesFailed" "Count" "Sources and shards that could not be read or planned.";
    SOURCES_BLOCKED "SourcesBlocked" "Count" "Blocked sources.";
    SOURCES_ENDANGERED "SourcesEndangered" "Count" "Sources whose vendor will soon drop undelivered records, or has begun to.";
    MAX_SOURCE_LAG "MaxSourceLagSeconds" "Seconds" "The largest lag of the sources that are not paused or finished.";
    OLDEST_OPEN_WINDOW "OldestOpenWindowSeconds" "Seconds" "Age of the oldest window that is neither done nor parked.";
    WINDOWS_CREATED "WindowsCreated" "Count" "Created windows.";
    WINDOWS_DISPATCHED "WindowsDispatched" "Count" "Windows dispatched to workers.";
    WINDOWS_EXPIRED "WindowsExpired" "Count" "Expired leases and dispatches: killed workers, lost invocations.";
    WINDOWS_PARKED "WindowsParked" "Count" "Windows that are parked now.";
    WINDOWS_LAPSED "WindowsLapsed" "Count" "Windows that the vendor dropped before anything of them was read.";
    INVOCATIONS "WorkerInvocations" "Count" "Worker invocations that Lambda accepted.";
    INVOCATIONS_REFUSED "WorkerInvocationsRefused" "Count" "Worker invocations that Lambda did not accept.";
    WINDOWS_DONE "WindowsDone" "Count" "Completed windows.";
    WINDOWS_YIELDED "WindowsYielded" "Count" "Windows released to be resumed later.";
    WINDOWS_FAILED "WindowsFailed" "Count" "Windows released because of an error of their own.";
    WINDOWS_FENCED "WindowsFenced" "Count" "Windows that another worker had claimed in the meantime.";
    PAGES "Pages" "Count" "Pages made durable.";
    RECORDS "Records" "Count" "Delivered records.";
    RECORDS_REJECTED "RecordsRejected" "Count" "Rejects.";
    BYTES_IN "BytesIn" "Bytes" "Bytes of records as received from vendors.";
    BYTES_SENT "BytesSent" "Bytes" "Bytes sent to the stream, metadata included.";
    BYTES_BILLED "BytesBilled" "Bytes" "Bytes that the stream bills, rounded up.";
    SINK_CALLS "SinkCalls" "Count" "Requests to the stream.";
    SINK_ENTRIES_RESENT "SinkEntriesResent" "Count" "Entries that the stream rejected at first and accepted later.";
}

/// The log line of some metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricLine<'a> {
    /// The value of the dimension.
    pub deployment: &'a str,
    /// The instant of the values.
    pub now: Timestamp,
    /// The metrics and their values.
    pub values: Vec<(Metric, u64)>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [[&'static str; 1]; 1],
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

impl Serialize for MetricLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let define = |(metric, _): &(Metric, u64)| Definition {
            name: metric.name,
            unit: metric.unit,
        };
        let directive = Directive {
            namespace: NAMESPACE,
            dimensions: [[DIMENSION]],
            metrics: self.values.iter().map(define).collect(),
        };
        let envelope = Envelope {
            timestamp: self.now.as_ms(),
            cloud_watch_metrics: [directive],
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("_aws", &envelope)?;
        // A log line without a level is dropped by a log group that filters by level.
        map.serialize_entry("level", "INFO")?;
        map.serialize_entry(DIMENSION, self.deployment)?;
        for (metric, value) in &self.values {
            map.serialize_entry(metric.name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn line_has_embedded_metric_format() {
        let line = MetricLine {
            deployment: "prod",
            now: Timestamp::from_ms(1_000),
            values: vec![(PAGES, 3), (TICK_DURATION, 20)],
        };
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"_aws":{"Timestamp":1000,"CloudWatchMetrics":[{"Namespace":"windlass","Dimensions":[["Deployment"]],"#
                .to_owned()
                + r#""Metrics":[{"Name":"Pages","Unit":"Count"},{"Name":"TickDurationMs","Unit":"Milliseconds"}]}]},"#
                + r#""level":"INFO","Deployment":"prod","Pages":3,"TickDurationMs":20}"#
        );
    }

    #[test]
    fn metric_names_are_unique_and_fit_one_line() {
        let names: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
        // One directive holds at most 100 metrics.
        assert!(ALL.len() <= 100);
    }
}
