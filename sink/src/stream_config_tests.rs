//! The valid settings of a stream, and their complete storage in the state.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::SinkConfig;

/// The smallest map with `key` set to `text`.
fn with(key: &str, text: &str) -> BTreeMap<String, String> {
    let smallest = [
        ("kind", "firehose"),
        ("stream", "audit"),
        ("rejects", "s3://audit-lake/rejects"),
    ];
    let pairs = smallest.into_iter().chain([(key, text)]);
    pairs
        .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
        .collect()
}

fn refusal(map: &BTreeMap<String, String>) -> String {
    SinkConfig::from_map(map).unwrap_err().to_string()
}

#[test]
fn minimal_stream_is_packed_in_own_account() {
    let expected = StreamConfig {
        stream: "audit".to_owned(),
        region: None,
        role_arn: None,
        external_id: None,
        packed: true,
        partitions: None,
        rejects: "s3://audit-lake/rejects".parse().unwrap(),
    };
    assert_eq!(
        expected.limits(StreamKind::Firehose),
        StreamLimits::FIREHOSE
    );
    let unpacked = StreamConfig {
        packed: false,
        ..expected.clone()
    };
    let limits = unpacked.limits(StreamKind::Kinesis);
    assert_eq!(limits, StreamLimits::KINESIS.unpacked());
    let smallest = with("stream", "audit");
    assert_eq!(
        SinkConfig::from_map(&smallest),
        Ok(SinkConfig::Firehose(expected))
    );
}

#[test]
fn invalid_value_error_shows_expected_form() {
    assert_eq!(
        refusal(&with("role_arn", "arn:aws:iam::12:role/x")),
        "`role_arn` is not a role such as arn:aws:iam::123456789012:role/NAME: \
         `arn:aws:iam::12:role/x`"
    );
    for (key, bad) in [
        ("stream", &["", "a b", "a/b", "ä", &"x".repeat(65)][..]),
        (
            "region",
            &["", "eu west", "EU-WEST-1", "evil.example/", "-eu", "eu-"],
        ),
        (
            "role_arn",
            &[
                "",
                "writer",
                "arn:aws:iam::123456789012:user/x",
                "arn:aws:iam::123456789012:role/",
                "arn:aws:iam::12345678901x:role/x",
                "arn:aws:s3::123456789012:role/x",
                "arn:aws:iam::123456789012:role/a b",
            ],
        ),
        (
            "rejects",
            &[
                "",
                "audit-lake/rejects",
                "s3://audit-lake",
                "s3://audit-lake/",
                "s3://audit-lake//x",
                "s3://audit-lake/a/../b",
                "s3://audit-lake/a b",
                "s3://Audit/rejects",
                "s3://ab/rejects",
                "s3://a..b/rejects",
                "s3://-audit/rejects",
                "s3://10.0.0.1/rejects",
                "https://audit-lake/rejects",
            ],
        ),
    ] {
        for text in bad {
            let message = refusal(&with(key, text));
            assert!(message.contains(&format!("`{key}` is not ")), "{message}");
        }
    }
}

#[test]
fn stream_name_length_depends_on_service() {
    let long = "x".repeat(128);
    let mut map = with("stream", &long);
    assert!(refusal(&map).contains("1 to 64"));
    map.insert("kind".to_owned(), "kinesis".to_owned());
    assert!(SinkConfig::from_map(&map).is_ok());
    map.insert("stream".to_owned(), long + "x");
    assert!(refusal(&map).contains("1 to 128"));
}

#[test]
fn external_id_needs_role_and_is_not_quoted() {
    let mut map = with("external_id", "windlass-1");
    assert_eq!(refusal(&map), "`external_id` needs a `role_arn`; add one");
    let role = "arn:aws:iam::123456789012:role/writer";
    map.insert("role_arn".to_owned(), role.to_owned());
    assert!(SinkConfig::from_map(&map).is_ok());
    map.insert("external_id".to_owned(), "not allowed".to_owned());
    let message = refusal(&map);
    assert!(message.ends_with("`11 characters`"), "{message}");
}

#[test]
fn trailing_slash_of_prefix_is_dropped() {
    let place: RejectsPlace = "s3://audit-lake/a/b/".parse().unwrap();
    assert_eq!((place.bucket(), place.prefix()), ("audit-lake", "a/b"));
    assert_eq!(place.to_string(), "s3://audit-lake/a/b");
}

fn any_stream() -> impl Strategy<Value = StreamConfig> {
    let role = "arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role/[a-zA-Z0-9+=,.@_-]{1,20}";
    (
        "[a-zA-Z0-9_.-]{1,64}",
        prop::option::of("[a-z]{2}-[a-z]{4,9}-[1-9]"),
        prop::option::of((role, prop::option::of("[a-zA-Z0-9+=,.@:/_-]{2,40}"))),
        any::<bool>(),
        "s3://[a-z0-9][a-z0-9-]{1,20}[a-z0-9]/[a-zA-Z0-9_-]{1,20}(/[a-zA-Z0-9_-]{1,10}){0,3}",
    )
        .prop_map(|(stream, region, role, packed, rejects)| {
            let (role_arn, external_id) = role.unzip();
            StreamConfig {
                stream,
                region,
                role_arn,
                external_id: external_id.flatten(),
                packed,
                partitions: None,
                rejects: rejects.parse().expect("made in the form it has"),
            }
        })
}

proptest! {
    #[test]
    fn every_stream_round_trips_through_state(stream in any_stream(), kinesis in any::<bool>()) {
        let config =
            if kinesis { SinkConfig::Kinesis(stream) } else { SinkConfig::Firehose(stream) };
        prop_assert_eq!(SinkConfig::from_map(&config.to_map()), Ok(config));
    }
}
