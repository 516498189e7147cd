//! Alarms: each watches an existing metric, and has its paragraph in the runbook.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use windlass_core::metric;

use super::resolved::{Resolved, read};

/// The watched metrics of AWS, as its documents name them: "Types of metrics for Lambda functions",
/// "DynamoDB metrics and dimensions", "Monitor Amazon Data Firehose Using CloudWatch Metrics",
/// "Monitor the Amazon Kinesis Data Streams service with Amazon CloudWatch", "Available CloudWatch
/// metrics for Amazon SQS".
const OF_AWS: [(&str, &str); 14] = [
    ("AWS/DynamoDB", "ReadThrottleEvents"),
    ("AWS/DynamoDB", "WriteThrottleEvents"),
    ("AWS/Firehose", "BackupToS3.DataFreshness"),
    ("AWS/Firehose", "DeliveryToS3.DataFreshness"),
    ("AWS/Firehose", "FailedConversion.Records"),
    ("AWS/Firehose", "KinesisMillisBehindLatest"),
    ("AWS/Firehose", "PartitionCountExceeded"),
    ("AWS/Firehose", "ThrottledRecords"),
    ("AWS/Kinesis", "WriteProvisionedThroughputExceeded"),
    ("AWS/Lambda", "AsyncEventAge"),
    ("AWS/Lambda", "AsyncEventsDropped"),
    ("AWS/Lambda", "ConcurrentExecutions"),
    ("AWS/Lambda", "Errors"),
    ("AWS/Lambda", "Throttles"),
];
const OF_QUEUES: (&str, &str) = ("AWS/SQS", "ApproximateNumberOfMessagesVisible");

/// Every alarm, collected from deployments that together create all of them.
fn every_alarm() -> BTreeMap<String, Value> {
    let kinesis = [
        ("IngestPath", "kinesis-firehose"),
        ("RecordFormat", "parquet"),
    ];
    let partitioned = [("Partitioning", "source-and-hour")];
    let variants = [
        Resolved::with(&[]),
        Resolved::with(&kinesis),
        Resolved::with(&partitioned),
    ];
    let mut alarms = BTreeMap::new();
    for resolved in &variants {
        for (_, alarm) in resolved.of_type("AWS::CloudWatch::Alarm") {
            let name = alarm["AlarmName"].as_str().expect("an alarm has a name");
            let name = name.strip_prefix("windlass-");
            let name = name.expect("an alarm's name begins with the stack's");
            alarms.insert(name.to_owned(), alarm.clone());
        }
    }
    alarms
}

/// Namespace and name of each metric of an alarm.
fn metrics(alarm: &Value) -> Vec<(String, String)> {
    let named = |place: &Value| {
        let text = |name: &str| Some(place[name].as_str()?.to_owned());
        Some((text("Namespace")?, text("MetricName")?))
    };
    let several = alarm["Metrics"].as_array().into_iter().flatten();
    let several = several.filter_map(|metric| named(&metric["MetricStat"]["Metric"]));
    named(alarm).into_iter().chain(several).collect()
}

#[test]
fn every_alarm_watches_existing_metric() {
    for (name, alarm) in every_alarm() {
        let metrics = metrics(&alarm);
        assert!(!metrics.is_empty(), "{name} watches nothing");
        for (namespace, metric) in metrics {
            let ours = namespace == metric::NAMESPACE
                && metric::ALL.iter().any(|known| known.name == metric);
            let known = (namespace.as_str(), metric.as_str());
            assert!(
                ours || OF_AWS.contains(&known) || known == OF_QUEUES,
                "{name}: nobody writes {namespace} {metric}"
            );
        }
    }
}

#[test]
fn every_alarm_watches_this_deployment() {
    for (name, alarm) in every_alarm() {
        if alarm["Namespace"] == metric::NAMESPACE {
            let dimensions = serde_json::json!([{"Name": metric::DIMENSION, "Value": "windlass"}]);
            assert_eq!(alarm["Dimensions"], dimensions, "{name}");
        }
    }
}

#[test]
fn every_essential_metric_has_alarm() {
    let watched: BTreeSet<_> = every_alarm()
        .values()
        .flat_map(metrics)
        .map(|(_, metric)| metric)
        .collect();
    for metric in [
        metric::TICK_COMPLETED,
        metric::MAX_SOURCE_LAG,
        metric::WINDOWS_PARKED,
        metric::SOURCES_BLOCKED,
        metric::SOURCES_ENDANGERED,
        metric::SOURCES_FAILED,
        metric::WINDOWS_LAPSED,
        metric::INVOCATIONS_REFUSED,
        metric::RECORDS_REJECTED,
    ] {
        assert!(watched.contains(metric.name), "{}", metric.name);
    }
    for (_, metric) in OF_AWS {
        assert!(watched.contains(metric), "{metric}");
    }
}

