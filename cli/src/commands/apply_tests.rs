use windlass_core::source::SourceRecord;
use windlass_state::StateStore;

use super::*;
use crate::state::Store;
use crate::testing::{Bench, CONFIG, OUTPUT, at, claimed, last_page, parked, window};

const YES: ApplyArgs = ApplyArgs {
    diff: DiffArgs { prune: false },
    abandon: false,
    dry_run: false,
    yes: true,
};

async fn applied(bench: &Bench, args: &ApplyArgs) -> anyhow::Result<ExitCode> {
    apply(&bench.target(), args, OUTPUT).await
}

async fn differs(bench: &Bench) -> bool {
    let code = diff(&bench.target(), &YES.diff, OUTPUT).await.unwrap();
    assert!(matches!(code, ExitCode::Success | ExitCode::Different));
    code == ExitCode::Different
}

/// The error of a failed `apply`.
async fn refused(bench: &Bench, args: &ApplyArgs, code: ExitCode) -> String {
    let error = applied(bench, args).await.unwrap_err();
    assert_eq!(ExitCode::of(&error), code, "{error}");
    error.to_string()
}

/// Completes the first window of the timeline, starting with its creation.
async fn done(store: &Store, definition: &SourceDefinition) {
    let window = window(definition);
    store.create(&window).await.unwrap();
    let lease = claimed(store, &window, at(1)).await;
    let last = last_page(at(2));
    store.complete(&lease, &last, 1_000).await.unwrap();
}

#[tokio::test]
async fn second_apply_writes_nothing() {
    let bench = Bench::new(CONFIG);
    assert!(differs(&bench).await);
    assert!(!bench.path("windlass.db").exists(), "looking made a state");
    assert_eq!(applied(&bench, &YES).await.unwrap(), ExitCode::Success);
    assert!(!differs(&bench).await);
    let record = bench.record().await;
    assert_eq!(
        (record.version, &record.definition),
        (1, &bench.definition())
    );
    // There is no confirmation when there is nothing to write.
    let unasked = ApplyArgs { yes: false, ..YES };
    assert_eq!(applied(&bench, &unasked).await.unwrap(), ExitCode::Success);
    assert_eq!(bench.record().await, record);
}

#[tokio::test]
async fn unconfirmed_and_dry_runs_write_nothing() {
    let bench = Bench::new(CONFIG);
    let said = refused(&bench, &ApplyArgs { yes: false, ..YES }, ExitCode::Usage).await;
    assert!(said.contains("--yes"), "{said}");
    let dry = ApplyArgs {
        dry_run: true,
        ..YES
    };
    assert_eq!(applied(&bench, &dry).await.unwrap(), ExitCode::Success);
    assert!(!bench.path("windlass.db").exists());
}

#[tokio::test]
async fn invalid_configuration_writes_nothing() {
    let bench = Bench::new(&format!(
        "{CONFIG}  other:\n    connector: nvd_cvs\n    start: 2026-01-01T00:00:00Z\n"
    ));
    let said = refused(&bench, &YES, ExitCode::Usage).await;
    assert!(said.contains("did you mean `nvd_cves`?"), "{said}");
    assert!(!bench.path("windlass.db").exists());
}

#[tokio::test]
async fn new_timeline_waits_for_unfinished_windows() {
    let bench = Bench::new(CONFIG);
    applied(&bench, &YES).await.unwrap();
    let before = bench.record().await;
    let hole = parked(&bench.store(), &before.definition).await;
    bench.write(&CONFIG.replace("acme.okta.com", "other.okta.com"));
    for args in [
        YES,
        ApplyArgs {
            dry_run: true,
            ..YES
        },
    ] {
        let said = refused(&bench, &args, ExitCode::Usage).await;
        let window = format!("{} (parked)", hole.id());
        assert!(
            said.contains(&window) && said.contains("--abandon"),
            "{said}"
        );
        assert_eq!(stored(&bench).await, before);
    }
    let abandon = ApplyArgs {
        abandon: true,
        ..YES
    };
    applied(&bench, &abandon).await.unwrap();
    assert_eq!(stored(&bench).await.definition, bench.definition());
    let left = bench.store().window(hole.id()).await.unwrap();
    assert_eq!(left, Some(hole));
}

/// The stored record of `okta`, independent of the configuration.
async fn stored(bench: &Bench) -> SourceRecord {
    let mut records = bench.store().all_sources().await.unwrap();
    assert_eq!(records.len(), 1);
    records.remove(0)
}

