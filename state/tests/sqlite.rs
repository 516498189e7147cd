//! One file with many handles: opening, sharing, stopping, and files of other programs.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;
use windlass_core::ids::{Owner, WindowId};
use windlass_core::progress::Progress;
use windlass_core::reservation::{ReservationRequest, ReservationResponse};
use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::time::Timestamp;
use windlass_core::transition::Claim;
use windlass_core::window::Window;
use windlass_state::{Created, MoveError, SqliteStore, StateError, StateStore};

const NOW: Timestamp = Timestamp::from_ms(1_000);

fn place() -> (PathBuf, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (dir.path().join("windlass.db"), dir)
}

fn window(number: i64) -> Window {
    let id: WindowId = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
        .parse()
        .unwrap();
    let from = id.from.plus_ms(number);
    Window::new(WindowId { from, ..id }, from.plus_ms(1), NOW).unwrap()
}

fn claim() -> Claim {
    Claim {
        epoch: 1,
        owner: Owner::from_random(1),
        lease_until: NOW.plus_ms(1_000),
        now: NOW,
    }
}

fn refusal(opened: Result<SqliteStore, StateError>) -> String {
    match opened {
        Err(StateError::Refused(text)) => text,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn state_persists_across_reopening() {
    let (path, _dir) = place();
    let store = SqliteStore::open(&path).unwrap();
    store.create(&window(0)).await.unwrap();
    let lease = store.claim(window(0).id(), &claim()).await.unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(
        store.window(window(0).id()).await.unwrap().as_ref(),
        Some(lease.window())
    );
}

#[tokio::test]
async fn reader_sees_each_acknowledged_move() {
    let (path, _dir) = place();
    let writer = SqliteStore::open(&path).unwrap();
    let reader = SqliteStore::open_read_only(&path).unwrap();
    for number in 0..20 {
        writer.create(&window(number)).await.unwrap();
        let seen = reader.window(window(number).id()).await.unwrap();
        assert_eq!(seen, Some(window(number)));
    }
    drop(writer);
    assert_eq!(reader.window(window(0).id()).await, Ok(Some(window(0))));
}

#[tokio::test]
async fn reader_does_not_see_uncommitted_write() {
    let (path, _dir) = place();
    let store = SqliteStore::open(&path).unwrap();
    store.create(&window(0)).await.unwrap();
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch("BEGIN IMMEDIATE; DELETE FROM window_items")
        .unwrap();
    let reader = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(reader.window(window(0).id()).await, Ok(Some(window(0))));
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(reader.window(window(0).id()).await, Ok(None));
}

#[tokio::test]
async fn reader_cannot_write() {
    let (path, _dir) = place();
    let writer = SqliteStore::open(&path).unwrap();
    writer.create(&window(0)).await.unwrap();
    let reader = SqliteStore::open_read_only(&path).unwrap();
    let refused = reader.create(&window(1)).await;
    assert!(
        matches!(refused, Err(StateError::Refused(_))),
        "{refused:?}"
    );
    let refused = reader.claim(window(0).id(), &claim()).await;
    assert!(
        matches!(refused, Err(MoveError::Store(StateError::Refused(_)))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn reader_opens_file_of_ended_run() {
    let (path, _dir) = place();
    let writer = SqliteStore::open(&path).unwrap();
    writer.create(&window(0)).await.unwrap();
    drop(writer);
    let reader = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(reader.window(window(0).id()).await, Ok(Some(window(0))));
}

#[tokio::test]
async fn killed_process_loses_no_acknowledged_move() {
    let (path, dir) = place();
    let store = SqliteStore::open(&path).unwrap();
    store.create(&window(0)).await.unwrap();
    let lease = store.claim(window(0).id(), &claim()).await.unwrap();
    // A killed process leaves its log behind, without a checkpoint into the database.
    let copy = dir.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::copy(
        dir.path().join("windlass.db-wal"),
        dir.path().join("copy.db-wal"),
    )
    .unwrap();
    let reader = SqliteStore::open_read_only(&copy).unwrap();
    assert_eq!(
        reader.window(window(0).id()).await.unwrap().as_ref(),
        Some(lease.window())
    );
    let reopened = SqliteStore::open(&copy).unwrap();
    assert_eq!(
        reopened.window(window(0).id()).await.unwrap().as_ref(),
        Some(lease.window())
    );
    assert_eq!(reopened.create(&window(1)).await, Ok(Created::New));
}

#[test]
fn impossible_path_error_names_it() {
    let (path, dir) = place();
    let missing = dir.path().join("no/such/directory/windlass.db");
    let text = refusal(SqliteStore::open(&missing));
    assert!(
        text.contains("no/such/directory") && text.contains("must exist"),
        "{text}"
    );
    fs::write(&path, "a file").unwrap();
    refusal(SqliteStore::open(&path.join("windlass.db")));
    refusal(SqliteStore::open(dir.path()));
}

#[test]
fn transient_sqlite_names_are_invalid() {
    for name in ["", ":memory:"] {
        let text = refusal(SqliteStore::open(Path::new(name)));
        assert!(text.contains("does not name a file"), "{text}");
    }
}

#[test]
fn non_database_file_is_left_alone() {
    let (path, _dir) = place();
    let text = "not a database, but long enough to have a header of one hundred bytes. ".repeat(9);
    fs::write(&path, &text).unwrap();
    let refused = refusal(SqliteStore::open(&path));
    assert!(refused.contains("not a SQLite database"), "{refused}");
    refusal(SqliteStore::open_read_only(&path));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn foreign_database_is_left_alone() {
    for setup in [
        "CREATE TABLE notes (text)",
        "PRAGMA user_version = 1",
        "PRAGMA application_id = 7",
    ] {
        let (path, _dir) = place();
        Connection::open(&path)
            .unwrap()
            .execute_batch(setup)
            .unwrap();
        let before = fs::read(&path).unwrap();
        let text = refusal(SqliteStore::open(&path));
        assert!(text.contains("another program"), "{text}");
        refusal(SqliteStore::open_read_only(&path));
        assert_eq!(fs::read(&path).unwrap(), before, "{setup}");
    }
}

#[test]
fn newer_state_version_is_unsupported() {
    let (path, _dir) = place();
    drop(SqliteStore::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA user_version = 6")
        .unwrap();
    let version = StateError::Version {
        found: 6,
        supported: 5,
    };
    assert_eq!(SqliteStore::open(&path).unwrap_err(), version);
    assert_eq!(SqliteStore::open_read_only(&path).unwrap_err(), version);
}

/// A file of version 4 at `path`, with one row in every table of version 1.
fn written_by_version_4(path: &Path) {
    let file = Connection::open(path).unwrap();
    file.execute_batch(include_str!("../testdata/v4/schema.sql"))
        .unwrap();
    for (table, item) in [
        ("sources", include_str!("../testdata/v1/source.json")),
        ("progress", include_str!("../testdata/v1/progress.json")),
        ("windows", include_str!("../testdata/v1/window.json")),
        ("rate_gates", include_str!("../testdata/v1/rate_gate.json")),
    ] {
        let item: serde_json::Map<String, serde_json::Value> = serde_json::from_str(item).unwrap();
        let columns: Vec<_> = item.keys().map(|name| format!("\"{name}\"")).collect();
        let values = item.values().map(|value| match value {
            serde_json::Value::String(text) => format!("'{}'", text.replace('\'', "''")),
            serde_json::Value::Object(_) | serde_json::Value::Array(_) => format!("'{value}'"),
            other => other.to_string(),
        });
        let (columns, values) = (columns.join(", "), values.collect::<Vec<_>>().join(", "));
        file.execute_batch(&format!(
            "INSERT INTO {table} ({columns}) VALUES ({values})"
        ))
        .unwrap();
    }
    file.execute_batch("PRAGMA application_id = 0x57494e44; PRAGMA user_version = 4")
        .unwrap();
}

/// The columns of every table and the indexes, by name.
fn shape(path: &Path) -> Vec<(String, String, String)> {
    let file = Connection::open(path).unwrap();
    let mut statement = file
        .prepare(
            "SELECT it.name, c.name, c.type FROM sqlite_schema it, pragma_table_info(it.name) c
             UNION SELECT it.name, c.name, '' FROM sqlite_schema it, pragma_index_info(it.name) c
             ORDER BY 1, 2",
        )
        .unwrap();
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn migrated_file_has_new_schema() {
    let (new, _dir) = place();
    drop(SqliteStore::open(&new).unwrap());
    let (path, _dir) = place();
    written_by_version_4(&path);
    drop(SqliteStore::open(&path).unwrap());
    assert_eq!(shape(&path), shape(&new));
}

#[tokio::test]
async fn version_4_file_keeps_rows_and_accepts_new() {
    let (path, _dir) = place();
    written_by_version_4(&path);
    let store = SqliteStore::open(&path).unwrap();
    let id: WindowId = "google-login/0123456789ab/sweep-1/2026-01-01T00:00:00Z"
        .parse()
        .unwrap();
    let window = store.window(&id).await.unwrap().unwrap();
    assert_eq!((window.epoch(), window.remembered()), (7, false));
    assert_eq!(window.unsent_after(), None);
    let source = &id.timeline.source;
    let shard = store.shards().await.unwrap()[0];
    let [marks] = &store.progress_of(shard, source).await.unwrap()[..] else {
        panic!("one timeline")
    };
    assert_eq!((marks.version, marks.late, marks.known), (42, 0, 0));

    let group = "google:example.com".parse().unwrap();
    let cooldown = store.cooldown(&group).await.unwrap().unwrap();
    assert_eq!(cooldown.reason, "429 with Retry-After: 3600");
    let asked = ReservationRequest {
        count: 1,
        interval_ms: 1_000,
        within_ms: 0,
        now: cooldown.not_before,
    };
    let first = cooldown.not_before;
    let given = store.reserve_requests(&group, &asked).await;
    assert_eq!(given, Ok(ReservationResponse::From { first }));
    let late = Progress {
        late: 3,
        ..marks.clone()
    };
    store.save_progress(shard, &late).await.unwrap();
    let page = SeenPage {
        by: SeenBy {
            source: source.clone(),
            generation: id.timeline.generation.clone(),
        },
        at: id.from,
        from: id.from,
        lane: id.timeline.lane.clone(),
        page: 0,
        pass: 0,
        digests: vec![1, 2],
        expires_at: Timestamp::MAX,
    };
    store.remember(&page).await.unwrap();
    let seen = store.seen(&page.by, window.span(), 2).await;
    assert_eq!(seen, Ok(Some(vec![page])));
}

#[tokio::test]
async fn version_4_file_is_migrated_for_readers() {
    let (path, _dir) = place();
    written_by_version_4(&path);
    let store = SqliteStore::open(&path).unwrap();
    let [record] = &store.all_sources().await.unwrap()[..] else {
        panic!("one source")
    };
    assert_eq!(record.definition.name.as_str(), "google-login");
    assert!(record.definition.destination.is_empty());
    assert_eq!((record.version, record.held_since), (3, None));
    let id = "google-login/0123456789ab/sweep-1/2026-01-01T00:00:00Z";
    let window = store.window(&id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((window.epoch(), window.page()), (7, 12));

    let (name, shard) = (&record.definition.name, record.shard());
    store.set_pause(shard, name, Some(NOW)).await.unwrap();
    let reader = SqliteStore::open_read_only(&path).unwrap();
    let held = reader.source(shard, name).await.unwrap().unwrap();
    assert_eq!(held.held_since, Some(NOW));
    drop(SqliteStore::open(&path).unwrap());
}

#[test]
fn unreleased_state_version_is_unsupported() {
    let (path, _dir) = place();
    written_by_version_4(&path);
    Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA user_version = 3")
        .unwrap();
    let version = StateError::Version {
        found: 3,
        supported: 5,
    };
    assert_eq!(SqliteStore::open(&path).unwrap_err(), version);
}

#[test]
fn reader_leaves_older_file_and_names_cure() {
    let (path, _dir) = place();
    written_by_version_4(&path);
    let before = fs::read(&path).unwrap();
    let text = refusal(SqliteStore::open_read_only(&path));
    assert!(
        text.contains("older windlass") && text.contains("`windlass run`"),
        "{text}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn reader_creates_no_file() {
    let (path, _dir) = place();
    let text = refusal(SqliteStore::open_read_only(&path));
    assert!(text.contains("no state"), "{text}");
    assert!(!path.exists());
    fs::write(&path, "").unwrap();
    assert_eq!(refusal(SqliteStore::open_read_only(&path)), text);
}
