use super::*;
use crate::source::tests::policy as any_policy;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

const AFTER_MS: i64 = DAY_MS;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_ms(hour * HOUR_MS)
}

fn policy() -> Policy {
    Policy {
        max_ms: 6 * HOUR_MS,
        sweeps_ms: vec![DAY_MS, 3 * DAY_MS],
        ..any_policy()
    }
}

/// A live window of an hour that was read when its time was over, and whose ids are stored.
fn hour(from: i64) -> Window {
    let id = format!("okta/0123456789ab/live/{}", at(from));
    let window = Window::done(id.parse().unwrap(), at(from + 1), 30 * DAY_MS, at(from + 1));
    window.unwrap().with(|form| form.records = 10)
}

fn hours(hours: std::ops::Range<i64>) -> Vec<Window> {
    hours.map(hour).collect()
}

fn next_of(live: &[Window], mark: i64, through: i64, now: i64) -> Option<Piece> {
    let ledger = Ledger {
        live,
        whole: true,
        through: at(through),
        after_ms: AFTER_MS,
    };
    // A little later, because the edge trails by the allowance for slow clocks.
    next(
        at(mark),
        &ledger,
        &policy(),
        None,
        Trusted::agreed(at(now).plus_ms(10_000)),
    )
}

fn read(from: i64, to: i64) -> Option<Piece> {
    Span::new(at(from), at(to)).ok().map(Piece::Read)
}

fn skip(from: i64, to: i64) -> Option<Piece> {
    Span::new(at(from), at(to)).ok().map(Piece::Skip)
}

#[test]
fn sweep_reads_whole_live_windows_old_enough() {
    let live = hours(0..48);
    assert_eq!(next_of(&live, 0, 48, 48), read(0, 6));
    assert_eq!(next_of(&live, 6, 48, 48), read(6, 12));
    assert_eq!(
        next_of(&live, 0, 48, 29),
        None,
        "five hours are not worth a window"
    );
    assert_eq!(next_of(&live, 0, 48, 30), read(0, 6));
    assert_eq!(next_of(&live, 0, 48, 20), None);
}

#[test]
fn sweep_never_passes_live_watermark() {
    let live = hours(0..48);
    assert_eq!(next_of(&live, 0, 5, 100), None);
    assert_eq!(next_of(&live, 0, 6, 100), read(0, 6));
    let mut open = hours(0..48);
    open[6].edit(|form| form.status = Status::Running);
    assert_eq!(next_of(&open, 6, 48, 100), None);
}

#[test]
fn sweep_window_joins_live_windows_to_record_limit() {
    let mut live = hours(0..6);
    for window in &mut live {
        window.edit(|form| form.records = limits::SWEEP_RECORDS_MAX / 2);
    }
    assert_eq!(next_of(&live, 0, 6, 100), read(0, 2));
    live[0].edit(|form| form.records = 10 * limits::SWEEP_RECORDS_MAX);
    assert_eq!(
        next_of(&live, 0, 6, 100),
        read(0, 1),
        "one window is the least"
    );
}

#[test]
fn time_first_read_late_is_skipped() {
    let mut live = hours(0..12);
    for window in &mut live[..9] {
        window.edit(|form| form.created_at = form.to.plus_ms(AFTER_MS));
    }
    assert_eq!(next_of(&live, 0, 12, 100), skip(0, 9));
    assert_eq!(
        next_of(&live, 9, 12, 100),
        None,
        "three hours are not worth a window"
    );
}

#[test]
fn unremembered_windows_are_skipped() {
    let mut live = hours(0..12);
    live[0].edit(|form| form.remembered = false);
    assert_eq!(next_of(&live, 0, 12, 100), skip(0, 1));
    assert_eq!(next_of(&live, 1, 12, 100), read(1, 7));
}

