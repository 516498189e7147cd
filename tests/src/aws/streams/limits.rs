//! The limits of Firehose and Kinesis, from their API references.

use serde_json::Value;

use super::account::Entry;
use super::decoded;

/// A stream service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamKind {
    /// Amazon Data Firehose.
    Firehose,
    /// Kinesis Data Streams.
    Kinesis,
}

impl StreamKind {
    pub(super) fn service(self) -> &'static str {
        match self {
            Self::Firehose => "firehose",
            Self::Kinesis => "kinesis",
        }
    }

    /// The prefix of the resource part of an ARN.
    pub(super) fn resource(self) -> &'static str {
        match self {
            Self::Firehose => "deliverystream",
            Self::Kinesis => "stream",
        }
    }

    pub(super) fn put(self) -> &'static str {
        match self {
            Self::Firehose => "PutRecordBatch",
            Self::Kinesis => "PutRecords",
        }
    }

    pub(super) fn invalid(self) -> &'static str {
        match self {
            Self::Firehose => "InvalidArgumentException",
            Self::Kinesis => "ValidationException",
        }
    }
}

/// The limits of one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    kind: StreamKind,
    /// Maximum number of entries of a call.
    entries_max: usize,
    /// Maximum bytes of one entry, before base64; for Kinesis, including the partition key.
    entry_bytes_max: usize,
    /// Maximum bytes of all entries.
    call_bytes_max: usize,
    /// True if the bytes of all entries are counted in base64. Firehose does not document it; the
    /// stricter reading is enforced.
    call_in_base64: bool,
}

impl Limits {
    /// The limits from
    /// <https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html> and
    /// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html> (for a stream
    /// with the default record limit).
    pub(super) fn of(kind: StreamKind) -> Self {
        match kind {
            StreamKind::Firehose => Self {
                kind,
                entries_max: 500,
                entry_bytes_max: 1_000 * 1024,
                call_bytes_max: 4 * 1024 * 1024,
                call_in_base64: true,
            },
            StreamKind::Kinesis => Self {
                kind,
                entries_max: 500,
                entry_bytes_max: 1024 * 1024,
                call_bytes_max: 5 * 1024 * 1024,
                call_in_base64: false,
            },
        }
    }

    /// The entries of a call, or the reason why the call fails as a whole.
    pub(super) fn read(self, body: &Value) -> Result<Vec<Entry>, String> {
        let records = body["Records"].as_array().ok_or("no Records")?;
        if records.is_empty() || records.len() > self.entries_max {
            return Err(format!(
                "{} records; 1 to {} are taken",
                records.len(),
                self.entries_max
            ));
        }
        let mut entries = Vec::with_capacity(records.len());
        let mut call_bytes = 0;
        for record in records {
            let data = record["Data"].as_str();
            let entry = Entry {
                partition_key: self.partition_key(record)?,
                data: decoded(data)?,
            };
            let key_bytes = entry.partition_key.as_ref().map_or(0, String::len);
            let entry_bytes = entry.data.len() + key_bytes;
            if entry.data.is_empty() || entry_bytes > self.entry_bytes_max {
                let limit = self.entry_bytes_max;
                return Err(format!(
                    "a record of {entry_bytes} bytes; 1 to {limit} are taken"
                ));
            }
            call_bytes += if self.call_in_base64 {
                data.map_or(0, str::len)
            } else {
                entry_bytes
            };
            entries.push(entry);
        }
        if call_bytes > self.call_bytes_max {
            let limit = self.call_bytes_max;
            return Err(format!("{call_bytes} bytes in one call; {limit} are taken"));
        }
        Ok(entries)
    }

    fn partition_key(self, record: &Value) -> Result<Option<String>, String> {
        if self.kind == StreamKind::Firehose {
            return Ok(None);
        }
        let key = record["PartitionKey"].as_str().unwrap_or("");
        if key.is_empty() || key.chars().count() > 256 {
            return Err("a partition key has 1 to 256 characters".to_owned());
        }
        Ok(Some(key.to_owned()))
    }
}
