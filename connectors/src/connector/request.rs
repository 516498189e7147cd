//! Conversion of a span and a token into the request for one page.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use url::Url;
use windlass_core::Span;
use windlass_core::ids::hex;
use windlass_core::retry::FailureClass;

use super::Connector;
use crate::exchange::{ApiRequest, Failure, Method};
use crate::paging::{Place, next_link};

/// Every character except the unreserved ones of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `text`, escaped for the query of a request.
pub(super) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The request for one page, with its window and its page token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    pub(super) span: Span,
    pub(super) token: Option<String>,
    pub(super) http: ApiRequest,
}

impl PageRequest {
    /// The request, without credentials.
    pub fn http(&self) -> &ApiRequest {
        &self.http
    }
}

impl Connector {
    /// The request for the first page of `span`, or for the page that `token` names.
    ///
    /// # Errors
    /// - [`FailureClass::Restart`]: this connector does not issue such a token.
    /// - [`FailureClass::Block`]: the token leads away from the origin.
    pub fn request(&self, span: Span, token: Option<&str>) -> Result<PageRequest, Failure> {
        let url = match self.paging.place(token)? {
            Place::Query { repeats, param } => self.url(repeats.then_some(span), param),
            Place::Url(token) => {
                let url: Url = token.parse().map_err(|_| {
                    Failure::new(FailureClass::Restart, "the stored page token is not a URL")
                })?;
                next_link::confine(&url, &self.origin)?;
                url
            }
        };
        let http = ApiRequest {
            method: Method::Get,
            url,
            headers: self.headers.clone(),
            body: None,
        };
        Ok(PageRequest {
            span,
            token: token.map(str::to_owned),
            http,
        })
    }

    /// A hash of the request for `span` without its token: a token is used only with the request
    /// that it belongs to.
    pub fn request_hash(&self, span: Span) -> String {
        let url = self.url(Some(span), None);
        let digest = Sha256::new()
            .chain_update("GET ")
            .chain_update(url.as_str())
            .finalize();
        hex(&digest, 8)
    }

    /// The endpoint with the parameters for `span`, if any, and with `extra` last.
    fn url(&self, span: Option<Span>, extra: Option<(&str, Cow<'_, str>)>) -> Url {
        let mut pairs: Vec<(&str, Cow<'_, str>)> = Vec::new();
        if let Some(span) = span {
            let (from, to) = self.bounds.asked(span);
            let size = self.paging.size().map(|size| size.to_string());
            let value = |name: &str| match name {
                "from" => Some(from.as_str()),
                "to" => Some(to.as_str()),
                "page_size" => size.as_deref(),
                name => self.params.get(name).map(String::as_str),
            };
            for (name, template) in &self.query {
                let filled = template
                    .fill(value)
                    .expect("placeholders were checked at load");
                pairs.push((name.as_str(), Cow::Owned(filled)));
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