#[test]
fn missing_history_is_skipped() {
    let live = hours(10..20);
    assert_eq!(next_of(&live, 0, 20, 100), skip(0, 10));
    assert_eq!(next_of(&[], 0, 20, 100), skip(0, 20));
    let ledger = Ledger {
        live: &[],
        whole: false,
        through: at(20),
        after_ms: AFTER_MS,
    };
    assert_eq!(
        next(at(0), &ledger, &policy(), None, Trusted::agreed(at(100))),
        None
    );
}

#[test]
fn time_before_retention_is_skipped() {
    let live = hours(0..12);
    let keeps = Policy {
        max_lookback_ms: Some(2 * DAY_MS),
        ..policy()
    };
    let ledger = Ledger {
        live: &live,
        whole: true,
        through: at(12),
        after_ms: AFTER_MS,
    };
    assert_eq!(
        next(at(0), &ledger, &keeps, None, Trusted::agreed(at(52))),
        skip(0, 4)
    );
}

#[test]
fn last_piece_of_bounded_timeline_may_be_short() {
    let live = hours(0..8);
    let ledger = Ledger {
        live: &live,
        whole: true,
        through: at(8),
        after_ms: AFTER_MS,
    };
    let next = |mark| {
        next(
            at(mark),
            &ledger,
            &policy(),
            Some(at(8)),
            Trusted::agreed(at(50)),
        )
    };
    assert_eq!(next(0), read(0, 6));
    assert_eq!(next(6), read(6, 8));
    assert_eq!(next(8), None);
}

#[test]
fn ledger_is_read_only_for_possible_piece() {
    let due = |mark, edge| is_due(&policy(), at(mark), at(edge), AFTER_MS, None);
    assert!(!due(0, 5) && due(0, 6));
    assert!(is_due(&policy(), at(6), at(8), AFTER_MS, Some(at(8))));
    assert!(!is_due(&policy(), at(8), at(8), AFTER_MS, Some(at(8))));
}

/// Returns whether the ids of `window` are stored under `policy` when it is read at its creation.
fn remembered(window: &Window, policy: &Policy) -> bool {
    remembers(window, policy, window.created_at())
}

#[test]
fn only_windows_to_be_swept_are_remembered() {
    let window = hour(0);
    assert!(remembered(&window, &policy()));
    let old = window
        .clone()
        .with(|form| form.created_at = window.to().plus_ms(3 * DAY_MS));
    assert!(!remembered(&old, &policy()));
    assert!(!remembered(&window, &any_policy()));
}

#[test]
fn remembering_depends_on_read_time_not_created_at() {
    let window = hour(0).with(|form| form.created_at = at(1).plus_ms(200 * DAY_MS));
    assert!(remembers(&window, &policy(), at(2)));
    assert!(!remembers(&window, &policy(), at(2).plus_ms(100 * DAY_MS)));
}

#[test]
fn late_sweep_is_remembered_for_next_sweep() {
    let id = format!("okta/0123456789ab/sweep-1/{}", at(0)).parse();
    let late = at(1).plus_ms(5 * DAY_MS);
    let window = Window::new(id.unwrap(), at(1), late).unwrap();
    assert!(remembered(&window, &policy()));
    let once = Policy {
        sweeps_ms: vec![DAY_MS],
        ..policy()
    };
    assert!(!remembered(&window, &once));
}

/// Live windows of a minute, as in a source with `every` of a minute; as many as one reading of the
/// ledger holds.
fn minutes(count: usize) -> Vec<Window> {
    let minute = |n: i64| Timestamp::from_ms(n * MINUTE_MS);
    let windows = (0..).take(count).map(|n| {
        let id = format!("okta/0123456789ab/live/{}", minute(n));
        Window::done(
            id.parse().unwrap(),
            minute(n + 1),
            30 * DAY_MS,
            minute(n + 1),
        )
        .unwrap()
    });
    windows.collect()
}

