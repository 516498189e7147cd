//! Hand-driven workers of a history.

use windlass_core::checkpoint::PageMove;
use windlass_core::frontier::{frontier, halved};
use windlass_core::source::{Order, Policy};
use windlass_core::time::{MINUTE_MS, Timestamp};
use windlass_core::transition::{Cause, Release};
use windlass_core::window::Window;
use windlass_state::{MemoryStore, StateStore};

use super::operations::Work;
use crate::testing::*;

/// A worker claims `window`, and its run ends as in `work`.
pub(super) async fn work(
    store: &MemoryStore,
    policy: &Policy,
    window: &Window,
    work: Work,
    now: Timestamp,
) {
    match work {
        Work::Claim => drop(claim(store, window, now).await),
        Work::Finish => finish(store, window, now).await,
        Work::Fail => give_back(store, window, Cause::Failed, now).await,
        Work::Exhaust => exhaust(store, window, now).await,
        Work::Split(minutes) => {
            let split_at = window.id().from.plus_ms(minutes * MINUTE_MS);
            if split_at < window.to() {
                give_back(store, window, Cause::Split(split_at), now).await;
            }
        }
        Work::Overrun => overrun(store, policy, window, further(window, policy, 8), now).await,
        Work::Reject => reject(store, policy, window, now).await,
    }
}

/// The times of the oldest and the newest record of a page that reads one of so many `parts` of the
/// undelivered rest of `window`.
fn further(window: &Window, policy: &Policy, parts: i64) -> (Timestamp, Timestamp) {
    let last = window.to().minus_ms(1);
    match policy.strict_order {
        None | Some(Order::OldestFirst) => {
            let read = window.newest().unwrap_or(window.id().from);
            (
                window.id().from,
                read.plus_ms(window.to().ms_since(read) / parts),
            )
        }
        Some(Order::NewestFirst) => {
            let read = window.oldest().unwrap_or(last);
            (read.minus_ms(read.ms_since(window.id().from) / parts), last)
        }
    }
}

/// A worker delivers a page of `window`, and the vendor rejects the page token that came with it.
async fn reject(store: &MemoryStore, policy: &Policy, window: &Window, now: Timestamp) {
    let (oldest, newest) = further(window, policy, 3);
    let lease = claim(store, window, now).await;
    let mut delivered = PageMove::clone(&page(&lease, now, false));
    delivered.totals.records = 100;
    (delivered.totals.oldest, delivered.totals.newest) = (Some(oldest), Some(newest));
    let lease = store.checkpoint(&lease, &delivered.into()).await.unwrap();
    let at_frontier = frontier(lease.window(), policy).map(Cause::Reenter);
    let half = || halved(lease.window(), policy.unit_ms).map(Cause::Halve);
    let release = Release {
        cause: at_frontier.or_else(half).unwrap_or(Cause::Restart),
        not_before: None,
        error: None,
        now,
    };
    store.release(&lease, &release).await.unwrap();
}
