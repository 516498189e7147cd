use std::sync::LazyLock;
use windlass_core::Progress;

use windlass_core::ids::{Lane, Timeline};
use windlass_core::transition::{Cause, Release};
use windlass_core::trust::PlanTime;
use windlass_core::wait::Cooldown;
use windlass_state::StateStore;

use super::*;
use crate::testing::{Bench, CONFIG, at, block, claimed, window};

/// The built-in manifests.
static MANIFESTS: LazyLock<Manifests<'static>> = LazyLock::new(|| Manifests::with(None));

async fn standing(store: &Store, has_workers: bool, now: Timestamp) -> Standing {
    let record = store.all_sources().await.unwrap().remove(0);
    let address = StateAddress::Sqlite("windlass.db".into());
    exact(store, record, &surroundings(&address, has_workers, now)).await
}

/// The standing of `record`, read exactly.
async fn exact(store: &Store, record: SourceRecord, surroundings: &Surroundings<'_>) -> Standing {
    let group = &record.definition.policy.rate_group;
    let known = Known::read(store, group).await.unwrap();
    let source = (Reading::Exact(record), known);
    standing_of(store, source, surroundings).await.unwrap()
}

fn surroundings(address: &StateAddress, has_workers: bool, now: Timestamp) -> Surroundings<'_> {
    Surroundings {
        manifests: &MANIFESTS,
        config: None,
        address,
        has_workers,
        now,
    }
}

fn state(standing: &Standing) -> String {
    standing.to_json()["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn state_follows_source_life_and_shows_failure() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    let now = definition.start.plus_ms(1_000_000);
    let new = not_started(&definition, now);
    let address = bench.config().state;
    let before = exact(&store, new, &surroundings(&address, false, now)).await;
    assert_eq!(before.to_json()["state"], "not started");

    store.apply_source(&definition, now).await.unwrap();
    let window = window(&definition);
    store.create(&window).await.unwrap();
    let lease = claimed(&store, &window, now).await;
    assert_eq!(state(&standing(&store, true, now).await), "running");
    assert_eq!(state(&standing(&store, false, now).await), "interrupted");

    let release = Release {
        cause: Cause::Outage,
        not_before: Some(now.plus_ms(20_000)),
        error: Some("nobody answers".to_owned()),
        now,
    };
    store.release(&lease, &release).await.unwrap();
    let standing = standing(&store, true, now).await;
    assert_eq!(standing.to_json()["last_error"], "nobody answers");
    assert_eq!(
        standing.remarks(),
        [
            "okta has been failing since 2026-01-01T00:16:40Z; the oldest open window \
             (2026-01-01T00:00:00Z) waits until 2026-01-01T00:17:00Z: nobody answers"
        ]
    );
}

#[tokio::test]
async fn unplanned_settled_time_is_not_caught_up() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    store.apply_source(&definition, at(0)).await.unwrap();
    let settled = definition.policy.settle_ms + definition.policy.every_ms;
    let edge = |later_ms: i64| definition.start.plus_ms(settled + later_ms);
    assert_eq!(state(&standing(&store, true, edge(0)).await), "not started");
    let live = window(&definition).id().timeline.clone();
    let begun = Progress::begin(live, definition.start, None, &definition.policy, at(0));
    store
        .save_progress(definition.shard(), &begun)
        .await
        .unwrap();
    assert_eq!(state(&standing(&store, true, edge(0)).await), "caught up");
    let late = standing(&store, true, edge(10 * 60_000)).await;
    assert_eq!(state(&late), "behind");
}

#[tokio::test]
async fn paused_endangered_source_shows_deadline() {
    const HOUR_MS: i64 = 3_600_000;
    let bench = Bench::new(CONFIG);
    let (store, mut definition) = (bench.store(), bench.definition());
    definition.policy.max_lookback_ms = Some(100 * HOUR_MS);
    store.apply_source(&definition, at(0)).await.unwrap();
    let (shard, name) = (definition.shard(), &definition.name);
    store.set_pause(shard, name, Some(at(0))).await.unwrap();
    let later = |hours: i64| definition.start.plus_ms(hours * HOUR_MS);
    let safe = standing(&store, true, later(90)).await;
    assert_eq!(safe.danger(), None);
    assert_eq!(safe.to_json()["retention_left_ms"], 10 * HOUR_MS);
    let endangered = standing(&store, true, later(97)).await;
    assert_eq!(
        endangered.danger().as_deref(),
        Some("okta loses records in 3h: undelivered time nears the vendor's retention")
    );
    let shown = text(&[endangered], Paint::PLAIN, None);
    assert!(shown.lines().all(|line| line.len() <= 80), "{shown}");
    let losing = standing(&store, true, later(102)).await;
    assert_eq!(
        losing.danger().as_deref(),
        Some("okta has been losing records since 2026-01-05T04:00:00Z: the vendor drops them")
    );
    let shown = text(&[losing], Paint::PLAIN, None);
    assert!(shown.lines().all(|line| line.len() <= 80), "{shown}");
}

