//! From a span and a token to the request for one page.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use url::Url;
use windlass_core::Span;
use windlass_core::ids::hex;
use windlass_core::retry::FailureClass;

use super::{Connector, Source, link};
use crate::exchange::{ApiRequest, Failure, Method};
use crate::manifest::page::{Repeat, TokenTarget};

/// Everything but the characters that mean themselves everywhere in a URL (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `text` as the query of a request has it.
pub(super) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

impl Connector {
    /// The request for the first page of `span`, or for the page that `token` names.
    ///
    /// Fails with [`FailureClass::Restart`] when the token is not one this connector gives out,
    /// and with [`FailureClass::Block`] when it leads away from the origin.
    pub fn request(&self, span: Span, token: Option<&str>) -> Result<ApiRequest, Failure> {
        let url = match (token, &self.pager.target) {
            (None, _) => self.url(Some(span), self.first_offset()),
            (Some(token), Some(TokenTarget::Url)) => {
                let url: Url = token.parse().map_err(|_| {
                    Failure::new(FailureClass::Restart, "the stored next link is not a URL")
                })?;
                link::confine(&url, &self.origin)?;
                url
            }
            (Some(token), Some(TokenTarget::Query(name))) => {
                let value = match self.pager.source {
                    Source::Offset { .. } => super::read::Position::parse(token)?.at.to_string(),
                    _ => token.to_owned(),
                };
                let span = (self.pager.repeat == Repeat::All).then_some(span);
                self.url(span, Some((name.as_str(), value)))
            }
            (Some(_), None) => {
                let message = "a token is stored for an API without pages";
                return Err(Failure::new(FailureClass::Restart, message));
            }
        };
        Ok(ApiRequest {
            method: Method::Get,
            url,
            headers: self.headers.clone(),
            body: None,
        })
    }

    /// A hash of the request for `span` without its token: a token is used again only with the
    /// request that it belongs to.
    pub fn request_hash(&self, span: Span) -> String {
        let url = self.url(Some(span), None);
        let digest = Sha256::new()
            .chain_update("GET ")
            .chain_update(url.as_str())
            .finalize();
        hex(&digest, 8)
    }

    /// Offset paging says where it starts, so that every page is asked for alike.
    fn first_offset(&self) -> Option<(&str, String)> {
        match (&self.pager.source, &self.pager.target) {
            (Source::Offset { .. }, Some(TokenTarget::Query(name))) => {
                Some((name.as_str(), "0".to_owned()))
            }
            _ => None,
        }
    }

    /// The endpoint with the parameters for `span`, if they are wanted, and `extra` last.
    fn url(&self, span: Option<Span>, extra: Option<(&str, String)>) -> Url {
        let mut pairs = Vec::new();
        if let Some(span) = span {
            let (from, to) = self.bounds.asked(span);
            let value = |name: &str| match name {
                "from" => Some(from.as_str()),
                "to" => Some(to.as_str()),
                name => self.params.get(name).map(String::as_str),
            };
            for (name, template) in &self.query {
                let filled = template
                    .fill(value)
                    .expect("placeholders were checked at load");
                pairs.push((name.as_str(), filled));
            }
        }
        pairs.extend(extra);
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
            .collect();
        let query = pairs.join("&");
        let mut url = self.endpoint.clone();
        url.set_query((!query.is_empty()).then_some(&query));
        url
    }
}
