//! The URL of a `Link` header (RFC 8288).

use std::borrow::Cow;

use serde::Deserialize;
use windlass_core::limits;
use windlass_core::retry::FailureClass;

use super::check::needs_target;
use super::{Ahead, End, Page, Pager, Response, Target};
use crate::exchange::{Failure, Headers};
use crate::manifest::fault::{Fault, fault};

/// The relation of the link, such as `next`.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Link(String);

impl Pager for Link {
    fn read(&self, response: &Response<'_>) -> Result<Ahead, Failure> {
        let target = find(response.headers, &self.0)?.map(Cow::Owned);
        let end = || End::TokenAbsent(format!("Link with rel={}", self.0));
        Ok(Ahead::from_token(target, end))
    }

    fn check(&self, page: &Page) -> Result<(), Fault> {
        needs_target(page)?;
        if page.to != Some(Target::Url) {
            let problem = "a link replaces the whole URL";
            return Err(fault("page.to", problem, "write `to: url`"));
        }
        Ok(())
    }
}

/// The target of the first link with relation `rel`, unchanged. Without one, an unparsed rest of
/// the list is an error: the link may be in it.
fn find(headers: &Headers, rel: &str) -> Result<Option<String>, Failure> {
    let mut values = headers.all("link");
    let mut whole = true;
    for value in values.by_ref().take(limits::HEADER_LINKS_MAX) {
        let (links, rest) = parse(value);
        if let Some(link) = links.iter().find(|link| link.has_rel(rel)) {
            return Ok(Some(link.target.to_owned()));
        }
        whole &= rest.is_empty();
    }
    if whole && values.next().is_none() {
        Ok(None)
    } else {
        let message =
            format!("the Link header cannot be parsed to its end and may contain rel={rel}");
        Err(Failure::new(FailureClass::Page, message))
    }
}

/// The characters between the elements of a list, which may be empty
/// (<https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1>).
const BETWEEN_ELEMENTS: [char; 3] = [',', ' ', '\t'];

struct Element<'a> {
    target: &'a str,
    rels: Option<&'a str>,
}

impl Element<'_> {
    fn has_rel(&self, rel: &str) -> bool {
        let rels = self.rels.unwrap_or_default();
        rels.split_ascii_whitespace()
            .any(|it| it.eq_ignore_ascii_case(rel))
    }
}

/// The links of one header value: `<target>; name=value; name="value", <target> ...`. Commas and
/// semicolons count only outside of `<>` and quotes, and elements may be empty. Text that does not
/// look like a link ends the list, and is returned as the rest.
fn parse(value: &str) -> (Vec<Element<'_>>, &str) {
    let mut links = Vec::new();
    let mut rest = value.trim_start_matches(BETWEEN_ELEMENTS);
    while links.len() < limits::HEADER_LINKS_MAX {
        let Some((target, after)) = rest.strip_prefix('<').and_then(|it| it.split_once('>')) else {
            break;
        };
        let (params, next) = split_outside_quotes(after, ',');
        links.push(Element {
            target: target.trim(),
            rels: rel_of(params),
        });
        rest = next.trim_start_matches(BETWEEN_ELEMENTS);
    }
    (links, rest)
}

/// The value of the first `rel` parameter, as the standard requires.
fn rel_of(mut params: &str) -> Option<&str> {
    while !params.is_empty() {
        let (param, next) = split_outside_quotes(params, ';');
        if let Some((name, value)) = param.split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            return Some(value.trim().trim_matches('"'));
        }
        params = next;
    }
    None
}

/// The text before and after the first `separator` outside of a quoted string.
fn split_outside_quotes(text: &str, separator: char) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                let (before, after) = text.split_at(at);
                return (before, after.get(c.len_utf8()..).unwrap_or_default());
            }
            _ => {}
        }
    }
    (text, "")
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
