//! The ways in which the pages of a run end.

use windlass_core::checkpoint::PageTotals;
use windlass_core::time::Timestamp;
use windlass_core::trust::{Dispute, Early};
use windlass_core::window::Window;
use windlass_sink::SinkError;

use crate::fetch::NoPage;
use crate::persist::NotWritten;

/// How the pages of a run ended.
pub(crate) enum End {
    /// The last page is delivered, the output final, and the window done.
    Finished {
        /// The window, done.
        done: Box<Window>,
        /// The totals of that page.
        totals: PageTotals,
        /// How long nobody of the rate group may ask after that page, and why, if so.
        pause: Option<(i64, &'static str)>,
    },
    /// A page could not be fetched.
    NoPage(NoPage),
    /// The sink could not take a page.
    Sink(SinkError),
    /// The vendor's page tokens lead nowhere.
    Circle(&'static str),
    /// The vendor has not filled the window before this.
    TooEarly { until: Timestamp, early: Early },
    /// Our clock and the vendor's differ by more than a day, and nothing shows which one is right.
    Disputed(Dispute),
    /// The whole rate group waits until then.
    Pause(Timestamp, &'static str),
    /// The run may not go on.
    Yield(&'static str),
    /// The run has had its time.
    OutOfTime(&'static str),
}

/// Why a page was not delivered, or its window not moved past it.
#[derive(Debug)]
pub(crate) enum Undelivered {
    /// The sink failed.
    Sink(SinkError),
    /// The sink had not taken it when the time after a request to stop was over.
    Stopped,
    /// The state failed, or the window is another's by now.
    State(NotWritten),
}

impl Undelivered {
    /// How the pages of the run end by it, unless the state ended the run.
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
