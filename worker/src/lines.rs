//! Conversion of records to lines: each record on one line, with its metadata spliced in front.

use bytes::Bytes;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserializer, Serialize};
use windlass_connectors::connector::Record;
use windlass_core::checkpoint::{PageTotals, earliest};
use windlass_core::time::Timestamp;
use windlass_core::window::Window;
use windlass_sink::{Batch, Reject};

use crate::sweep::Notes;

/// Key of the spliced metadata.
const METADATA_KEY: &str = "_windlass";

/// Size of the names and the time of a record's identity, or of a positional id.
const IDENTITY_BYTES: usize = 96;

/// The facts that every record of a page shares.
pub(crate) struct PageContext<'a> {
    pub(crate) window: &'a Window,
    pub(crate) connector: &'a str,
    pub(crate) request_hash: &'a str,
    pub(crate) metadata: bool,
    pub(crate) pulled_at: Timestamp,
}

/// Converts `records`, a page or a piece of one, to lines and rejects, and adds them to `totals`.
/// Counts and leaves out the records that `notes` knows to be delivered.
///
/// `first` is the position of the first of them in the page. The lines are built in `buffer`;
/// reusing that of an earlier page saves an allocation of a megabyte per page.
pub(crate) fn lines(
    (first, records): (usize, &[Record]),
    context: &PageContext<'_>,
    notes: &mut Notes<'_>,
    totals: &mut PageTotals,
    buffer: Vec<u8>,
) -> Batch {
    let prefix = Prefix::new(context);
    let mut lines = buffer;
    lines.clear();
    lines.reserve(prefix.bytes_for(records));
    let mut ends = Vec::with_capacity(records.len());
    let mut rejects = Vec::new();
    for (index, record) in (first..).zip(records) {
        totals.oldest = earliest(totals.oldest, record.time);
        totals.newest = totals.newest.max(record.time);
        if !notes.is_news(record) {
            totals.known += 1;
            continue;
        }
        match prefix.line(&mut lines, record, index) {
            Ok(()) => {
                lines.push(b'\n');
                ends.push(lines.len());
                totals.records += 1;
                totals.bytes += record.raw.len() as u64;
            }
            Err(reason) => {
                totals.rejected += 1;
                rejects.push(Reject {
                    index,
                    reason: reason.to_owned(),
                    raw: record.raw.clone(),
                });
            }
        }
    }
    Batch {
        window: context.window.id().clone(),
        page: context.window.page(),
        first,
        lines: Bytes::from(lines),
        ends,
        rejects,
    }
}

/// The metadata that every record of a page shares, ready to copy.
struct Prefix<'a> {
    context: &'a PageContext<'a>,
    /// `{"_windlass":{"source":…,"page":3,`
    head: Vec<u8>,
    /// `"pulled_at":…}`
    tail: Vec<u8>,
}

impl<'a> Prefix<'a> {
    fn new(context: &'a PageContext<'a>) -> Self {
        let mut head = format!("{{\"{METADATA_KEY}\":{{").into_bytes();
        field(
            &mut head,
            "source",
            context.window.id().timeline.source.as_str(),
        );
        field(&mut head, "connector", context.connector);
        field(&mut head, "window", &context.window.id().to_string());
        field(&mut head, "page", &context.window.page());
        let mut tail = Vec::new();
        field(&mut tail, "pulled_at", &context.pulled_at);
        tail.pop();
        tail.push(b'}');
        Self {
            context,
            head,
            tail,
        }
    }

    /// Estimate of the lines' bytes, rather too high than too low.
    fn bytes_for(&self, records: &[Record]) -> usize {
        let each = self.head.len() + self.tail.len() + IDENTITY_BYTES;
        let of = |record: &Record| {
            record.raw.len() + record.id.as_ref().map_or(IDENTITY_BYTES, String::len) + each
        };
        records.iter().map(of).sum()
    }

    /// Appends the line of `record`. The error is the reason for a reject.
    fn line(&self, out: &mut Vec<u8>, record: &Record, index: usize) -> Result<(), &'static str> {
        if !self.context.metadata {
            copy_without_breaks(out, &record.raw);
            return Ok(());
        }
        let raw = record.raw.trim_ascii();
        let Some(rest) = raw.strip_prefix(b"{") else {
            return Err("not a JSON object, so metadata cannot be added to it");
        };
        if has_metadata_key(raw) {
            return Err("already has the key `_windlass` of the metadata");
        }
        out.extend_from_slice(&self.head);
        self.identity(out, record, index);
        out.extend_from_slice(&self.tail);
        let rest = rest.trim_ascii_start();
        if !rest.starts_with(b"}") {
            out.push(b',');
        }
        copy_without_breaks(out, rest);
        Ok(())
    }

    /// Appends `id`, `id_kind` and `time`. A vendor's id is the same on every read of the record; a
    /// positional id names its place in this read only.
    fn identity(&self, out: &mut Vec<u8>, record: &Record, index: usize) {
        if let Some(id) = &record.id {
            field(out, "id", id);
            field(out, "id_kind", "vendor");
        } else {
            let PageContext {
                window,
                request_hash,
                ..
            } = self.context;
            let id = format!(
                "{request_hash}:{}:{}:{index}",
                window.id().from,
                window.page()
            );
            field(out, "id", &id);
            field(out, "id_kind", "position");
        }
        if let Some(time) = &record.time {
            field(out, "time", time);
        }
    }
}

/// Appends `"name":value,`.
fn field<T: Serialize + ?Sized>(out: &mut Vec<u8>, name: &str, value: &T) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    // Writing into memory cannot fail, and all of these values serialize.
    let written = serde_json::to_writer(&mut *out, value);
    debug_assert!(written.is_ok());
    out.push(b',');
}

/// Copies `raw` without line breaks. JSON strings contain none, so only white space goes.
fn copy_without_breaks(out: &mut Vec<u8>, raw: &[u8]) {
    if raw.contains(&b'\n') || raw.contains(&b'\r') {
        out.extend(raw.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    } else {
        out.extend_from_slice(raw);
    }
}

/// Beginnings of the escapes for the characters `P` to DEL. These include every letter of the key,
/// and no serializer escapes them unasked.
const ESCAPED_LETTERS: [&str; 3] = ["\\u005", "\\u006", "\\u007"];

/// Returns true if the object has the key `_windlass` at its top level. The text is searched first:
/// the key is almost never there, and parsing every record would dominate the cost of a line.
fn has_metadata_key(raw: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(raw) else {
        return false;
    };
    let escaped = || ESCAPED_LETTERS.iter().any(|start| text.contains(start));
    if !text.contains(METADATA_KEY) && !escaped() {
        return false;
    }
    // An undecodable key, such as half of a surrogate pair, could precede the key `_windlass`.
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(HasMetadataKey).unwrap_or(true)
}

/// Visits the keys of an object one by one: a record can have millions.
struct HasMetadataKey;

impl<'de> Visitor<'de> for HasMetadataKey {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut has = false;
        while let Some(is_ours) = map.next_key_seed(IsMetadataKey)? {
            has |= is_ours;
            map.next_value::<IgnoredAny>()?;
        }
        Ok(has)
    }
}

/// Compares a key without copying it.
struct IsMetadataKey;

impl<'de> DeserializeSeed<'de> for IsMetadataKey {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<bool, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for IsMetadataKey {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == METADATA_KEY)
    }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
