//! The hosts that may receive requests, independent of the definitions in the state: a writer of
//! the state can set a base URL, and the source's credential would follow it.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use url::{Host, Url};

/// Maximum number of entries of one list. An environment variable of a Lambda function is far
/// shorter: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
const ENTRIES_MAX: usize = 500;

/// Hosts that may receive requests. The text form is a list with commas or white space between the
/// entries:
///
/// | entry | allows |
/// | --- | --- |
/// | `api.example.com` | that host |
/// | `*.example.com` | every host below it, at any depth, but not itself |
/// | `192.0.2.1`, `[2001:db8::1]` | that address |
/// | any of them with `:8443` | the same at that port |
///
/// An entry without a port allows the default port of the scheme: 443 for https, 80 for http. Host
/// names are compared as the URL standard writes them, in lower case and punycode; a trailing dot
/// is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHosts(Vec<HostRule>);

/// The list cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// The list is empty: every request would be denied.
    #[error(
        "names no host; list hosts separated by commas, such as `api.example.com, *.example.org`"
    )]
    Empty,
    /// The list exceeds `ENTRIES_MAX` entries.
    #[error("names more than {ENTRIES_MAX} hosts")]
    TooMany,
    /// An entry is not a host.
    #[error("`{entry}` {problem}")]
    Rule {
        /// The entry as given, or `***` where it may hold a password.
        entry: String,
        /// The problem and the correct form.
        problem: &'static str,
    },
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostRule {
    pattern: Pattern,
    /// `None` means the default port of the scheme.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Pattern {
    /// A host as the URL standard writes it, without a trailing dot.
    Exactly(String),
    /// Every host that ends in a dot and this name.
    Below(String),
}

impl AllowedHosts {
    /// The list of `rules`, sorted and without duplicates.
    pub(crate) fn new(mut rules: Vec<HostRule>) -> Self {
        rules.sort();
        rules.dedup();
        Self(rules)
    }

    /// Returns true if a request may go to `url`.
    pub fn allow(&self, url: &Url) -> bool {
        self.0.iter().any(|rule| rule.allows(url))
    }
}

impl HostRule {
    /// The host and port of `url`; `None` without a host.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        Some(Self {
            pattern: Pattern::Exactly(without_root(url.host_str()?).to_owned()),
            port: url.port(),
        })
    }

    /// Returns true if this entry allows a request to `url`.
    pub fn allows(&self, url: &Url) -> bool {
        // `Url::port` is `None` for the default port of the scheme.
        let port = match self.port {
            Some(port) => url.port_or_known_default() == Some(port),
            None => url.port().is_none(),
        };
        let host = url.host_str().map(without_root);
        port && host.is_some_and(|host| self.pattern.matches(host))
    }
}

impl Pattern {
    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exactly(name) => host == name,
            Self::Below(name) => host
                .strip_suffix(name.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|below| !below.is_empty()),
        }
    }
}

/// `host` without the trailing dot of the DNS root, which does not change its meaning.
fn without_root(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

impl FromStr for AllowedHosts {
    type Err = HostsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let entries = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|entry| !entry.is_empty())
            .take(ENTRIES_MAX + 1)
            .map(str::parse)
            .collect::<Result<Vec<_>, _>>()?;
        match entries.len() {
            0 => Err(HostsError::Empty),
            1..=ENTRIES_MAX => Ok(Self::new(entries)),
            _ => Err(HostsError::TooMany),
        }
    }
}

impl FromStr for HostRule {
    type Err = HostsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|problem| HostsError::Rule {
            entry: if text.contains('@') { "***" } else { text }.to_owned(),
            problem,
        })
    }
}

fn parse(text: &str) -> Result<HostRule, &'static str> {
    if text.contains("://") || text.contains(['/', '@', '?', '#', '\\', '%']) {
        return Err("is not a host; write it like api.example.com, without https:// and slashes");
    }
    let (host, port) = split_port(text)?;
    if let Some(suffix) = host.strip_prefix("*.") {
        return Ok(HostRule {
            pattern: Pattern::Below(suffix_name(suffix)?),
            port,
        });
    }
    if host.contains('*') {
        return Err("may have `*` only as its first label, like *.example.com");
    }
    let parsed = Host::parse(host).map_err(|_| "is not a host name or an address")?;
    // URL parsers read `127.1` and `0x7f000001` as addresses; a human reader of the list does not.
    if matches!(parsed, Host::Ipv4(_)) && parsed.to_string() != host {
        return Err("is an address in an unusual form; write it like 192.0.2.1");
    }
    Ok(HostRule {
        pattern: Pattern::Exactly(label_text(&parsed)?),
        port,
    })
}

/// The name after `*.`: at least two labels, so that an entry cannot allow a whole top-level
/// domain.
fn suffix_name(suffix: &str) -> Result<String, &'static str> {
    let shape = "is no wildcard; write it like *.example.com";
    match Host::parse(suffix).map_err(|_| shape)? {
        host @ Host::Domain(_) if !suffix.contains('*') => {
            let name = label_text(&host)?;
            if name.contains('.') {
                Ok(name)
            } else {
                Err("allows too much; name at least two labels, like *.example.com")
            }
        }
        _ => Err(shape),
    }
}

/// The host as URLs write it. Fails on an empty label.
fn label_text(host: &Host) -> Result<String, &'static str> {
    let text = host.to_string();
    let name = without_root(&text);
    if name.split('.').any(str::is_empty) {
        return Err("has an empty label");
    }
    Ok(name.to_owned())
}

/// The host and the port after it. An IPv6 address has a port only after its brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let shape = "has no port from 1 to 65535 after its colon";
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err("is an IPv6 address, which is written in brackets, like [2001:db8::1]");
    }
    let after = text.rfind(']').unwrap_or(0);
    match text.split_at(after).1.split_once(':') {
        None => Ok((text, None)),
        Some((_, port)) => {
            // Number parsing would also accept a sign.
            let number = port.parse().ok().filter(|number| *number > 0);
            let number = number.filter(|_| port.bytes().all(|byte| byte.is_ascii_digit()));
            let host = text.split_at(text.len() - port.len() - 1).0;
            Ok((host, Some(number.ok_or(shape)?)))
        }
    }
}

impl<'de> Deserialize<'de> for HostRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            Pattern::Exactly(name) => f.write_str(name)?,
            Pattern::Below(name) => write!(f, "*.{name}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The list in its shortest form, which can be parsed again: sorted, with commas between.
impl fmt::Display for AllowedHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, rule) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{rule}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "hosts_tests.rs"]
mod tests;