#[tokio::test]
async fn late_vendor_reads_like_this() {
    let bench = Bench::new(CONFIG);
    let (store, mut definition) = (bench.store(), bench.definition());
    let hour_ms = 3_600_000;
    definition.policy.sweeps_ms = vec![24 * hour_ms, 72 * hour_ms];
    definition.policy.max_lookback_ms = Some(100 * hour_ms);
    definition.policy.settle_ms = hour_ms / 6;
    store.apply_source(&definition, at(0)).await.unwrap();
    let live = window(&definition).id().timeline.clone();
    for (lane, late) in [
        (Lane::Live, 0),
        (Lane::Sweep(1), 1_400),
        (Lane::Sweep(2), 300),
    ] {
        let timeline = Timeline {
            lane,
            ..live.clone()
        };
        let begun = Progress::begin(timeline, definition.start, None, &definition.policy, at(0));
        let known = 1_000_000 - late;
        let found = Progress {
            late,
            known,
            ..begun
        };
        let shard = definition.shard();
        store.save_progress(shard, &found).await.unwrap();
    }
    let now = definition.start.plus_ms(97 * hour_ms);
    let shown = text(&[standing(&store, true, now).await], Paint::PLAIN, None);
    insta::assert_snapshot!(shown, @r"
    source  state   complete through      lag    rec/h  open  running  holes
    okta    behind  2026-01-01T00:00:00Z  4d 1h  -      0     0        0
    okta loses records in 3h: undelivered time nears the vendor's retention
    okta has been behind since 2026-01-01T00:17:02Z: start `windlass run`
    okta: late-arriving records: 0.14 % after 1d, 0.03 % after 3d
    okta: `settle` is 10m; with 2h, sweeps would find 1 in 1,000 records
    ");
    assert!(shown.lines().all(|line| line.len() <= 80));
}

#[tokio::test]
async fn requested_wait_is_shown_once_in_seconds() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    let now = definition.start.plus_ms(3_600_000);
    store.apply_source(&definition, now).await.unwrap();
    let window = window(&definition);
    store.create(&window).await.unwrap();
    let lease = claimed(&store, &window, now).await;
    let until = now.plus_ms(20_417);
    let release = |error: &str| Release {
        cause: Cause::Outage,
        not_before: Some(until),
        error: Some(error.to_owned()),
        now,
    };
    store.release(&lease, &release("429")).await.unwrap();
    let cooldown = |reason: &str, not_before| Cooldown {
        group: definition.policy.rate_group.clone(),
        not_before,
        reason: reason.to_owned(),
    };
    let said = async |cooldown: Cooldown| {
        let view = read_still(&store, bench.record().await, now).await.unwrap();
        let address = bench.config().state;
        let clocks = PlanTime::assumed(now);
        Standing::of(
            &view,
            Some(cooldown),
            &clocks,
            &surroundings(&address, true, now),
        )
        .remarks()
    };
    assert_eq!(
        said(cooldown("429", until)).await,
        [
            "okta has been failing since 2026-01-01T01:00:00Z and waits until \
             2026-01-01T01:00:20Z: 429"
        ]
    );
    // A differing reason or time is shown.
    assert_eq!(said(cooldown("the budget is spent", until)).await.len(), 2);
    assert_eq!(said(cooldown("429", now.plus_ms(1))).await.len(), 2);
}

