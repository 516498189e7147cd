//! The parameter names, pages and errors of each shape.

use windlass_connectors::exchange::{ApiResponse, Headers};
use windlass_core::Timestamp;

use super::events::Event;
use super::spec::{Shape, VendorSpec};

/// The names of a request's parameters.
pub(super) struct Names {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) limit: &'static str,
    pub(super) token: &'static str,
}

/// The problem of an error; each shape has its own response for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// The request is invalid.
    Invalid,
    /// The credentials are missing or unknown.
    Unauthorized,
    /// The span lies before the retention.
    TooOld,
    /// The span has too many records.
    TooMany,
    /// The token is invalid.
    Token,
    /// Too many requests, with HTTP 429.
    Rate,
    /// The quota is spent, with the shape's own error.
    Quota,
    /// An internal error of the vendor.
    Broken,
    /// Temporarily unavailable.
    Unavailable,
}

impl VendorSpec {
    pub(super) fn names(&self) -> Names {
        let (from, to, limit, token) = match self.shape {
            Shape::Google => ("startTime", "endTime", "maxResults", "pageToken"),
            Shape::Okta => ("since", "until", "limit", "after"),
            Shape::Slack => ("oldest", "latest", "limit", "cursor"),
            Shape::Unordered => ("from", "to", "size", "page"),
        };
        Names {
            from,
            to,
            limit,
            token,
        }
    }

    pub(super) fn path(&self) -> &'static str {
        match self.shape {
            Shape::Google => "/reports/activities",
            Shape::Okta => "/api/v1/logs",
            Shape::Slack => "/audit/v1/logs",
            Shape::Unordered => "/v2/events",
        }
    }

    /// The header of a request's credential, and the prefix of its value.
    pub(super) fn credential(&self) -> (&'static str, &'static str) {
        match self.shape {
            Shape::Google | Shape::Slack => ("authorization", "Bearer "),
            Shape::Okta => ("authorization", "SSWS "),
            Shape::Unordered => ("x-api-key", ""),
        }
    }

    /// The headers of the remaining quota and its reset, if the vendor has any.
    pub(super) fn quota_headers(&self) -> Option<(&'static str, &'static str)> {
        self.rate_limit?;
        match self.shape {
            Shape::Google | Shape::Slack => None,
            Shape::Okta => Some(("X-Rate-Limit-Remaining", "X-Rate-Limit-Reset")),
            Shape::Unordered => Some(("X-RateLimit-Remaining", "X-RateLimit-Reset")),
        }
    }

    /// A bound as this vendor reads it.
    pub(super) fn bound(&self, text: &str) -> Option<Timestamp> {
        match self.shape {
            Shape::Slack => Some(Timestamp::from_ms(text.parse::<i64>().ok()? * 1_000)),
            _ => text.parse().ok(),
        }
    }

    /// A page of `events`, with the next page's token, or the link to it.
    pub(super) fn page(&self, events: &[&Event], next: Option<&str>) -> ApiResponse {
        let records: Vec<String> = events.iter().map(|event| self.record(event)).collect();
        let records = records.join(",");
        let mut headers = Headers::default();
        let body = match self.shape {
            Shape::Google => {
                let items = (!events.is_empty()).then(|| format!(",\"items\":[{records}]"));
                let token = next.map(|next| format!(",\"nextPageToken\":\"{next}\""));
                let (items, token) = (items.unwrap_or_default(), token.unwrap_or_default());
                format!("{{\"kind\":\"reports#activities\"{items}{token}}}")
            }
            Shape::Okta => {
                if let Some(next) = next {
                    headers.push("link", format!("<{next}>; rel=\"next\""));
                }
                format!("[{records}]")
            }
            Shape::Slack => {
                let next = next.unwrap_or_default();
                format!(
                    "{{\"ok\":true,\"entries\":[{records}],\
                     \"response_metadata\":{{\"next_cursor\":\"{next}\"}}}}"
                )
            }
            Shape::Unordered => {
                if let Some(next) = next {
                    headers.push("X-Next-Page", next);
                }
                let more = next.is_some();
                format!("{{\"data\":[{records}],\"meta\":{{\"more\":{more}}}}}")
            }
        };
        ApiResponse {
            status: 200,
            headers,
            body: body.into(),
        }
    }

    fn record(&self, event: &Event) -> String {
        let (id, shown) = (event.qualifier(), event.shown);
        let about = "\"actor\":{\"email\":\"someone@customer.example\"},\"action\":\"login\"";
        match self.shape {
            Shape::Google => {
                format!("{{\"id\":{{\"time\":\"{shown}\",\"uniqueQualifier\":\"{id}\"}},{about}}}")
            }
            Shape::Okta => format!("{{\"uuid\":\"{id}\",\"published\":\"{shown}\",{about}}}"),
            Shape::Slack => {
                let seconds = shown.as_seconds();
                format!("{{\"id\":\"{id}\",\"date_create\":{seconds},{about}}}")
            }
            Shape::Unordered => format!("{{\"key\":\"{id}\",\"at\":\"{shown}\",{about}}}"),
        }
    }

    /// The error for `problem`, with the text `message`.
    pub(super) fn error(&self, problem: Problem, message: &str) -> ApiResponse {
        let (status, code) = match self.shape {
            Shape::Google => google(problem),
            Shape::Okta => okta(problem),
            Shape::Slack => slack(problem),
            Shape::Unordered => (unordered(problem), ""),
        };
        let body = match self.shape {
            Shape::Google => format!(
                "{{\"error\":{{\"code\":{status},\"message\":\"{message}\",\
                 \"errors\":[{{\"reason\":\"{code}\"}}]}}}}"
            ),
            Shape::Okta => {
                format!("{{\"errorCode\":\"{code}\",\"errorSummary\":\"{message}\"}}")
            }
            Shape::Slack => format!("{{\"ok\":false,\"error\":\"{code}\"}}"),
            Shape::Unordered => format!("{{\"message\":\"{message}\"}}"),
        };
        let mut headers = Headers::default();
        if problem == Problem::Quota && self.shape == Shape::Unordered {
            headers.push("X-RateLimit-Remaining", "0");
        }
        ApiResponse {
            status,
            headers,
            body: body.into(),
        }
    }
}

