//! Worlds that failed once, kept as tests.

use crate::runner::run_caught;
use crate::spec::WorldSpec;

/// Runs the world of `seed` with only the operations numbered in `kept`, and expects no violation.
#[cfg_attr(not(test), expect(dead_code))]
fn replay(seed: u64, kept: &[usize]) {
    let spec = WorldSpec::draw(seed).keeping(kept);
    let outcome = run_caught(&spec, None, false);
    assert_eq!(outcome.violations, Vec::<String>::new(), "world {seed}");
}

#[test]
fn a_world_without_any_trouble_holds() {
    replay(1, &[]);
}

#[test]
fn a_sweep_goes_on_behind_a_window_that_vanished_from_the_ledger_it_follows() {
    replay(702_954, &[3, 5]);
}

#[test]
fn a_late_record_that_the_vendor_dropped_before_anybody_could_read_it_is_not_owed() {
    replay(700_224, &[11]);
}

#[test]
fn a_window_that_was_held_up_once_is_not_left_by_every_run_of_its_only_slot() {
    replay(710_558, &[3, 4, 9]);
}

#[test]
fn sweep_of_a_split_live_window_knows_the_page_at_its_bound() {
    replay(900_832, &[0, 1, 2, 4]);
}

#[test]
fn two_sweeps_that_were_given_up_may_find_the_same_when_they_are_tried_again() {
    replay(906_539, &[0, 6, 7, 8, 9, 10, 11, 12, 15]);
}
