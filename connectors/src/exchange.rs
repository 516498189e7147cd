//! Requests and responses as plain values: the only types that the pure engine and the network
//! share.

use std::fmt;

use bytes::Bytes;
use url::Url;
use windlass_core::printable::is_printable;
use windlass_core::retry::FailureClass;
use windlass_core::{Timestamp, limits};

/// The HTTP methods that vendors' list calls use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

impl Method {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One request. Credentials are added last, directly before sending, and are never part of the pure
/// engine's requests or hashes.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// The HTTP method.
    pub method: Method,
    /// The full URL, query included.
    pub url: Url,
    /// Header names and values in sending order.
    pub headers: Vec<(String, String)>,
    /// The encoded body; `None` for a request without one.
    pub body: Option<Bytes>,
}

impl ApiRequest {
    /// A `GET` of `url` without headers.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::Get,
            url,
            headers: Vec::new(),
            body: None,
        }
    }

    /// The first value of the header `name`, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Sets the header `name`, replacing earlier values in any case.
    pub fn set_header(&mut self, name: &str, value: impl Into<String>) {
        self.headers
            .retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
    }
}

/// Headers whose values are safe to print; every other one may carry a credential.
const PRINTABLE_HEADERS: [&str; 3] = ["accept", "content-type", "user-agent"];

impl fmt::Debug for ApiRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| {
                let printable = PRINTABLE_HEADERS
                    .iter()
                    .any(|it| name.eq_ignore_ascii_case(it));
                (
                    name.as_str(),
                    if printable { value.as_str() } else { "***" },
                )
            })
            .collect();
        // The query holds page tokens, so only the URL before it is printed.
        f.debug_struct("ApiRequest")
            .field("method", &self.method)
            .field("origin", &Origin::from(&self.url))
            .field("path", &self.url.path())
            .field("headers", &headers)
            .field("body_bytes", &self.body.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

/// Response headers: case-insensitive names, each with one or more values, in the order received.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be cookies or next links, so only names are printed.
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl Headers {
    /// Adds a value and keeps the existing ones.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// The first value of `name`; `None` if the header is absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Every value of `name`, in the order received.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let matching = self
            .0
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        matching.map(|(_, value)| value.as_str())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// One response, complete and decompressed.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiResponse {
    /// The HTTP status code.
    pub status: u16,
    /// The response headers.
    pub headers: Headers,
    /// The body, at most [`limits::BODY_BYTES_MAX`] bytes.
    pub body: Bytes,
}

impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values and the body are not printed: both may hold tokens or records.
        f.debug_struct("ApiResponse")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A page that could not be fetched, classified by its cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The class that determines the worker's reaction.
    pub class: FailureClass,
    /// The requested wait in milliseconds from now; `None` if the vendor requested none.
    pub wait_ms: Option<i64>,
    /// The HTTP status; `None` without a response.
    pub status: Option<u16>,
    /// The vendor's own clock: `Date` plus `Age`; `None` without a response or without a `Date`.
    pub served_at: Option<Timestamp>,
    /// True if a timeout ended the request: another try would take as long.
    pub timed_out: bool,
    /// The cause and the cure: one line without token, secret or record, at most
    /// [`limits::MESSAGE_CHARS_MAX`] characters.
    pub message: String,
}

impl Failure {
    /// A failure without a response.
    pub fn new(class: FailureClass, message: impl AsRef<str>) -> Self {
        Self {
            class,
            wait_ms: None,
            status: None,
            served_at: None,
            timed_out: false,
            message: one_line(message.as_ref()),
        }
    }

    /// The same failure, with the status of the response.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }

    /// The same failure, with the wait that the vendor requests.
    #[must_use]
    pub fn with_wait(self, wait_ms: Option<i64>) -> Self {
        Self { wait_ms, ..self }
    }
}

/// `text` on one line, without terminal control characters, cut to the limit for messages.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if is_printable(c) { c } else { ' ' })
        .take(limits::MESSAGE_CHARS_MAX)
        .collect()
}

/// The origin that may receive credentials: scheme, host and port, parsed and compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// `https` or `http`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The host as the URL standard writes it: lower case, punycode; empty when the URL has none.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; the default of the scheme when the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl From<&Url> for Origin {
    fn from(url: &Url) -> Self {
        Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = matches!(
            (self.scheme.as_str(), self.port),
            ("https", 443) | ("http", 80)
        );
        write!(f, "{}://{}", self.scheme, self.host)?;
        if usual {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

/// Returns true if a URL may receive credentials: `https`, or plain `http` to a loopback address.
pub fn is_confidential(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        },
        _ => false,
    }
}

/// `text` up to a user name, query or fragment, which may hold a credential.
fn without_query(text: &str) -> &str {
    let end = text.find(['?', '#', '@']).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Parses a URL that may receive requests with credentials.
pub(crate) fn confidential_url(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|error| format!("`{}` is not a URL: {error}", without_query(text)))?;
    if !is_confidential(&url) {
        let text = without_query(text);
        return Err(format!(
            "`{text}` must be https; plain http is for loopback addresses only"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user name or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        // It may hold a credential.
        return Err("must not have a query or a fragment".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
