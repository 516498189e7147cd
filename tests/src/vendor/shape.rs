//! The differences between the APIs that the test vendor resembles.

use serde_json::Value;
use windlass_core::time::Timestamp;
use wiremock::ResponseTemplate;

use super::{Fault, google, okta};
use crate::timeline::Event;

/// The API that a vendor resembles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Google Admin SDK Reports, `activities.list`: newest first, `nextPageToken` in the body,
    /// assertion grant.
    /// <https://developers.google.com/admin-sdk/reports/v1/reference/activities/list>
    Google,
    /// Okta System Log with both bounds given: oldest first, next page in a `Link` header, static
    /// token. <https://developer.okta.com/docs/reference/system-log-query/>
    Okta,
}

/// The names of a request's parameters.
pub(super) struct Parameters {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) limit: &'static str,
    pub(super) token: &'static str,
    /// The page size of a request without `limit`.
    pub(super) limit_default: usize,
    /// The maximum page size of a request.
    pub(super) limit_max: usize,
}

/// One page, independent of a vendor's format.
pub(super) struct PageResponse<'a> {
    /// The events in sending order.
    pub(super) events: Vec<Event>,
    pub(super) record_bytes: usize,
    pub(super) next_token: Option<String>,
    /// The request's query as it arrived.
    pub(super) query: &'a str,
    pub(super) pretty: bool,
    /// Scheme and authority of links to the vendor itself.
    pub(super) self_origin: String,
    /// Scheme and authority of links to the next page.
    pub(super) next_origin: String,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 2] = [Self::Google, Self::Okta];

    /// The path of the list endpoint.
    pub fn path(self) -> &'static str {
        match self {
            Self::Google => google::PATH,
            Self::Okta => okta::PATH,
        }
    }

    /// The name of its connector.
    pub fn connector(self) -> &'static str {
        match self {
            Self::Google => "google_reports",
            Self::Okta => "okta_system_log",
        }
    }

    /// The known faults of this vendor. Okta does not document its response to an expired page
    /// token.
    pub fn faults(self) -> &'static [Fault] {
        match self {
            Self::Google => &Fault::ALL,
            Self::Okta => Fault::ALL.split_last().map_or(&[], |(_, others)| others),
        }
    }

    /// Returns true if the newest record comes first.
    pub fn newest_first(self) -> bool {
        self == Self::Google
    }

    /// The record of `event`: about `bytes` long, compact JSON.
    pub fn record(self, event: &Event, bytes: usize) -> String {
        match self {
            Self::Google => google::record(event, bytes),
            Self::Okta => okta::record(event, bytes),
        }
    }

    /// The vendor's own id of `event`.
    pub fn id_of(self, event: &Event) -> String {
        match self {
            Self::Google => google::id(event),
            Self::Okta => okta::id(event),
        }
    }

    /// The vendor's own id in a record; `None` if it is absent.
    pub fn id_in(self, record: &Value) -> Option<&str> {
        let id = match self {
            Self::Google => record.pointer("/id/uniqueQualifier"),
            Self::Okta => record.get("uuid"),
        };
        id.and_then(Value::as_str)
    }

    /// The time in a record; `None` if it is absent or unreadable.
    pub fn time_in(self, record: &Value) -> Option<Timestamp> {
        let time = match self {
            Self::Google => record.pointer("/id/time"),
            Self::Okta => record.get("published"),
        };
        time.and_then(Value::as_str)?.parse().ok()
    }

    pub(super) fn parameters(self) -> Parameters {
        match self {
            Self::Google => google::PARAMETERS,
            Self::Okta => okta::PARAMETERS,
        }
    }

    pub(super) fn page(self, response: &PageResponse<'_>) -> ResponseTemplate {
        match self {
            Self::Google => google::page(response),
            Self::Okta => okta::page(response),
        }
    }

    /// An error body of this vendor. `reason` is the vendor's error code.
    pub(super) fn error(self, status: u16, reason: &str, message: &str) -> ResponseTemplate {
        let body = match self {
            Self::Google => google::error(status, reason, message),
            Self::Okta => okta::error(reason, message),
        };
        ResponseTemplate::new(status).set_body_json(body)
    }

    /// The response to a request with `fault`.
    pub(super) fn fault(self, fault: Fault) -> ResponseTemplate {
        match self {
            Self::Google => google::fault(fault),
            Self::Okta => okta::fault(fault),
        }
    }
}

/// Text of `length` bytes that pads a record to its size.
pub(super) fn padding(length: usize, id: u64) -> String {
    format!("{id:016x}").chars().cycle().take(length).collect()
}

/// Text, already escaped for JSON, that breaks parsers that count braces or look for line ends.
pub(super) fn awkward(id: u64) -> &'static str {
    const TEXTS: [&str; 5] = [
        "plain",
        r#"quote \" backslash \\ slash \/"#,
        "}],{[\u{2028}",
        r"line\nbreak \u0000 \ud83e\udd89",
        "\u{1f989} \u{e9}\u{301}",
    ];
    let index = usize::try_from(id % 5).unwrap_or(0);
    TEXTS.get(index).copied().unwrap_or("plain")
}
