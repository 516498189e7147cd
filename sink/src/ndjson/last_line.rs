//! The last line of a file.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;
use windlass_core::ids::WindowId;

use super::layout::Kind;

/// Length of the inspected end of a file: longer than nearly every line. For a longer last line,
/// only the line end is checked.
const END_BYTES_MAX: u64 = 1024 * 1024;

/// The last line of a file, without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastLine {
    /// The complete line.
    Whole(Vec<u8>),
    /// The line is complete, but longer than the inspected end.
    Long,
    /// The line has no end, or the file is empty.
    Torn,
}

/// The page of a line, from its metadata or, for a reject, from the line itself.
#[derive(Deserialize)]
struct Place {
    window: String,
    page: u64,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_windlass")]
    metadata: Place,
}

impl LastLine {
    /// The last line of the file at `path`, which has `bytes`; `None` if the file does not exist.
    pub fn of(path: &Path, bytes: u64) -> io::Result<Option<Self>> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let from = bytes.saturating_sub(END_BYTES_MAX);
        file.seek(SeekFrom::Start(from))?;
        let mut end = Vec::new();
        file.take(END_BYTES_MAX).read_to_end(&mut end)?;
        let Some(lines) = end.strip_suffix(b"\n") else {
            return Ok(Some(Self::Torn));
        };
        let begin = lines.iter().rposition(|byte| *byte == b'\n');
        let line = match begin {
            Some(before) => lines.get(before + 1..).unwrap_or_default(),
            None if from == 0 => lines,
            None => return Ok(Some(Self::Long)),
        };
        Ok(Some(Self::Whole(line.to_vec())))
    }

    /// Returns true if it is complete and, as far as inspected, JSON.
    pub fn is_readable(&self) -> bool {
        match self {
            Self::Whole(line) => serde_json::from_slice::<IgnoredAny>(line).is_ok(),
            Self::Long => true,
            Self::Torn => false,
        }
    }

    /// The page of `window` in the line; `None` if it shows none.
    pub(super) fn page(&self, window: &WindowId, kind: Kind) -> Option<u64> {
        let Self::Whole(line) = self else { return None };
        let place = match kind {
            Kind::Lines => serde_json::from_slice::<Line>(line).ok()?.metadata,
            Kind::Rejects => serde_json::from_slice::<Place>(line).ok()?,
        };
        (place.window == window.to_string()).then_some(place.page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::window;

    #[test]
    fn last_line_must_be_terminated_json() {
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
            let line = LastLine::of(&path, text.len() as u64).unwrap();
            assert_eq!(line.unwrap().is_readable(), readable, "{text:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(LastLine::of(&path, 7).unwrap(), None);
    }

    #[test]
    fn overlong_last_line_needs_only_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.ndjson");
        let room = usize::try_from(END_BYTES_MAX).unwrap();
        for (bytes, is_whole) in [(room - 1, true), (room, false)] {
            let text = format!("{}\n", "x".repeat(bytes));
            std::fs::write(&path, &text).unwrap();
            let line = LastLine::of(&path, text.len() as u64).unwrap().unwrap();
            assert_eq!(line != LastLine::Long, is_whole, "{bytes}");
        }
    }

    #[test]
    fn page_comes_from_own_metadata() {
        let id = window("okta").id().clone();
        let page = |text: &str, kind| LastLine::Whole(text.as_bytes().to_vec()).page(&id, kind);
        let line = |name: &str| format!(r#"{{"_windlass":{{"window":"{name}","page":3}},"n":1}}"#);
        assert_eq!(page(&line(&id.to_string()), Kind::Lines), Some(3));
        assert_eq!(page(&line("another"), Kind::Lines), None);
        let record = format!(r#"{{"window":"{id}","page":3}}"#);
        assert_eq!(page(&record, Kind::Rejects), Some(3));
        assert_eq!(page(&record, Kind::Lines), None);
        assert_eq!(LastLine::Torn.page(&id, Kind::Lines), None);
    }
}
