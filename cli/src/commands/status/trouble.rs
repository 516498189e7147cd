//! The trouble of one source, and its start.

use serde_json::{Value, json};
use windlass_core::summary::Summary;
use windlass_core::time::Timestamp;
use windlass_core::view::SourceView;

/// Troubles, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Blocked,
    /// Time is due, and no tick has created its window.
    Behind,
    Failing,
    Parked,
}

/// The most urgent trouble of a source. A pause is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    pub(super) since: Timestamp,
}

impl Trouble {
    /// The trouble of the source of `view`; `None` without any. `summary` describes its windows, if
    /// known, and `behind_since` is the start of its due time.
    pub(super) fn of(
        view: &SourceView,
        summary: Option<&Summary>,
        behind_since: Option<Timestamp>,
    ) -> Option<Self> {
        let blocked = view.record.blocked.as_ref();
        let since = |of: fn(&Summary) -> Option<Timestamp>| summary.and_then(of);
        let troubles = [
            (Kind::Blocked, blocked.map(|blocked| blocked.since)),
            (Kind::Behind, behind_since),
            (Kind::Failing, since(|summary| summary.failing_since)),
            (Kind::Parked, since(|summary| summary.parked_since)),
        ];
        let first = |(kind, since): (Kind, Option<_>)| since.map(|since| Self { kind, since });
        troubles.into_iter().find_map(first)
    }

    /// Its name in JSON.
    pub(super) fn to_json(self) -> Value {
        json!(match self.kind {
            Kind::Blocked => "blocked",
            Kind::Behind => "behind",
            Kind::Failing => "failing",
            Kind::Parked => "parked",
        })
    }
}
