//! A stream of Amazon Data Firehose or Kinesis Data Streams in a sink's settings.

mod rejects_place;

use serde::{Deserialize, Serialize};

pub use self::rejects_place::RejectsPlace;
use crate::settings::{ConfigError, Settings, flag};
use crate::stream_limits::StreamLimits;

/// Maximum length of a Firehose stream name. Source: Firehose API reference, PutRecordBatch.
const FIREHOSE_NAME_BYTES_MAX: usize = 64;
/// Maximum length of a Kinesis stream name. Source: Kinesis API reference, PutRecords.
const KINESIS_NAME_BYTES_MAX: usize = 128;
/// Maximum length of a region: it becomes one label of a host name.
const REGION_BYTES_MAX: usize = 63;
/// Maximum length of a role ARN. Source: STS API reference, AssumeRole.
const ROLE_ARN_BYTES_MAX: usize = 2_048;
/// Minimum and maximum length of an external id. Source: STS API reference, AssumeRole.
const EXTERNAL_ID_BYTES: std::ops::RangeInclusive<usize> = 2..=1_224;

/// A stream service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Amazon Data Firehose.
    Firehose,
    /// Amazon Kinesis Data Streams.
    Kinesis,
}

/// A stream, the access to it, and the place for its rejects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamConfig {
    /// The name of the stream.
    pub stream: String,
    /// The region of the stream and of the bucket; `None` means the program's own region.
    pub region: Option<String>,
    /// The role with write permission; `None` means the program's own credentials.
    pub role_arn: Option<String>,
    /// The external id that the role's trust policy requires.
    pub external_id: Option<String>,
    /// True if several lines go into one record.
    #[serde(default = "packed", deserialize_with = "flag")]
    pub packed: bool,
    /// Partitions that the stream may have open, if it partitions records by their source. Only the
    /// check of a configuration needs it, so it is not stored with a source.
    #[serde(skip_serializing)]
    pub partitions: Option<u32>,
    /// The place for records that the stream does not accept.
    pub rejects: RejectsPlace,
}

const fn packed() -> bool {
    true
}

/// A stream's settings and its service, which determines the maximum length of its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfService<'a>(pub(crate) StreamKind, pub(crate) &'a StreamConfig);

impl Settings for OfService<'_> {
    fn check(&self) -> Result<(), ConfigError> {
        self.1.check(self.0)
    }
}

impl StreamConfig {
    /// The limits and the billing of its records and calls.
    pub fn limits(&self, kind: StreamKind) -> StreamLimits {
        let limits = match kind {
            StreamKind::Firehose => StreamLimits::FIREHOSE,
            StreamKind::Kinesis => StreamLimits::KINESIS,
        };
        if self.packed {
            limits
        } else {
            limits.unpacked()
        }
    }

    /// Checks that every part has the form that AWS requires.
    pub fn check(&self, kind: StreamKind) -> Result<(), ConfigError> {
        let (expected, name_max) = match kind {
            StreamKind::Firehose => (
                "1 to 64 of a-z, A-Z, 0-9, _, . and -",
                FIREHOSE_NAME_BYTES_MAX,
            ),
            StreamKind::Kinesis => (
                "1 to 128 of a-z, A-Z, 0-9, _, . and -",
                KINESIS_NAME_BYTES_MAX,
            ),
        };
        valid("stream", expected, &self.stream, |name| {
            (1..=name_max).contains(&name.len()) && made_of(name, "_.-")
        })?;
        if let Some(region) = &self.region {
            let expected = "an AWS region such as eu-west-1";
            valid("region", expected, region, is_region)?;
        }
        if let Some(role) = &self.role_arn {
            let expected = "a role such as arn:aws:iam::123456789012:role/NAME";
            valid("role_arn", expected, role, is_role_arn)?;
        }
        match &self.external_id {
            Some(_) if self.role_arn.is_none() => Err(ConfigError {
                field: "external_id",
                problem: "`external_id` needs a `role_arn`; add one".to_owned(),
            }),
            // AWS does not treat it as a secret, but it needs no repetition either.
            Some(id) if !is_external_id(id) => Err(ConfigError::not(
                "external_id",
                "2 to 1,224 of a-z, A-Z, 0-9 and + = , . @ : / - _",
                &format!("{} characters", id.chars().count()),
            )),
            _ => Ok(()),
        }
    }
}

fn valid(
    field: &'static str,
    expected: &'static str,
    value: &str,
    is_valid: impl FnOnce(&str) -> bool,
) -> Result<(), ConfigError> {
    is_valid(value)
        .then_some(())
        .ok_or_else(|| ConfigError::not(field, expected, value))
}

/// Returns true if `text` holds only ASCII letters, digits and characters of `others`.
fn made_of(text: &str, others: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// Returns true for a region name, which becomes part of the host name of signed requests.
fn is_region(text: &str) -> bool {
    (1..=REGION_BYTES_MAX).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && made_of(text, "-")
        && !text.contains(|c: char| c.is_ascii_uppercase())
}

/// Returns true for a role ARN. Source: IAM user guide, IAM identifiers.
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
#[path = "stream_config_tests.rs"]
mod tests;
