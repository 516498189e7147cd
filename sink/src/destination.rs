//! Where the records of a source go, as its record in the state says it: a flat map of text that
//! reads well in a console and that a worker without the configuration can deliver by.
//!
//! ```text
//! kind         firehose or kinesis
//! stream       the stream's name
//! region       optional: the AWS region of the stream and of the bucket, when it is not the program's own
//! role_arn     optional: the role to assume, for a stream and a bucket of another account
//! external_id  optional, with role_arn: what that role's trust policy asks for
//! packed       optional: true (the default) for many lines a record, false for one
//! rejects      s3://BUCKET/PREFIX, for records that cannot be forwarded
//! ```

mod rejects_place;

use std::collections::BTreeMap;
use std::str::FromStr;

pub use self::rejects_place::RejectsPlace;
use crate::stream_limits::StreamLimits;

/// Every key of the map.
const KEYS: [&str; 7] = [
    "kind",
    "stream",
    "region",
    "role_arn",
    "external_id",
    "packed",
    "rejects",
];

/// Longest name of a Firehose stream. Source: Firehose API reference, PutRecordBatch.
const FIREHOSE_NAME_BYTES_MAX: usize = 64;
/// Longest name of a Kinesis stream. Source: Kinesis API reference, PutRecords.
const KINESIS_NAME_BYTES_MAX: usize = 128;
/// Longest region: it becomes one label of a host name.
const REGION_BYTES_MAX: usize = 63;
/// Longest role ARN. Source: STS API reference, AssumeRole.
const ROLE_ARN_BYTES_MAX: usize = 2_048;
/// Longest and shortest external id. Source: STS API reference, AssumeRole.
const EXTERNAL_ID_BYTES: std::ops::RangeInclusive<usize> = 2..=1_224;

/// A stream service and the stream in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Amazon Data Firehose.
    Firehose(Stream),
    /// Amazon Kinesis Data Streams.
    Kinesis(Stream),
}

/// A stream, how to reach it, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The stream's name.
    pub name: String,
    /// The region of the stream and of the bucket; the program's own when there is none.
    pub region: Option<String>,
    /// The role that may write there; the program's own credentials when there is none.
    pub role_arn: Option<String>,
    /// What the role's trust policy asks for.
    pub external_id: Option<String>,
    /// Whether many lines go into one record.
    pub packed: bool,
    /// Where records go that the stream does not take.
    pub rejects: RejectsPlace,
}

/// A destination that cannot be used as it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// A key that means nothing.
    #[error("a stream has no `{key}`; there are {}", KEYS.join(", "))]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// A key that is needed and not there.
    #[error("a stream needs `{key}`: {expected}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What it holds.
        expected: &'static str,
    },
    /// A value that its key cannot have.
    #[error("`{key}` is not {expected}: `{value}`")]
    Invalid {
        /// The key.
        key: &'static str,
        /// The form that was expected.
        expected: &'static str,
        /// What was given.
        value: String,
    },
    /// An external id says nothing without a role.
    #[error("`external_id` goes with a `role_arn`, and there is none")]
    ExternalIdWithoutRole,
}

impl Destination {
    /// The stream, whichever service it is of.
    pub fn stream(&self) -> &Stream {
        match self {
            Self::Firehose(stream) | Self::Kinesis(stream) => stream,
        }
    }

    /// How its records and calls are limited and billed.
    pub fn limits(&self) -> StreamLimits {
        let limits = match self {
            Self::Firehose(_) => StreamLimits::FIREHOSE,
            Self::Kinesis(_) => StreamLimits::KINESIS,
        };
        if self.stream().packed {
            limits
        } else {
            limits.unpacked()
        }
    }

    /// Whether every part has the form that AWS asks for. What [`Self::from_map`] returns has.
    pub fn check(&self) -> Result<(), DestinationError> {
        let (expected, name_max) = match self {
            Self::Firehose(_) => (
                "1 to 64 of a-z, A-Z, 0-9, _, . and -",
                FIREHOSE_NAME_BYTES_MAX,
            ),
            Self::Kinesis(_) => (
                "1 to 128 of a-z, A-Z, 0-9, _, . and -",
                KINESIS_NAME_BYTES_MAX,
            ),
        };
        let stream = self.stream();
        valid("stream", expected, &stream.name, |name| {
            (1..=name_max).contains(&name.len()) && made_of(name, "_.-")
        })?;
        if let Some(region) = &stream.region {
            let expected = "an AWS region such as eu-west-1";
            valid("region", expected, region, is_region)?;
        }
        if let Some(role) = &stream.role_arn {
            let expected = "a role such as arn:aws:iam::123456789012:role/NAME";
            valid("role_arn", expected, role, is_role_arn)?;
        }
        match &stream.external_id {
            Some(_) if stream.role_arn.is_none() => Err(DestinationError::ExternalIdWithoutRole),
            Some(id) if !is_external_id(id) => Err(DestinationError::Invalid {
                key: "external_id",
                expected: "2 to 1,224 of a-z, A-Z, 0-9 and + = , . @ : / - _",
                // Not a secret by AWS's word, but no reason to repeat it either.
                value: format!("{} characters", id.chars().count()),
            }),
            _ => Ok(()),
        }
    }

