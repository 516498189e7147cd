//! The spans of a run: every log line has the source, the window and its epoch, and during fetch
//! and delivery the page number. The spans have the level of errors, so that no level filter
//! removes them from a line that it passes.

use tracing::{Span, error_span};
use windlass_core::ids::WindowId;
use windlass_core::window::Window;

/// The run of the window `id` at `epoch`.
pub(crate) fn window(id: &WindowId, epoch: u64) -> Span {
    let source = &id.timeline.source;
    error_span!("window", %source, window = %id, epoch)
}

/// The page of `window` with this `number`, from 0. It repeats the fields of the window's span,
/// because a line of JSON holds its innermost span only.
pub(crate) fn page(window: &Window, number: u64) -> Span {
    let (id, epoch) = (window.id(), window.epoch());
    let source = &id.timeline.source;
    error_span!("page", %source, window = %id, epoch, page = number)
}
