//! Rejects as lines: what could not be forwarded, kept so that a person can read it and a program
//! can get every byte back. All sinks that write rejects write them in this form: one JSON object a
//! line with `window`, `page`, `index`, `reason` and the record as received, in `raw` as text, or in
//! `raw_hex` as hex digits when it is not UTF-8.

use serde::Serialize;
use windlass_core::ids::{self, WindowId};

use crate::Reject;

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

/// A line for each of the `rejects` of one page; empty when there are none.
///
/// # Panics
/// Never: text and numbers always serialise, and memory takes every write.
pub(crate) fn reject_lines(window: &WindowId, page: u64, rejects: &[Reject]) -> Vec<u8> {
    let mut lines = Vec::new();
    if rejects.is_empty() {
        return lines;
    }
    let window = window.to_string();
    for Reject { index, reason, raw } in rejects {
        let text = std::str::from_utf8(raw).ok();
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
