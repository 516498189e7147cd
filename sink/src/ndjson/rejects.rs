//! Rejects as lines: what could not be forwarded, kept so that a person can read it and a program
//! can get every byte back.

use serde::Serialize;
use windlass_core::ids;

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

/// One JSON object a line for each reject of `batch`; empty when there are none.
///
/// # Panics
/// Never: text and numbers always serialise, and memory takes every write.
pub(crate) fn reject_lines(batch: &Batch) -> Vec<u8> {
    let mut lines = Vec::new();
    if batch.rejects.is_empty() {
        return lines;
    }
    let window = batch.window.to_string();
    for Reject { index, reason, raw } in &batch.rejects {
        let text = std::str::from_utf8(raw).ok();
        let line = RejectLine {
            window: &window,
            page: batch.page,
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn lines(raw: &'static [u8]) -> String {
        let batch = Batch {
            window: "okta/0123456789ab/live/2026-01-01T00:00:00.000Z"
                .parse()
                .unwrap(),
            page: 7,
            lines: Bytes::new(),
            ends: Vec::new(),
            rejects: vec![Reject {
                index: 2,
                reason: "not an object".to_owned(),
                raw: Bytes::from_static(raw),
            }],
        };
        String::from_utf8(reject_lines(&batch)).unwrap()
    }

    #[test]
    fn a_reject_says_where_it_came_from_and_why() {
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
    fn bytes_that_are_not_text_are_kept_as_hex_digits() {
        let line = lines(b"\xff{\x00");
        assert!(line.ends_with("\"raw_hex\":\"ff7b00\"}\n"), "{line}");
        assert!(!line.contains("\"raw\":"), "{line}");
    }
}
