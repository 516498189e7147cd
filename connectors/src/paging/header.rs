//! A token in a response header.

use std::borrow::Cow;

use serde::Deserialize;

use super::check::needs_target;
use super::{Ahead, End, Page, Pager, Response};
use crate::exchange::Failure;
use crate::manifest::fault::Fault;

/// The name of the header.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Header(String);

impl Pager for Header {
    fn read(&self, response: &Response<'_>) -> Result<Ahead, Failure> {
        let token = response.headers.get(&self.0).map(Cow::Borrowed);
        let end = || End::TokenAbsent(format!("token in the header `{}`", self.0));
        Ok(Ahead::from_token(token, end))
    }

    fn check(&self, page: &Page) -> Result<(), Fault> {
        needs_target(page)
    }
}