#[tokio::test]
async fn paused_or_blocked_source_is_shown_with_cure() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    let now = definition.start;
    let stored = store.apply_source(&definition, now).await.unwrap();
    let (shard, name) = (definition.shard(), &definition.name);
    store.set_pause(shard, name, Some(now)).await.unwrap();
    let held = standing(&store, true, now).await;
    assert_eq!(state(&held), "held");
    assert_eq!(
        held.remarks(),
        ["okta is paused since 2026-01-01T00:00:00Z; `windlass resume okta` resumes it"]
    );
    block(&store, &stored, now).await;
    let blocked = standing(&store, true, now).await;
    assert_eq!(state(&blocked), "blocked");
    assert_eq!(blocked.remarks().len(), 2);
    let json = blocked.to_json();
    assert_eq!(json["problem"], "401");
    assert_eq!(json["blocked_since"], "2026-01-01T00:00:00.000Z");
    assert_eq!(json["held_since"], "2026-01-01T00:00:00.000Z");
    assert_eq!(json["probe_at"], serde_json::Value::Null);
    assert_eq!(
        blocked.remarks()[0],
        "okta is blocked since 2026-01-01T00:00:00Z: 401; paused sources are not probed; \
         `windlass resume okta` resumes it"
    );

    store.set_pause(shard, name, None).await.unwrap();
    let probed = standing(&store, true, now).await;
    assert_eq!(probed.to_json()["probe_at"], "2026-01-01T00:10:00.000Z");
    assert_eq!(
        probed.remarks()[0],
        "okta is blocked since 2026-01-01T00:00:00Z: 401; next probe at 2026-01-01T00:10:00Z, or \
         now with `windlass retry okta`"
    );
}

#[tokio::test]
async fn connector_changed_since_apply_is_shown_with_cure() {
    let bench = Bench::new(CONFIG);
    let (store, mut definition) = (bench.store(), bench.definition());
    let now = definition.start;
    let applied = definition.manifest_hash.clone().unwrap().to_string();
    let (facts, policy) = applied.split_once('.').unwrap();
    let other = "0123456789ab";
    let mut shown = Vec::new();
    for hash in [
        applied.clone(),
        format!("{facts}.{other}"),
        format!("{other}.{policy}"),
    ] {
        definition.manifest_hash = hash.parse().ok();
        store.apply_source(&definition, now).await.unwrap();
        let standing = standing(&store, true, now).await;
        let problem = standing.to_json()["manifest_change"].clone();
        shown.push((problem.is_string(), standing.remarks()));
    }
    assert_eq!(shown[0], (false, Vec::new()));
    assert_eq!(
        shown[1],
        (
            true,
            vec![
                "okta: the manifest of connector `okta_system_log` has changed its order or \
                 settle since `windlass apply`; the applied policy stays in effect until \
                 `windlass run`"
                    .to_owned()
            ]
        )
    );
    assert_eq!(
        shown[2],
        (
            true,
            vec![
                "okta: the manifest of connector `okta_system_log` has changed its unit, bounds, \
                 ids, clock or order since `windlass apply`; its windows wait until `windlass run`"
                    .to_owned()
            ]
        )
    );
}

#[tokio::test]
async fn source_named_by_no_file_is_shown_paused() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    let unnamed = SourceDefinition {
        name: "gone".parse().unwrap(),
        paused: true,
        ..definition.clone()
    };
    let record = store.apply_source(&unnamed, at(3)).await.unwrap();
    let config = bench.config();
    assert_eq!(config.unnamed_since(&record), Some(at(3)));
    let paused = SourceDefinition {
        paused: true,
        ..definition
    };
    let record = store.apply_source(&paused, at(4)).await.unwrap();
    assert_eq!(config.unnamed_since(&record), None, "its file says so");
}

#[tokio::test]
async fn waiting_source_is_shown_with_worker_holders() {
    let bench = Bench::new(CONFIG);
    let store = bench.store();
    let (address, now) = (bench.config().state, at(10));
    let busy = bench.definition();
    let waiting = SourceDefinition {
        name: "jira".parse().unwrap(),
        ..busy.clone()
    };
    let mut standings = Vec::new();
    for definition in [&busy, &waiting] {
        store.apply_source(definition, at(0)).await.unwrap();
        store.create(&window(definition)).await.unwrap();
    }
    claimed(&store, &window(&busy), at(4)).await;
    for has_workers in [true, false] {
        for record in store.all_sources().await.unwrap() {
            let surroundings = surroundings(&address, has_workers, now);
            standings.push(exact(&store, record, &surroundings).await);
        }
    }
    let (beside_a_run, without) = standings.split_at(2);
    assert_eq!(contention(without), None);
    assert_eq!(
        contention(beside_a_run).unwrap().to_json(),
        json!({
            "waiting": [{ "source": "jira", "since": at(0) }],
            "held_by": [{ "source": "okta", "windows": 1, "quiet_since": at(4) }],
        })
    );
    let shown = text(beside_a_run, Paint::PLAIN, None);
    let line = "jira has been waiting for a worker since 2026-01-01T00:00:00Z; the workers are held \
                by okta (1 window, last progress 6m ago)\n";
    assert!(shown.ends_with(line), "{shown}");
}
