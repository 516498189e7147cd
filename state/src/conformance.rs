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
    reason = "each function is a test: panics are its answer"
)]

mod blocks;
mod claims;
mod expiry;
mod fences;
mod fixtures;
mod progress;
mod races;
mod seen;
mod sources;
mod splits;
mod turns;
mod windows;

pub use blocks::*;
pub use claims::*;
pub use expiry::*;
pub use fences::*;
pub use progress::*;
pub use races::*;
pub use seen::*;
pub use sources::*;
pub use splits::*;
pub use turns::*;
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
            an_applied_source_is_found_by_name_and_listed_in_order
            a_source_that_was_never_applied_is_not_there
            applying_again_replaces_the_definition_raises_the_version_and_unblocks
            a_block_keeps_its_first_instant_and_takes_the_latest_reason
            of_two_workers_one_takes_a_probe
            a_block_of_another_version_or_an_unknown_source_does_nothing
            a_definition_whose_policy_contradicts_itself_is_refused
            a_vendors_clock_is_kept_beside_gate_and_turns
            a_rate_gate_only_moves_later
            a_rate_gate_that_a_wrong_clock_closed_is_replaced_by_a_true_one
            a_source_is_found_on_its_own_shard_only
            source_is_found_by_its_name_alone
            a_source_that_an_operator_holds_back_stays_so_until_it_is_let_go
            a_source_whose_rate_group_moves_to_another_shard_moves_with_its_progress
            // progress
            progress_comes_back_as_saved_with_a_higher_version
            a_save_over_a_version_that_moved_on_is_a_conflict_and_shows_the_current_one
            marks_that_contradict_each_other_are_refused_and_change_nothing
            of_two_first_saves_the_second_is_a_conflict
            a_save_over_nothing_needs_version_zero
            progress_lists_every_lane_and_generation_of_one_source_only
            // windows
            a_window_comes_back_exactly_as_created
            creating_where_a_window_starts_returns_the_one_that_is_there
            open_windows_are_all_from_an_instant_on_ascending
            windows_at_returns_those_that_exist_once_and_ascending
            history_is_ascending_inside_the_span_and_limited
            timelines_never_mix
            // claims
            a_ready_window_is_claimed_once
            a_dispatched_window_is_claimed_at_the_epoch_of_its_dispatch
            a_window_is_not_claimed_before_it_is_due
            a_window_with_a_pending_split_is_not_claimed
            a_done_or_parked_window_is_not_claimed
            a_repeated_claim_is_refused_and_its_nonce_shows_that_the_first_was_applied
            a_duplicate_with_another_nonce_learns_that_the_window_is_not_its_own
            a_claim_hands_out_the_window_as_stored
            a_window_that_does_not_exist_cannot_move
            // fences
            a_checkpoint_is_kept_and_the_next_one_goes_on_from_it
            a_page_is_checkpointed_once
            a_holder_that_lost_its_window_cannot_move_it
            a_holder_cannot_complete_a_window_that_was_parked
            a_holder_cannot_move_a_window_that_another_claimed
            a_lease_of_a_finished_run_moves_nothing
            a_release_keeps_the_cursor_and_says_when_and_why
            a_release_says_that_its_token_was_not_sent_and_the_next_claim_sees_it
            a_checkpoint_forgets_that_the_token_before_it_was_not_sent
            a_completed_window_is_done_and_knows_when_it_expires
            a_planner_that_read_before_a_move_is_refused
            planner_cannot_make_worker_moves
            // splits
            a_split_leaves_two_windows_that_touch_and_the_marks_that_name_them
            a_split_whose_window_part_or_marks_changed_is_a_conflict_and_changes_nothing
            a_repeated_split_is_a_conflict_and_its_parent_shows_that_the_first_was_made
            marks_that_contradict_themselves_are_refused_and_nothing_changes
            a_planner_cannot_shrink_or_close_a_window_by_itself
            of_many_splits_at_once_exactly_one_is_made
            // seen pages
            what_a_page_delivered_comes_back_until_it_is_remembered_again
            only_pages_that_lie_inside_the_span_are_seen_ascending
            what_another_source_or_generation_delivered_is_not_seen
            pages_of_other_windows_lanes_and_numbers_lie_side_by_side
            more_digests_than_asked_for_are_not_returned
            a_very_large_page_comes_back_whole_and_a_small_one_replaces_it
            // request reservations
            turns_of_a_group_follow_each_other_and_leave_other_groups_alone
            of_thirty_two_that_take_turns_at_once_no_two_overlap
            a_gate_that_is_closed_meanwhile_gives_no_turns
            turns_and_gate_do_not_lose_each_other
            a_group_whose_turns_were_taken_was_never_closed
            // races
            of_many_claims_at_once_exactly_one_wins
            of_many_creations_at_once_exactly_one_is_new
            of_many_saves_at_once_exactly_one_wins
        }
    };
}

/// The same for stores that delete history on request.
#[macro_export]
macro_rules! expiry_conformance_tests {
    ($make:expr) => {
        $crate::conformance_tests! { @each $make;
            only_done_windows_whose_history_ran_out_are_deleted
            history_after_open_from_or_still_listed_behind_is_kept
            history_of_a_timeline_without_progress_is_kept
            what_pages_delivered_is_deleted_once_no_sweep_needs_it
        }
    };
}
