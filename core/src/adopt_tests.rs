use proptest::prelude::*;

use super::*;
use crate::invariant::check_timeline;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

fn policy() -> Policy {
    Policy {
        unit_ms: 1,
        initial_ms: 10 * MINUTE_MS,
        min_ms: MINUTE_MS,
        max_ms: 6 * HOUR_MS,
        every_ms: 5 * MINUTE_MS,
        settle_ms: 10 * MINUTE_MS,
        max_lookback_ms: None,
        max_in_flight: 4,
        max_open_windows: 8,
        rate_group: "okta:acme".parse().unwrap(),
        group_in_flight: 8,
        requests_per_minute: None,
        history_ms: 7 * DAY_MS,
        strict_order: None,
        sweeps_ms: Vec::new(),
        clock: None,
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_ms(minute * MINUTE_MS)
}

fn timeline() -> Timeline {
    Timeline {
        source: "okta".parse().unwrap(),
        generation: "0123456789ab".parse().unwrap(),
        lane: Lane::Live,
    }
}

fn fresh() -> Progress {
    Progress::begin(timeline(), at(0), None, &policy(), at(0))
}

fn window(from: i64, to: i64, status: Status) -> Window {
    let id = WindowId {
        timeline: timeline(),
        from: at(from),
    };
    Window::new(id, at(to), at(from)).unwrap().with(|form| {
        form.status = status;
        form.done_at = (status == Status::Done).then(|| at(to));
    })
}

fn file(from: i64, to: Option<i64>, newest: i64) -> CompleteFile {
    CompleteFile {
        from: at(from),
        to: to.map(at),
        newest: Some(at(newest)),
        position: "r0:10:0".to_owned(),
        content: Content::Whole,
    }
}

fn adopted(progress: &Progress, windows: &[Window], files: &[CompleteFile]) -> Adoption {
    adopt(&Remains {
        progress,
        windows,
        files,
        policy: &policy(),
        now: at(10_000),
    })
    .unwrap()
}

/// `from-to status` of each window, in minutes.
fn spans(windows: &[Window]) -> Vec<String> {
    let minute = |time: Timestamp| time.as_ms() / MINUTE_MS;
    windows
        .iter()
        .map(|it| {
            format!(
                "{}-{} {}",
                minute(it.id().from),
                minute(it.to()),
                it.status()
            )
        })
        .collect()
}

/// The stored windows after `adoption`.
fn after(windows: &[Window], adoption: &Adoption) -> Vec<Window> {
    let mut stored: BTreeMap<_, _> = windows
        .iter()
        .map(|it| (it.id().from, it.clone()))
        .collect();
    for from in &adoption.remove {
        stored.remove(from);
    }
    for window in &adoption.put {
        stored.insert(window.id().from, window.clone());
    }
    stored.into_values().collect()
}

#[test]
fn lost_state_gets_done_window_per_file() {
    let files = [file(0, Some(10), 5), file(20, Some(30), 25)];
    let adoption = adopted(&fresh(), &[], &files);
    assert_eq!(spans(&adoption.put), ["0-10 done", "20-30 done"]);
    assert_eq!(adoption.put[0].sink_position(), Some("r0:10:0"));
    assert_eq!(adoption.progress.scheduled_through, at(30));
    assert_eq!(adoption.progress.open_from, at(0));
    let gaps = adoption.progress.gaps(&adoption.put);
    assert_eq!(gaps, [Span::new(at(10), at(20)).unwrap()]);
}

#[test]
fn endless_file_is_reread_up_to_next() {
    let files = [file(0, None, 5), file(20, None, 25), file(30, Some(40), 35)];
    let adoption = adopted(&fresh(), &[], &files);
    assert_eq!(
        spans(&adoption.put),
        ["0-20 ready", "20-30 ready", "30-40 done"]
    );
    assert!(adoption.put[0].adopted() && !adoption.put[2].adopted());
}

#[test]
fn last_endless_file_is_reread_within_settled_time() {
    let last = adopted(&fresh(), &[], &[file(9_980, None, 9_981)]);
    assert!(last.put[0].to() < at(10_000) && last.put[0].to() > at(9_981));
    let early = adopted(&fresh(), &[], &[file(0, None, 5)]);
    assert_eq!(spans(&early.put), ["0-360 ready"]);
}

#[test]
fn endless_file_beside_its_reread_is_known() {
    let files = [file(0, None, 5), file(0, Some(20), 7)];
    let adoption = adopted(&fresh(), &[], &files);
    assert_eq!(spans(&adoption.put), ["0-20 done"]);
}

#[test]
fn file_being_reread_is_known() {
    let files = [file(0, None, 5)];
    let first = adopted(&fresh(), &[], &files);
    let second = adopted(&first.progress, &first.put, &files);
    assert_eq!(second.put, Vec::<Window>::new());
}

#[test]
fn older_state_learns_later_files() {
    let progress = Progress {
        open_from: at(10),
        scheduled_through: at(40),
        ..fresh()
    };
    let windows = [window(10, 20, Status::Done), window(20, 40, Status::Ready)];
    // The window at 20 was split after the copy was taken.
    let files = [
        file(0, Some(10), 5),
        file(10, Some(20), 15),
        file(20, Some(30), 25),
        file(50, Some(60), 55),
    ];
    let adoption = adopted(&progress, &windows, &files);
    assert_eq!(
        spans(&adoption.put),
        ["20-30 done", "30-40 ready", "50-60 done"]
    );
    assert_eq!(adoption.remove, [at(20)]);
    assert_eq!(adoption.overlapping, 0);
    assert_eq!(adoption.progress.scheduled_through, at(60));
}

#[test]
fn rest_of_window_behind_stays_in_behind() {
    let progress = Progress {
        open_from: at(40),
        scheduled_through: at(40),
        behind: vec![at(10)],
        ..fresh()
    };
    let windows = [window(10, 30, Status::Parked)];
    let adoption = adopted(&progress, &windows, &[file(10, Some(20), 15)]);
    assert_eq!(spans(&adoption.put), ["10-20 done", "20-30 ready"]);
    assert_eq!(adoption.progress.behind, [at(20)]);
}

#[test]
fn time_between_sweep_files_counts_as_swept() {
    let mut progress = fresh();
    progress.timeline.lane = Lane::Sweep(1);
    let files = [file(10, Some(20), 15), file(30, Some(40), 35)];
    let adoption = adopted(&progress, &[], &files);
    let expected = ["0-10 done", "10-20 done", "20-30 done", "30-40 done"];
    assert_eq!(spans(&adoption.put), expected);
}

#[test]
fn file_inside_others_counts_as_overlapping() {
    let files = [file(0, Some(30), 5), file(10, Some(20), 15)];
    let adoption = adopted(&fresh(), &[], &files);
    assert_eq!((adoption.put.len(), adoption.overlapping), (1, 1));
}

#[test]
fn too_many_pieces_for_behind_fail() {
    let progress = Progress {
        open_from: at(1_000),
        scheduled_through: at(1_000),
        behind: vec![at(0)],
        ..fresh()
    };
    let windows = [window(0, 1_000, Status::Ready)];
    let pieces = i64::try_from(limits::BEHIND_MAX).unwrap() + 1;
    let files: Vec<_> = (0..pieces)
        .map(|number| file(10 * number, Some(10 * number + 5), 10 * number))
        .collect();
    let refused = adopt(&Remains {
        progress: &progress,
        windows: &windows,
        files: &files,
        policy: &policy(),
        now: at(10_000),
    });
    assert_eq!(refused.unwrap_err().max, limits::BEHIND_MAX);
}

#[test]
fn span_of_damaged_file_is_reread() {
    let damaged = |content| CompleteFile {
        content,
        ..file(10, Some(20), 15)
    };
    let done = [
        window(0, 10, Status::Done),
        window(10, 20, Status::Done),
        window(20, 30, Status::Done),
    ];
    for (content, has_some) in [(Content::Part, true), (Content::Nothing, false)] {
        let files = [
            file(0, Some(10), 5),
            damaged(content),
            file(20, Some(30), 25),
        ];
        for windows in [&done[..], &[]] {
            let progress = Progress {
                scheduled_through: at(30),
                ..fresh()
            };
            let adoption = adopted(&progress, windows, &files);
            let stored = after(windows, &adoption);
            assert_eq!(spans(&stored), ["0-10 done", "10-20 ready", "20-30 done"]);
            assert_eq!(stored[1].adopted(), has_some);
        }
    }
}

#[test]
fn damaged_file_yields_to_covering_file() {
    let damaged = CompleteFile {
        content: Content::Part,
        ..file(0, Some(20), 5)
    };
    let files = [damaged, file(0, Some(30), 5)];
    assert_eq!(spans(&adopted(&fresh(), &[], &files).put), ["0-30 done"]);
}

prop_compose! {
    /// Windows that touch, some of them done, and files over any time.
    fn remains()(
        widths in prop::collection::vec((1_i64..30, 0_usize..3), 0..10),
        files in prop::collection::vec((0_i64..300, 1_i64..40, any::<bool>()), 0..12),
        open in 0_usize..4,
    ) -> (Progress, Vec<Window>, Vec<CompleteFile>) {
        let mut at_minute = 0;
        let mut windows = Vec::new();
        for (width, status) in widths {
            let status = [Status::Done, Status::Ready, Status::Parked][status];
            windows.push(window(at_minute, at_minute + width, status));
            at_minute += width;
        }
        let mut progress = Progress { scheduled_through: at(at_minute), ..fresh() };
        for passed in windows.iter().take(open) {
            progress.open_from = passed.to();
            if passed.is_unfinished() {
                progress.behind.push(passed.id().from);
            }
        }
        let behind = progress.behind.clone();
        windows.retain(|it| it.id().from >= progress.open_from || behind.contains(&it.id().from));
        let mut files: Vec<_> = files
            .into_iter()
            .map(|(from, width, whole)| file(from, whole.then_some(from + width), from + width - 1))
            .collect();
        files.sort_by_key(|file| (file.from, file.to));
        (progress, windows, files)
    }
}

proptest! {
    #[test]
    fn adopting_never_overlaps_or_undoes_done_windows((progress, windows, files) in remains()) {
        let adoption = adopted(&progress, &windows, &files);
        let stored = after(&windows, &adoption);
        for pair in stored.windows(2) {
            prop_assert!(pair[0].to() <= pair[1].id().from, "{:?}", spans(&stored));
        }
        for done in windows.iter().filter(|it| !it.is_unfinished()) {
            prop_assert!(stored.contains(done));
        }
        for file in files.iter().filter(|it| it.to.is_some()) {
            // No window reads the time of a file again.
            let covers = |it: &&Window| it.is_unfinished()
                && it.id().from < file.to.unwrap() && file.from < it.to();
            prop_assert!(!stored.iter().any(|it| covers(&it)), "{:?}", spans(&stored));
        }
        let open: Vec<_> = stored
            .iter()
            .filter(|it| it.id().from >= adoption.progress.open_from)
            .cloned()
            .collect();
        // The planner closes gaps.
        let gaps = adoption.progress.gaps(&open);
        let mended = gaps.iter().map(|gap| {
            let id = WindowId { timeline: timeline(), from: gap.from() };
            Window::new(id, gap.to(), at(0)).unwrap()
        });
        let mut whole: Vec<_> = open.iter().cloned().chain(mended).collect();
        whole.sort_by_key(|it| it.id().from);
        prop_assert_eq!(check_timeline(&adoption.progress, &whole), Ok(()));
    }

    #[test]
    fn adopting_is_idempotent((progress, windows, files) in remains()) {
        let first = adopted(&progress, &windows, &files);
        let stored = after(&windows, &first);
        let seen: Vec<_> = stored
            .into_iter()
            .filter(|it| {
                it.id().from >= first.progress.open_from
                    || first.progress.behind.contains(&it.id().from)
                    || !it.is_unfinished()
            })
            .collect();
        let second = adopted(&first.progress, &seen, &files);
        prop_assert_eq!(second.put, Vec::<Window>::new());
        prop_assert_eq!(second.remove, Vec::<Timestamp>::new());
        prop_assert_eq!(second.progress, first.progress);
    }
}
