//! Pagination: one file per style behind one trait, and the evidence that ends a window. Pure: no
//! I/O, no clock.
//!
//! | module | holds |
//! | --- | --- |
//! | `single` | everything in one page |
//! | `body`, `header` | a token that the response names |
//! | `link` | a URL in a `Link` header |
//! | `offset` | offsets, counted here and ended by the vendor's total |
//! | `page_number` | page numbers, counted here |
//! | `ends` | end tests, and the evidence with which a window ends |
//! | `next_link` | URLs as tokens: made absolute, kept on the origin, without credentials |
//! | `check` | rules between the fields of the `page` section |
//!
//! A new style is a file with one struct that implements `Pager`, and a variant of [`Style`].

mod body;
pub(crate) mod check;
mod ends;
mod header;
mod link;
pub(crate) mod next_link;
mod offset;
mod page_number;
mod single;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

pub use self::body::Body;
pub use self::ends::{End, EndTest};
pub use self::header::Header;
pub use self::link::Link;
pub use self::offset::Offset;
pub use self::page_number::PageNumber;

use self::ends::Ends;
use self::single::Single;
use crate::exchange::{ApiResponse, Failure, Headers, Origin};
use crate::manifest::fault::Fault;
use crate::manifest::text::JsonPath;
use crate::records::{Found, Paths};
use url::Url;
use windlass_core::limits;
use windlass_core::retry::FailureClass;

/// The `page` section of a manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The source of the next page's token; `None` for an API with a single page.
    pub token: Option<Style>,
    /// The place of the token in a request.
    pub to: Option<Target>,
    /// The query parameters of the first request that a continuation repeats.
    #[serde(default)]
    pub repeat: Repeat,
    /// The end tests. Each of them ends a window; nothing else does.
    pub end: Vec<EndTest>,
    /// Records requested per page: `{page_size}` in the query, and the measure of `page_short`.
    pub size: Option<u64>,
    /// True if a token may be sent again, for example after a crash. Permits the prefetch of one
    /// page.
    #[serde(default)]
    pub replayable: bool,
}

/// The pagination styles, each with its own settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// A string or number in the body.
    Body(Body),
    /// The value of a response header.
    Header(Header),
    /// The URL of a `Link` header.
    Link(Link),
    /// The offset of the first record of the next page, counted here.
    Offset(Offset),
    /// The number of the next page, counted here.
    PageNumber(PageNumber),
}

/// The place of the token in a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The value of this query parameter.
    Query(String),
    /// The request's URL: the token is an absolute or relative URL.
    Url,
}

/// The query parameters of the first request that a continuation repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// Every parameter.
    #[default]
    All,
    /// No parameter.
    Nothing,
}

impl Page {
    fn pager(&self) -> &dyn Pager {
        match &self.token {
            None => &Single,
            Some(Style::Body(style)) => style,
            Some(Style::Header(style)) => style,
            Some(Style::Link(style)) => style,
            Some(Style::Offset(style)) => style,
            Some(Style::PageNumber(style)) => style,
        }
    }
}

/// One pagination style: the token of the first and each later request, and the evidence in a
/// response about the page after it.
trait Pager: fmt::Debug {
    /// The places in the body that [`Self::read`] needs, in the order of [`Response::value`].
    fn paths(&self) -> Vec<&JsonPath> {
        Vec::new()
    }

    /// The token's text in the first request; `None` when that request carries none.
    fn first(&self) -> Option<String> {
        None
    }

    /// The text that the request for the page `token` carries in the token's place.
    fn next<'t>(&self, token: &'t str) -> Result<Cow<'t, str>, Failure> {
        Ok(Cow::Borrowed(token))
    }

    /// The page after `response`, or the end with its evidence.
    fn read(&self, response: &Response<'_>) -> Result<Ahead, Failure>;

    /// The end test that this style alone has.
    fn end(&self) -> Option<EndTest> {
        None
    }

    /// Fails on a `page` section that contradicts this style.
    fn check(&self, page: &Page) -> Result<(), Fault>;
}

/// The parts of a successful response that a pager reads.
struct Response<'a> {
    /// The token of its request; `None` for the first page.
    token: Option<&'a str>,
    headers: &'a Headers,
    found: &'a Found<'a>,
    slots: &'a [usize],
    records: u64,
}

impl Response<'_> {
    /// The text or number at the `index`th of [`Pager::paths`]; `None` when it is absent or null.
    fn value(&self, index: usize) -> Option<Cow<'_, str>> {
        self.found.get(*self.slots.get(index)?)
    }

    /// Returns true if the value at `index` is neither text nor a number.
    fn is_unreadable(&self, index: usize) -> bool {
        let slot = self.slots.get(index);
        slot.is_some_and(|slot| self.found.is_unreadable(*slot))
    }
}

/// The page after a response, as its style sees it.
#[derive(Debug, PartialEq, Eq)]
enum Ahead {
    /// The page of this token, unless the end test of a page holds.
    Next(String),
    /// The page of this token, whatever the end tests yield.
    Certain(String),
    /// No page, if the manifest declares the test for this end.
    Last(End),
    /// No page can be requested, unless an end test holds; with the reason.
    Stuck(String),
}

