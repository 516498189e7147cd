//! Worlds with a purpose: each is fixed, runs the production engine under virtual time, and gives
//! figures of the effect of one mechanism.

mod burst;
mod figures;
mod late;
mod log;
mod manifest;
mod retention;
mod shared;
mod stage;

use figures::Figures;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// An hour of a hundred times as many records.
    Burst,
    /// Late-arriving records.
    Late,
    /// A quota that workers share.
    Shared,
    /// A source that was stopped while its vendor's retention passes.
    Retention,
}

impl Scenario {
    /// All scenarios, in the order of their list.
    pub(crate) const ALL: [Self; 4] = [Self::Burst, Self::Late, Self::Shared, Self::Retention];

    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Burst => "burst",
            Self::Late => "late",
            Self::Shared => "shared",
            Self::Retention => "retention",
        }
    }

    /// Its short description.
    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Burst => "an hour of a hundred times as many records",
            Self::Late => "events that are published late, by minutes to three days",
            Self::Shared => "a quota that workers in many processes share",
            Self::Retention => "a source that was stopped while its vendor forgets",
        }
    }

    /// Plays it. Returns its figures as a table, or as one JSON object.
    pub(crate) fn play(self, as_json: bool) -> anyhow::Result<String> {
        let figures = self.figures()?;
        Ok(if as_json {
            format!("{}\n", figures.as_json())
        } else {
            figures.as_table()
        })
    }

    fn figures(self) -> anyhow::Result<Figures> {
        match self {
            Self::Burst => burst::figures(),
            Self::Late => late::figures(),
            Self::Shared => shared::figures(),
            Self::Retention => retention::figures(),
        }
    }
}
