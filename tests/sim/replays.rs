//! Worlds that failed once, kept as tests.

use crate::runner::run_caught;
use crate::spec::WorldSpec;

/// Runs the world of `seed` with only the operations that `kept` numbers: everything holds.
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
