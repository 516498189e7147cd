//! Every sentence of the contract.

mod plain {
    use crate::state::scene::fresh;

    windlass_state::conformance_tests!(fresh().await);
}

/// The same while of the writes that are applied every other reply is lost, for a caller that
/// repeats them as the engine does.
mod with_lost_replies {
    use crate::state::lossy::lossy;

    windlass_state::conformance_tests!(lossy().await);
}
