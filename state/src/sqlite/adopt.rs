//! Stores adoptions of output folders, for a state that was lost or restored.

use rusqlite::Connection;
use windlass_core::adopt::Adoption;
use windlass_core::progress::Progress;
use windlass_core::seen::SeenPage;
use windlass_core::time::Timestamp;

use super::error::failed;
use super::tables::{PROGRESS, WINDOWS};
use super::transaction::{synced, write};
use super::{OF_TIMELINE, SqliteStore, key, seen};
use crate::error::StateError;

impl SqliteStore {
    /// Stores every adoption with the seen pages of its files, all of them or none. The caller
    /// excludes every run meanwhile. A power failure does not revert them.
    pub fn adopt(&self, adoptions: &[(Adoption, Vec<SeenPage>)]) -> Result<(), StateError> {
        synced(&mut self.connection(), |connection| {
            write(connection, |connection| {
                for (adoption, pages) in adoptions {
                    store(connection, adoption, pages)?;
                }
                Ok(())
            })
        })
    }
}

fn store(
    connection: &Connection,
    adoption: &Adoption,
    pages: &[SeenPage],
) -> Result<(), StateError> {
    let Adoption {
        remove,
        put,
        progress,
        ..
    } = adoption;
    for from in remove {
        delete(connection, progress, *from)?;
    }
    for window in put {
        WINDOWS.put(connection, window)?;
    }
    for page in pages {
        seen::remember(connection, page)?;
    }
    let next = Progress {
        version: progress.version + 1,
        ..progress.clone()
    };
    PROGRESS.put(connection, &next)
}

fn delete(connection: &Connection, progress: &Progress, from: Timestamp) -> Result<(), StateError> {
    let (source, generation, lane) = key(&progress.timeline);
    let sql = format!(r#"DELETE FROM window_items WHERE {OF_TIMELINE} AND "from" = ?4"#);
    connection
        .execute(&sql, (source, generation, lane, from.to_string()))
        .map(|_| ())
        .map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use windlass_core::ids::WindowId;
    use windlass_core::seen::pages_of_a_file;
    use windlass_core::window::Window;

    use super::*;
    use crate::store::StateStore;

    const NOW: Timestamp = Timestamp::from_ms(1_000);

    fn window(from: &str) -> Window {
        let id: WindowId = format!("okta/0123456789ab/live/{from}").parse().unwrap();
        let to = id.from.plus_ms(60_000);
        Window::new(id, to, NOW).unwrap()
    }

    fn adoption() -> Adoption {
        let done = window("2026-01-01T00:00:00Z");
        let done = Window::done(done.id().clone(), done.to(), 1_000, NOW).unwrap();
        let start = done.id().from;
        Adoption {
            remove: vec![start.plus_ms(60_000)],
            progress: Progress {
                timeline: done.id().timeline.clone(),
                start,
                end: None,
                scheduled_through: done.to(),
                open_from: start,
                behind: Vec::new(),
                unavailable: Vec::new(),
                width_ms: 60_000,
                records_per_hour: None,
                late: 0,
                known: 0,
                summary: None,
                version: 0,
                updated_at: NOW,
            },
            put: vec![done],
            adopted: Vec::new(),
            overlapping: 0,
        }
    }

    #[tokio::test]
    async fn adoption_is_stored_atomically() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("windlass.db")).unwrap();
        let stale = window("2026-01-01T00:01:00Z");
        store.create(&stale).await.unwrap();
        let adoption = adoption();
        let done = adoption.put[0].clone();
        let mut pages = pages_of_a_file(&done, &[(7, None)], 1, NOW);
        pages[0].page = u64::MAX;
        let refused = store.adopt(&[(adoption.clone(), pages.clone())]);
        assert!(
            matches!(refused, Err(StateError::Refused(_))),
            "{refused:?}"
        );
        assert_eq!(store.window(done.id()).await.unwrap(), None);
        assert_eq!(store.window(stale.id()).await.unwrap(), Some(stale.clone()));
        pages[0].page = 1;
        store.adopt(&[(adoption.clone(), pages.clone())]).unwrap();
        assert_eq!(store.window(done.id()).await.unwrap(), Some(done.clone()));
        assert_eq!(store.window(stale.id()).await.unwrap(), None);
        let seen = store.seen(&pages[0].by, done.span(), 10).await.unwrap();
        assert_eq!(seen, Some(pages));
        let open = store
            .open_windows(&done.id().timeline, done.id().from)
            .await;
        assert_eq!(open.unwrap(), adoption.put);
    }
}
