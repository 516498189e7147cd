use super::*;
use crate::ids::Lane;
use crate::source::tests::policy as any_policy;
use crate::time::HOUR_MS;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_ms(hour * HOUR_MS)
}

fn timeline() -> Timeline {
    Timeline {
        source: "okta".parse().unwrap(),
        generation: "0123456789ab".parse().unwrap(),
        lane: Lane::Live,
    }
}

/// Ten hours of windows, none of them passed yet.
fn progress() -> Progress {
    Progress {
        scheduled_through: at(10),
        ..Progress::begin(timeline(), at(0), None, &any_policy(), at(0))
    }
}

fn window(from: i64, to: i64, status: Status) -> Window {
    let id = format!("okta/0123456789ab/live/{}", at(from));
    let window = Window::new(id.parse().unwrap(), at(to), at(to)).unwrap();
    window.with(|form| form.status = status)
}

fn done(from: i64, to: i64) -> Window {
    window(from, to, Status::Done)
}

fn span(from: i64, to: i64) -> Span {
    Span::new(at(from), at(to)).unwrap()
}

#[test]
fn timeline_begins_in_whole_units() {
    let policy = Policy {
        unit_ms: HOUR_MS,
        ..any_policy()
    };
    let (start, end) = (at(2).plus_ms(1), at(5).plus_ms(1));
    let begun = Progress::begin(timeline(), start, Some(end), &policy, at(9));
    assert_eq!((begun.start, begun.end), (at(2), Some(at(6))));
    assert_eq!((begun.scheduled_through, begun.open_from), (at(2), at(2)));
    assert_eq!(begun.version, 0);
    assert_eq!(begun.complete_through(&[], &[]), at(2));
}

#[test]
fn watermark_stops_at_gap_or_unfinished_window() {
    let progress = progress();
    let through = |open: &[Window]| progress.complete_through(open, &[]);
    assert_eq!(through(&[]), at(0));
    assert_eq!(through(&[done(0, 1), done(1, 3)]), at(3));
    assert_eq!(through(&[done(0, 1), done(2, 3)]), at(1));
    assert_eq!(through(&[done(1, 2)]), at(0));
    let running = window(1, 2, Status::Running);
    assert_eq!(through(&[done(0, 1), running, done(2, 3)]), at(1));
    // A window that lies within another one moves nothing back.
    assert_eq!(through(&[done(0, 4), done(1, 2), done(4, 5)]), at(5));
    assert_eq!(through(&[done(0, 10), done(10, 11)]), at(10));
}

#[test]
fn unavailable_time_is_complete_up_to_mark() {
    let mut progress = progress();
    progress.unavailable = vec![span(0, 2), span(3, 4)];
    assert_eq!(progress.complete_through(&[], &[]), at(2));
    assert_eq!(progress.complete_through(&[done(2, 3)], &[]), at(4));
    progress.unavailable = vec![span(0, 12)];
    assert_eq!(progress.complete_through(&[], &[]), at(10));
    progress.advance(&[], &[], 8);
    assert_eq!(progress.open_from, at(10));
}

#[test]
fn done_window_leaves_behind() {
    let mut progress = progress();
    progress.open_from = at(5);
    progress.behind = vec![at(1), at(2), at(3)];
    let behind = [
        done(1, 2),
        window(2, 3, Status::Parked),
        window(3, 4, Status::Ready),
    ];
    assert_eq!(progress.complete_through(&[], &behind), at(2));
    assert_eq!(progress.complete_through(&[], &behind[..1]), at(2));
    progress.advance(&[], &behind, 8);
    assert_eq!(progress.behind, [at(2), at(3)]);
}

#[test]
fn open_from_never_passes_scheduled_through() {
    let mut progress = progress();
    progress.open_from = at(9);
    let open = [done(9, 10), done(10, 11)];
    let passed = progress.advance(&open, &[], 8);
    assert_eq!(passed, [&open[0]]);
    assert_eq!(progress.open_from, at(10));
}

#[test]
fn open_from_stops_at_unfinished_window_in_unavailable_time() {
    let mut progress = progress();
    progress.unavailable = vec![span(0, 4)];
    let open = [
        done(0, 1),
        window(1, 2, Status::Running),
        window(2, 3, Status::Running),
        done(3, 4),
    ];
    progress.advance(&open, &[], 8);
    assert_eq!(progress.open_from, at(1));
}

#[test]
fn straggler_moves_behind_at_half_finished_range() {
    let behind_with = |finished: i64, of: i64, max: usize| {
        let mut progress = progress();
        let open: Vec<_> = (0..of)
            .map(|hour| match hour {
                hour if hour < of - finished => window(hour, hour + 1, Status::Running),
                hour => done(hour, hour + 1),
            })
            .collect();
        progress.advance(&open, &[], max);
        progress.behind
    };
    assert_eq!(behind_with(3, 8, 8), []);
    assert_eq!(behind_with(4, 8, 8)[0], at(0));
    assert_eq!(behind_with(4, 8, 9), [], "there is still room");
}

#[test]
fn old_sweep_counts_decay() {
    let counted = |late, known| {
        let mut progress = Progress {
            late,
            known,
            ..progress()
        };
        progress.count(1, 2);
        (progress.late, progress.known)
    };
    let most = limits::LATENESS_RECORDS;
    assert_eq!(counted(10, 90), (11, 92));
    assert_eq!(counted(10, most - 10), (11, most - 10 + 2));
    assert_eq!(counted(10, most), (6, most / 2 + 2));
    assert_eq!(counted(most, 10), (most / 2 + 1, 7));
}

#[test]
fn gaps_end_at_scheduled_through() {
    let progress = progress();
    assert_eq!(progress.gaps(&[]), [span(0, 10)]);
    let open = [done(0, 2), done(4, 8), done(12, 13)];
    assert_eq!(progress.gaps(&open), [span(2, 4), span(8, 10)]);
    let gone = Progress {
        unavailable: vec![span(2, 3)],
        ..progress
    };
    assert_eq!(gone.gaps(&open), [span(3, 4), span(8, 10)]);
}

#[test]
fn watermark_stays_before_window_in_unavailable_span() {
    // A worker claimed the window after the marks had declared its time unavailable.
    let claimed = window(4, 6, Status::Running);
    let mut progress = Progress {
        open_from: at(4),
        unavailable: vec![span(0, 8)],
        ..progress()
    };
    progress.advance(std::slice::from_ref(&claimed), &[], 8);
    assert_eq!(progress.watermark(), at(4));
    assert_eq!(progress.complete_through(&[claimed], &[]), at(4));
    assert_eq!(
        progress.complete_through(&[], &[]),
        at(8),
        "nothing is there"
    );
    progress.behind = vec![at(2)];
    assert_eq!(progress.watermark(), at(2));
}

#[test]
fn lane_rests_once_nothing_is_open() {
    let progress = progress();
    assert!(!progress.is_at_rest());
    let passed = Progress {
        open_from: at(10),
        ..progress
    };
    assert!(passed.is_at_rest());
    let behind = vec![at(2)];
    assert!(!Progress { behind, ..passed }.is_at_rest());
}
