//! The end of a window: the tests that a manifest declares, and the evidence with which one of them
//! holds.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::{Ahead, Page, Response};
use crate::manifest::text::JsonPath;
use crate::records::Paths;

/// A sign that there is no next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndTest {
    /// The token is missing, null or empty.
    TokenAbsent,
    /// The token is the one of the request, and the page is empty.
    TokenUnchanged,
    /// The page has no records.
    PageEmpty,
    /// The page has fewer records than `page.size`.
    PageShort,
    /// The offset has reached the vendor's total.
    TotalReached,
    /// The page number has reached the vendor's number of pages.
    PagesReached,
    /// This flag in the body is false.
    FlagFalse(JsonPath),
}

impl EndTest {
    /// The name of the test in a manifest.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::TokenAbsent => "token_absent",
            Self::TokenUnchanged => "token_unchanged",
            Self::PageEmpty => "page_empty",
            Self::PageShort => "page_short",
            Self::TotalReached => "total_reached",
            Self::PagesReached => "pages_reached",
            Self::FlagFalse(_) => "flag_false",
        }
    }

    /// The only style that this test applies to, and its declaration in a manifest; `None` when it
    /// applies to every style.
    pub(super) fn style(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::TotalReached => Some(("offset paging", "token: { offset: { total: PATH } }")),
            Self::PagesReached => Some(("page numbers", "token: { page_number: { pages: PATH } }")),
            Self::TokenAbsent
            | Self::TokenUnchanged
            | Self::PageEmpty
            | Self::PageShort
            | Self::FlagFalse(_) => None,
        }
    }
}

/// The evidence that a page is the last one of its window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The API has no pages.
    OnlyPage,
    /// The response lacks this token, or it is empty.
    TokenAbsent(String),
    /// An empty page repeated the token of its request.
    TokenUnchanged,
    /// The page has no records.
    PageEmpty,
    /// The page has fewer records than were requested.
    PageShort {
        /// Records of the page.
        records: u64,
        /// Records requested.
        size: u64,
    },
    /// Every record of the vendor's total has been read.
    TotalReached {
        /// Records up to the end of the page.
        reached: u64,
        /// The vendor's total.
        total: u64,
    },
    /// Every page of the vendor's number of pages has been read.
    PagesReached {
        /// Pages up to this one.
        read: u64,
        /// The vendor's number of pages.
        pages: u64,
    },
    /// The flag at this place is false.
    FlagFalse(JsonPath),
}

/// The names of the end tests, for the error about another word.
const WORDS: [&str; 7] = [
    "token_absent",
    "token_unchanged",
    "page_empty",
    "page_short",
    "total_reached",
    "pages_reached",
    "flag_false",
];

impl<'de> Deserialize<'de> for EndTest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EndTestVisitor)
    }
}

struct EndTestVisitor;

impl<'de> Visitor<'de> for EndTestVisitor {
    type Value = EndTest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an end test such as token_absent")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<EndTest, E> {
        Ok(match word {
            "token_absent" => EndTest::TokenAbsent,
            "token_unchanged" => EndTest::TokenUnchanged,
            "page_empty" => EndTest::PageEmpty,
            "page_short" => EndTest::PageShort,
            "total_reached" => EndTest::TotalReached,
            "pages_reached" => EndTest::PagesReached,
            "flag_false" => {
                let problem = "`flag_false` needs the path of a flag; write `{ flag_false: PATH }`";
                return Err(E::custom(problem));
            }
            _ => return Err(E::unknown_variant(word, &WORDS)),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EndTest, A::Error> {
        let word: String = map.next_key()?.unwrap_or_default();
        if word != "flag_false" {
            return Err(de::Error::unknown_variant(&word, &WORDS));
        }
        let test = EndTest::FlagFalse(map.next_value()?);
        match map.next_key::<de::IgnoredAny>()? {
            Some(_) => Err(de::Error::custom("expected one key only; keep one of them")),
            None => Ok(test),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnlyPage => f.write_str("the API has only one page"),
            Self::TokenAbsent(token) => write!(f, "the response has no {token}"),
            Self::TokenUnchanged => f.write_str("the page is empty and repeats its own token"),
            Self::PageEmpty => f.write_str("the page is empty"),
            Self::PageShort { records, size } => {
                write!(f, "the page has {records} records of the {size} requested")
            }
            Self::TotalReached { reached, total } => {
                write!(f, "{reached} of {total} records are read")
            }
            Self::PagesReached { read, pages } => write!(f, "page {read} of {pages} is read"),
            Self::FlagFalse(path) => write!(f, "`{path}` is false"),
        }
    }
}

/// The declared end tests, with the places that they read.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    tests: Vec<(EndTest, Option<usize>)>,
    size: Option<u64>,
}

impl Ends {
    pub(super) fn new(page: &Page, body: &mut Paths) -> Self {
        let slot = |test: &EndTest| match test {
            EndTest::FlagFalse(path) => Some(body.add(path)),
            _ => None,
        };
        let slots: Vec<_> = page.end.iter().map(slot).collect();
        Self {
            tests: page.end.iter().cloned().zip(slots).collect(),
            size: page.size,
        }
    }

    /// The evidence of the first test that holds.
    pub(super) fn hold(&self, response: &Response<'_>, ahead: &Ahead) -> Option<End> {
        if let Ahead::Certain(_) = ahead {
            return None;
        }
        let holds = |(test, slot): &(EndTest, Option<usize>)| match test {
            EndTest::TokenAbsent => last(ahead, |end| {
                matches!(end, End::OnlyPage | End::TokenAbsent(_))
            }),
            EndTest::TotalReached => last(ahead, |end| matches!(end, End::TotalReached { .. })),
            EndTest::PagesReached => last(ahead, |end| matches!(end, End::PagesReached { .. })),
            EndTest::TokenUnchanged => {
                let repeats = matches!(ahead, Ahead::Next(token) if response.token == Some(token));
                (repeats && response.records == 0).then_some(End::TokenUnchanged)
            }
            EndTest::PageEmpty => (response.records == 0).then_some(End::PageEmpty),
            EndTest::PageShort => {
                let (records, size) = (response.records, self.size?);
                (records < size).then_some(End::PageShort { records, size })
            }
            EndTest::FlagFalse(path) => {
                let flag = response.found.get((*slot)?)?;
                (flag == "false").then(|| End::FlagFalse(path.clone()))
            }
        };
        self.tests.iter().find_map(holds)
    }
}

/// The end that the style itself found, if it is one `of` those that a test covers.
fn last(ahead: &Ahead, of: impl FnOnce(&End) -> bool) -> Option<End> {
    match ahead {
        Ahead::Last(end) if of(end) => Some(end.clone()),
        _ => None,
    }
}
