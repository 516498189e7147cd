//! The start of each trouble, exact and as of the last tick.

use windlass_core::ids::WindowId;
use windlass_core::shard::Shards;
use windlass_core::summary::Summary;
use windlass_core::task::Task;
use windlass_core::time::MINUTE_MS;
use windlass_core::transition::{Cause, Event, Release};
use windlass_core::{Progress, SourceDefinition, Status, Window};
use windlass_orchestrator::{Dispatch, DispatchError, Tick, TickOptions};
use windlass_orchestrator::{Listed, overview};
use windlass_state::StateStore;

use super::*;
use crate::testing::{Bench, CONFIG, claimed};

/// A dispatch that loses every task.
struct Nowhere;

impl Dispatch for Nowhere {
    async fn dispatch(&self, _tasks: Vec<Task>) -> Result<(), DispatchError> {
        Ok(())
    }
}

/// A source with two windows of one hour, after the tick that created them.
struct Scene {
    store: Store,
    definition: SourceDefinition,
}

impl Scene {
    async fn new() -> Self {
        let bench = Bench::new(CONFIG);
        let (store, mut definition) = (bench.store(), bench.definition());
        definition.end = Some(definition.start.plus_ms(120 * MINUTE_MS));
        definition.policy.initial_ms = 60 * MINUTE_MS;
        definition.policy.clock = Some(windlass_core::trust::WhoseClock::Ours);
        definition.policy.max_lookback_ms = None;
        definition.policy.sweeps_ms = Vec::new();
        store
            .apply_source(&definition, at(&definition, 0))
            .await
            .unwrap();
        let scene = Self { store, definition };
        scene.tick(200).await;
        scene
    }

    async fn tick(&self, minute: i64) {
        let options = TickOptions {
            shards: Shards::ALL,
            dispatch_ms: Some(MINUTE_MS),
            share_request_rate: true,
            tasks_per_invocation: 1,
        };
        let tick = Tick {
            store: &self.store,
            dispatch: &Nowhere,
            options,
            suspects: None,
            now: at(&self.definition, minute),
        };
        let report = tick.run().await.unwrap();
        assert!(report.sources.iter().all(|source| source.error.is_none()));
    }

    /// The first window.
    async fn window(&self) -> Window {
        let marks = self
            .store
            .progress_of(self.definition.shard(), &self.definition.name);
        let id = WindowId {
            timeline: marks.await.unwrap().remove(0).timeline,
            from: self.definition.start,
        };
        self.store.window(&id).await.unwrap().unwrap()
    }

    /// Fails a run of the first window.
    async fn fail(&self, minute: i64) {
        let (window, now) = (self.window().await, at(&self.definition, minute));
        let lease = claimed(&self.store, &window, now).await;
        let release = Release {
            cause: Cause::Outage,
            not_before: None,
            error: Some("sample_vendor returned HTTP 500".to_owned()),
            now,
        };
        self.store.release(&lease, &release).await.unwrap();
    }

    async fn park(&self, minute: i64) {
        let park = Event::Park {
            reason: "page 3 is not JSON".to_owned(),
            now: at(&self.definition, minute),
        };
        let parked = self
            .store
            .decide(&self.window().await, &park)
            .await
            .unwrap();
        assert_eq!(parked.status(), Status::Parked);
    }

    /// The standing read exactly, and the standing from the listings.
    async fn both(&self, minute: i64) -> [Standing; 2] {
        let address = StateAddress::Sqlite("windlass.db".into());
        let surroundings = Surroundings {
            manifests: &Manifests::default(),
            config: None,
            address: &address,
            has_workers: true,
            now: at(&self.definition, minute),
        };
        let now = surroundings.now;
        let listed = overview(&self.store, now).await.unwrap().sources.remove(0);
        let (Listed::Open(view) | Listed::Resting(view)) = listed else {
            panic!("its marks can be read")
        };
        let exact = Reading::Exact(view.record.clone());
        let standing = async |source| {
            let source = (source, Known::AtRest);
            standing_of(&self.store, source, &surroundings)
                .await
                .unwrap()
        };
        [standing(exact).await, standing(Reading::Listed(view)).await]
    }
}

fn at(definition: &SourceDefinition, minute: i64) -> Timestamp {
    definition.start.plus_ms(minute * MINUTE_MS)
}

