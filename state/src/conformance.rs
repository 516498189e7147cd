//! The contract of a store, as functions: each takes a fresh store and panics if the store breaks
//! the sentence that is its name.
//!
//! [`conformance_tests!`](crate::conformance_tests) makes a test of each for one store.
#![expect(
    missing_docs,
    reason = "each function is the sentence that is its name"
)]
#![expect(
    clippy::missing_panics_doc,
    reason = "each function is a test, which fails by a panic"
)]

mod blocks;
mod claims;
mod expiry;
mod fences;
mod fixtures;
mod progress;
mod races;
mod reservations;
mod seen;
mod sources;
mod splits;
mod windows;

pub use blocks::*;
pub use claims::*;
pub use expiry::*;
pub use fences::*;
pub use progress::*;
pub use races::*;
pub use reservations::*;
pub use seen::*;
pub use sources::*;
pub use splits::*;
pub use windows::*;

/// Makes a `tokio` test of every sentence of the contract. The argument is an expression for a
/// fresh store and a value to keep alive beside it, such as its directory:
/// `conformance_tests!((MemoryStore::new(), ()));`
///
/// A store that expires history on its own omits
/// [`expiry_conformance_tests!`](crate::expiry_conformance_tests).
#[macro_export]
macro_rules! conformance_tests {
    (@each $make:expr; $($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                let (store, _guard) = $make;
                $crate::conformance::$name(store).await;
            }
        )*
    };
    ($make:expr) => {
        $crate::conformance_tests! { @each $make;
            // sources
            applied_source_is_found_and_listed
            unapplied_source_is_not_found
            applying_again_replaces_definition_and_unblocks
            block_keeps_first_instant_and_latest_reason
            one_of_two_workers_takes_probe
            block_of_stale_or_unknown_source_does_nothing
            contradictory_policy_is_refused
            vendor_clock_is_stored_beside_cooldown
            cooldown_only_moves_later
            implausible_cooldown_is_replaced
            source_is_found_only_on_its_shard
            source_is_found_by_name_alone
            paused_source_stays_paused_until_resumed
            source_changes_shard_with_its_progress
            // progress
            saved_progress_returns_with_higher_version
            stale_save_conflicts_and_returns_current
            contradictory_marks_are_refused
            second_first_save_conflicts
            first_save_needs_version_zero
            progress_lists_all_timelines_of_one_source
            // windows
            window_returns_exactly_as_created
            creating_over_existing_window_returns_it
            open_windows_ascend_from_instant
            windows_at_returns_existing_once_ascending
            history_ascends_within_span_and_limit
            timelines_never_mix
            // claims
            ready_window_is_claimed_once
            dispatched_window_is_claimed_at_dispatch_epoch
            window_is_not_claimed_before_due
            splitting_window_is_not_claimed
            done_or_parked_window_is_not_claimed
            repeated_claim_recognizes_first_by_owner
            duplicate_claim_of_other_owner_loses
            claim_returns_window_as_stored
            missing_window_cannot_move
            // fences
            checkpoint_is_durable_and_continues
            page_is_checkpointed_once
            expired_holder_is_fenced
            holder_cannot_complete_parked_window
            holder_is_fenced_by_later_claim
            lease_of_finished_run_is_fenced
            release_keeps_cursor_backoff_and_error
            next_claim_sees_unsent_token
            checkpoint_clears_unsent_token
            completed_window_is_done_with_expiry
            stale_planner_is_refused
            planner_cannot_make_worker_moves
            // splits
            split_leaves_touching_windows_and_marks
            split_of_changed_item_conflicts
            repeated_split_recognizes_first_by_parent
            split_with_contradictory_marks_is_refused
            planner_shrinks_or_closes_only_by_split
            one_of_concurrent_splits_wins
            // seen pages
            remembered_page_returns_until_replaced
            seen_pages_ascend_within_span
            pages_of_other_source_or_generation_are_invisible
            pages_of_other_windows_and_lanes_coexist
            digests_beyond_limit_are_not_returned
            large_page_returns_whole_and_is_replaceable
            // request reservations
            reservations_follow_each_other_per_group
            concurrent_reservations_never_overlap
            active_cooldown_grants_no_reservation
            reservations_and_cooldown_preserve_each_other
            reservations_alone_set_no_cooldown
            // races
            one_of_concurrent_claims_wins
            one_of_concurrent_creations_is_new
            one_of_concurrent_saves_wins
        }
    };
}

/// The same for stores that delete history on request.
#[macro_export]
macro_rules! expiry_conformance_tests {
    ($make:expr) => {
        $crate::conformance_tests! { @each $make;
            only_expired_done_windows_are_deleted
            history_past_open_from_or_behind_is_kept
            history_without_progress_is_kept
            seen_pages_are_deleted_after_expiry
        }
    };
}
