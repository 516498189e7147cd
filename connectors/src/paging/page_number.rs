//! Page numbers, counted here. They end at an empty or short page, or at the vendor's number of
//! pages.

use std::borrow::Cow;

use serde::Deserialize;
use windlass_core::retry::FailureClass;

use super::check::is_counted;
use super::{Ahead, End, EndTest, Page, Pager, Response};
use crate::exchange::Failure;
use crate::manifest::fault::{Fault, fault};
use crate::manifest::text::JsonPath;

/// Paging by page number.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageNumber {
    /// The number of the first page; 1 by default.
    #[serde(default = "one")]
    first: u64,
    /// Path of the number of pages; `None` if the vendor sends none.
    pages: Option<JsonPath>,
}

fn one() -> u64 {
    1
}

/// Returns true if `test` can hold for a count, which always has a next number.
fn ends_a_count(test: &EndTest) -> bool {
    matches!(
        test,
        EndTest::PageEmpty | EndTest::PageShort | EndTest::FlagFalse(_)
    )
}

impl PageNumber {
    /// The page number in a stored token.
    fn number(&self, token: Option<&str>) -> Result<u64, Failure> {
        let Some(token) = token else {
            return Ok(self.first);
        };
        let number = token.parse().ok().filter(|number| *number > self.first);
        let message = "the stored token is not the number of a later page";
        number.ok_or_else(|| Failure::new(FailureClass::Restart, message))
    }
}

impl Pager for PageNumber {
    fn paths(&self) -> Vec<&JsonPath> {
        self.pages.iter().collect()
    }

    fn first(&self) -> Option<String> {
        Some(self.first.to_string())
    }

    fn next<'t>(&self, token: &'t str) -> Result<Cow<'t, str>, Failure> {
        Ok(Cow::Owned(self.number(Some(token))?.to_string()))
    }

    fn read(&self, response: &Response<'_>) -> Result<Ahead, Failure> {
        let number = self.number(response.token)?;
        let next = Ahead::Next(number.saturating_add(1).to_string());
        let Some(path) = &self.pages else {
            return Ok(next);
        };
        let pages = response.value(0).and_then(|text| text.parse().ok());
        let pages: u64 = pages.ok_or_else(|| {
            let message = format!("the page has no number of pages at `{path}`");
            Failure::new(FailureClass::Page, message)
        })?;
        let read = (number - self.first).saturating_add(1);
        Ok(if read >= pages {
            Ahead::Last(End::PagesReached { read, pages })
        } else {
            next
        })
    }

    fn end(&self) -> Option<EndTest> {
        Some(EndTest::PagesReached)
    }

    fn check(&self, page: &Page) -> Result<(), Fault> {
        is_counted(page, "a page number is not a URL")?;
        match (&self.pages, page.end.contains(&EndTest::PagesReached)) {
            (None, true) => {
                let problem = "`pages_reached` needs the number of pages";
                let hint = "write `token: { page_number: { pages: PATH } }`";
                return Err(fault("page.end", problem, hint));
            }
            (Some(_), false) => {
                let problem = "paging with a number of pages needs the end test of that number";
                return Err(fault("page.end", problem, "add `pages_reached`"));
            }
            (None, false) if !page.end.iter().any(ends_a_count) => {
                let problem = "page numbers alone never end";
                return Err(fault(
                    "page.end",
                    problem,
                    "add `page_empty` or `page_short`",
                ));
            }
            (None, false) | (Some(_), true) => {}
        }
        Ok(())
    }
}
