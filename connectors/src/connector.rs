//! A manifest compiled for one source: `(span, token)` into a request, a reply into a page. Pure
//! both ways; what touches the network is the client.

mod bounds;
mod compile;
mod endpoint;
mod judge;
mod page;
mod pieces;
mod read;
mod request;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod vendor_tests;

use std::collections::BTreeMap;

pub use compile::Defaults;
pub use page::{Budget, Page, Piece, Record, Rest};
pub use request::PageRequest;

use self::bounds::Bounds;
pub use crate::settings::{CompileError, Settings};

use crate::auth::AuthSpec;
use crate::exchange::Origin;
use crate::manifest::errors::{ErrorRule, Rate};
use crate::manifest::records::{Order, TimeFormat};
use crate::manifest::text::{JsonPath, Template};
use crate::paging::Paging;
use crate::records::Paths;

/// One vendor API as one source asks it. Holds no secret.
#[derive(Debug, Clone)]
pub struct Connector {
    name: String,
    params: BTreeMap<String, String>,
    origin: Origin,
    auth: AuthSpec,
    defaults: Defaults,
    /// Scheme, host and path of every first request.
    endpoint: url::Url,
    headers: Vec<(String, String)>,
    /// Parameters in the order they are sent; only the window's bounds are still open.
    query: Vec<(String, Template)>,
    bounds: Bounds,
    paging: Paging,
    records: RecordPlan,
    signals: Signals,
}

/// What is read from a page and from each record.
#[derive(Debug, Clone)]
struct RecordPlan {
    /// Records, token, flags and error values: everything one pass over the body yields.
    body: Paths,
    /// Where the array of records is, for messages.
    path: JsonPath,
    /// Whether a page without that array has no records, rather than being none.
    optional: bool,
    /// Ids and time: what one pass over a record yields.
    record: Paths,
    id: Vec<usize>,
    time: Option<(usize, TimeFormat)>,
    order: Order,
}

/// What replies say beside records.
#[derive(Debug, Clone)]
struct Signals {
    rules: Vec<Rule>,
    code: Option<usize>,
    message: Option<usize>,
    rate: Rate,
}

/// An error rule with the slot its path is read into.
#[derive(Debug, Clone)]
struct Rule {
    rule: ErrorRule,
    slot: Option<usize>,
}

impl Connector {
    /// The manifest's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where requests with credentials may go, and nowhere else.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The parameters, with defaults filled in.
    pub fn params(&self) -> &BTreeMap<String, String> {
        &self.params
    }

    /// What the manifest suggests for a source with these parameters.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    /// How requests are authorised.
    pub fn auth(&self) -> &AuthSpec {
        &self.auth
    }
}

#[cfg(test)]
#[path = "connector_tests.rs"]
mod tests;
