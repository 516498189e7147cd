//! What goes to a vendor and what comes back, as plain values: the only things the pure engine and
//! the network share.

use std::fmt;

use bytes::Bytes;
use url::Url;
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

/// One request. Credentials are added last, on the way to the network, and are never part of what
/// the pure engine builds or hashes.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// How.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// Header names and values, in the order they are sent.
    pub headers: Vec<(String, String)>,
    /// The body, already encoded.
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

    /// Sets the header `name`, replacing what was there under any case.
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
        // The query holds page tokens, so only what leads up to it is printed.
        f.debug_struct("ApiRequest")
            .field("method", &self.method)
            .field("origin", &Origin::from(&self.url))
            .field("path", &self.url.path())
            .field("headers", &headers)
            .field("body_bytes", &self.body.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

/// Response headers: names in any case, each with one or more values, in the order received.
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
    /// Adds a value, keeping those already there.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// The first value of `name`.
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

/// One reply, whole and decompressed.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiResponse {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body, at most [`limits::BODY_BYTES_MAX`] bytes.
    pub body: Bytes,
}

impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither header values nor the body: both may hold tokens or records.
        f.debug_struct("ApiResponse")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A page that could not be had, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What the worker does about it.
    pub class: FailureClass,
    /// How long the vendor asks to wait, in milliseconds from now, if it said.
    pub wait_ms: Option<i64>,
    /// The HTTP status, when there was a reply.
    pub status: Option<u16>,
    /// The vendor's own clock: `Date` plus `Age`; `None` without a response or without a `Date`.
    pub served_at: Option<Timestamp>,
    /// What happened and what to do: no token, no secret, no record, one line, at most
    /// [`limits::MESSAGE_CHARS_MAX`] characters.
    pub message: String,
}

impl Failure {
    /// A failure without a reply.
    pub fn new(class: FailureClass, message: impl AsRef<str>) -> Self {
        Self {
            class,
            wait_ms: None,
            status: None,
            served_at: None,
            message: one_line(message.as_ref()),
        }
    }

    /// The same, with the status of the reply.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }

    /// The same, with the wait the vendor asks for.
    #[must_use]
    pub fn with_wait(self, wait_ms: Option<i64>) -> Self {
        Self { wait_ms, ..self }
    }
}

/// `text` on one line and within the limit for messages.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(limits::MESSAGE_CHARS_MAX)
        .collect()
}

/// Where credentials may go: scheme, host and port, parsed and compared exactly.
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

    /// The port, the scheme's own when the URL names none.
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

/// Whether a URL may carry credentials: `https`, or plain `http` to this machine itself.
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

/// A URL that requests with credentials may go to.
pub(crate) fn confidential_url(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    if !is_confidential(&url) {
        return Err(format!(
            "`{text}` must be https; plain http is for loopback addresses only"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{text}` must not have a query or a fragment"));
    }
    Ok(url)
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
