//! Keys of the one-table form: a partition and a sort key, both text.

use std::fmt;

use windlass_core::ids::{RateGroup, SourceName, Timeline, WindowId};
use windlass_core::shard::Shard;

/// What an item is stored under. Names hold no `#`, so no key can be forged from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The partition.
    pub pk: String,
    /// The place within the partition.
    pub sk: String,
}

impl Key {
    /// A source's definition, on the shard of its rate group.
    pub fn source(shard: Shard, name: &SourceName) -> Self {
        Self {
            pk: Self::sources(shard),
            sk: name.to_string(),
        }
    }

    /// The partition that holds all sources of `shard`.
    pub fn sources(shard: Shard) -> String {
        format!("config#{shard}")
    }

    /// A timeline's progress, on the shard of its source's rate group.
    pub fn progress(shard: Shard, timeline: &Timeline) -> Self {
        Self {
            pk: Self::progress_items(shard),
            sk: path(timeline),
        }
    }

    /// The partition that holds the progress of all sources of `shard`.
    pub fn progress_items(shard: Shard) -> String {
        format!("progress#{shard}")
    }

    /// What the sort keys of all progress items of `source` begin with.
    pub fn progress_prefix(source: &SourceName) -> String {
        format!("{source}#")
    }

    /// A window. All windows of a timeline share the partition and sort by time.
    pub fn window(id: &WindowId) -> Self {
        Self {
            pk: Self::windows(&id.timeline),
            sk: id.from.to_string(),
        }
    }

    /// The partition that holds all windows of `timeline`.
    pub fn windows(timeline: &Timeline) -> String {
        format!("window#{}", path(timeline))
    }

    /// The gate of a rate group.
    pub fn rate_gate(group: &RateGroup) -> Self {
        Self {
            pk: format!("rate#{group}"),
            sk: "state".to_owned(),
        }
    }

    /// What the table itself says: which version its items have and which shards are in use.
    pub fn schema() -> Self {
        Self {
            pk: "table".to_owned(),
            sk: "schema".to_owned(),
        }
    }
}

fn path(timeline: &Timeline) -> String {
    format!(
        "{}#{}#{}",
        timeline.source, timeline.generation, timeline.lane
    )
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pk, self.sk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_documented_form() {
        let id: WindowId = "okta/0123456789ab/sweep-1/2026-01-01T00:00:00Z"
            .parse()
            .unwrap();
        let group: RateGroup = "okta:acme".parse().unwrap();
        let shard = group.shard();
        let window = Key::window(&id);
        assert_eq!(window.pk, "window#okta#0123456789ab#sweep-1");
        assert_eq!(window.sk, "2026-01-01T00:00:00.000Z");
        assert_eq!(
            Key::progress(shard, &id.timeline).to_string(),
            format!("progress#{shard} okta#0123456789ab#sweep-1")
        );
        assert_eq!(
            Key::source(shard, &id.timeline.source).to_string(),
            format!("config#{shard} okta")
        );
        assert_eq!(Key::rate_gate(&group).to_string(), "rate#okta:acme state");
        assert_eq!(Key::schema().to_string(), "table schema");
    }

    #[test]
    fn windows_of_a_timeline_sort_by_time_within_one_partition() {
        let key = |from: &str| Key::window(&format!("a/0123456789ab/live/{from}").parse().unwrap());
        let (early, late) = (key("0999-12-31T23:59:59.999Z"), key("2026-01-01T00:00:00Z"));
        assert_eq!(early.pk, late.pk);
        assert!(early.sk < late.sk);
    }
}
