//! Everything in one page, without a token.

use super::{Ahead, End, EndTest, Page, Pager, Response};
use crate::exchange::Failure;
use crate::manifest::fault::{Fault, fault};

#[derive(Debug)]
pub(super) struct Single;

impl Pager for Single {
    fn read(&self, _: &Response<'_>) -> Result<Ahead, Failure> {
        Ok(Ahead::Last(End::OnlyPage))
    }

    fn check(&self, page: &Page) -> Result<(), Fault> {
        if page.to.is_some() {
            let hint = "add `token:` under page";
            return Err(fault("page.to", "has no token to send", hint));
        }
        let needs_more = |test: &EndTest| {
            matches!(
                test,
                EndTest::PageShort | EndTest::PageEmpty | EndTest::TokenUnchanged
            )
        };
        if page.end.iter().all(needs_more) {
            let problem = "does not end a full page, and there is no token for the next one";
            let hint =
                "add `token:` under page, or write `end: [token_absent]` if there is one page";
            return Err(fault("page.end", problem, hint));
        }
        Ok(())
    }
}
