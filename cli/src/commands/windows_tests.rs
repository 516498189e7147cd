use windlass_core::ids::WindowId;
use windlass_core::transition::Event;

use super::*;
use crate::testing::{Bench, CONFIG, OUTPUT, at, parked, window};

/// The filter of `windlass windows okta`.
fn wanted() -> Wanted {
    let args = WindowsArgs {
        source: "okta".to_owned(),
        from: None,
        to: None,
        status: None,
        lane: None,
        open: false,
        all: false,
        limit: None,
    };
    Wanted::new(&args, false).unwrap()
}

fn on(lane: &str, day: u8) -> Window {
    let id = format!("okta/0123456789ab/{lane}/2026-01-{day:02}T00:00:00.000Z");
    Window::new(id.parse().unwrap(), Timestamp::MAX, Timestamp::MIN).unwrap()
}

fn done(window: Window) -> Window {
    window.with(|form| form.status = Status::Done)
}

fn picked(windows: &[Window], wanted: &Wanted) -> Picked {
    let mut picked = Picked::default();
    // A lane can be read in two parts.
    for part in windows.chunks(2) {
        picked.add(part.to_vec(), wanted);
    }
    picked
}

fn days(picked: &Picked) -> Vec<String> {
    let day = |window: &Window| window.id().from.to_string()[8..10].to_owned();
    picked.windows.iter().map(day).collect()
}

#[test]
fn latest_windows_start_last_in_any_lane() {
    let windows = [
        on("live", 3),
        on("live", 4),
        on("backfill-older", 1),
        done(on("backfill-older", 2)),
    ];
    let latest = |limit| picked(&windows, &Wanted { limit, ..wanted() });
    assert_eq!(days(&latest(4)), ["01", "02", "03", "04"]);
    assert_eq!(days(&latest(2)), ["03", "04"]);
    assert!(days(&latest(0)).is_empty());
    assert_eq!(
        latest(2).notes(&wanted()),
        [
            "the latest 2 of 4 windows; `--limit` changes the number",
            "1 earlier window is not done; `--open` lists it"
        ]
    );
    assert_eq!(
        latest(0).notes(&wanted())[1],
        "3 earlier windows are not done; `--open` lists them"
    );
    assert!(latest(4).notes(&wanted()).is_empty());
}

#[test]
fn oldest_open_windows_come_first() {
    let open = |limit| Wanted {
        open: true,
        limit,
        ..wanted()
    };
    let windows = [
        on("live", 4),
        done(on("live", 3)),
        on("sweep-1", 2),
        on("live", 1),
    ];
    assert_eq!(days(&picked(&windows, &open(9))), ["01", "02", "04"]);
    let oldest = picked(&windows, &open(1));
    assert_eq!(days(&oldest), ["01"]);
    assert_eq!(
        oldest.notes(&open(1)),
        ["the oldest 1 of 3 windows; `--limit` changes the number"]
    );
}

#[test]
fn skipped_sweep_windows_are_only_counted() {
    let read = done(on("sweep-1", 2)).with(|form| form.runs = 1);
    let lapsed = done(on("sweep-1", 3))
        .with(|form| form.last_error = Some("the vendor no longer keeps it".to_owned()));
    let windows = [
        done(on("sweep-1", 1)),
        read,
        lapsed,
        on("sweep-2", 4),
        done(on("live", 5)),
        done(on("sweep-2", 6)),
    ];
    let few = picked(&windows, &wanted());
    assert_eq!(days(&few), ["02", "03", "04", "05"]);
    assert_eq!(
        few.notes(&wanted()),
        ["2 sweep windows had nothing to read; `--all` lists them too"]
    );
    let all = Wanted {
        quiet: true,
        ..wanted()
    };
    assert_eq!(picked(&windows, &all).windows.len(), 6);
    assert!(picked(&windows, &all).notes(&all).is_empty());
}

#[tokio::test]
async fn parked_window_is_found_among_many_later() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    let record = store.apply_source(&definition, at(0)).await.unwrap();
    let hole = parked(&store, &definition).await;
    let mut from = hole.to();
    for _ in 0..LISTED_DEFAULT {
        let id = WindowId {
            from,
            timeline: hole.id().timeline.clone(),
        };
        let later = Window::new(id, from.plus_ms(60_000), at(0)).unwrap();
        from = later.to();
        store.create(&later).await.unwrap();
        let park = Event::Park {
            reason: "later".to_owned(),
            now: at(1),
        };
        store.decide(&later, &park).await.unwrap();
    }
    let view = read_source(&store, record, at(2)).await.unwrap();
    let names = |picked: Picked| -> Vec<_> {
        let windows = picked.windows.into_iter();
        windows.map(|window| window.id().clone()).collect()
    };
    let latest = names(pick(&store, &view, &wanted()).await.unwrap());
    assert!(latest.len() == LISTED_DEFAULT && !latest.contains(hole.id()));
    let open = Wanted {
        open: true,
        limit: usize::MAX,
        ..wanted()
    };
    let open = names(pick(&store, &view, &open).await.unwrap());
    assert_eq!(open.len(), LISTED_DEFAULT + 1);
    assert_eq!(&open[0], hole.id());
}

#[tokio::test]
async fn unknown_lane_lists_known_ones() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    let record = store.apply_source(&definition, at(0)).await.unwrap();
    store.create(&window(&definition)).await.unwrap();
    let view = read_source(&store, record, at(1)).await.unwrap();
    let lane = |name: &str| Wanted {
        lane: Some(name.parse().unwrap()),
        ..wanted()
    };
    let live = pick(&store, &view, &lane("live")).await.unwrap();
    assert_eq!(live.windows.len(), 1);
    let refused = pick(&store, &view, &lane("sweep-7")).await.err().unwrap();
    assert_eq!(ExitCode::of(&refused), ExitCode::Usage);
    assert_eq!(
        refused.to_string(),
        "source okta has no lane `sweep-7`; its lanes: live, sweep-1, sweep-2"
    );
}

#[tokio::test]
async fn empty_list_of_known_source_succeeds() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    store.apply_source(&definition, at(0)).await.unwrap();
    let args = WindowsArgs {
        source: "okta".to_owned(),
        from: Some(at(1)),
        to: Some(at(0)),
        status: None,
        lane: None,
        open: false,
        all: false,
        limit: None,
    };
    let refused = windows(&bench.state(), &args, OUTPUT).await.unwrap_err();
    assert_eq!(ExitCode::of(&refused), ExitCode::Usage);
    let args = WindowsArgs { to: None, ..args };
    let listed = windows(&bench.state(), &args, OUTPUT).await.unwrap();
    assert_eq!(listed, ExitCode::Success);
}
