//! What a manifest says: everything that differs between vendors, as data. Placeholders are filled
//! in; nothing is computed; whatever is not understood is an error with a line and a hint.

pub(crate) mod check;
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

/// One vendor API, as written in a file that has passed every check.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The connector's name: lower case, digits, underscores.
    pub connector: String,
    /// What it pulls, for people.
    pub title: String,
    /// The vendor's page about the API.
    pub docs: String,
    /// Where requests go: scheme, host and perhaps a path; parameters may stand in the host.
    pub base_url: text::Template,
    /// Hosts that `base_url` may lead to when a parameter stands in its host.
    #[serde(default)]
    pub hosts: Vec<HostRule>,
    /// What a source sets.
    #[serde(default)]
    pub params: BTreeMap<String, request::Param>,
    /// How requests are authorised.
    pub auth: Auth,
    /// What is asked.
    pub request: request::Request,
    /// How the vendor understands time.
    pub window: request::Window,
    /// How one page leads to the next.
    pub page: Page,
    /// What is in a page.
    pub records: records::Records,
    /// What shares a budget, and the signals about it.
    #[serde(default)]
    pub rate: errors::Rate,
    /// Which replies are errors, of which class.
    #[serde(default)]
    pub errors: Vec<errors::ErrorRule>,
    /// Where an error says what went wrong.
    #[serde(default)]
    pub error_body: errors::ErrorBody,
}

impl Manifest {
    /// Reads and checks `text`, the content of `file`.
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
