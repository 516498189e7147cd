//! A planner at one instant: where a plan of a lane starts from, which lanes need none, and when a source
//! is planned again.

use crate::due::{Follows, due_at};
use crate::ids::Lane;
use crate::limits;
use crate::plan::{Situation, Suspects, plan};
use crate::progress::Progress;
use crate::source::SourceRecord;
use crate::sweep;
use crate::time::{MINUTE_MS, SECOND_MS, Timestamp};
use crate::trust::{Cut, PlanTime};
use crate::view::{LaneView, SourceView};

/// The longest time that a source goes unplanned: work that no event and no due instant announces, such
/// as time that its vendor drops, is found by then.
const REVIEW_EVERY_MS: i64 = 5 * MINUTE_MS;
/// Time until a source is planned again whose plan failed, or is not whole.
pub const RETRY_MS: i64 = SECOND_MS;
/// Time until a source is planned again that waits for a response to show its vendor's clock. The end of a
/// window comes sooner as an event; this is for a first window of many pages.
const CLOCK_PROBE_MS: i64 = 10 * SECOND_MS;

/// A planner at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planner {
    /// The instant of the tick.
    pub now: Timestamp,
    /// Time that a dispatch may take to reach a worker before it counts as lost; `None` if none can be
    /// lost, because dispatcher and worker are one process.
    pub dispatch_ms: Option<i64>,
}

impl Planner {
    /// The start of a plan of `lane`, without a slot and without the ledger that a sweep follows.
    pub fn situation<'a>(
        &self,
        record: &'a SourceRecord,
        lane: &'a LaneView,
        time: PlanTime,
    ) -> Situation<'a> {
        Situation {
            progress: &lane.progress,
            policy: &record.definition.policy,
            end: record.definition.end,
            open: lane.open(),
            behind: lane.behind(),
            ledger: None,
            work: record.work(self.now),
            slots: 0,
            suspects: Suspects::Apart,
            dispatch_until: self
                .dispatch_ms
                .map_or(Timestamp::MAX, |ms| self.now.plus_ms(ms)),
            now: self.now,
            time,
        }
    }

    /// Whether nothing of the lane of `progress` is open by its marks, and nothing is to be carved, so that
    /// its windows need not be read. A window that a tick created before it stopped short of the mark is
    /// out of sight until the lane is carved on from that mark, and is then adopted. The lane may follow
    /// the lanes before it up to `through`.
    pub fn rests(&self, record: &SourceRecord, progress: &Progress, through: Timestamp) -> bool {
        // A sweep that has not begun has no windows, and begins only once it is due.
        let is_sweep = matches!(progress.timeline.lane, Lane::Sweep(_));
        let has_begun = is_sweep || progress.version > 0;
        // A mark ahead of our clock shows that one of the two is wrong; the stored clock tells which.
        let is_ahead = progress.scheduled_through > self.now.plus_ms(limits::CLOCK_SKEW_MS);
        if !has_begun
            || is_ahead
            || !progress.is_at_rest()
            || sweep::readable(record, progress, through, self.now).is_some()
        {
            return false;
        }
        let lane = LaneView::unread(progress.clone());
        let situation = self.situation(record, &lane, PlanTime::assumed(self.now));
        let slots = usize::MAX;
        plan(&Situation { slots, ..situation }).is_empty()
    }

    /// The instant at which `view`, as a plan left it, is planned again if no event comes before. A plan
    /// that is not whole is continued: at once if it `created` windows.
    pub fn due(&self, view: &SourceView, created: bool, time: PlanTime) -> Timestamp {
        let later = self.now.plus_ms(match time.cut() {
            Cut::Freely => RETRY_MS,
            Cut::OneWindow => CLOCK_PROBE_MS,
        });
        let continued = if created { self.now } else { later };
        let of_lane = |lane: &LaneView| {
            let (record, progress) = (&view.record, &lane.progress);
            let through = view.through_for(&progress.timeline.lane);
            let situation = self.situation(record, lane, time);
            let has_ledger = time.trusted().is_some_and(|trusted| {
                sweep::readable(record, progress, through, trusted.at()).is_some()
            });
            if has_ledger || !plan(&situation).is_empty() {
                return Some(continued);
            }
            let after_ms = sweep::after_ms(&record.definition.policy, &progress.timeline.lane);
            let follows = after_ms.map(|after_ms| Follows { through, after_ms });
            // An instant that has passed without work would recur forever.
            due_at(&situation, follows).map(|at| if at <= self.now { later } else { at })
        };
        let probe_at = view.record.probe_at().filter(|at| *at > self.now);
        let of_lanes = view.lanes.iter().filter_map(of_lane);
        let first = of_lanes.chain(probe_at).min();
        let review = self.now.plus_ms(REVIEW_EVERY_MS);
        first.map_or(review, |first| first.min(review))
    }
}
