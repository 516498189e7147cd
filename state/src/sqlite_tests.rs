use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use windlass_core::ids::{MarkId, Owner};
use windlass_core::ownership::{FolderTaken, Standing};
use windlass_core::transition::{Claim, Release};

use windlass_core::window::WindowForm;

use super::expiry::EXPIRED_PER_CALL_MAX;
use super::row::Table;
use super::tables::{RATES, SEEN};
use super::*;
use crate::item::{Attributes, RateItem, SeenPiece, Stored};

const NOW: Timestamp = Timestamp::from_ms(1_000);

fn store() -> (SqliteStore, PathBuf, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("windlass.db");
    (SqliteStore::open(&path).unwrap(), path, dir)
}

fn window() -> Window {
    let id: WindowId = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
        .parse()
        .unwrap();
    let to = id.from.plus_ms(60_000);
    Window::new(id, to, NOW).unwrap()
}

fn claim(epoch: u64) -> Claim {
    Claim {
        epoch,
        owner: Owner::from_random(1),
        lease_until: NOW.plus_ms(1_000),
        now: NOW,
    }
}

fn fixture<T: Stored>(text: &str) -> T {
    let attributes: Attributes = serde_json::from_str(text).unwrap();
    T::from_attributes("fixture", attributes).unwrap()
}

#[test]
fn every_attribute_has_a_column_of_its_name_and_every_column_an_attribute() {
    let (store, ..) = store();
    let connection = store.connection();
    for (table, text) in [
        (
            &SOURCES,
            concat!(
                include_str!("../testdata/v1/source_probed.json"),
                include_str!("../testdata/v1/source_swept.json")
            ),
        ),
        (
            &PROGRESS,
            include_str!("../testdata/v1/progress_summary.json"),
        ),
        (&RATES, include_str!("../testdata/v1/rate_turns.json")),
        (&SEEN, include_str!("../testdata/v1/seen.json")),
    ] {
        let items = serde_json::Deserializer::from_str(text).into_iter::<Attributes>();
        let names = items.flat_map(|item| item.unwrap().into_iter().map(|(name, _)| name));
        let attributes: BTreeSet<_> = names.collect();
        let attributes: BTreeSet<_> = attributes.iter().map(String::as_str).collect();
        let columns: Vec<_> = table.columns.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            columns.iter().copied().collect::<BTreeSet<_>>(),
            attributes,
            "{}",
            table.name
        );
        assert_eq!(
            columns_in_schema(&connection, table),
            columns,
            "{}",
            table.name
        );
    }
}

#[test]
fn windows_show_every_attribute_to_people_and_have_a_column_for_each_query() {
    let (store, ..) = store();
    let connection = store.connection();
    let names = WindowForm::ATTRIBUTES.iter().map(|it| it.name);
    assert_eq!(
        columns_of(&connection, "windows"),
        names.collect::<Vec<_>>()
    );
    let columns = WINDOWS
        .columns
        .iter()
        .map(|(name, _)| *name)
        .chain(["item"]);
    assert_eq!(
        columns_of(&connection, WINDOWS.name),
        columns.collect::<Vec<_>>()
    );

    let window: Window = fixture(include_str!("../testdata/v1/window_unsent.json"));
    WINDOWS.put(&connection, &window).unwrap();
    let sql = r#"SELECT "from", status, page, "cursor", ordered, not_before FROM windows"#;
    let shown = connection.query_row(sql, (), |row| {
        let (page, ordered): (i64, bool) = (row.get(2)?, row.get(4)?);
        let not_before: Option<String> = row.get(5)?;
        let texts: [String; 3] = [row.get(0)?, row.get(1)?, row.get(3)?];
        Ok((texts, page, ordered, not_before))
    });
    let texts = [
        window.id().from.to_string(),
        "running".to_owned(),
        window.cursor().unwrap().token.clone(),
    ];
    assert_eq!(shown, Ok((texts, 12, true, None)));
}

