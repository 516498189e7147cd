//! Comparison of one file with its window in the state.

use windlass_core::window::{Status, Window};

use super::file_error::IoContext;
use super::last_line::LastLine;
use super::layout::{FileName, Kind, Stage};
use super::position::Position;
use super::scan::FolderFile;
use crate::SinkError;

/// The result of comparing a file with the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// A part of an unfinished window, or a complete file with the length that its window records.
    Agrees,
    /// Complete before its window: the window returns to its checkpoint and completes the file
    /// again.
    Early,
    /// Complete, without a window in the state that could have delivered it: it belongs to a later
    /// copy of the state, or to another state. Also a file with a name that windlass does not use.
    Unknown,
    /// Complete under an obsolete name: the window was split before it was done.
    OldName,
    /// Complete under an end that differs from its done window's; no later write uses that name.
    Beside,
    /// Shorter than the bytes that its window delivered.
    Cut {
        /// Bytes that the window delivered.
        expected: u64,
    },
    /// Longer than the bytes that its window delivered.
    Grown {
        /// Bytes that the window delivered.
        expected: u64,
    },
    /// In progress, for a window that is done or does not exist, or for a restart that its window
    /// has not begun, because a power loss undid the restart.
    Leftover,
}

/// Compares `file`, from the folder of the sink `sink`, with `window`, the state's window of its
/// timeline and start. Reads the end of a file that is complete before its window.
pub fn compare(
    sink: &str,
    file: &FolderFile,
    window: Option<&Window>,
) -> Result<Agreement, SinkError> {
    let Some(name) = &file.name else {
        return Ok(Agreement::Unknown);
    };
    let agreement = compare_name(name, file.bytes, window);
    let (Some(window), Agreement::Early | Agreement::OldName) = (window, agreement) else {
        return Ok(agreement);
    };
    let line = LastLine::of(&file.path, file.bytes).doing("read", &file.path);
    let line = line.map_err(|error| error.into_sink_error(sink))?;
    let last_page = line.and_then(|line| line.page(window.id(), name.kind));
    // A stop between the file's final name and the state's done lies within the page after the
    // checkpoint. Later pages were checkpointed in a later copy of the state.
    Ok(match last_page {
        Some(page) if page > window.page() => Agreement::Unknown,
        _ => agreement,
    })
}

/// Compares by name and length only.
fn compare_name(name: &FileName, bytes: u64, window: Option<&Window>) -> Agreement {
    match (name.stage, window) {
        (Stage::Part { restarts }, Some(window))
            if window.status() != Status::Done && restarts <= window.restarts() =>
        {
            Agreement::Agrees
        }
        (Stage::Part { .. }, _) => Agreement::Leftover,
        (Stage::Output { .. }, None) => Agreement::Unknown,
        (Stage::Output { to }, Some(window)) => compare_output(name.kind, to, bytes, window),
    }
}

fn compare_output(
    kind: Kind,
    to: Option<windlass_core::Timestamp>,
    bytes: u64,
    window: &Window,
) -> Agreement {
    // Beside an adopted file, the window counts only the records delivered since.
    if to.is_none() && window.adopted() {
        return Agreement::Agrees;
    }
    let is_other = to.is_some_and(|to| to != window.to());
    if window.status() != Status::Done {
        return match window.runs() {
            // A window is claimed, durably, before its file is complete.
            0 => Agreement::Unknown,
            _ if is_other => Agreement::OldName,
            _ => Agreement::Early,
        };
    }
    if is_other {
        return Agreement::Beside;
    }
    match delivered_bytes(window, kind) {
        Some(expected) if bytes < expected => Agreement::Cut { expected },
        Some(expected) if bytes > expected => Agreement::Grown { expected },
        None | Some(_) => Agreement::Agrees,
    }
}

