use windlass_core::clock::{ManualClock, SeededEntropy};
use windlass_core::{Clock, Entropy};

use super::*;
use crate::local::LocalAdapterFactory;
use crate::state::Store;
use crate::testing::{Bench, at};

const CONFIG: &str = "\
state: { sqlite: windlass.db }
sinks:
  good: { ndjson: { dir: DIR/good } }
  bad: { ndjson: { dir: DIR/bad } }
  same: { ndjson: { dir: DIR/link } }
sources:
  a: { connector: okta_system_log, params: { domain: a.okta.com }, secret: file:t, start: 2026-01-01T00:00:00Z, sink: good }
  b: { connector: okta_system_log, params: { domain: b.okta.com }, secret: file:t, start: 2026-01-01T00:00:00Z, sink: bad }
  c: { connector: okta_system_log, params: { domain: c.okta.com }, secret: file:t, start: 2026-01-01T00:00:00Z, sink: same }
";

/// The sinks of a bench whose sink `bad` has a file in place of its folder, and whose sink `same` has
/// a link to the folder of `good`.
async fn sinks(bench: &Bench, clock: &Arc<ManualClock>) -> Arc<Sinks> {
    let dir = bench.path("").display().to_string();
    bench.write(&CONFIG.replace("DIR", dir.trim_end_matches('/')));
    std::fs::write(bench.path("bad"), "no folder").unwrap();
    std::fs::create_dir(bench.path("good")).unwrap();
    std::os::unix::fs::symlink(bench.path("good"), bench.path("link")).unwrap();
    let Store::Sqlite(store) = bench.store() else {
        panic!("a bench has a state file");
    };
    let config = Arc::new(bench.config());
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
    let folders = Folders::new(Arc::clone(&config), store, Arc::clone(&entropy));
    let folders = Some(Arc::new(folders));
    let factory = LocalAdapterFactory::build(&config, None, folders, (&clock, &entropy)).await;
    Arc::clone(factory.unwrap().sinks())
}

#[tokio::test]
async fn unusable_sink_leaves_others_open() {
    let (bench, clock) = (Bench::new(""), Arc::new(ManualClock::at(at(0))));
    let sinks = sinks(&bench, &clock).await;
    let unusable = sinks.open_all().await.unwrap();
    assert_eq!(unusable.keys().collect::<Vec<_>>(), ["bad"]);
    let why = &unusable["bad"];
    for part in [
        "sink `bad` is unusable",
        bench.path("bad").to_str().unwrap(),
        "remove what is in its place",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    for source in ["a", "c"] {
        sinks.ready(&source.parse().unwrap()).await.unwrap();
    }
    let refused = sinks.ready(&"b".parse().unwrap()).await.unwrap_err();
    assert_eq!(refused, Unopened::Sink(why.clone()));
    // A source of another configuration has no sink here.
    sinks.ready(&"unknown".parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn failed_opening_is_retried_after_seconds() {
    let (bench, clock) = (Bench::new(""), Arc::new(ManualClock::at(at(0))));
    let sinks = sinks(&bench, &clock).await;
    sinks.open("bad").await.unwrap_err();
    std::fs::remove_file(bench.path("bad")).unwrap();
    clock.advance_ms(TRIED_MS - 1);
    sinks.open("bad").await.unwrap_err();
    clock.advance_ms(1);
    let opened = sinks.open("bad").await.unwrap();
    assert!(bench.path("bad/.windlass-owner").exists());
    let again = sinks.open("bad").await.unwrap();
    assert!(Arc::ptr_eq(&opened, &again), "opened once");
}

#[tokio::test]
async fn foreign_folder_is_claimed_once_moved() {
    let (bench, clock) = (Bench::new(""), Arc::new(ManualClock::at(at(0))));
    let sinks = sinks(&bench, &clock).await;
    std::fs::remove_file(bench.path("bad")).unwrap();
    std::fs::create_dir(bench.path("bad")).unwrap();
    let marker =
        "state 0123456789abcdef0123456789abcdef run 1 mark 0123456789abcdef0123456789abcdef\n";
    std::fs::write(bench.path("bad/.windlass-owner"), marker).unwrap();
    let refused = sinks.open("bad").await.unwrap_err().to_string();
    for part in ["sink `bad`", "belongs to another state", "windlass adopt"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let left = std::fs::read_to_string(bench.path("bad/.windlass-owner"));
    assert_eq!(left.unwrap(), marker);
    std::fs::rename(bench.path("bad"), bench.path("away")).unwrap();
    clock.advance_ms(TRIED_MS);
    sinks.open("bad").await.unwrap();
}
