use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use windlass_core::ids::{MarkId, Owner};
use windlass_core::ownership::{FolderTaken, Ownership};
use windlass_core::transition::{Claim, Release};

use super::expiry::EXPIRED_PER_CALL_MAX;
use super::*;
use crate::item::{Attributes, SeenPiece, Stored};

const NOW: Timestamp = Timestamp::from_ms(1_000);

pub(super) fn store() -> (SqliteStore, PathBuf, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("windlass.db");
    (SqliteStore::open(&path).unwrap(), path, dir)
}

pub(super) fn window() -> Window {
    let id: WindowId = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
        .parse()
        .unwrap();
    let to = id.from.plus_ms(60_000);
    Window::new(id, to, NOW).unwrap()
}

/// Begins the first run of `store`, which takes the folder `/out`, and returns that folder.
pub(super) fn begun(store: &SqliteStore) -> (Ownership, FolderTaken) {
    store.identity(1).unwrap();
    let taken = FolderTaken {
        place: "/out".to_owned(),
        found: None,
        next: MarkId::from_random(5),
    };
    let begun = store.begin_run(0, std::slice::from_ref(&taken)).unwrap();
    (begun, taken)
}

fn claim(epoch: u64) -> Claim {
    Claim {
        epoch,
        owner: Owner::from_random(1),
        lease_until: NOW.plus_ms(1_000),
        now: NOW,
    }
}

pub(super) fn fixture<T: Stored>(text: &str) -> T {
    let attributes: Attributes = serde_json::from_str(text).unwrap();
    T::from_attributes("fixture", attributes).unwrap()
}

#[test]
fn opens_in_wal_with_normal_sync() {
    let (store, ..) = store();
    let connection = store.connection();
    let journal: String = connection
        .query_row("PRAGMA journal_mode", (), |row| row.get(0))
        .unwrap();
    let sync: i64 = connection
        .query_row("PRAGMA synchronous", (), |row| row.get(0))
        .unwrap();
    assert_eq!((journal.as_str(), sync), ("wal", 1));
}

#[tokio::test]
async fn full_disk_leaves_window_unchanged() {
    let (store, ..) = store();
    store.create(&window()).await.unwrap();
    let lease = store.claim(window().id(), &claim(1)).await.unwrap();
    store
        .connection()
        .execute_batch("PRAGMA max_page_count = 1") // SQLite raises it to what is in use
        .unwrap();
    let release = Release {
        cause: windlass_core::transition::Cause::Outage,
        not_before: None,
        error: Some("x".repeat(1_000_000)),
        now: NOW,
    };
    let full = store.release(&lease, &release).await;
    assert!(
        matches!(full, Err(MoveError::Store(StateError::Full(_)))),
        "{full:?}"
    );
    assert_eq!(
        store.window(window().id()).await.unwrap().as_ref(),
        Some(lease.window())
    );

    store
        .connection()
        .execute_batch("PRAGMA max_page_count = 1000000")
        .unwrap();
    store.release(&lease, &release).await.unwrap();
}

#[tokio::test]
async fn locked_database_is_unavailable_to_writers() {
    let (store, path, _dir) = store();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.connection().busy_timeout(Duration::ZERO).unwrap();
    let busy = store.create(&window()).await;
    assert!(matches!(busy, Err(StateError::Unavailable(_))), "{busy:?}");
    assert_eq!(
        store.window(window().id()).await,
        Ok(None),
        "reads do not wait for the writer"
    );
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(store.create(&window()).await, Ok(Created::New));
}

