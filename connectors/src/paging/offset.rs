//! Offsets, counted here: the vendor sends the total number of records, and pages end there.

use std::borrow::Cow;

use serde::Deserialize;
use windlass_core::retry::FailureClass;

use super::check::is_counted;
use super::{Ahead, End, EndTest, Page, Pager, Response};
use crate::exchange::Failure;
use crate::manifest::fault::{Fault, fault};
use crate::manifest::text::JsonPath;

/// Paging by offset.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// Path of the total number of records.
    total: JsonPath,
}

impl Pager for Offset {
    fn paths(&self) -> Vec<&JsonPath> {
        vec![&self.total]
    }

    /// Offset paging sends its start explicitly, so that every request has the same form.
    fn first(&self) -> Option<String> {
        Some("0".to_owned())
    }

    fn next<'t>(&self, token: &'t str) -> Result<Cow<'t, str>, Failure> {
        Ok(Cow::Owned(Position::parse(token)?.at.to_string()))
    }

    fn read(&self, response: &Response<'_>) -> Result<Ahead, Failure> {
        let total = response.value(0).and_then(|text| text.parse().ok());
        let total = total.ok_or_else(|| {
            let message = format!("the page has no total at `{}`", self.total);
            Failure::new(FailureClass::Page, message)
        })?;
        let position = response.token.map(Position::parse).transpose()?;
        Ok(position.unwrap_or_default().after(response.records, total))
    }

    fn end(&self) -> Option<EndTest> {
        Some(EndTest::TotalReached)
    }

    fn check(&self, page: &Page) -> Result<(), Fault> {
        is_counted(page, "an offset is not a URL")?;
        if page.end.contains(&EndTest::TotalReached) {
            return Ok(());
        }
        let problem = "offset paging needs the end test of its total";
        Err(fault("page.end", problem, "add `total_reached`"))
    }
}

/// The progress of offset paging, stored as `4000/8012`: the index of the next record, and the
/// vendor's latest total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Position {
    at: u64,
    total: u64,
}

impl Position {
    fn parse(token: &str) -> Result<Self, Failure> {
        let parsed = token.split_once('/').and_then(|(at, total)| {
            Some(Self {
                at: at.parse().ok()?,
                total: total.parse().ok()?,
            })
        });
        let message = "the stored token is not an offset";
        parsed.ok_or_else(|| Failure::new(FailureClass::Restart, message))
    }

    /// Number of records before this page that may have left since the previous page, from its
    /// `total`.
    fn gone(self, total: u64) -> u64 {
        if self.at == 0 {
            0
        } else {
            self.total.saturating_sub(total)
        }
    }

    /// The page after one with `count` records and the total `total`.
    ///
    /// A lower total means that records before this page may have left, and that as many may have
    /// moved past the boundary between two pages. The next page then starts that much earlier, so
    /// that records repeat rather than go missing, and an apparently last page is not the end. The
    /// total falls with every such step, so the number of steps is small.
    fn after(self, count: u64, total: u64) -> Ahead {
        let gone = self.gone(total);
        let reached = self.at.saturating_add(count);
        if gone > 0 {
            let at = self.at.saturating_sub(gone);
            Ahead::Certain(format!("{at}/{total}"))
        } else if reached >= total {
            Ahead::Last(End::TotalReached { reached, total })
        } else if count == 0 {
            Ahead::Stuck(format!(
                "the page at offset {} of {total} is empty",
                self.at
            ))
        } else {
            Ahead::Next(format!("{reached}/{total}"))
        }
    }
}