/// The members of `standing` in JSON that describe open windows and trouble.
fn shown(standing: &Standing) -> serde_json::Value {
    let json = standing.to_json();
    let member = |name: &str| (name.to_owned(), json[name].clone());
    let names = [
        "state", "exact", "trouble", "since", "open", "running", "parked", "holes",
    ];
    names
        .map(member)
        .into_iter()
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[tokio::test]
async fn untroubled_open_windows_are_counted() {
    let scene = Scene::new().await;
    let [exact, listed] = scene.both(201).await;
    let expected = |is_exact: bool| {
        json!({
            "state": "open", "exact": is_exact, "trouble": null, "since": null, "open": 2,
            "running": if is_exact { json!(0) } else { json!(null) }, "parked": 0, "holes": 0,
        })
    };
    assert_eq!(shown(&exact), expected(true));
    assert_eq!(shown(&listed), expected(false));
    assert!(exact.remarks().is_empty() && listed.remarks().is_empty());
}

#[tokio::test]
async fn failing_source_shows_first_failure() {
    let scene = Scene::new().await;
    for minute in [201, 205, 209] {
        scene.fail(minute).await;
        scene.tick(minute).await;
    }
    for standing in scene.both(210).await {
        let shown = shown(&standing);
        assert_eq!(shown["trouble"], "failing");
        assert_eq!(shown["since"], "2026-01-01T03:21:00.000Z");
    }
    let [exact, listed] = scene.both(210).await.map(|standing| standing.remarks());
    assert_eq!(
        exact,
        [
            "okta has been failing since 2026-01-01T03:21:00Z; the oldest open window \
             (2026-01-01T00:00:00Z) will be retried: sample_vendor returned HTTP 500"
        ]
    );
    assert_eq!(
        listed,
        [
            "okta has been failing since 2026-01-01T03:21:00Z; `windlass windows okta --open` \
             shows why"
        ]
    );
}

#[tokio::test]
async fn parked_since_does_not_move() {
    let scene = Scene::new().await;
    scene.park(205).await;
    for minute in [206, 220, 300] {
        scene.tick(minute).await;
        for standing in scene.both(minute).await {
            let shown = shown(&standing);
            assert_eq!(shown["trouble"], "parked", "{shown}");
            assert_eq!(shown["since"], "2026-01-01T03:25:00.000Z");
            assert_eq!((&shown["parked"], &shown["open"]), (&json!(1), &json!(1)));
            assert_eq!(
                standing.remarks(),
                [
                    "okta has had holes since 2026-01-01T03:25:00Z: `windlass windows okta \
                     --status parked` lists the parked windows, `windlass retry --all okta` \
                     retries them"
                ]
            );
        }
    }
}

#[tokio::test]
async fn missing_summary_shows_no_count() {
    let scene = Scene::new().await;
    let shard = scene.definition.shard();
    let marks = scene.store.progress_of(shard, &scene.definition.name);
    let older = Progress {
        summary: None,
        ..marks.await.unwrap().remove(0)
    };
    scene.store.save_progress(shard, &older).await.unwrap();
    let [exact, listed] = scene.both(201).await;
    assert_eq!(shown(&exact)["open"], 2);
    let shown = shown(&listed);
    assert_eq!(shown["state"], "open");
    assert_eq!(
        (&shown["open"], &shown["parked"]),
        (&json!(null), &json!(null))
    );
    let text = text(&[listed], Paint::PLAIN, None);
    assert!(text.contains("  -     -        -\n"), "{text}");
}

#[tokio::test]
async fn unplanned_source_shows_behind_since() {
    let scene = Scene::new().await;
    let shard = scene.definition.shard();
    let marks = scene.store.progress_of(shard, &scene.definition.name);
    let passed = Progress {
        open_from: scene.definition.start,
        scheduled_through: scene.definition.start,
        summary: Some(Summary::default()),
        ..marks.await.unwrap().remove(0)
    };
    scene.store.save_progress(shard, &passed).await.unwrap();
    let since = [300, 301].map(async |minute| {
        let [_, listed] = scene.both(minute).await;
        assert_eq!(shown(&listed)["trouble"], "behind");
        (shown(&listed)["since"].clone(), listed.remarks())
    });
    let [first, second] = since;
    let (first, second) = (first.await, second.await);
    assert_eq!(first, second, "it does not move");
    assert!(
        first.1[0].starts_with("okta has been behind since 2026-01-01T0"),
        "{first:?}"
    );
    assert!(first.1[0].ends_with(": start `windlass run`"), "{first:?}");
}

#[tokio::test]
async fn status_fits_terminal_and_names_omissions() {
    let scene = Scene::new().await;
    scene.fail(201).await;
    scene.tick(201).await;
    let [exact, listed] = scene.both(210).await;
    let standings = [exact, listed];
    for columns in [60, 80, 200] {
        let text = text(&standings, Paint::PLAIN, Some(columns));
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(columns), "{columns}: {widest:?}\n{text}");
    }
    insta::assert_snapshot!(text(&standings, Paint::PLAIN, Some(60)));
    insta::assert_snapshot!(text(&standings, Paint::PLAIN, Some(200)));
}
