//! The ways in which the pages of a run end.

use windlass_core::checkpoint::PageTotals;
use windlass_core::time::Timestamp;
use windlass_core::trust::{Dispute, Early};
use windlass_core::window::Window;
use windlass_sink::SinkError;

use crate::fetch::NoPage;
use crate::persist::NotWritten;

/// The end of a run's pages.
pub(crate) enum End {
    /// The last page is delivered, the output final, and the window done.
    Finished {
        /// The completed window.
        done: Box<Window>,
        /// The totals of that page.
        totals: PageTotals,
        /// Cooldown of the rate group after that page, in milliseconds, and its reason.
        pause: Option<(i64, &'static str)>,
    },
    /// A page could not be fetched.
    NoPage(NoPage),
    /// The sink did not take a page.
    Sink(SinkError),
    /// The vendor's page tokens form a cycle.
    CycleDetector(&'static str),
    /// The vendor can still add records to the window before `until`.
    TooEarly { until: Timestamp, early: Early },
    /// The machine clock and the vendor clock differ by more than a day, and no witness decides.
    Disputed(Dispute),
    /// The whole rate group waits until this instant.
    Pause(Timestamp, &'static str),
    /// The run must yield its window.
    Yield(&'static str),
    /// The run reached its deadline.
    OutOfTime(&'static str),
}

/// The reason why a page was not delivered, or its window not moved past it.
#[derive(Debug)]
pub(crate) enum Undelivered {
    /// The sink failed.
    Sink(SinkError),
    /// The sink did not acknowledge within the grace period after a request to stop.
    Stopped,
    /// The state failed, or another worker owns the window.
    State(NotWritten),
}

impl Undelivered {
    /// The end of the run's pages that follows from it, unless the state ended the run.
    pub(crate) fn end(self) -> Result<End, NotWritten> {
        match self {
            Self::Sink(error) => Ok(End::Sink(error)),
            Self::Stopped => Ok(End::Yield("told to stop while the sink held up a page")),
            Self::State(not_written) => Err(not_written),
        }
    }
}

impl From<SinkError> for Undelivered {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

impl From<NotWritten> for Undelivered {
    fn from(not_written: NotWritten) -> Self {
        Self::State(not_written)
    }
}
