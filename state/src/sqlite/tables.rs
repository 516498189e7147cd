//! The tables: the column of each attribute, in the order of `schema.sql` and of the files beside
//! it. Windows have a column for each attribute that queries need, and one for the rest.

use super::row::Kind::{Bytes, Flag, Json, Number, Text};
use super::row::Table;
use crate::item::DIGESTS;

pub(super) const SOURCES: Table = Table {
    name: "sources",
    key: 1,
    columns: &[
        ("source", Text),
        ("version", Number),
        ("connector", Text),
        ("params", Json),
        ("generation", Text),
        ("secret", Text),
        ("base_url", Text),
        ("token_url", Text),
        ("start", Text),
        ("end", Text),
        ("sink", Text),
        ("destination", Json),
        ("metadata", Flag),
        ("paused", Flag),
        ("file", Text),
        ("blocked", Text),
        ("blocked_since", Text),
        ("probe_at", Text),
        ("held_since", Text),
        ("unit_ms", Number),
        ("initial_ms", Number),
        ("min_ms", Number),
        ("max_ms", Number),
        ("every_ms", Number),
        ("settle_ms", Number),
        ("max_lookback_ms", Number),
        ("max_in_flight", Number),
        ("max_open_windows", Number),
        ("rate_group", Text),
        ("group_in_flight", Number),
        ("requests_per_minute", Number),
        ("history_ms", Number),
        ("strict_order", Text),
        ("sweeps_ms", Json),
        ("clock", Text),
        ("manifest_hash", Text),
        ("applied_at", Text),
        ("v", Number),
    ],
    rest: None,
};

pub(super) const PROGRESS: Table = Table {
    name: "progress",
    key: 3,
    columns: &[
        ("source", Text),
        ("generation", Text),
        ("lane", Text),
        ("start", Text),
        ("end", Text),
        ("scheduled_through", Text),
        ("open_from", Text),
        ("behind", Json),
        ("unavailable", Json),
        ("width_ms", Number),
        ("records_per_hour", Number),
        ("late", Number),
        ("known", Number),
        ("open", Number),
        ("parked", Number),
        ("parked_since", Text),
        ("failing_since", Text),
        ("version", Number),
        ("updated_at", Text),
        ("v", Number),
    ],
    rest: None,
};

pub(super) const WINDOWS: Table = Table {
    name: "window_items",
    key: 4,
    columns: &[
        ("source", Text),
        ("generation", Text),
        ("lane", Text),
        ("from", Text),
        ("to", Text),
        ("status", Text),
        ("expires_at", Text),
    ],
    rest: Some("item"),
};

pub(super) const RATES: Table = Table {
    name: "rate_gates",
    key: 1,
    columns: &[
        ("rate_group", Text),
        ("not_before", Text),
        ("reason", Text),
        ("next_turn", Text),
        ("clock_offset_ms", Number),
        ("clock_observed_at", Text),
        ("clock_origin", Text),
        ("v", Number),
    ],
    rest: None,
};

pub(super) const SEEN: Table = Table {
    name: "seen",
    key: 7,
    columns: &[
        ("source", Text),
        ("generation", Text),
        ("at", Text),
        ("from", Text),
        ("lane", Text),
        ("page", Number),
        ("piece", Number),
        ("pieces", Number),
        ("pass", Number),
        (DIGESTS, Bytes),
        ("expires_at", Text),
        ("v", Number),
    ],
    rest: None,
};

#[cfg(test)]
#[path = "tables_tests.rs"]
mod tests;
