use windlass_core::window::Status;

use super::*;
use crate::testing::{Bench, CONFIG, at, window};

/// A timeline of one-minute windows that are all done, with a file each that is not there.
async fn delivered(bench: &Bench, minutes: i64) -> (Store, Place, Vec<Progress>) {
    let (definition, store) = (bench.definition(), bench.store());
    store.apply_source(&definition, at(0)).await.unwrap();
    let first = window(&definition);
    for minute in 0..minutes {
        let mut done = Window {
            to: at(minute + 1),
            status: Status::Done,
            runs: 1,
            page: 1,
            sink_position: Some("r0:3:0".to_owned()),
            done_at: Some(at(1)),
            expires_at: Some(at(1_000_000)),
            ..first.clone()
        };
        done.id.from = at(minute);
        store.create(&done).await.unwrap();
    }
    let timeline = first.id.timeline;
    let begun = Progress::begin(timeline, at(0), None, &definition.policy, at(0));
    let carved = Progress {
        open_from: at(minutes),
        scheduled_through: at(minutes),
        ..begun
    };
    let place = folders::places(&bench.config()).remove(0);
    (store, place, vec![carved])
}

#[tokio::test]
async fn windows_beyond_one_read_are_looked_for_too() {
    let bench = Bench::new(CONFIG);
    let windows = i64::try_from(WINDOWS_PER_READ).unwrap() + 1;
    let (store, place, lanes) = delivered(&bench, windows).await;
    let ledger = Ledger {
        store: &store,
        place: &place,
        lanes,
    };
    let mut report = Report::default();
    ledger.check_windows(&mut report).await.unwrap();
    assert_eq!(i64::try_from(report.windows), Ok(windows));
    assert_eq!(report.to_json()["counts"]["missing"], windows);
}

#[tokio::test]
async fn file_before_the_marks_needs_no_window_unless_it_is_listed_behind() {
    let bench = Bench::new(CONFIG);
    let (store, place, mut lanes) = delivered(&bench, 30).await;
    lanes[0].behind = vec![at(5)];
    let ledger = Ledger {
        store: &store,
        place: &place,
        lanes,
    };
    for (from, to, is_passed) in [
        (0, Some(5), true),
        (5, Some(10), false),
        (20, Some(30), true),
        (20, Some(31), false),
        (29, None, true),
        (30, None, false),
    ] {
        let mut window = window(&bench.definition()).id;
        window.from = at(from);
        let file = FileName {
            window,
            kind: Kind::Lines,
            stage: Stage::Output { to: to.map(at) },
        };
        assert_eq!(ledger.is_passed(&file), is_passed, "{from} {to:?}");
    }
}

#[tokio::test]
async fn file_whose_window_is_gone_is_foreign_only_after_the_marks() {
    let bench = Bench::new(CONFIG);
    let (store, place, lanes) = delivered(&bench, 30).await;
    let ledger = Ledger {
        store: &store,
        place: &place,
        lanes,
    };
    for (from, problem) in [(-10, None), (40, Some(Problem::Foreign))] {
        let mut window = window(&bench.definition()).id;
        window.from = at(from);
        let name = FileName {
            window,
            kind: Kind::Lines,
            stage: Stage::Output {
                to: Some(at(from + 1)),
            },
        };
        let file = FolderFile {
            path: place.dir.join(name.path()),
            bytes: 3,
            name: Some(name),
        };
        fs::create_dir_all(file.path.parent().unwrap()).unwrap();
        fs::write(&file.path, "{}\n").unwrap();
        assert_eq!(ledger.check_file(&file).await.unwrap(), problem);
    }
}
