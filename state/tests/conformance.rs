//! Every store keeps the whole contract.
#![cfg(test)]

use tempfile::TempDir;
use windlass_state::{MemoryStore, SqliteStore};

fn sqlite() -> (SqliteStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (
        SqliteStore::open(&dir.path().join("windlass.db")).unwrap(),
        dir,
    )
}

mod memory {
    use super::MemoryStore;

    windlass_state::conformance_tests!((MemoryStore::new(), ()));
    windlass_state::expiry_conformance_tests!((MemoryStore::new(), ()));
}

mod sqlite {
    windlass_state::conformance_tests!(super::sqlite());
    windlass_state::expiry_conformance_tests!(super::sqlite());
}

mod failing_without_faults {
    use super::MemoryStore;
    use windlass_state::failing::{FailingStore, Fault};

    windlass_state::conformance_tests!((
        FailingStore::new(MemoryStore::new(), |_, _| Fault::None),
        ()
    ));
}

/// P9 one engine: every store keeps one contract and every sink another, each checked by one suite.
#[test]
fn suite_lists_every_conformance_case() {
    let suite = include_str!("../src/conformance.rs");
    for sentences in [
        include_str!("../src/conformance/claims.rs"),
        include_str!("../src/conformance/expiry.rs"),
        include_str!("../src/conformance/fences.rs"),
        include_str!("../src/conformance/progress.rs"),
        include_str!("../src/conformance/races.rs"),
        include_str!("../src/conformance/seen.rs"),
        include_str!("../src/conformance/sources.rs"),
        include_str!("../src/conformance/reservations.rs"),
        include_str!("../src/conformance/windows.rs"),
    ] {
        let names: Vec<_> = sentences
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split('<').next())
            .collect();
        assert!(!names.is_empty());
        for name in names {
            assert!(
                suite.lines().any(|line| line.trim() == name),
                "{name} is not listed"
            );
        }
    }
}
