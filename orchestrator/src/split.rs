//! Keeping both halves of a split in sight of the marks.

use windlass_core::limits;
use windlass_core::plan::{Move, Plan};
use windlass_core::progress::Progress;
use windlass_core::time::Timestamp;
use windlass_core::transition::Event;

/// Adds to `behind` the right half of each window that is split behind `open_from`: a tick finds a
/// window there only by its name in that list, and `complete_through` would pass one it does not
/// name. A split for which the list has no room becomes a hole, which a retry takes up again.
///
/// `progress` is what `plan` was made from.
pub(crate) fn keep_in_sight(mut plan: Plan, progress: &Progress, now: Timestamp) -> Plan {
    let mut next = plan.progress.clone().unwrap_or_else(|| progress.clone());
    let mut splits = Vec::with_capacity(plan.splits.len());
    for split in plan.splits {
        let at = split.right.id.from;
        if at < next.open_from && !next.behind.contains(&at) {
            if next.behind.len() >= limits::BEHIND_MAX {
                let reason = format!(
                    "has to be split, but {} windows before it are unfinished already; \
                     retry it when some of them are done",
                    limits::BEHIND_MAX
                );
                plan.scavenge.push(Move {
                    seen: split.left.seen,
                    event: Event::Park { reason, now },
                });
                continue;
            }
            next.behind.push(at);
            next.behind.sort_unstable();
            next.updated_at = now;
            plan.progress = Some(next.clone());
        }
        splits.push(split);
    }
    plan.splits = splits;
    plan
}
