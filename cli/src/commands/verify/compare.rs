//! One file against its window.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use windlass_core::time::Timestamp;
use windlass_core::window::Window;
use windlass_sink::ndjson::{Kind, lengths};

/// The end of a file that is looked at: longer than nearly every line. Of a longer last line only the
/// line end is checked.
const END_BYTES_MAX: u64 = 1024 * 1024;

/// A file and a ledger that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// A done window has delivered so many bytes, and there is no file.
    Missing { bytes: u64 },
    /// The file is shorter than its window says.
    Cut { bytes: u64, expected: u64 },
    /// The file is longer than its window says.
    Grown { bytes: u64, expected: u64 },
    /// No window of the state has this file.
    Foreign,
    /// The last line does not end, or is not JSON.
    Unreadable,
}

/// The bytes of records and of rejects that `window` has delivered, if its sink keeps positions.
pub(super) fn lengths_of(window: &Window) -> Option<[u64; 2]> {
    lengths(window.sink_position.as_deref()?)
}

/// The difference between a complete file of `bytes` and its `window`. `to` is the end in the file's
/// name. `is_passed` says that the marks have passed the file's time, so that the window may be deleted.
pub(super) fn compare(
    window: Option<&Window>,
    kind: Kind,
    to: Option<Timestamp>,
    bytes: u64,
    is_passed: bool,
) -> Option<Problem> {
    let Some(window) = window else {
        return (!is_passed).then_some(Problem::Foreign);
    };
    // A file that is complete before its window is done is taken back or replaced by the next run.
    if window.is_unfinished() {
        return None;
    }
    if to.is_some_and(|to| to != window.to) {
        return Some(Problem::Foreign);
    }
    // Beside an adopted file of the older form, the window counts what was delivered since.
    if to.is_none() && window.adopted {
        return None;
    }
    let [lines, rejects] = lengths_of(window)?;
    let expected = match kind {
        Kind::Lines => lines,
        Kind::Rejects => rejects,
    };
    match bytes {
        _ if bytes < expected => Some(Problem::Cut { bytes, expected }),
        _ if bytes > expected => Some(Problem::Grown { bytes, expected }),
        _ => None,
    }
}

/// Whether the last line of the file at `path`, which has `bytes`, ends and is JSON.
pub(super) fn has_readable_end(path: &Path, bytes: u64) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        opened => opened?,
    };
    let from = bytes.saturating_sub(END_BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.take(END_BYTES_MAX).read_to_end(&mut end)?;
    let Some(lines) = end.strip_suffix(b"\n") else {
        return Ok(false);
    };
    let begin = lines.iter().rposition(|byte| *byte == b'\n');
    let line = match begin {
        Some(before) => lines.get(before + 1..).unwrap_or_default(),
        None if from == 0 => lines,
        // Its beginning is out of reach.
        None => return Ok(true),
    };
    Ok(serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(position: Option<&str>) -> Window {
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
            .parse()
            .unwrap();
        let to = "2026-01-01T01:00:00Z".parse().unwrap();
        Window {
            sink_position: position.map(str::to_owned),
            ..Window::done(id, to, 1_000, to).unwrap()
        }
    }

    #[test]
    fn length_of_a_file_is_that_of_its_window() {
        let window = done(Some("r1:10:7"));
        let to = Some(window.to);
        let compare = |kind, bytes| compare(Some(&window), kind, to, bytes, false);
        assert_eq!(compare(Kind::Lines, 10), None);
        assert_eq!(compare(Kind::Rejects, 7), None);
        let (bytes, expected) = (9, 10);
        assert_eq!(
            compare(Kind::Lines, 9),
            Some(Problem::Cut { bytes, expected })
        );
        let (bytes, expected) = (8, 7);
        assert_eq!(
            compare(Kind::Rejects, 8),
            Some(Problem::Grown { bytes, expected })
        );
    }

    #[test]
    fn file_without_a_window_is_foreign_unless_the_marks_passed_it() {
        let foreign = |is_passed| compare(None, Kind::Lines, None, 10, is_passed);
        assert_eq!(foreign(false), Some(Problem::Foreign));
        assert_eq!(foreign(true), None);
        let window = done(Some("r0:10:0"));
        let other = Some(window.to.plus_ms(1));
        let other = compare(Some(&window), Kind::Lines, other, 10, true);
        assert_eq!(other, Some(Problem::Foreign));
    }

    #[test]
    fn file_of_an_unfinished_window_is_in_progress() {
        let window = done(Some("r0:10:0"));
        let unfinished = Window::new(window.id, window.to, window.to).unwrap();
        let to = Some(unfinished.to);
        assert_eq!(compare(Some(&unfinished), Kind::Lines, to, 3, false), None);
    }

    #[test]
    fn last_line_must_end_and_be_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.ndjson");
        for (text, readable) in [
            ("{\"a\":1}\n{\"b\":2}\n", true),
            ("{\"a\":1}\n{\"b\":2}", false),
            ("{\"a\":1}\n{\"b\":\n", false),
            ("{\"a\":1}\n\0\0\0\n", false),
            ("", false),
        ] {
            std::fs::write(&path, text).unwrap();
            let bytes = text.len() as u64;
            assert_eq!(
                has_readable_end(&path, bytes).unwrap(),
                readable,
                "{text:?}"
            );
        }
    }
}
