//! A configuration and a state file in a folder of their own, for the tests of commands.

use std::path::PathBuf;

use windlass_core::checkpoint::{Checkpoint, PageMove, PageTotals};
use windlass_core::ids::{Owner, WindowId};
use windlass_core::lease::Lease;
use windlass_core::source::{BlockCause, BlockChange, Blocked, SourceDefinition, SourceRecord};
use windlass_core::time::Timestamp;
use windlass_core::transition::{Claim, Event};
use windlass_core::window::Window;
use windlass_state::StateStore;
use windlass_state::sqlite::SqliteStore;

use crate::config::Config;
use crate::output::Output;
use crate::state::{StateAddress, Store};
use crate::target::Target;

/// A source called `okta`.
pub(crate) const CONFIG: &str = "\
state: { sqlite: windlass.db }
sinks:
  lake: { ndjson: { dir: out } }
sources:
  okta:
    connector: okta_system_log
    params: { domain: acme.okta.com }
    secret: file:okta.token
    start: 2026-01-01T00:00:00Z
";

/// The discarded output of commands in tests.
pub(crate) const OUTPUT: Output = Output::nowhere();

/// A folder with `windlass.yaml` and, after its creation, `windlass.db`.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    /// A folder with the configuration `text` and no state.
    pub(crate) fn new(text: &str) -> Self {
        let bench = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        bench.write(text);
        bench
    }

    /// Replaces the configuration.
    pub(crate) fn write(&self, text: &str) {
        std::fs::write(self.path("windlass.yaml"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn config(&self) -> Config {
        Config::load(&self.path("windlass.yaml"), None).unwrap()
    }

    /// The target of `--config` alone.
    pub(crate) fn target(&self) -> Target {
        Target::new(Some(self.path("windlass.yaml")), None, None)
    }

    /// The target of `--state` alone.
    pub(crate) fn state(&self) -> Target {
        let address = StateAddress::Sqlite(self.path("windlass.db"));
        Target::new(None, Some(address), None)
    }

    /// The state, created if absent.
    pub(crate) fn store(&self) -> Store {
        Store::Sqlite(SqliteStore::open(&self.path("windlass.db")).unwrap())
    }

    /// The definition of `okta`.
    pub(crate) fn definition(&self) -> SourceDefinition {
        self.config().sources["okta"].definition.clone()
    }

    /// The stored record of `okta`.
    pub(crate) async fn record(&self) -> SourceRecord {
        let definition = self.definition();
        let stored = self
            .store()
            .source(definition.shard(), &definition.name)
            .await;
        stored.unwrap().unwrap()
    }
}

/// An instant of the tests' timeline.
pub(crate) fn at(minute: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    start.plus_ms(minute * 60_000)
}

/// A ready window of ten minutes at the start of the timeline of `definition`.
pub(crate) fn window(definition: &SourceDefinition) -> Window {
    let id = format!(
        "{}/{}/live/{}",
        definition.name, definition.generation, definition.start
    );
    let id: WindowId = id.parse().unwrap();
    let to = id.from.plus_ms(600_000);
    Window::new(id, to, at(0)).unwrap()
}

/// Puts [`window`] into the store, parked.
pub(crate) async fn parked(store: &impl StateStore, definition: &SourceDefinition) -> Window {
    let window = window(definition);
    store.create(&window).await.unwrap();
    let park = Event::Park {
        reason: "page 3 cannot be read".to_owned(),
        now: at(1),
    };
    store.decide(&window, &park).await.unwrap()
}

/// Blocks `source` at `now`, as a worker does after the vendor returned HTTP 401.
pub(crate) async fn block(store: &impl StateStore, source: &SourceRecord, now: Timestamp) {
    let blocked = Blocked::new("401".to_owned(), BlockCause::Refused, now, now);
    let block = BlockChange::Block(blocked);
    let (shard, name) = (source.shard(), &source.definition.name);
    let written = store.block_source(shard, name, source.version, &block);
    assert!(written.await.unwrap());
}

/// Claims `window` at `now` for a worker.
pub(crate) async fn claimed(store: &impl StateStore, window: &Window, now: Timestamp) -> Lease {
    let claim = Claim {
        epoch: window.epoch(),
        owner: Owner::from_random(1),
        lease_until: Timestamp::MAX,
        now,
    };
    store.claim(window.id(), &claim).await.unwrap()
}

/// The checkpoint at `now` of a window whose one page is empty.
pub(crate) fn last_page(now: Timestamp) -> Checkpoint {
    Checkpoint::from(PageMove {
        from: 0,
        cursor: None,
        totals: PageTotals::default(),
        ordered: true,
        remembered: true,
        sink_position: None,
        page_ms: 1,
        now,
    })
}
