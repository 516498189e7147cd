use std::fs;
use std::path::{Path, PathBuf};

use windlass_core::progress::Progress;
use windlass_core::window::Status;
use windlass_sink::ndjson::Readers;

use super::*;
use crate::testing::{Bench, CONFIG, at, window};

/// A folder and a state whose timeline of `okta` has one window of ten minutes.
struct Scene {
    bench: Bench,
    store: SqliteStore,
    folder: Folder,
    window: Window,
}

impl Scene {
    /// A scene with the window modified by `change`.
    async fn new(change: impl FnOnce(Window) -> Window) -> Self {
        let bench = Bench::new(CONFIG);
        let definition = bench.definition();
        let store = SqliteStore::open(&bench.path("windlass.db")).unwrap();
        store.apply_source(&definition, at(0)).await.unwrap();
        let window = change(window(&definition));
        store.create(&window).await.unwrap();
        let timeline = window.id().timeline.clone();
        let begun = Progress::begin(timeline, window.id().from, None, &definition.policy, at(0));
        let created = Progress {
            scheduled_through: window.to(),
            ..begun
        };
        let shard = definition.shard();
        store.save_progress(shard, &created).await.unwrap();
        fs::create_dir(bench.path("out")).unwrap();
        let folder = Folder::take("lake", &bench.path("out"), Readers::Owner).unwrap();
        Self {
            bench,
            store,
            folder,
            window,
        }
    }

