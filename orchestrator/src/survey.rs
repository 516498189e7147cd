//! The state of a source, from its windows as read: for the tick's report and for `status`.

use windlass_core::checkpoint::earliest;
use windlass_core::ids::Lane;
use windlass_core::retention;
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_core::trust::{PlanTime, WhoseClock};
use windlass_core::view::SourceView;
use windlass_core::window::{Status, Window};
use windlass_state::{StateError, StateStore};

use crate::known::{Known, groups_of};
use crate::overview::{Listed, overview};
use crate::report::{Activity, SourceReport, TickReport, WindowError};
use crate::view::read_source;

/// Fills in the facts of `view` at `now`, while the cooldown of the rate group lasts until `cooldown`.
/// Lag and retention follow the clock of `time`.
pub(crate) fn survey(
    view: &SourceView,
    cooldown: Option<Timestamp>,
    now: Timestamp,
    time: &PlanTime,
    report: &mut SourceReport,
) {
    let mut wakes_at: Option<Timestamp> = None;
    let mut busy = false;
    for window in view.windows() {
        if matches!(
            window.status(),
            Status::Ready | Status::Dispatched | Status::Running
        ) {
            let age_ms = now.ms_since(window.created_at()).max(0);
            report.oldest_open_ms = report.oldest_open_ms.max(age_ms);
        }
        match window.status() {
            Status::Running | Status::Dispatched => busy = true,
            Status::Ready => match window.waits_until(now).max(cooldown) {
                Some(at) => wakes_at = earliest(wakes_at, Some(at)),
                None => busy = true,
            },
            Status::Parked => match window.id().timeline.lane {
                Lane::Sweep(_) => report.sweep_holes += 1,
                Lane::Live | Lane::Backfill(_) => report.holes += 1,
            },
            Status::Done => {}
        }
    }
    report.probe_at = view.record.probe_at().filter(|at| *at > now);
    report.complete_through = view.complete_through();
    let finished = (view.record.definition.end).is_some_and(|end| end <= report.complete_through);
    // Its alarm covers only sources that run.
    if !view.record.is_paused() {
        report.lag_ms = view.lag_ms(time.lag_at());
    }
    if !finished {
        let policy = &view.record.definition.policy;
        let through = report.complete_through;
        report.retention_left_ms = retention::left_ms(policy, through, time.lag_at());
        report.is_endangered = retention::is_endangered(policy, through, time.lag_at());
    }
    report.last_error = oldest_in_trouble(view, now).and_then(|window| {
        Some(WindowError {
            window: window.id().clone(),
            error: window.last_error()?.to_owned(),
        })
    });
    report.activity = match wakes_at {
        _ if view.record.blocked.is_some() => Activity::Blocked,
        _ if view.record.is_paused() => Activity::Paused,
        _ if busy => Activity::Working,
        Some(until) => Activity::Waiting(until),
        None => Activity::Idle,
    };
}

/// The oldest unfinished window with a current error: it waits because of one, or has delivered
/// nothing since. A window that has recovered keeps its last error and does not count.
pub fn oldest_in_trouble(view: &SourceView, now: Timestamp) -> Option<&Window> {
    let in_trouble = |window: &&Window| {
        let finished = matches!(window.status(), Status::Done | Status::Parked);
        let waits = window.waits_until(now).is_some();
        !finished && window.last_error().is_some() && (waits || window.is_failing())
    };
    view.windows()
        .filter(in_trouble)
        .min_by_key(|window| window.id().from)
}

/// A report on every source, without any write. A source that cannot be read is reported as such.
///
/// # Errors
/// If the sources themselves cannot be listed.
pub async fn look<S: StateStore>(store: &S, now: Timestamp) -> Result<TickReport, StateError> {
    let mut report = TickReport::default();
    for listed in overview(store, now).await?.sources {
        let definition = &listed.record().definition;
        let mut source = SourceReport::of(&definition.name, definition.start);
        match listed {
            // None of its windows waits for its rate group.
            Listed::Resting(view) => {
                survey(&view, None, now, &PlanTime::assumed(now), &mut source);
            }
            Listed::Open(SourceView { record, .. }) | Listed::Unlisted(record) => {
                if let Err(error) = look_at(store, record, now, &mut source).await {
                    source.error = Some(error.to_string());
                }
            }
        }
        report.sources.push(source);
    }
    Ok(report)
}

async fn look_at<S: StateStore>(
    store: &S,
    record: SourceRecord,
    now: Timestamp,
    report: &mut SourceReport,
) -> Result<(), StateError> {
    let known = Known::read(store, &record.definition.policy.rate_group).await?;
    let time = known.time(&record, now);
    let view = read_source(store, record, now).await?;
    survey(&view, known.closed_until(now), now, &time, report);
    Ok(())
}

/// The instant before which expired history may be deleted at `now`: some vendor clock has passed
/// it too. `None` while no vendor clock is known, and then no window is done. A source that uses
/// the machine clock counts only if all sources do.
///
/// # Errors
/// If the store fails.
pub async fn history_until<S: StateStore>(
    store: &S,
    now: Timestamp,
) -> Result<Option<Timestamp>, StateError> {
    let records = store.all_sources().await?;
    let known = Known::read_all(store, &groups_of(&records)).await?;
    let goes_by_ours =
        |record: &SourceRecord| record.definition.policy.clock == Some(WhoseClock::Ours);
    let only_ours = records.iter().all(goes_by_ours);
    let seen = records
        .iter()
        .filter(|record| only_ours || !goes_by_ours(record));
    let trusted = seen.filter_map(|record| {
        let known = known.get(&record.definition.policy.rate_group)?;
        let trusted = known.time(record, now).trusted()?;
        Some(trusted.at().min(now))
    });
    Ok(trusted.max().or(records.is_empty().then_some(now)))
}