fn google(problem: Problem) -> (u16, &'static str) {
    match problem {
        Problem::Invalid | Problem::TooOld | Problem::TooMany => (400, "invalid"),
        Problem::Unauthorized => (401, "authError"),
        Problem::Token => (400, "invalid pageToken"),
        Problem::Rate => (429, "rateLimitExceeded"),
        Problem::Quota => (403, "quotaExceeded"),
        Problem::Broken => (500, "backendError"),
        Problem::Unavailable => (503, "backendError"),
    }
}

fn okta(problem: Problem) -> (u16, &'static str) {
    match problem {
        Problem::Invalid => (400, "E0000001"),
        Problem::TooOld => (400, "E0000053"),
        Problem::TooMany => (500, "E0000009"),
        Problem::Unauthorized => (401, "E0000011"),
        Problem::Token => (400, "E0000031"),
        Problem::Rate => (429, "E0000047"),
        Problem::Quota => (403, "E0000047"),
        Problem::Broken => (500, "E0000010"),
        Problem::Unavailable => (503, "E0000010"),
    }
}

fn slack(problem: Problem) -> (u16, &'static str) {
    match problem {
        Problem::Invalid | Problem::TooOld | Problem::TooMany => (200, "invalid_arguments"),
        Problem::Unauthorized => (200, "invalid_auth"),
        Problem::Token => (200, "invalid_cursor"),
        Problem::Rate => (429, "ratelimited"),
        Problem::Quota => (200, "ratelimited"),
        Problem::Broken => (200, "internal_error"),
        Problem::Unavailable => (503, "service_unavailable"),
    }
}

fn unordered(problem: Problem) -> u16 {
    match problem {
        Problem::Invalid | Problem::TooOld => 400,
        Problem::TooMany => 413,
        Problem::Unauthorized => 401,
        Problem::Token => 410,
        Problem::Rate => 429,
        Problem::Quota => 403,
        Problem::Broken => 500,
        Problem::Unavailable => 503,
    }
}
