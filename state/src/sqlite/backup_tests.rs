use windlass_core::ownership::Standing;

use super::*;
use crate::sqlite::tests::{begun, store, window};
use crate::store::StateStore;

#[tokio::test]
async fn backup_is_consistent_beside_writer() {
    let (store, path, dir) = store();
    store.create(&window()).await.unwrap();
    // The copy neither waits for an open transaction of a writer nor contains it.
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
fn backup_owns_no_output_folder() {
    let (store, _path, dir) = store();
    let (begun, taken) = begun(&store);
    let marker = begun.marker(&taken.next);
    for number in 0..2 {
        let to = dir.path().join(format!("backup-{number}.db"));
        store.backup(&to).unwrap();
        let copy = SqliteStore::open(&to).unwrap().identity(2).unwrap();
        assert_eq!(copy.state, begun.state);
        let diverged = Standing::Diverged { run: 1 };
        assert_eq!(copy.standing("/out", Some(&marker)), diverged);
        store.folders_marked(std::slice::from_ref(&taken)).unwrap();
    }
}

#[test]
fn backup_overwrites_interrupted_one() {
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
fn backup_is_private_and_replaces_nothing() {
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
        assert!(refused.contains("never replaces a file"), "{refused}");
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
fn damaged_state_leaves_no_backup() {
    let (store, path, dir) = store();
    let connection = store.connection();
    let fill = "CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 \
                FROM n LIMIT 500) SELECT i, hex(randomblob(200)) AS x FROM n; PRAGMA \
                wal_checkpoint(TRUNCATE)";
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