#[test]
fn full_ledger_is_piece_despite_width() {
    let live = minutes(limits::SWEEP_LEDGER_MAX);
    let ledger = Ledger {
        live: &live,
        whole: false,
        through: at(40),
        after_ms: AFTER_MS,
    };
    let read = Span::new(at(0), live.last().unwrap().to()).ok();
    assert_eq!(
        next(at(0), &ledger, &policy(), None, Trusted::agreed(at(100))),
        read.map(Piece::Read),
        "no later reading of the ledger would show more"
    );
}

#[test]
fn gap_in_history_ends_piece() {
    let mut live = hours(0..12);
    live.remove(2);
    assert_eq!(next_of(&live, 0, 12, 100), read(0, 2));
    assert_eq!(next_of(&live, 2, 12, 100), skip(2, 3));
}

#[test]
fn expired_windows_are_skipped() {
    let mut live = hours(0..12);
    for window in &mut live[..3] {
        window.edit(|form| form.expires_at = Some(at(100)));
    }
    assert_eq!(next_of(&live, 0, 12, 99), read(0, 6));
    assert_eq!(next_of(&live, 0, 12, 100), skip(0, 3));
}

#[test]
fn age_counts_from_now_not_settled_edge() {
    let policy = Policy {
        unit_ms: HOUR_MS,
        settle_ms: 5 * HOUR_MS,
        ..policy()
    };
    let old = |now: Timestamp| edge(&policy, Timestamp::MAX, AFTER_MS, now);
    let sure = at(40).plus_ms(limits::EDGE_ALLOWANCE_MS);
    assert_eq!(old(sure), at(16));
    assert_eq!(old(sure.plus_ms(HOUR_MS - 1)), at(16));
    assert_eq!(old(sure.minus_ms(1)), at(15));
    assert_eq!(edge(&policy, at(3), AFTER_MS, sure), at(3));
    // A settle that is not a multiple of the unit still leaves a whole number of units.
    let policy = Policy {
        settle_ms: HOUR_MS / 6,
        ..policy
    };
    let old = |now| edge(&policy, Timestamp::MAX, AFTER_MS, now);
    assert_eq!(old(sure), at(15));
    assert_eq!(old(sure.plus_ms(HOUR_MS / 6)), at(16));
}

#[test]
fn least_piece_is_quarter_of_age_within_bounds() {
    let least = |after_hours, unit_hours| {
        let policy = Policy {
            unit_ms: unit_hours * HOUR_MS,
            ..policy()
        };
        let due = |to: &i64| is_due(&policy, at(0), at(*to), after_hours * HOUR_MS, None);
        (0..100).find(due)
    };
    assert_eq!(least(8, 1), Some(2));
    assert_eq!(least(72, 1), Some(6));
    assert_eq!(least(8, 4), Some(4));
}

#[test]
fn time_without_windows_is_skipped_to_live_watermark() {
    let live = hours(10..20);
    assert_eq!(next_of(&live, 0, 5, 100), skip(0, 5));
    assert_eq!(next_of(&live, 0, 8, 100), skip(0, 8));
    assert_eq!(next_of(&live, 0, 10, 100), skip(0, 10));
}

/// While the vendor clock is unknown, spans that no clock would read are skipped: otherwise they
/// would block the window that fetches the clock.
#[test]
fn unknown_clock_skips_only_unreadable_time() {
    let forgotten = |from| hour(from).with(|form| form.remembered = false);
    let expired = |from| hour(from).with(|form| form.expires_at = Some(at(30)));
    let asked = |first: &dyn Fn(i64) -> Window| {
        let live: Vec<_> = (0..6).map(first).chain(hours(6..12)).collect();
        let ledger = Ledger {
            live: &live,
            whole: true,
            through: at(12),
            after_ms: AFTER_MS,
        };
        asking(at(0), &ledger, &policy(), Some(at(12)), at(50))
    };
    assert_eq!(asked(&forgotten), skip(0, 6));
    assert_eq!(asked(&hour), read(0, 6));
    assert_eq!(asked(&expired), None);
}