impl Ahead {
    /// The page of `token`, or `end` where it is missing or blank.
    fn from_token(token: Option<Cow<'_, str>>, end: impl FnOnce() -> End) -> Self {
        match token.filter(|token| !token.trim().is_empty()) {
            Some(token) => Self::Next(token.into_owned()),
            None => Self::Last(end()),
        }
    }
}

/// The step after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Another page, by its token.
    Page(String),
    /// The end of the window, with its evidence.
    End(End),
}

impl Next {
    /// The token of the next page; `None` at the end of the window.
    pub fn token(&self) -> Option<&str> {
        match self {
            Self::Page(token) => Some(token),
            Self::End(_) => None,
        }
    }

    /// The evidence that the window ends; `None` when another page follows.
    pub fn end(&self) -> Option<&End> {
        match self {
            Self::Page(_) => None,
            Self::End(end) => Some(end),
        }
    }
}

/// The `page` section compiled for one source.
#[derive(Debug, Clone)]
pub(crate) struct Paging {
    page: Page,
    ends: Ends,
    slots: Vec<usize>,
}

/// The request that a response belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) token: Option<&'a str>,
    pub(crate) url: &'a Url,
    pub(crate) origin: &'a Origin,
}

/// The place of a token in a request.
pub(crate) enum Place<'a> {
    /// The endpoint's query, with this parameter last.
    Query {
        /// True if the first request's parameters stand before it.
        repeats: bool,
        /// The parameter; `None` when the first request carries none.
        param: Option<(&'a str, Cow<'a, str>)>,
    },
    /// The whole URL.
    Url(&'a str),
}

impl Paging {
    /// The paging that `page` declares; the places it reads are added to `body`.
    pub(crate) fn new(page: &Page, body: &mut Paths) -> Self {
        let page = page.clone();
        let slots = page.pager().paths();
        let slots = slots.into_iter().map(|path| body.add(path)).collect();
        let ends = Ends::new(&page, body);
        Self { page, ends, slots }
    }

    /// Records requested per page, if declared.
    pub(crate) fn size(&self) -> Option<u64> {
        self.page.size
    }

    /// The place of `token` in a request; of the start of the window without one.
    pub(crate) fn place<'a>(&'a self, token: Option<&'a str>) -> Result<Place<'a>, Failure> {
        let pager = self.page.pager();
        let Some(target) = &self.page.to else {
            let message = "a token is stored for an API without pages";
            return match token {
                Some(_) => Err(Failure::new(FailureClass::Restart, message)),
                None => Ok(Place::Query {
                    repeats: true,
                    param: None,
                }),
            };
        };
        Ok(match (token, target) {
            (Some(token), Target::Url) => Place::Url(token),
            (None, Target::Url) => Place::Query {
                repeats: true,
                param: None,
            },
            (Some(token), Target::Query(name)) => Place::Query {
                repeats: self.page.repeat == Repeat::All,
                param: Some((name, pager.next(token)?)),
            },
            (None, Target::Query(name)) => Place::Query {
                repeats: true,
                param: pager
                    .first()
                    .map(|value| (name.as_str(), Cow::Owned(value))),
            },
        })
    }

    /// The step after the page in `response`, which holds `records` records.
    ///
    /// # Errors
    /// - [`FailureClass::Page`]: the page neither names a next page nor ends the window.
    /// - [`FailureClass::Restart`]: the token does not advance.
    /// - [`FailureClass::Block`]: the next link leaves the origin.
    pub(crate) fn follow(
        &self,
        asked: Asked<'_>,
        response: &ApiResponse,
        found: &Found<'_>,
        records: usize,
    ) -> Result<Next, Failure> {
        let seen = Response {
            token: asked.token,
            headers: &response.headers,
            found,
            slots: &self.slots,
            records: u64::try_from(records).unwrap_or(u64::MAX),
        };
        let mut ahead = self.page.pager().read(&seen)?;
        if let (Ahead::Next(token), Some(Target::Url)) = (&mut ahead, &self.page.to) {
            let url = next_link::resolve(token, asked.url, asked.origin)?;
            *token = String::from(url);
        }
        if let Some(end) = self.ends.hold(&seen, &ahead) {
            return Ok(Next::End(end));
        }
        let token = match ahead {
            Ahead::Next(token) | Ahead::Certain(token) => token,
            Ahead::Stuck(message) => return Err(Failure::new(FailureClass::Page, message)),
            Ahead::Last(_) => {
                let message = "the response has no next page, and no end test holds; check \
                               `page.token` and `page.end`";
                return Err(Failure::new(FailureClass::Page, message));
            }
        };
        if token.len() > limits::CURSOR_BYTES_MAX {
            let (bytes, max) = (token.len(), limits::CURSOR_BYTES_MAX);
            let message = format!("the page token has {bytes} bytes, and the limit is {max}");
            return Err(Failure::new(FailureClass::Page, message));
        }
        if Some(token.as_str()) == asked.token {
            let message = "the page token of the response is the one of the request";
            let failure = Failure::new(FailureClass::Restart, message);
            return Err(failure.with_status(response.status));
        }
        Ok(Next::Page(token))
    }
}

#[cfg(test)]
mod ends_tests;
#[cfg(test)]
mod page_number_tests;
#[cfg(test)]
mod paging_tests;