    /// The map for the state. [`Self::from_map`] makes the same destination of it again.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let kind = match self {
            Self::Firehose(_) => "firehose",
            Self::Kinesis(_) => "kinesis",
        };
        let stream = self.stream();
        let texts = [
            ("kind", Some(kind.to_owned())),
            ("stream", Some(stream.name.clone())),
            ("region", stream.region.clone()),
            ("role_arn", stream.role_arn.clone()),
            ("external_id", stream.external_id.clone()),
            ("packed", Some(stream.packed.to_string())),
            ("rejects", Some(stream.rejects.to_string())),
        ];
        let present = texts.into_iter();
        present
            .filter_map(|(key, text)| Some((key.to_owned(), text?)))
            .collect()
    }

    /// Reads the map that a source's record holds.
    pub fn from_map(map: &BTreeMap<String, String>) -> Result<Self, DestinationError> {
        if let Some(key) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(DestinationError::UnknownKey { key: key.clone() });
        }
        let kind = needed(map, "kind", "firehose or kinesis")?;
        let stream = Stream {
            name: needed(map, "stream", "the stream's name")?.to_owned(),
            region: map.get("region").cloned(),
            role_arn: map.get("role_arn").cloned(),
            external_id: map.get("external_id").cloned(),
            packed: map.get("packed").map_or(Ok(true), |text| packed(text))?,
            rejects: RejectsPlace::from_str(needed(map, "rejects", rejects_place::EXPECTED)?)?,
        };
        let destination = match kind {
            "firehose" => Self::Firehose(stream),
            "kinesis" => Self::Kinesis(stream),
            other => {
                return Err(DestinationError::Invalid {
                    key: "kind",
                    expected: "firehose or kinesis",
                    value: other.to_owned(),
                });
            }
        };
        destination.check()?;
        Ok(destination)
    }
}

fn needed<'a>(
    map: &'a BTreeMap<String, String>,
    key: &'static str,
    expected: &'static str,
) -> Result<&'a str, DestinationError> {
    let missing = DestinationError::Missing { key, expected };
    map.get(key).map(String::as_str).ok_or(missing)
}

fn packed(text: &str) -> Result<bool, DestinationError> {
    text.parse().map_err(|_| DestinationError::Invalid {
        key: "packed",
        expected: "true or false",
        value: text.to_owned(),
    })
}

fn valid(
    key: &'static str,
    expected: &'static str,
    value: &str,
    is_valid: impl FnOnce(&str) -> bool,
) -> Result<(), DestinationError> {
    is_valid(value)
        .then_some(())
        .ok_or_else(|| DestinationError::Invalid {
            key,
            expected,
            value: value.to_owned(),
        })
}

/// Whether `text` has letters and digits of ASCII and characters of `others` only.
fn made_of(text: &str, others: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// A region becomes part of the host name that signed requests go to.
fn is_region(text: &str) -> bool {
    (1..=REGION_BYTES_MAX).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && made_of(text, "-")
        && !text.contains(|c: char| c.is_ascii_uppercase())
}

/// Source: IAM user guide, IAM identifiers.
fn is_role_arn(text: &str) -> bool {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = parts[..] else {
        return false;
    };
    text.len() <= ROLE_ARN_BYTES_MAX
        && (arn, service, region) == ("arn", "iam", "")
        && partition.starts_with("aws")
        && made_of(partition, "-")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && resource.strip_prefix("role/").is_some_and(|name| {
            !name.is_empty() && !name.ends_with('/') && made_of(name, "+=,.@-_/")
        })
}

fn is_external_id(text: &str) -> bool {
    EXTERNAL_ID_BYTES.contains(&text.len()) && made_of(text, "+=,.@:/-_")
}

#[cfg(test)]
#[path = "destination_tests.rs"]
mod tests;
