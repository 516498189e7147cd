//! Manifests: every difference between vendors, as data. Placeholders are replaced; nothing is
//! computed; an unknown field is an error with a line and a hint.

pub(crate) mod applied;
mod check;
mod check_records;
pub mod errors;
pub(crate) mod fault;
mod placeholders;
pub mod records;
pub mod request;
pub mod text;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::auth::Auth;
use crate::hosts::HostRule;
use crate::paging::Page;
use crate::yaml::{self, YamlError};

/// One vendor API, from a file that has passed every check.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The connector's name: lower case, digits, underscores.
    pub connector: String,
    /// Title of the records, for people.
    pub title: String,
    /// URL of the vendor's documentation.
    pub docs: String,
    /// Scheme, host and optional path of requests; the host may hold parameters.
    pub base_url: text::Template,
    /// Hosts that `base_url` may resolve to when its host holds a parameter.
    #[serde(default)]
    pub hosts: Vec<HostRule>,
    /// The parameters that a source sets.
    #[serde(default)]
    pub params: BTreeMap<String, request::Param>,
    /// The auth of the requests.
    pub auth: Auth,
    /// The request for the first page.
    pub request: request::Request,
    /// The vendor's handling of time.
    pub window: request::Window,
    /// The pagination.
    pub page: Page,
    /// The content of a page.
    pub records: records::Records,
    /// The rate group and the quota headers.
    #[serde(default)]
    pub rate: errors::Rate,
    /// The rules that classify error responses.
    #[serde(default)]
    pub errors: Vec<errors::ErrorRule>,
    /// The place of the explanation in an error body.
    #[serde(default)]
    pub error_body: errors::ErrorBody,
}

impl Manifest {
    /// Parses and checks `text`, the content of `file`.
    pub fn load(file: &str, text: &str) -> Result<Self, YamlError> {
        let manifest: Self = yaml::load(file, text)?;
        match check::check(&manifest) {
            Ok(()) => Ok(manifest),
            Err(fault) => Err(yaml::invalid(
                file,
                text,
                &fault.field,
                &fault.problem,
                fault.hint,
            )),
        }
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
