//! The ways in which the pages of a run end.

use windlass_core::checkpoint::PageTotals;
use windlass_core::pacing::{Pause, PauseCause};
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
        /// The pause of the rate group after that page.
        pause: Option<Pause>,
    },
    /// A page could not be fetched.
    NoPage(NoPage),
    /// The sink did not take a page.
    Sink(SinkError),
    /// The vendor's page tokens form a cycle.
    TokenCycle(&'static str),
    /// The vendor can still add records to the window before `until`.
    TooEarly { until: Timestamp, early: Early },
    /// The machine clock and the vendor clock differ by more than a day, and no witness decides.
    Disputed(Dispute),
    /// The whole rate group waits until this instant.
    Pause(Timestamp, PauseCause),
    /// The run must yield its window.
    Yield(&'static str),
    /// The run reached its deadline.
    OutOfTime(&'static str),
}

impl End {
    /// This end of a run that may not go on, or, if the page ahead was stopped after tries that failed, that
    /// one: it says more.
    pub(crate) fn unless_stopped_after_failures<T>(self, ahead: Option<Result<T, NoPage>>) -> Self {
        match (self, ahead) {
            (Self::Yield(_) | Self::OutOfTime(_), Some(Err(met @ NoPage::Stopped(Some(_))))) => {
                Self::NoPage(met)
            }
            (end, _) => end,
        }
    }
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
            Self::Stopped => Ok(End::Yield(
                "shutdown requested while the sink had not acknowledged a page",
            )),
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
