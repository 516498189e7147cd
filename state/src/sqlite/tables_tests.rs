use std::collections::BTreeSet;

use rusqlite::Connection;
use windlass_core::progress::Progress;
use windlass_core::source::SourceRecord;
use windlass_core::span::Span;
use windlass_core::window::{Window, WindowForm};

use super::*;
use crate::error::StateError;
use crate::item::{Attributes, RateItem, SeenPiece, Stored};
use crate::sqlite::SqliteStore;
use crate::sqlite::tests::{fixture, store};
use crate::store::StateStore;

#[test]
fn columns_match_attributes() {
    let (store, ..) = store();
    let connection = store.connection();
    for (table, text) in [
        (
            &SOURCES,
            concat!(
                include_str!("../../testdata/v1/source_probed.json"),
                include_str!("../../testdata/v1/source_swept.json")
            ),
        ),
        (
            &PROGRESS,
            include_str!("../../testdata/v1/progress_summary.json"),
        ),
        (&RATES, include_str!("../../testdata/v1/rate_turns.json")),
        (&SEEN, include_str!("../../testdata/v1/seen.json")),
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
fn windows_view_shows_every_attribute() {
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

    let window: Window = fixture(include_str!("../../testdata/v1/window_unsent.json"));
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
fn opening_for_writing_recreates_foreign_view() {
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
fn full_items_round_trip_through_tables() {
    fn assert_kept<T: Stored + PartialEq + std::fmt::Debug>(table: &Table, text: &str) {
        let (store, ..) = store();
        let connection = store.connection();
        let item: T = fixture(text);
        table.put(&connection, &item).unwrap();
        assert_eq!(table.find(&connection, "true", ()), Ok(vec![item]));
    }
    assert_kept::<SourceRecord>(
        &SOURCES,
        include_str!("../../testdata/v1/source_swept.json"),
    );
    assert_kept::<SourceRecord>(
        &SOURCES,
        include_str!("../../testdata/v1/source_of_file.json"),
    );
    assert_kept::<SourceRecord>(
        &SOURCES,
        include_str!("../../testdata/v1/source_probed.json"),
    );
    assert_kept::<Progress>(
        &PROGRESS,
        include_str!("../../testdata/v1/progress_sweep.json"),
    );
    assert_kept::<Progress>(
        &PROGRESS,
        include_str!("../../testdata/v1/progress_summary.json"),
    );
    assert_kept::<Window>(
        &WINDOWS,
        include_str!("../../testdata/v1/window_unsent.json"),
    );
    assert_kept::<RateItem>(&RATES, include_str!("../../testdata/v1/rate_turns.json"));
    assert_kept::<SeenPiece>(&SEEN, include_str!("../../testdata/v1/seen.json"));
}

#[test]
fn number_beyond_sqlite_range_is_not_rounded() {
    let (store, ..) = store();
    let marks: Progress = fixture(include_str!("../../testdata/v1/progress_sweep.json"));
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
async fn malformed_digests_are_corrupt() {
    let (store, ..) = store();
    let piece: SeenPiece = fixture(include_str!("../../testdata/v1/seen.json"));
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
