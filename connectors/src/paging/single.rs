//! Everything in one page, without a token.

use super::{Ahead, End, Page, Pager, Response};
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
        Ok(())
    }
}
