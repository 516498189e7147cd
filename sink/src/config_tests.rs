//! The equivalence of the two forms of a sink's settings.

use super::*;

/// The settings in a configuration file, here as JSON, which YAML includes.
fn written(text: &str) -> Result<SinkConfig, serde_json::Error> {
    serde_json::from_str(text)
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = pairs.iter();
    owned
        .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
        .collect()
}

#[test]
fn settings_round_trip_through_flat_form() {
    let config = written(
        r#"{"firehose": {"stream": "audit", "region": "eu-west-1", "packed": false,
            "rejects": "s3://audit-lake/rejects/"}}"#,
    )
    .unwrap();
    let stored = map(&[
        ("kind", "firehose"),
        ("stream", "audit"),
        ("region", "eu-west-1"),
        ("packed", "false"),
        ("rejects", "s3://audit-lake/rejects"),
    ]);
    assert_eq!(config.to_map(), stored);
    assert_eq!(SinkConfig::from_map(&stored), Ok(config));
}

#[test]
fn local_sinks_are_never_stored() {
    for (text, place) in [
        (r#"{"ndjson": {"dir": "out"}}"#, "a folder"),
        (r#"{"stdout": {}}"#, "standard output"),
    ] {
        let config = written(text).unwrap();
        assert_eq!(config.to_map(), map(&[]));
        let stored = match &config {
            SinkConfig::Ndjson(_) => map(&[("kind", "ndjson"), ("dir", "/tmp/x")]),
            _ => map(&[("kind", "stdout")]),
        };
        let error = SinkConfig::from_map(&stored).unwrap_err();
        assert_eq!(error.field, "kind");
        assert!(error.problem.contains(place), "{error}");
    }
}

#[test]
fn flat_form_error_names_wrong_key() {
    let refusal =
        |pairs: &[(&str, &str)]| SinkConfig::from_map(&map(pairs)).unwrap_err().to_string();
    assert!(refusal(&[]).contains("need `kind`"));
    assert!(refusal(&[("kind", "sqs")]).contains("unknown variant `sqs`"));
    let stream = [
        ("kind", "firehose"),
        ("stream", "audit"),
        ("rejects", "s3://audit-lake/rejects"),
    ];
    let with = |more| refusal(&[&stream[..], &[more]].concat());
    assert!(with(("roleArn", "x")).contains("unknown field `roleArn`"));
    assert!(with(("packed", "yes")).contains("expected true or false"));
    for left_out in ["stream", "rejects"] {
        let rest: Vec<_> = stream
            .iter()
            .filter(|(key, _)| *key != left_out)
            .copied()
            .collect();
        assert!(refusal(&rest).contains(&format!("missing field `{left_out}`")));
    }
}

#[test]
fn partitions_are_not_stored() {
    let config = written(
        r#"{"kinesis": {"stream": "audit", "partitions": 500, "rejects": "s3://audit-lake/r"}}"#,
    )
    .unwrap();
    assert_eq!(config.partitions(), Some(500));
    assert!(!config.to_map().contains_key("partitions"));
}
