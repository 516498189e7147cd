//! URLs as page tokens: made absolute, without credentials, and confined to the origin.

use std::borrow::Cow;

use url::Url;
use windlass_core::retry::FailureClass;

use crate::exchange::{Failure, Origin};
use crate::readings;

/// Query parameters that hold credentials and that vendors echo into next links.
const CREDENTIALS: [&str; 10] = [
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "auth",
    "auth_token",
    "authorization",
    "client_secret",
    "password",
    "secret",
];

/// A URL token, absolute and safe to store: resolved against the URL of its request, without
/// credentials and fragment. Fails when it leads away from `origin`.
pub(super) fn resolve(token: &str, asked: &Url, origin: &Origin) -> Result<Url, Failure> {
    let mut url = asked
        .join(token)
        .map_err(|_| Failure::new(FailureClass::Page, "the next link is not a URL"))?;
    confine_from(&url, Some(asked), origin)?;
    url.set_fragment(None);
    // Rebuilt only when it holds a credential: any other link stays byte for byte.
    let pairs = url.query().unwrap_or_default().split('&');
    if pairs.clone().any(is_credential) {
        let kept: Vec<&str> = pairs.filter(|pair| !is_credential(pair)).collect();
        let kept = kept.join("&");
        url.set_query((!kept.is_empty()).then_some(&kept));
    }
    Ok(url)
}

/// Returns true if a query pair has the name of a credential, in any escaping. In a link copied
/// from HTML, `amp;` precedes the name.
fn is_credential(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    let mut is_known = false;
    let all = readings::each(name, |reading| {
        let separates = |byte: &u8| matches!(byte, b'&' | b';' | b'?');
        let name = reading.bytes().rsplit(separates).next().unwrap_or_default();
        is_known |= CREDENTIALS
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    });
    is_known || all.is_err()
}

/// Fails on a URL with another scheme, host or port than `origin`, or with a user name.
pub(crate) fn confine(url: &Url, origin: &Origin) -> Result<(), Failure> {
    confine_from(url, None, origin)
}

/// [`confine`], for a URL from the response to `asked`.
fn confine_from(url: &Url, asked: Option<&Url>, origin: &Origin) -> Result<(), Failure> {
    let named = Origin::from(url);
    if named != *origin {
        let place = match url.scheme() {
            "http" | "https" if is_fit_to_show(named.host(), &[Some(url), asked]) => {
                named.to_string()
            }
            "http" | "https" => {
                "another host (name omitted: it contains a page token or is implausible)".to_owned()
            }
            _ => "a URL that is neither http nor https".to_owned(),
        };
        let message = format!(
            "the next link leads to {place}; requests of this source go to {origin} only; if the \
             vendor's API is there, set `base_url` of the source to it"
        );
        return Err(Failure::new(FailureClass::Block, message));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = format!(
            "the next link to {named} contains a user name or password and was not followed"
        );
        return Err(Failure::new(FailureClass::Block, message));
    }
    Ok(())
}

/// Minimum length of a link's query value that counts as a page token.
const TOKEN_CHARS_MIN: usize = 6;

/// Maximum length of a host name, and of one label, in bytes
/// (<https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4>).
const HOST_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// The host of `url`, which the response to `asked` names, if it may appear in a message.
pub(crate) fn printable_host(url: &Url, asked: &Url) -> Option<String> {
    let host = url.host_str()?;
    is_fit_to_show(host, &[Some(url), Some(asked)]).then(|| host.to_owned())
}

/// Returns true if `host`, which the vendor wrote, may appear in a message: it is an address or a
/// possible DNS name, which shows where the link leads, and it holds no page token.
fn is_fit_to_show(host: &str, links: &[Option<&Url>]) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_name = name.len() <= HOST_BYTES_MAX && name.split('.').all(is_label);
    // The URL parser has already validated an address in brackets.
    let is_address = host.starts_with('[');
    (is_name || is_address) && !links.iter().flatten().any(|link| has_token_of(host, link))
}

/// Returns true if a query value of `link`, raw or decoded, occurs in `host`, which is in lower
/// case.
fn has_token_of(host: &str, link: &Url) -> bool {
    let query = link.query().unwrap_or_default();
    let written = query.split('&').filter_map(|pair| pair.split_once('='));
    let written = written.map(|(_, value)| Cow::Borrowed(value));
    let meant = link.query_pairs().map(|(_, value)| value);
    written.chain(meant).any(|value| {
        value.chars().count() >= TOKEN_CHARS_MIN && host.contains(&value.to_ascii_lowercase())
    })
}

#[cfg(test)]
#[path = "next_link_tests.rs"]
mod tests;
