//! A file that differs from the delivery of its window.

use windlass_sink::ndjson::Agreement;

/// The difference between a file and the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// A done window has delivered this number of bytes, and the file does not exist.
    Missing { bytes: u64 },
    /// The file is shorter than its window's delivery.
    Cut { bytes: u64, expected: u64 },
    /// The file is longer than its window's delivery.
    Grown { bytes: u64, expected: u64 },
    /// No window of the state accounts for this file.
    Foreign,
    /// The name is not one that windlass gives.
    Unnamed,
    /// The file covers time that another delivered file or a done window covers.
    Overlapping,
    /// The last line is incomplete, or is not JSON.
    Unreadable,
}

impl Problem {
    /// The problem of a file of `bytes` with this `agreement`; `None` without any. The next run
    /// handles parts, and files that are complete before their window is done.
    pub(super) const fn of(agreement: Agreement, bytes: u64) -> Option<Self> {
        match agreement {
            Agreement::Agrees | Agreement::Early | Agreement::OldName | Agreement::Leftover => None,
            Agreement::Unknown | Agreement::Beside => Some(Self::Foreign),
            Agreement::Cut { expected } => Some(Self::Cut { bytes, expected }),
            Agreement::Grown { expected } => Some(Self::Grown { bytes, expected }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_no_run_rewrites_are_problems() {
        let (bytes, expected) = (9, 10);
        for (agreement, problem) in [
            (Agreement::Agrees, None),
            (Agreement::Early, None),
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
}
