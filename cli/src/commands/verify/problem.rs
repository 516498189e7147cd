//! A file that is not as its window delivered it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use windlass_sink::ndjson::Agreement;

/// The end of a file that is looked at: longer than nearly every line. Of a longer last line only the
/// line end is checked.
const END_BYTES_MAX: u64 = 1024 * 1024;

/// The difference between a file and the ledger.
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

impl Problem {
    /// The problem of a file of `bytes` that stands in this `agreement` with its window. A part is the
    /// business of the next run, and so is a file that is complete before its window is done.
    pub(super) const fn of(agreement: Agreement, bytes: u64) -> Option<Self> {
        match agreement {
            Agreement::Agrees | Agreement::OldName | Agreement::Leftover => None,
            Agreement::Unknown | Agreement::Beside => Some(Self::Foreign),
            Agreement::Cut { expected } => Some(Self::Cut { bytes, expected }),
            Agreement::Grown { expected } => Some(Self::Grown { bytes, expected }),
        }
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

    #[test]
    fn only_files_that_no_run_will_write_again_are_problems() {
        let (bytes, expected) = (9, 10);
        for (agreement, problem) in [
            (Agreement::Agrees, None),
            (Agreement::OldName, None),
            (Agreement::Leftover, None),
            (Agreement::Unknown, Some(Problem::Foreign)),
            (Agreement::Beside, Some(Problem::Foreign)),
            (
                Agreement::Cut { expected },
                Some(Problem::Cut { bytes, expected }),
            ),
            (
                Agreement::Grown { expected },
                Some(Problem::Grown { bytes, expected }),
            ),
        ] {
            assert_eq!(Problem::of(agreement, bytes), problem, "{agreement:?}");
        }
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
