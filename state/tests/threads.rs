//! The races of the contract, between threads and between handles on one file.
#![cfg(test)]

use std::path::Path;
use std::sync::Barrier;
use std::thread;

use rusqlite::Connection;
use windlass_core::ids::{Owner, WindowId};
use windlass_core::reservation::{ReservationRequest, ReservationResponse};
use windlass_core::time::Timestamp;
use windlass_core::transition::Claim;
use windlass_core::window::{Status, Window};
use windlass_state::{Created, MemoryStore, MoveError, SqliteStore, StateStore};

const NOW: Timestamp = Timestamp::from_ms(1_000);
const RIVALS: usize = 16;
const ROUNDS: i64 = 40;

fn window(number: i64) -> Window {
    let id: WindowId = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
        .parse()
        .unwrap();
    let from = id.from.plus_ms(number);
    Window::new(WindowId { from, ..id }, from.plus_ms(1), NOW).unwrap()
}

fn claim(rival: usize) -> Claim {
    let owner = Owner::from_random(u128::try_from(rival).unwrap());
    Claim {
        epoch: 1,
        owner,
        lease_until: NOW.plus_ms(1_000),
        now: NOW,
    }
}

/// Runs `body` with each store on a thread of its own.
fn on_threads<S: StateStore, T: Send>(
    stores: &[S],
    body: impl AsyncFn(usize, &S) -> T + Sync,
) -> Vec<T> {
    let body = &body;
    thread::scope(|scope| {
        let runs: Vec<_> = stores
            .iter()
            .enumerate()
            .map(|(rival, store)| {
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .build()
                        .unwrap();
                    runtime.block_on(body(rival, store))
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

/// In each round all rivals create and claim the same window at once; returns the numbers of
/// created and claimed windows.
fn race<S: StateStore>(stores: &[S]) -> (usize, usize) {
    let start = Barrier::new(stores.len());
    let sums = on_threads(stores, async |rival, store| {
        let (mut made, mut won) = (0, 0);
        for round in 0..ROUNDS {
            start.wait();
            made += usize::from(store.create(&window(round)).await.unwrap() == Created::New);
            match store.claim(window(round).id(), &claim(rival)).await {
                Ok(lease) => {
                    assert_eq!(lease.owner(), &claim(rival).owner);
                    won += 1;
                }
                Err(MoveError::Refused { current, .. }) => {
                    assert_eq!((current.status(), current.epoch()), (Status::Running, 2));
                    assert_ne!(current.owner(), Some(&claim(rival).owner));
                }
                Err(other) => panic!("{other}"),
            }
        }
        (made, won)
    });
    sums.into_iter()
        .fold((0, 0), |(made, won), (m, w)| (made + m, won + w))
}

fn rounds() -> usize {
    usize::try_from(ROUNDS).unwrap()
}

#[test]
fn one_thread_wins_each_window_in_memory() {
    let stores = vec![MemoryStore::new(); RIVALS];
    assert_eq!(race(&stores), (rounds(), rounds()));
}

#[test]
fn one_thread_wins_each_window_per_handle() {
    let dir = tempfile::tempdir().unwrap();
    let stores = vec![SqliteStore::open(&dir.path().join("windlass.db")).unwrap(); RIVALS];
    assert_eq!(race(&stores), (rounds(), rounds()));
}

#[test]
fn one_thread_wins_each_window_across_handles() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("windlass.db");
    let handles = [
        SqliteStore::open(&path).unwrap(),
        SqliteStore::open(&path).unwrap(),
    ];
    let stores: Vec<_> = handles.iter().cycle().take(RIVALS).cloned().collect();
    assert_eq!(race(&stores), (rounds(), rounds()));
}

/// All rivals reserve requests at once, round after round; returns every reserved instant.
fn reservations<S: StateStore>(stores: &[S]) -> Vec<Timestamp> {
    let group = "okta:acme".parse().unwrap();
    let asked = ReservationRequest {
        count: 1,
        interval_ms: 10,
        within_ms: 60_000,
        now: NOW,
    };
    let start = Barrier::new(stores.len());
    let taken = on_threads(stores, async |_, store| {
        start.wait();
        let mut taken = Vec::new();
        for _ in 0..ROUNDS {
            match store.reserve_requests(&group, &asked).await {
                Ok(ReservationResponse::From { first }) => taken.push(first),
                other => panic!("{other:?}"),
            }
        }
        taken
    });
    let mut taken: Vec<_> = taken.into_iter().flatten().collect();
    taken.sort_unstable();
    taken
}

#[test]
fn threads_reserve_every_request_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("windlass.db");
    let handles = [
        SqliteStore::open(&path).unwrap(),
        SqliteStore::open(&path).unwrap(),
    ];
    let sqlite: Vec<_> = handles.iter().cycle().take(RIVALS).cloned().collect();
    let count = i64::try_from(RIVALS).unwrap() * ROUNDS;
    let each_once: Vec<_> = (0..count).map(|number| NOW.plus_ms(10 * number)).collect();
    assert_eq!(reservations(&sqlite), each_once);
    assert_eq!(reservations(&vec![MemoryStore::new(); RIVALS]), each_once);
}

#[test]
fn concurrent_openers_share_one_new_state() {
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("windlass.db");
        let start = Barrier::new(RIVALS);
        let stores: Vec<_> = thread::scope(|scope| {
            let opens: Vec<_> = (0..RIVALS)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        SqliteStore::open(&path).unwrap()
                    })
                })
                .collect();
            opens.into_iter().map(|open| open.join().unwrap()).collect()
        });
        let made = on_threads(&stores, async |_, store| {
            store.create(&window(0)).await.unwrap()
        });
        assert_eq!(made.iter().filter(|made| **made == Created::New).count(), 1);
        assert_eq!(journal_mode(&path), "wal");
    }
}

fn journal_mode(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();
    connection
        .query_row("PRAGMA journal_mode", (), |row| row.get(0))
        .unwrap()
}