/// A metric of failures has no datapoint without failures, and CloudWatch computes none for a sum
/// that lacks a part.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>
#[test]
fn metric_sums_fill_missing_datapoints() {
    let is_filled = |part: &str| {
        let inside = part.trim().strip_prefix("FILL(");
        inside.is_some_and(|inside| inside.ends_with(", 0)"))
    };
    let mut sums = 0;
    for (name, alarm) in every_alarm() {
        for metric in alarm["Metrics"].as_array().into_iter().flatten() {
            let Some(expression) = metric["Expression"].as_str() else {
                continue;
            };
            if expression.contains(['+', '-']) {
                sums += 1;
                let mut parts = expression.split(['+', '-']);
                assert!(parts.all(is_filled), "{name}: {expression}");
            }
        }
    }
    assert!(sums > 0);
}

#[test]
fn only_orchestrator_silence_raises_alarm() {
    for (name, alarm) in every_alarm() {
        let silence = &alarm["TreatMissingData"];
        let expected = if name == "ticks-missing" {
            "breaching"
        } else {
            "notBreaching"
        };
        assert_eq!(silence, expected, "{name}");
    }
}

#[test]
fn missing_ticks_raise_alarm_after_three_periods() {
    for (schedule, seconds) in [
        ("rate(1 minute)", 60),
        ("rate(2 minutes)", 120),
        ("rate(5 minutes)", 300),
    ] {
        let resolved = Resolved::with(&[("Schedule", schedule), ("ShardRanges", "4")]);
        let alarm = resolved.properties("TicksMissingAlarm");
        assert_eq!(alarm["Period"], seconds, "{schedule}");
        assert_eq!(alarm["EvaluationPeriods"], 3);
        assert_eq!(alarm["ComparisonOperator"], "LessThanThreshold");
        assert_eq!(alarm["Threshold"], "4");
    }
}

#[test]
fn alarms_match_runbook_paragraphs() {
    let runbook = read("docs/RUNBOOK.md");
    let alarms = runbook
        .split_once("\n## Alarms\n")
        .expect("the runbook has alarms")
        .1;
    let alarms = alarms.split("\n## ").next().unwrap_or_default();
    let headings: BTreeSet<_> = alarms
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(str::to_owned)
        .collect();
    let mut names = BTreeSet::new();
    for (name, alarm) in every_alarm() {
        let about = alarm["AlarmDescription"].as_str().unwrap();
        let paragraph = format!("What to do: docs/RUNBOOK.md#{name}");
        assert!(about.ends_with(&paragraph), "{about}");
        names.insert(name);
    }
    assert_eq!(headings, names);
}

#[test]
fn topic_gets_start_and_end_of_alarms() {
    let topic = "arn:aws:sns:eu-west-1:111111111111:on-call";
    let resolved = Resolved::with(&[("AlarmTopicArn", topic)]);
    for (id, alarm) in resolved.of_type("AWS::CloudWatch::Alarm") {
        assert_eq!(alarm["AlarmActions"], serde_json::json!([topic]), "{id}");
        assert_eq!(alarm["OKActions"], alarm["AlarmActions"], "{id}");
    }
    let silent = Resolved::with(&[]);
    for (id, alarm) in silent.of_type("AWS::CloudWatch::Alarm") {
        assert!(alarm.get("AlarmActions").is_none(), "{id}");
    }
}

#[test]
fn dashboard_shows_existing_metrics() {
    for variant in [&[][..], &[("IngestPath", "kinesis-firehose")]] {
        let resolved = Resolved::with(variant);
        let body = resolved.properties("DeploymentDashboard")["DashboardBody"].as_str();
        let body: Value = serde_json::from_str(body.unwrap()).unwrap();
        let mut shown = 0;
        for widget in body["widgets"].as_array().unwrap() {
            let mut namespace = Value::Null;
            for line in widget["properties"]["metrics"].as_array().unwrap() {
                // A dot repeats the value of the line before.
                if line[0] != "." {
                    namespace = line[0].clone();
                }
                if namespace == metric::NAMESPACE {
                    let known = metric::ALL.iter().any(|known| line[1] == known.name);
                    assert!(known, "{line}");
                    shown += 1;
                }
            }
        }
        assert!(shown > 15, "{shown}");
    }
}
