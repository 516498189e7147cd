//! Keys of the one-table form: a partition and a sort key, both text.

use std::fmt;

use windlass_core::ids::{RateGroup, SourceName, Timeline, WindowId};
use windlass_core::seen::SeenBy;
use windlass_core::shard::Shard;
use windlass_core::span::Span;

use super::seen::SeenPiece;

/// The key of an item. Names hold no `#`, so no key can be forged from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The partition.
    pub pk: String,
    /// The sort key within the partition.
    pub sk: String,
}

impl Key {
    /// The key of a source's definition, on the shard of its rate group.
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

    /// The key of a timeline's progress, on the shard of its source's rate group.
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

    /// The common prefix of the sort keys of all progress items of `source`.
    pub fn progress_prefix(source: &SourceName) -> String {
        format!("{source}#")
    }

    /// The key of a window. All windows of a timeline share the partition and sort by time.
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

    /// The key of a piece of a seen page. All pages of a generation share the partition and sort by
    /// their place in time; the pieces of one page are adjacent and in order.
    pub fn seen(piece: &SeenPiece) -> Self {
        let page = &piece.page;
        Self {
            pk: Self::seen_by(&page.by),
            sk: format!(
                "{}#{}#{}#{:010}#{:04}",
                page.at, page.from, page.lane, page.page, piece.piece
            ),
        }
    }

    /// The partition that holds all seen pages of a generation.
    pub fn seen_by(by: &SeenBy) -> String {
        format!("seen#{}#{}", by.source, by.generation)
    }

    /// Two sort keys that enclose exactly those of the pages inside `span`.
    pub fn seen_between(span: Span) -> (String, String) {
        // `$` sorts directly after the `#` that follows the time.
        let last = span.to().minus_ms(1);
        (span.from().to_string(), format!("{last}$"))
    }

    /// The key of a rate group: its cooldown and request reservations.
    pub fn rate(group: &RateGroup) -> Self {
        Self {
            pk: format!("rate#{group}"),
            sk: "state".to_owned(),
        }
    }

    /// The key of the table's own item: the version of its items and the shards in use.
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
    use crate::item::Stored;

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
        assert_eq!(Key::rate(&group).to_string(), "rate#okta:acme state");
        assert_eq!(Key::schema().to_string(), "table schema");
    }

    #[test]
    fn seen_keys_sort_by_place_and_piece() {
        let text = include_str!("../../testdata/v1/seen.json");
        let attributes = serde_json::from_str(text).unwrap();
        let piece = SeenPiece::from_attributes("fixture", attributes).unwrap();
        let key = Key::seen(&piece);
        assert_eq!(key.pk, "seen#google-login#0123456789ab");
        assert_eq!(
            key.sk,
            "2026-01-01T00:03:00.000Z#2026-01-01T00:00:00.000Z#backfill-2025-q4#0000000012#0001"
        );
        let span = |from, to| Key::seen_between(Span::new(from, to).unwrap());
        let (at, ms) = (piece.page.at, |ms| piece.page.at.plus_ms(ms));
        let holds = |(first, last): (String, String)| first <= key.sk && key.sk <= last;
        assert!(holds(span(at, ms(1))) && holds(span(ms(-1), ms(2))));
        assert!(!holds(span(ms(-1), at)) && !holds(span(ms(1), ms(2))));
    }

    #[test]
    fn windows_sort_by_time_in_one_partition() {
        let key = |from: &str| Key::window(&format!("a/0123456789ab/live/{from}").parse().unwrap());
        let (early, late) = (key("0999-12-31T23:59:59.999Z"), key("2026-01-01T00:00:00Z"));
        assert_eq!(early.pk, late.pk);
        assert!(early.sk < late.sk);
    }
}
