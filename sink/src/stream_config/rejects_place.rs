//! The place for records that a stream does not accept: a bucket and a prefix in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::made_of;
use crate::settings::ConfigError;

/// The form of a place, for messages.
const EXPECTED: &str =
    "s3://BUCKET/PREFIX, the prefix of a-z, A-Z, 0-9 and ! - _ . * ' ( ) between slashes";

/// Length of a bucket name. Source: S3 user guide, General purpose bucket naming rules.
const BUCKET_BYTES: std::ops::RangeInclusive<usize> = 3..=63;
/// Maximum length of a prefix. A key has at most 1,024 bytes (S3 user guide, Naming Amazon S3
/// objects), and the part after the prefix needs less than half of them.
const PREFIX_BYTES_MAX: usize = 512;

/// `s3://BUCKET/PREFIX`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RejectsPlace {
    bucket: String,
    prefix: String,
}

impl RejectsPlace {
    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The prefix of every key in the bucket, without a trailing slash.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl FromStr for RejectsPlace {
    type Err = ConfigError;

    /// Parses `s3://BUCKET/PREFIX`; one trailing slash is dropped.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let parts = text
            .strip_prefix("s3://")
            .and_then(|place| place.split_once('/'));
        let place = parts.map(|(bucket, prefix)| Self {
            bucket: bucket.to_owned(),
            prefix: prefix.strip_suffix('/').unwrap_or(prefix).to_owned(),
        });
        let valid = place.filter(|place| is_bucket(&place.bucket) && is_prefix(&place.prefix));
        valid.ok_or_else(|| ConfigError::not("rejects", EXPECTED, text))
    }
}

impl TryFrom<String> for RejectsPlace {
    type Error = ConfigError;

    fn try_from(text: String) -> Result<Self, ConfigError> {
        text.parse()
    }
}

impl From<RejectsPlace> for String {
    fn from(place: RejectsPlace) -> Self {
        place.to_string()
    }
}

impl fmt::Display for RejectsPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

/// Returns true for a bucket name. Source: S3 user guide, General purpose bucket naming rules.
fn is_bucket(name: &str) -> bool {
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    BUCKET_BYTES.contains(&name.len())
        && name.chars().all(|c| is_edge(c) || c == '-' || c == '.')
        && name.starts_with(is_edge)
        && name.ends_with(is_edge)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

/// Returns true if `prefix` holds only the safe characters of the S3 user guide, so that a key
/// never needs escaping.
fn is_prefix(prefix: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && made_of(part, "!-_.*'()");
    prefix.len() <= PREFIX_BYTES_MAX && prefix.split('/').all(is_part)
}
