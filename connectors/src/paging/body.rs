//! A token in the body.

use serde::Deserialize;
use windlass_core::retry::FailureClass;

use super::check::needs_target;
use super::{Ahead, End, Page, Pager, Response};
use crate::exchange::Failure;
use crate::manifest::fault::Fault;
use crate::manifest::text::JsonPath;

/// The place of the token, a string or a number.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Body(JsonPath);

impl Pager for Body {
    fn paths(&self) -> Vec<&JsonPath> {
        vec![&self.0]
    }

    fn read(&self, response: &Response<'_>) -> Result<Ahead, Failure> {
        if response.is_unreadable(0) {
            let message = "the page token is neither a string nor a number";
            return Err(Failure::new(FailureClass::Page, message));
        }
        let end = || End::TokenAbsent(format!("token at `{}`", self.0));
        Ok(Ahead::from_token(response.value(0), end))
    }

    fn check(&self, page: &Page) -> Result<(), Fault> {
        needs_target(page)
    }
}
