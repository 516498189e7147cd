//! A file that is not as its window delivered it.

use windlass_sink::ndjson::Agreement;

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
    fn only_files_that_no_run_will_write_again_are_problems() {
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
