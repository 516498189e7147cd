//! Orders of the steps of a page that lose or repeat records, for the proofs.

use super::Act::{self, Checkpoint, Complete, Finish, Flush, Remember, Sync, Write};
use crate::breaks::{Break, broken};

/// The order of a broken protocol; `None` without a fault of the order.
pub(super) fn order(is_last: bool) -> Option<&'static [Act]> {
    let wrong: (&[Act], &[Act]) = if broken(Break::CheckpointBeforeDelivery) {
        (
            &[Checkpoint, Write, Flush, Remember],
            &[Complete, Write, Sync, Finish, Remember],
        )
    } else if broken(Break::RememberBeforeDelivery) {
        (
            &[Remember, Write, Flush, Checkpoint],
            &[Remember, Write, Sync, Finish, Complete],
        )
    } else if broken(Break::FinalBeforeDurable) {
        (
            &[Write, Flush, Remember, Checkpoint],
            &[Write, Finish, Remember, Complete],
        )
    } else if broken(Break::DoneBeforeFinal) {
        (
            &[Write, Flush, Remember, Checkpoint],
            &[Write, Complete, Sync, Finish, Remember],
        )
    } else {
        return None;
    };
    Some(if is_last { wrong.1 } else { wrong.0 })
}
