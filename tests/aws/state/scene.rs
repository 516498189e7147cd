//! Shared test helpers: a table for each test, a window, and the calls of a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::config::{Builder, Credentials, Region};
use aws_sdk_dynamodb::{Client, Config};
use windlass_core::Lane;
use windlass_core::checkpoint::{Checkpoint, Cursor, PageMove, PageTotals};
use windlass_core::clock::{ManualClock, SeededEntropy};
use windlass_core::ids::{Owner, Timeline, WindowId};
use windlass_core::lease::Lease;
use windlass_core::limits;
use windlass_core::progress::Progress;
use windlass_core::source::{Policy, SourceDefinition};
use windlass_core::time::{MINUTE_MS, SECOND_MS, Timestamp};
use windlass_core::transition::Claim;
use windlass_core::trust::WhoseClock;
use windlass_core::window::Window;
use windlass_state::{Created, DynamoStore, StateStore};
use windlass_tests::aws::emulator::{Emulator, REGION};

static TABLES: AtomicU64 = AtomicU64::new(0);

/// 2026-01-01T00:00:00Z plus `minute` minutes.
pub(crate) fn at(minute: i64) -> Timestamp {
    Timestamp::from_ms(1_767_225_600_000).plus_ms(minute * MINUTE_MS)
}

/// A table name that is unique in this process.
pub(crate) fn table_name() -> String {
    format!("state-{}", TABLES.fetch_add(1, Ordering::Relaxed))
}

/// A client configuration for `uri`, with arbitrary credentials.
pub(crate) fn config(uri: &str) -> Builder {
    Config::builder()
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("AKIDSTATE", "none", None, None, "test"))
        .endpoint_url(uri)
}

/// The store in `table` with `config`. Its waits take no time.
pub(crate) fn store_in(table: &str, config: Builder) -> DynamoStore {
    DynamoStore::new(
        config,
        table,
        Arc::new(ManualClock::at(at(0))),
        Arc::new(SeededEntropy::new(1)),
    )
}

/// A store in a new table of the shared emulator, and the table's name.
pub(crate) async fn fresh() -> (DynamoStore, String) {
    let emulator = Emulator::shared().await.expect("the emulator starts");
    let table = table_name();
    let store = store_in(&table, config(&emulator.uri()));
    store.create_table().await.expect("a new table");
    (store, table)
}

/// A client of the shared emulator, for operations beyond the store.
pub(crate) async fn client() -> Client {
    let emulator = Emulator::shared().await.expect("the emulator starts");
    Client::from_conf(config(&emulator.uri()).build())
}

pub(crate) fn timeline() -> Timeline {
    Timeline {
        source: "okta".parse().expect("a valid name"),
        generation: "0123456789ab".parse().expect("a valid generation"),
        lane: Lane::Live,
    }
}

/// A ready window of ten minutes.
pub(crate) fn ready(minute: i64) -> Window {
    let id = WindowId {
        timeline: timeline(),
        from: at(minute),
    };
    Window::new(id, at(minute + 10), at(0)).expect("ten minutes are a span")
}

/// A ready window that is stored in `store`.
pub(crate) async fn stored(store: &impl StateStore, minute: i64) -> Window {
    let window = ready(minute);
    assert_eq!(store.create(&window).await, Ok(Created::New));
    window
}

pub(crate) fn claim(window: &Window, owner: u128) -> Claim {
    Claim {
        epoch: window.epoch(),
        owner: Owner::from_random(owner),
        lease_until: at(15),
        now: at(1),
    }
}

/// A window stored in `store` and claimed by owner 1.
pub(crate) async fn running(store: &impl StateStore, minute: i64) -> Lease {
    let window = stored(store, minute).await;
    store
        .claim(window.id(), &claim(&window, 1))
        .await
        .expect("ready and due")
}

/// The next page of `lease`, with a token of realistic length.
pub(crate) fn page(lease: &Lease) -> Checkpoint {
    let from = lease.window().page();
    Checkpoint::from(PageMove {
        from,
        cursor: Some(Cursor {
            token: format!("{from}:{}", "t".repeat(180)),
            request: "9f86d081884c7d65".to_owned(),
        }),
        totals: PageTotals {
            records: 1_000,
            bytes: 1_048_576,
            rejected: 0,
            known: 0,
            oldest: Some(at(0)),
            newest: Some(at(9)),
        },
        ordered: true,
        remembered: true,
        sink_position: None,
        page_ms: 250,
        now: at(2),
    })
}

/// A source with windows of ten minutes; eight may be open and three in flight.
pub(crate) fn definition(name: &str) -> SourceDefinition {
    let policy = Policy {
        unit_ms: SECOND_MS,
        initial_ms: 10 * MINUTE_MS,
        min_ms: MINUTE_MS,
        max_ms: 10 * MINUTE_MS,
        every_ms: 5 * MINUTE_MS,
        settle_ms: 0,
        max_lookback_ms: None,
        max_in_flight: 3,
        max_open_windows: 8,
        rate_group: "okta:acme".parse().expect("a valid group"),
        group_in_flight: 64,
        requests_per_minute: None,
        history_ms: limits::HISTORY_MS_MIN,
        strict_order: None,
        sweeps_ms: Vec::new(),
        clock: Some(WhoseClock::Ours),
    };
    SourceDefinition {
        name: name.parse().expect("a valid name"),
        connector: "okta_system_log".to_owned(),
        params: [("org".to_owned(), "acme".to_owned())].into(),
        generation: timeline().generation,
        secret: Some("secretsmanager:okta".to_owned()),
        base_url: Some("https://acme.okta.example".to_owned()),
        token_url: None,
        file: None,
        manifest_hash: None,
        start: at(0),
        end: None,
        sink: "lake".to_owned(),
        destination: [("kind".to_owned(), "firehose".to_owned())].into(),
        metadata: true,
        paused: false,
        policy,
    }
}

/// The first marks of `definition`'s live lane.
pub(crate) fn marks(definition: &SourceDefinition) -> Progress {
    let timeline = Timeline {
        source: definition.name.clone(),
        ..timeline()
    };
    Progress::begin(timeline, definition.start, None, &definition.policy, at(0))
}