/// The bytes that a done `window` has delivered to its file of this kind; `None` before it is done,
/// or if another kind of sink delivered it.
pub fn delivered_bytes(window: &Window, kind: Kind) -> Option<u64> {
    let stored = window.sink_position()?;
    let position: Position = stored.parse().ok()?;
    let bytes = match kind {
        Kind::Lines => position.lines,
        Kind::Rejects => position.rejects,
    };
    (window.status() == Status::Done).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::window;

    fn name(window: &Window, stage: Stage) -> FileName {
        FileName {
            window: window.id().clone(),
            kind: Kind::Lines,
            stage,
        }
    }

    fn output(window: &Window) -> FileName {
        let to = Some(window.to());
        name(window, Stage::Output { to })
    }

    fn done(bytes: u64) -> Window {
        window("okta").with(|form| {
            form.status = Status::Done;
            form.runs = 1;
            form.sink_position = Some(format!("r0:{bytes}:7"));
        })
    }

    #[test]
    fn complete_file_is_compared_with_done_window() {
        let window = done(10);
        for (bytes, expected) in [
            (10, Agreement::Agrees),
            (9, Agreement::Cut { expected: 10 }),
            (11, Agreement::Grown { expected: 10 }),
        ] {
            assert_eq!(
                compare_name(&output(&window), bytes, Some(&window)),
                expected
            );
            let nameless = name(&window, Stage::Output { to: None });
            assert_eq!(compare_name(&nameless, bytes, Some(&window)), expected);
        }
        let to = Some(window.to().plus_ms(1));
        let other = name(&window, Stage::Output { to });
        assert_eq!(compare_name(&other, 11, Some(&window)), Agreement::Beside);
        assert_eq!(compare_name(&output(&window), 10, None), Agreement::Unknown);
        let rejects = FileName {
            kind: Kind::Rejects,
            ..output(&window)
        };
        assert_eq!(compare_name(&rejects, 7, Some(&window)), Agreement::Agrees);
        let grown = Agreement::Grown { expected: 7 };
        assert_eq!(compare_name(&rejects, 8, Some(&window)), grown);
    }

    #[test]
    fn unfinished_windows_file_is_known_once_claimed() {
        let fresh = window("okta");
        let claimed = fresh.clone().with(|form| form.runs = 1);
        let file = output(&fresh);
        assert_eq!(compare_name(&file, 10, Some(&fresh)), Agreement::Unknown);
        assert_eq!(compare_name(&file, 10, Some(&claimed)), Agreement::Early);
        let to = Some(claimed.to().plus_ms(1));
        let file = name(&claimed, Stage::Output { to });
        assert_eq!(compare_name(&file, 10, Some(&claimed)), Agreement::OldName);
        let nameless = name(&claimed, Stage::Output { to: None });
        let adopted = fresh.clone().with(|form| form.adopted = true);
        for (window, expected) in [
            (&fresh, Agreement::Unknown),
            (&claimed, Agreement::Early),
            (&adopted, Agreement::Agrees),
        ] {
            assert_eq!(compare_name(&nameless, 10, Some(window)), expected);
        }
    }

    #[test]
    fn part_of_done_or_missing_window_is_leftover() {
        let part = name(&done(10), Stage::Part { restarts: 0 });
        let compare = |window: Option<&Window>| compare_name(&part, 3, window);
        assert_eq!(compare(Some(&window("okta"))), Agreement::Agrees);
        assert_eq!(compare(Some(&done(10))), Agreement::Leftover);
        assert_eq!(compare(None), Agreement::Leftover);
    }

    #[test]
    fn part_of_future_restart_is_leftover() {
        let window = window("okta").with(|form| form.restarts = 2);
        for (restarts, expected) in [
            (0, Agreement::Agrees),
            (2, Agreement::Agrees),
            (3, Agreement::Leftover),
        ] {
            let part = name(&window, Stage::Part { restarts });
            assert_eq!(compare_name(&part, 3, Some(&window)), expected);
        }
    }

    #[test]
    fn file_past_checkpointed_page_is_unknown() {
        let dir = tempfile::tempdir().unwrap();
        let claimed = window("okta").with(|form| {
            form.runs = 1;
            form.page = 2;
        });
        let path = dir.path().join("x.ndjson");
        let shorter = Some(claimed.to().plus_ms(1));
        for (page, to, expected) in [
            (1, Some(claimed.to()), Agreement::Early),
            (2, Some(claimed.to()), Agreement::Early),
            (3, Some(claimed.to()), Agreement::Unknown),
            (2, shorter, Agreement::OldName),
            (3, shorter, Agreement::Unknown),
        ] {
            let id = claimed.id();
            let text = format!("{{\"_windlass\":{{\"window\":\"{id}\",\"page\":{page}}}}}\n");
            std::fs::write(&path, &text).unwrap();
            let file = FolderFile {
                path: path.clone(),
                bytes: text.len() as u64,
                name: Some(name(&claimed, Stage::Output { to })),
            };
            assert_eq!(compare("lake", &file, Some(&claimed)), Ok(expected));
        }
    }
}
