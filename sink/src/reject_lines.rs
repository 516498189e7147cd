//! Rejects as lines, readable for people and lossless for programs. All sinks with rejects use this
//! form: one JSON object per line with `window`, `page`, `index`, `reason` and the record as
//! received, in `raw` as text, or in `raw_hex` as hex digits when it is not UTF-8.

use serde::Serialize;
use windlass_core::ids::{self, WindowId};

use crate::{Batch, Reject};

#[derive(Serialize)]
struct RejectLine<'a> {
    window: &'a str,
    page: u64,
    index: usize,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_hex: Option<String>,
}

/// One line for each of the `rejects` of a page; empty without rejects.
///
/// # Panics
/// Never: text and numbers always serialize, and memory accepts every write.
pub(crate) fn reject_lines(window: &WindowId, page: u64, rejects: &[Reject]) -> Vec<u8> {
    let mut lines = Vec::new();
    if rejects.is_empty() {
        return lines;
    }
    let window = window.to_string();
    for Reject { index, reason, raw } in rejects {
        let text = std::str::from_utf8(raw).ok();
        // Exactly enough for a large record, which would otherwise need half as much again.
        lines.reserve(line_bytes(window.len() + reason.len(), raw, text.is_some()));
        let line = RejectLine {
            window: &window,
            page,
            index: *index,
            reason,
            raw: text,
            raw_hex: text.is_none().then(|| ids::hex(raw, raw.len())),
        };
        serde_json::to_writer(&mut lines, &line).expect("text and numbers always serialise");
        lines.push(b'\n');
    }
    lines
}

/// Room for the field names, the numbers and the escapes in windlass's own texts.
const FIELD_BYTES: usize = 256;

/// A lower bound for the length of the line of `raw`, with other texts of `texts` bytes.
fn line_bytes(texts: usize, raw: &[u8], is_text: bool) -> usize {
    let escape = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
        0..=0x1f => 5,
        _ => 0,
    };
    let extra = if is_text {
        raw.iter().map(escape).sum()
    } else {
        raw.len()
    };
    texts + raw.len() + extra + FIELD_BYTES
}

/// The lines of `batch` with these numbers as rejects: each is too large for the sink, and `reason`
/// explains that for its size.
pub(crate) fn oversized(
    batch: &Batch,
    lines: &[usize],
    reason: impl Fn(usize) -> String,
) -> Vec<Reject> {
    let reject = |&line: &usize| {
        let start = line.checked_sub(1).map_or(0, |before| batch.ends[before]);
        let end = batch.ends[line];
        Reject {
            index: place_in_page(line, batch),
            reason: format!("{}; `raw` is that line", reason(end - start)),
            raw: batch.lines.slice(start..end - 1),
        }
    };
    lines.iter().map(reject).collect()
}

/// The index in its page of the record of `line`; rejects of the page have no line.
fn place_in_page(line: usize, batch: &Batch) -> usize {
    let mut rejected: Vec<_> = batch.rejects.iter().map(|reject| reject.index).collect();
    rejected.sort_unstable();
    let step = |place: usize, index: usize| place + usize::from(index <= place);
    rejected.into_iter().fold(batch.first + line, step)
}

/// The end of each of `lines`, `\n` included.
pub(crate) fn ends_of(lines: &[u8]) -> Vec<usize> {
    let bytes = lines.iter().enumerate();
    bytes
        .filter_map(|(at, byte)| (*byte == b'\n').then_some(at + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn lines(raw: &'static [u8]) -> String {
        let window = "okta/0123456789ab/live/2026-01-01T00:00:00.000Z";
        let reject = Reject {
            index: 2,
            reason: "not an object".to_owned(),
            raw: Bytes::from_static(raw),
        };
        let lines = reject_lines(&window.parse().unwrap(), 7, &[reject]);
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn reject_line_holds_place_and_reason() {
        assert_eq!(
            lines(b"[1,\n\"x\"]"),
            concat!(
                r#"{"window":"okta/0123456789ab/live/2026-01-01T00:00:00.000Z","page":7,"#,
                r#""index":2,"reason":"not an object","raw":"[1,\n\"x\"]"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn large_reject_allocates_only_its_line() {
        let window = "okta/0123456789ab/live/2026-01-01T00:00:00.000Z";
        for raw in ["\"\\".repeat(100_000), "\n\u{1}x".repeat(100_000)] {
            let reject = Reject {
                index: usize::MAX,
                reason: "not an object".to_owned(),
                raw: Bytes::from(raw),
            };
            let lines = reject_lines(&window.parse().unwrap(), u64::MAX, &[reject]);
            assert!(
                lines.capacity() - lines.len() <= FIELD_BYTES,
                "{}",
                lines.len()
            );
        }
    }

    #[test]
    fn non_text_bytes_are_stored_as_hex() {
        let line = lines(b"\xff{\x00");
        assert!(line.ends_with("\"raw_hex\":\"ff7b00\"}\n"), "{line}");
        assert!(!line.contains("\"raw\":"), "{line}");
    }
}