#[test]
fn view_of_another_windlass_is_made_anew_when_the_file_is_opened_for_writing() {
    let (store, path, _dir) = store();
    let columns = columns_of(&store.connection(), "windows");
    store
        .connection()
        .execute_batch("DROP VIEW windows; CREATE VIEW windows AS SELECT status FROM window_items")
        .unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(columns_of(&store.connection(), "windows"), columns);
}

fn columns_in_schema(connection: &Connection, table: &Table) -> Vec<String> {
    columns_of(connection, table.name)
}

fn columns_of(connection: &Connection, name: &str) -> Vec<String> {
    let mut statement = connection
        .prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")
        .unwrap();
    statement
        .query_map((name,), |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn items_with_every_attribute_come_back_from_their_tables() {
    fn assert_kept<T: Stored + PartialEq + std::fmt::Debug>(table: &Table, text: &str) {
        let (store, ..) = store();
        let connection = store.connection();
        let item: T = fixture(text);
        table.put(&connection, &item).unwrap();
        assert_eq!(table.find(&connection, "true", ()), Ok(vec![item]));
    }
    assert_kept::<SourceRecord>(&SOURCES, include_str!("../testdata/v1/source_swept.json"));
    assert_kept::<SourceRecord>(&SOURCES, include_str!("../testdata/v1/source_of_file.json"));
    assert_kept::<SourceRecord>(&SOURCES, include_str!("../testdata/v1/source_probed.json"));
    assert_kept::<Progress>(
        &PROGRESS,
        include_str!("../testdata/v1/progress_sweep.json"),
    );
    assert_kept::<Progress>(
        &PROGRESS,
        include_str!("../testdata/v1/progress_summary.json"),
    );
    assert_kept::<Window>(&WINDOWS, include_str!("../testdata/v1/window_unsent.json"));
    assert_kept::<RateItem>(&RATES, include_str!("../testdata/v1/rate_turns.json"));
    assert_kept::<SeenPiece>(&SEEN, include_str!("../testdata/v1/seen.json"));
}

#[test]
fn writes_are_logged_ahead_and_synced_at_checkpoints() {
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
async fn a_full_disk_is_said_so_and_the_window_stays_as_it_was() {
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
async fn a_writer_that_does_not_let_go_makes_the_store_unavailable_to_others() {
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

/// The one window as SQLite has it.
fn row(connection: &Connection) -> String {
    let sql =
        r#"SELECT quote(lane) || quote("to") || quote(status) || quote(item) FROM window_items"#;
    connection.query_row(sql, (), |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_row_edited_into_nonsense_is_corrupt_and_left_as_it_is() {
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
async fn a_corrupt_definition_can_be_replaced_by_applying_it_again() {
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

#[test]
fn a_number_that_sqlite_cannot_hold_is_refused_and_not_rounded() {
    let (store, ..) = store();
    let marks: Progress = fixture(include_str!("../testdata/v1/progress_sweep.json"));
    let huge = Progress {
        late: i64::MAX.unsigned_abs() + 1,
        ..marks
    };
    let connection = store.connection();
    let refused = PROGRESS.put(&connection, &huge);
    assert!(
        matches!(refused, Err(StateError::Refused(_))),
        "{refused:?}"
    );
    let stored = PROGRESS.find::<Progress>(&connection, "true", ());
    assert_eq!(stored, Ok(Vec::new()));
}

#[tokio::test]
async fn one_call_expires_a_bounded_number_of_remembered_pages() {
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
async fn digests_are_eight_bytes_each_in_the_file_and_others_are_corrupt() {
    let (store, ..) = store();
    let piece: SeenPiece = fixture(include_str!("../testdata/v1/seen.json"));
    let page = piece.page;
    store.remember(&page).await.unwrap();
    let bytes: i64 = store
        .connection()
        .query_row("SELECT length(digests) FROM seen", (), |row| row.get(0))
        .unwrap();
    assert_eq!(bytes, 24);
    let span = Span::new(page.at, page.at.plus_ms(1)).unwrap();
    for nonsense in ["x'0102'", "'text'", "8"] {
        let sql = format!("UPDATE seen SET digests = {nonsense}");
        store.connection().execute(&sql, ()).unwrap();
        let read = store.seen(&page.by, span, 1_000).await;
        assert!(matches!(read, Err(StateError::Corrupt { .. })), "{read:?}");
    }
}

#[tokio::test]
async fn one_call_expires_a_bounded_number_of_windows() {
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

#[tokio::test]
async fn a_backup_is_the_whole_state_at_one_instant_beside_a_writer() {
    let (store, path, dir) = store();
    store.create(&window()).await.unwrap();
    // A writer in the middle of a transaction is not waited for, and not in the copy.
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch("BEGIN IMMEDIATE; DELETE FROM window_items")
        .unwrap();
    let to = dir.path().join("backup.db");
    let reader = SqliteStore::open_read_only(&path).unwrap();
    let bytes = reader.backup(&to).unwrap();
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(store.window(window().id()).await, Ok(None));
    assert_eq!(std::fs::metadata(&to).unwrap().len(), bytes);
    for suffix in ["-wal", "-shm", "-journal"] {
        let beside = dir.path().join(format!("backup.db{suffix}"));
        assert!(!beside.exists(), "{}", beside.display());
    }
    let copy = SqliteStore::open(&to).unwrap();
    assert_eq!(copy.window(window().id()).await, Ok(Some(window())));
}

#[test]
fn backup_knows_no_mark_of_an_output_folder() {
    let (store, _path, dir) = store();
    store.identity(1).unwrap();
    let taken = FolderTaken {
        place: "/out".to_owned(),
        found: None,
        next: MarkId::from_random(5),
    };
    let begun = store.begin_run(0, std::slice::from_ref(&taken)).unwrap();
    let marker = begun.marker(&taken.next);
    for number in 0..2 {
        let to = dir.path().join(format!("backup-{number}.db"));
        store.backup(&to).unwrap();
        let copy = SqliteStore::open(&to).unwrap().identity(2).unwrap();
        assert_eq!(copy.state, begun.state);
        let diverged = Standing::Diverged { run: 1 };
        assert_eq!(copy.standing("/out", Some(&marker)), diverged);
        store.folders_marked().unwrap();
    }
}

#[test]
fn backup_goes_over_what_a_stopped_one_left() {
    let (store, _path, dir) = store();
    let to = dir.path().join("backup.db");
    for left in ["backup.db.part", "backup.db.part-journal"] {
        std::fs::write(dir.path().join(left), "half").unwrap();
    }
    store.backup(&to).unwrap();
    SqliteStore::open(&to).unwrap();
    assert!(!dir.path().join("backup.db.part").exists());
}

#[test]
fn a_backup_is_its_owners_and_replaces_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let (store, path, dir) = store();
    let to = dir.path().join("backup.db");
    store.backup(&to).unwrap();
    let mode = std::fs::metadata(&to).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let link = dir.path().join("link.db");
    std::os::unix::fs::symlink(dir.path().join("nowhere.db"), &link).unwrap();
    for taken in [&to, &path, &link] {
        let refused = store.backup(taken).unwrap_err().to_string();
        assert!(refused.contains("replaces nothing"), "{refused}");
    }
    assert!(link.is_symlink() && !dir.path().join("nowhere.db").exists());
    SqliteStore::open(&path).unwrap();
    let refused = store.backup(&dir.path().join("no/backup.db"));
    assert!(
        matches!(refused, Err(StateError::Refused(_))),
        "{refused:?}"
    );
}

#[test]
fn a_backup_of_a_damaged_state_fails_and_leaves_no_file() {
    let (store, path, dir) = store();
    let connection = store.connection();
    let fill = "CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                LIMIT 500) SELECT i, hex(randomblob(200)) AS x FROM n; PRAGMA wal_checkpoint(TRUNCATE)";
    connection.execute_batch(fill).unwrap();
    drop(connection);
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.len() - 8_192;
    bytes[end..].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let to = dir.path().join("backup.db");
    let damaged = SqliteStore::open(&path).unwrap().backup(&to);
    assert!(
        matches!(damaged, Err(StateError::Corrupt { .. })),
        "{damaged:?}"
    );
    assert!(!to.exists());
}
