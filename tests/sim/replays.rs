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
fn world_without_faults_holds() {
    replay(1, &[]);
}

#[test]
fn sweep_passes_window_lost_from_state() {
    replay(702_954, &[3, 5]);
}

#[test]
fn dropped_late_record_is_not_owed() {
    replay(700_224, &[11]);
}

#[test]
fn delayed_window_keeps_its_only_slot() {
    replay(710_558, &[3, 4, 9]);
}

#[test]
fn sweep_of_split_window_knows_page_at_bound() {
    replay(900_832, &[0, 1, 2, 4]);
}

#[test]
fn retried_parked_sweeps_can_repeat_records() {
    replay(906_539, &[0, 6, 7, 8, 9, 10, 11, 12, 15]);
}
