//! The complete contract of a store.

mod plain {
    use crate::state::scene::fresh;

    windlass_state::conformance_tests!(fresh().await);
}

/// The contract while every other response to an applied write is lost, for a caller that repeats
/// writes as the engine does.
mod with_lost_responses {
    use crate::state::lossy::lossy;

    windlass_state::conformance_tests!(lossy().await);
}