/// The columns of the one window, as SQL literals.
fn row(connection: &Connection) -> String {
    let sql =
        r#"SELECT quote(lane) || quote("to") || quote(status) || quote(item) FROM window_items"#;
    connection.query_row(sql, (), |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn malformed_row_is_corrupt_and_untouched() {
    for nonsense in [
        r#""to" = "from""#,
        "status = 'gone'",
        "item = json_set(item, '$.epoch', 'one')",
        "item = json_set(item, '$.page', -1)",
        "item = json_set(item, '$.ordered', 2)",
        "item = json_set(item, '$.created_at', 5)",
        "item = json_set(item, '$.cursor', 'alone')",
        "item = json_set(item, '$.v', 'x')",
        "item = '[]'",
        "item = x'01'",
        "lane = 'live', \"to\" = ''",
    ] {
        let (store, ..) = store();
        store.create(&window()).await.unwrap();
        store
            .connection()
            .execute(&format!("UPDATE window_items SET {nonsense}"), ())
            .unwrap();
        let edited = row(&store.connection());
        let key = "window_items okta/0123456789ab/live/2026-01-01T00:00:00.000Z";
        let is_corrupt = |error: &StateError| matches!(error, StateError::Corrupt { key: named, .. } if named == key);
        let read = store.window(window().id()).await.unwrap_err();
        assert!(is_corrupt(&read), "{nonsense}: {read:?}");
        let claimed = store.claim(window().id(), &claim(1)).await.unwrap_err();
        assert!(
            matches!(&claimed, MoveError::Store(error) if is_corrupt(error)),
            "{claimed:?}"
        );
        let created = store.create(&window()).await.unwrap_err();
        assert!(is_corrupt(&created), "{nonsense}: {created:?}");
        assert_eq!(row(&store.connection()), edited, "{nonsense}");
    }
}

#[tokio::test]
async fn applying_replaces_corrupt_definition() {
    let (store, ..) = store();
    let record: SourceRecord = fixture(include_str!("../testdata/v1/source.json"));
    let definition = record.definition;
    store.apply_source(&definition, NOW).await.unwrap();
    store
        .connection()
        .execute("UPDATE sources SET params = '{'", ())
        .unwrap();
    assert!(matches!(
        store.all_sources().await,
        Err(StateError::Corrupt { .. })
    ));
    let again = store.apply_source(&definition, NOW).await.unwrap();
    assert_eq!(again.version, 2);
    assert_eq!(store.all_sources().await, Ok(vec![again]));
}

#[tokio::test]
async fn expiry_call_is_bounded_in_seen_pages() {
    let (store, ..) = store();
    let piece: SeenPiece = fixture(include_str!("../testdata/v1/seen.json"));
    let page = piece.page;
    let excess = 3;
    let max = seen::EXPIRED_PER_CALL_MAX.unsigned_abs();
    store
        .write(|connection| {
            (0..max + excess).try_for_each(|number| {
                let page = SeenPage {
                    page: number,
                    ..page.clone()
                };
                seen::remember(connection, &page)
            })
        })
        .unwrap();
    let late = page.expires_at.plus_ms(1);
    assert_eq!(store.expire_history(page.expires_at).await, Ok(0));
    assert_eq!(store.expire_history(late).await, Ok(max));
    assert_eq!(store.expire_history(late).await, Ok(excess));
}

#[tokio::test]
async fn expiry_call_is_bounded_in_windows() {
    let (store, ..) = store();
    let record: Progress = fixture(include_str!("../testdata/v1/progress.json"));
    let open_from = Timestamp::MAX;
    let timeline = window().id().timeline.clone();
    let marks = Progress {
        timeline,
        open_from,
        scheduled_through: open_from,
        version: 0,
        ..record
    };
    let shard = windlass_core::shard::Shard::try_from(0).unwrap();
    store.save_progress(shard, &marks).await.unwrap();
    let done = window().with(|form| {
        form.status = windlass_core::window::Status::Done;
        form.expires_at = Some(NOW);
    });
    let excess = 7;
    store
        .write(|connection| {
            for number in 0..EXPIRED_PER_CALL_MAX + excess {
                let from = done.id().from.plus_ms(number);
                let id = WindowId {
                    from,
                    ..done.id().clone()
                };
                WINDOWS.put(connection, &done.clone().with(|form| form.set_id(id)))?;
            }
            Ok::<_, StateError>(())
        })
        .unwrap();
    assert_eq!(
        store.expire_history(NOW.plus_ms(1)).await,
        Ok(EXPIRED_PER_CALL_MAX.unsigned_abs())
    );
    assert_eq!(
        store.expire_history(NOW.plus_ms(1)).await,
        Ok(excess.unsigned_abs())
    );
}
