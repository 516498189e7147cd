//! The settings of a collector.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::settings::{ConfigError, Settings};

/// Maximum length of an authorization scheme; `Bearer`, `Splunk` and similar ones are far shorter.
const SCHEME_BYTES_MAX: usize = 32;

/// A collector: lines go to one URL, rejects to another one of the same origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// The URL for lines.
    #[serde(deserialize_with = "url")]
    pub url: Url,
    /// The URL for rejects.
    #[serde(deserialize_with = "url")]
    pub rejects: Url,
    /// Reference to the secret of the `Authorization` header; `None` sends no such header.
    pub secret: Option<String>,
    /// The scheme before the secret in that header.
    #[serde(default = "bearer")]
    pub scheme: String,
}

/// Parses a URL. The error does not repeat the text, which may hold a credential.
fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|problem: url::ParseError| {
        D::Error::custom(format!(
            "not a URL such as https://collector.example.com/windlass: {problem}"
        ))
    })
}

fn bearer() -> String {
    "Bearer".to_owned()
}

impl Settings for HttpConfig {
    fn check(&self) -> Result<(), ConfigError> {
        confidential("url", &self.url)?;
        confidential("rejects", &self.rejects)?;
        if self.rejects.origin() != self.url.origin() {
            let origin = self.url.origin().ascii_serialization();
            return Err(ConfigError {
                field: "rejects",
                problem: format!(
                    "`rejects` is not at {origin}: the secret is sent only to the host of `url`; \
                     use another path of that host"
                ),
            });
        }
        let token = |c: char| c.is_ascii_alphanumeric() || "-._~+!#$%&'*^`|".contains(c);
        if !(1..=SCHEME_BYTES_MAX).contains(&self.scheme.len()) || !self.scheme.chars().all(token) {
            // Not repeated: it may be the secret itself.
            return Err(ConfigError {
                field: "scheme",
                problem: format!(
                    "`scheme` is not one word of at most {SCHEME_BYTES_MAX} characters, such as \
                     Bearer"
                ),
            });
        }
        Ok(())
    }
}

/// Fails on a URL that must not receive records and credentials: anything but https, and plain http
/// to other machines.
fn confidential(field: &'static str, url: &Url) -> Result<(), ConfigError> {
    let is_loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let expected = if !url.username().is_empty() || url.password().is_some() {
        "free of user names and passwords: put the credential into `secret`"
    } else if url.fragment().is_some() {
        "free of `#`: a fragment is never sent"
    } else if url.query().is_some() {
        "free of `?`: settings are printed and stored; put a credential into `secret`"
    } else if url.scheme() == "https" || (url.scheme() == "http" && is_loopback) {
        return Ok(());
    } else {
        "https (plain http is for loopback addresses only)"
    };
    // Not repeated: it may hold a credential.
    Err(ConfigError {
        field,
        problem: format!("`{field}` is not {expected}"),
    })
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