#[tokio::test]
async fn new_timeline_begins_after_finished_windows() {
    let bench = Bench::new(CONFIG);
    applied(&bench, &YES).await.unwrap();
    done(&bench.store(), &bench.definition()).await;
    bench.write(&CONFIG.replace("acme.okta.com", "other.okta.com"));
    assert_eq!(applied(&bench, &YES).await.unwrap(), ExitCode::Success);
    assert_eq!(stored(&bench).await.definition, bench.definition());
}

#[tokio::test]
async fn unnamed_sources_pause_only_with_prune() {
    let bench = Bench::new(CONFIG);
    applied(&bench, &YES).await.unwrap();
    bench.write(&CONFIG.replace("  okta:", "  okta-2:"));
    let definition = SourceDefinition {
        name: "okta".parse().unwrap(),
        ..bench.config().sources["okta-2"].definition.clone()
    };
    let okta = || async {
        let store = bench.store();
        let stored = store.source(definition.shard(), &definition.name).await;
        stored.unwrap().unwrap()
    };
    applied(&bench, &YES).await.unwrap();
    assert!(!okta().await.is_paused());
    let prune = ApplyArgs {
        diff: DiffArgs { prune: true },
        ..YES
    };
    applied(&bench, &prune).await.unwrap();
    assert!(okta().await.is_paused());
}

const PRUNE: ApplyArgs = ApplyArgs {
    diff: DiffArgs { prune: true },
    ..YES
};

/// The names of the stored sources whose definitions are paused.
async fn paused(bench: &Bench) -> Vec<String> {
    let stored = bench.store().all_sources().await.unwrap();
    let paused = stored.into_iter().filter(|it| it.definition.paused);
    paused.map(|it| it.definition.name.to_string()).collect()
}

/// `CONFIG` with the source renamed to `name`.
fn with_source(name: &str) -> String {
    CONFIG.replace("  okta:", &format!("  {name}:"))
}

#[tokio::test]
async fn prune_leaves_sources_of_other_files() {
    let bench = Bench::new(CONFIG);
    let write = |name: &str, text: &str| std::fs::write(bench.path(name), text).unwrap();
    let target = |name: &str| Target::new(Some(bench.path(name)), None, None);
    write("a.yaml", &with_source("okta-a"));
    write("b.yaml", &with_source("okta-b"));
    for file in ["a.yaml", "b.yaml"] {
        apply(&target(file), &PRUNE, OUTPUT).await.unwrap();
    }
    assert_eq!(paused(&bench).await, [""; 0]);
    write("b.yaml", &with_source("okta-c"));
    apply(&target("b.yaml"), &PRUNE, OUTPUT).await.unwrap();
    assert_eq!(paused(&bench).await, ["okta-b"]);
}

#[tokio::test]
async fn prune_pauses_sources_of_deleted_included_file() {
    let root = CONFIG.split("sources:").next().unwrap();
    let team = |name: &str| {
        let text = with_source(name);
        format!("sources:{}", text.split("sources:").nth(1).unwrap())
    };
    let bench = Bench::new(&format!("include: [teams, a.yaml, b.yaml]\n{root}"));
    std::fs::create_dir(bench.path("teams")).unwrap();
    for file in ["a.yaml", "b.yaml", "teams/a.yaml", "teams/b.yaml"] {
        let name = file.replace('/', "-").replace(".yaml", "");
        std::fs::write(bench.path(file), team(&name)).unwrap();
    }
    applied(&bench, &PRUNE).await.unwrap();
    assert_eq!(paused(&bench).await, [""; 0]);
    // A file that is no longer included may belong to another configuration.
    bench.write(&format!("include: [teams, a.yaml]\n{root}"));
    std::fs::remove_file(bench.path("teams/b.yaml")).unwrap();
    std::fs::write(bench.path("a.yaml"), "sources: {}\n").unwrap();
    applied(&bench, &YES).await.unwrap();
    assert_eq!(paused(&bench).await, [""; 0]);
    applied(&bench, &PRUNE).await.unwrap();
    assert_eq!(paused(&bench).await, ["a", "teams-b"]);
}

#[tokio::test]
async fn apply_is_rejected_during_run() {
    let bench = Bench::new(CONFIG);
    let _running = StateLock::take(&bench.path("windlass.db")).unwrap();
    let said = refused(&bench, &YES, ExitCode::State).await;
    let holder = format!("process {} is running", std::process::id());
    assert!(said.contains(&holder), "{said}");
    assert!(!bench.path("windlass.db").exists());
}
