//! A manifest compiled for one source: turns `(span, token)` into a request, and a response into a
//! page. Both are pure; the client does the network I/O.

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
pub use page::{AdvertisedQuota, Page, Piece, Record, Rest};
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

/// One vendor API, configured for one source. Holds no secret.
#[derive(Debug, Clone)]
pub struct Connector {
    name: String,
    params: BTreeMap<String, String>,
    origin: Origin,
    host_setting: String,
    auth: AuthSpec,
    defaults: Defaults,
    /// Scheme, host and path of every first request.
    endpoint: url::Url,
    headers: Vec<(String, String)>,
    /// Query parameters in sending order; only the bounds of the window are still placeholders.
    query: Vec<(String, Template)>,
    bounds: Bounds,
    paging: Paging,
    records: RecordPlan,
    signals: Signals,
}

/// The values that are read from a page and from each record.
#[derive(Debug, Clone)]
struct RecordPlan {
    /// Records, token, flags and error values: everything that one traversal of the body yields.
    body: Paths,
    /// The path to the array of records, for messages.
    path: JsonPath,
    /// True if a page without that array is an empty page, not an error.
    optional: bool,
    /// Ids and time: everything that one traversal of a record yields.
    record: Paths,
    id: Vec<usize>,
    time: Option<(usize, TimeFormat)>,
    order: Order,
}

/// The signals of a response, apart from records.
#[derive(Debug, Clone)]
struct Signals {
    rules: Vec<Rule>,
    code: Option<usize>,
    message: Option<usize>,
    header: Option<String>,
    rate: Rate,
}

/// An error rule, with the slot of its path.
#[derive(Debug, Clone)]
struct Rule {
    rule: ErrorRule,
    slot: Option<usize>,
}

impl Connector {
    /// The name of the manifest.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The only origin that may receive requests with credentials.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The setting of the source that names the host of that origin, in backquotes.
    pub(crate) fn host_setting(&self) -> &str {
        &self.host_setting
    }

    /// The parameters, defaults included.
    pub fn params(&self) -> &BTreeMap<String, String> {
        &self.params
    }

    /// The manifest's defaults for a source with these parameters.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    /// Returns whether the manifest declares ids of records.
    pub fn reads_ids(&self) -> bool {
        !self.records.id.is_empty()
    }

    /// Returns whether the manifest declares the time of records.
    pub fn reads_times(&self) -> bool {
        self.records.time.is_some()
    }

    /// The auth of the requests.
    pub fn auth(&self) -> &AuthSpec {
        &self.auth
    }
}

#[cfg(test)]
#[path = "connector_tests.rs"]
mod tests;