    /// Creates a file of the window that starts at minute `from` in the folder.
    fn put(&self, from: i64, stage: Stage, text: &str) -> PathBuf {
        let mut window = self.window.id().clone();
        window.from = at(from);
        let name = FileName {
            window,
            kind: Kind::Lines,
            stage,
        };
        let path = self.folder.dir().join(name.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Moves the first open instant two days past the window, which stays listed in `behind`.
    async fn leave_behind(&self) {
        let shard = self.bench.definition().shard();
        let source = &self.window.id().timeline.source;
        let stored = self.store.progress_of(shard, source).await.unwrap();
        let [stored] = <[Progress; 1]>::try_from(stored).unwrap();
        let open_from = self.window.to().plus_ms(2 * DAY_MS);
        let moved = Progress {
            open_from,
            scheduled_through: open_from,
            behind: vec![self.window.id().from],
            ..stored
        };
        self.store.save_progress(shard, &moved).await.unwrap();
    }

    /// Moves the first open instant to the end of the window.
    async fn catch_up(&self) {
        let shard = self.bench.definition().shard();
        let source = &self.window.id().timeline.source;
        let stored = self.store.progress_of(shard, source).await.unwrap();
        let [stored] = <[Progress; 1]>::try_from(stored).unwrap();
        let moved = Progress {
            open_from: self.window.to(),
            ..stored
        };
        self.store.save_progress(shard, &moved).await.unwrap();
    }

    async fn look(&self) -> Differences {
        let mut differences = Differences::default();
        differences
            .look(&self.folder, &self.store, &self.bench.definition())
            .await
            .unwrap();
        differences
    }
}

fn done(window: Window) -> Window {
    window.with(|form| {
        form.status = Status::Done;
        form.page = 1;
        form.runs = 1;
        form.sink_position = Some("r0:3:0".to_owned());
        form.done_at = Some(at(1));
        form.expires_at = Some(at(1_000_000));
    })
}

fn released(window: Window) -> Window {
    window.with(|form| form.runs = 1)
}

fn until(minute: i64) -> Stage {
    let to = Some(at(minute));
    Stage::Output { to }
}

fn is_there(path: &Path) -> bool {
    path.exists()
}

#[tokio::test]
async fn file_without_window_is_rejected_unchanged() {
    let scene = Scene::new(done).await;
    scene.put(0, until(10), "{}\n");
    let newer = scene.put(10, until(20), "{}\n");
    let part = scene.put(20, Stage::Part { restarts: 0 }, "{}\n");
    for _ in 0..3 {
        let refused = scene.look().await.check(&scene.folder).unwrap_err();
        let (files, sources) = (1, 1);
        let dir = scene.folder.dir().to_owned();
        let ahead = ClaimError::Ahead {
            dir,
            files,
            sources,
        };
        assert_eq!(refused, ahead);
    }
    assert!(is_there(&newer) && is_there(&part));
}

#[tokio::test]
async fn file_ahead_of_its_window_is_rejected() {
    for (page, is_behind) in [(1, false), (2, true)] {
        let scene = Scene::new(|window| released(window).with(|form| form.page = 1)).await;
        let id = scene.window.id();
        let line = format!("{{\"_windlass\":{{\"window\":\"{id}\",\"page\":{page}}}}}\n");
        let file = scene.put(0, until(10), &line);
        let differences = scene.look().await;
        assert_eq!(differences.check(&scene.folder).is_err(), is_behind);
        assert_eq!(differences.early, u64::from(!is_behind));
        assert_eq!(fs::read_to_string(file).unwrap(), line);
    }
}

#[tokio::test]
async fn part_without_unfinished_window_is_removed() {
    let scene = Scene::new(released).await;
    let own = scene.put(0, Stage::Part { restarts: 0 }, "{}\n");
    let left = scene.put(5, Stage::Part { restarts: 0 }, "{}\n");
    let differences = scene.look().await;
    differences.check(&scene.folder).unwrap();
    differences.tidy(&scene.folder).unwrap();
    assert!(is_there(&own) && !is_there(&left));
}

#[tokio::test]
async fn part_of_lost_restart_is_removed() {
    let scene = Scene::new(|window| released(window).with(|form| form.restarts = 1)).await;
    let parts = [0, 1, 2].map(|restarts| scene.put(0, Stage::Part { restarts }, "{}\n"));
    let differences = scene.look().await;
    differences.check(&scene.folder).unwrap();
    differences.tidy(&scene.folder).unwrap();
    assert_eq!(
        parts.each_ref().map(|path| is_there(path)),
        [true, true, false]
    );
}

#[tokio::test]
async fn files_of_behind_windows_are_always_compared() {
    for (text, changed) in [("{}\n", 0), ("{}", 1)] {
        let scene = Scene::new(done).await;
        scene.leave_behind().await;
        scene.put(0, until(10), text);
        let left = scene.put(0, Stage::Part { restarts: 0 }, "{}\n");
        let differences = scene.look().await;
        assert_eq!(differences.changed, changed, "{text:?}");
        differences.tidy(&scene.folder).unwrap();
        assert!(!is_there(&left));
    }
}

#[tokio::test]
async fn complete_file_of_split_window_is_renamed() {
    let scene = Scene::new(released).await;
    let before = scene.put(0, until(20), "{}\n");
    let differences = scene.look().await;
    differences.check(&scene.folder).unwrap();
    differences.tidy(&scene.folder).unwrap();
    assert!(!is_there(&before));
    let files: Vec<_> = scene.folder.files().unwrap().map(Result::unwrap).collect();
    let stages: Vec<_> = files.iter().filter_map(|file| file.name.as_ref()).collect();
    assert_eq!(stages.len(), 1);
    assert_eq!(stages[0].stage, until(10));
}

#[tokio::test]
async fn file_inside_done_time_is_untouched() {
    let scene = Scene::new(done).await;
    scene.put(0, until(10), "{}\n");
    let inside = scene.put(5, until(15), "{}\n");
    let differences = scene.look().await;
    differences.check(&scene.folder).unwrap();
    differences.tidy(&scene.folder).unwrap();
    assert!(is_there(&inside));
    assert_eq!(differences.changed, 0);
}

#[tokio::test]
async fn missing_or_changed_files_are_counted() {
    for (text, changed) in [
        (None, 1),
        (Some("{}"), 1),
        (Some("{}\n"), 0),
        (Some("{}\n{}\n"), 1),
    ] {
        let scene = Scene::new(done).await;
        if let Some(text) = text {
            scene.put(0, until(10), text);
        }
        let differences = scene.look().await;
        assert_eq!(differences.changed, changed, "{text:?}");
        differences.check(&scene.folder).unwrap();
    }
}

#[tokio::test]
async fn recent_files_are_compared_after_caught_up_run() {
    for (text, changed) in [(None, 1), (Some("{}"), 1), (Some("{}\n"), 0)] {
        let scene = Scene::new(done).await;
        if let Some(text) = text {
            scene.put(0, until(10), text);
        }
        scene.catch_up().await;
        let differences = scene.look().await;
        assert_eq!(differences.changed, changed, "{text:?}");
        assert_eq!(differences.changed_named.len() as u64, changed);
        differences.check(&scene.folder).unwrap();
    }
}

#[tokio::test]
async fn files_before_first_open_window_are_accepted() {
    let scene = Scene::new(released).await;
    scene.put(-10, until(0), "{}\n");
    scene.look().await.check(&scene.folder).unwrap();
}
