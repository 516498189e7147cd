//! Conversion of a response into a page.

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime};
use serde_json::value::RawValue;
use windlass_core::Timestamp;
use windlass_core::limits;
use windlass_core::retry::FailureClass;

use super::judge::without_token;
use super::{Connector, Page, PageRequest, Record, RecordPlan, Rest};
use crate::arrays::arrays;
use crate::elements::Elements;
use crate::exchange::{ApiResponse, Failure};
use crate::manifest::records::{Order, TimeFormat};
use crate::paging::Asked;
use crate::records::{Found, NoArray};
use crate::wait;

/// Initial capacity of an id; it fits most vendors' ids.
const ID_BYTES_USUAL: usize = 96;

impl Connector {
    /// Reads the response to `request`. Times in its headers are relative to its own `Date`, and to
    /// `now` only without a `Date`.
    ///
    /// # Errors
    /// - The class of the manifest's rules or of the status.
    /// - [`FailureClass::Page`]: the body cannot be used.
    /// - [`FailureClass::Restart`]: the token does not advance.
    /// - [`FailureClass::Block`]: the next link leaves the origin.
    pub fn read(
        &self,
        request: &PageRequest,
        response: &ApiResponse,
        now: Timestamp,
    ) -> Result<Page, Failure> {
        let served_at = wait::served_at(&response.headers);
        let page = self.page(request, response, served_at.unwrap_or(now));
        match page {
            Ok(page) => Ok(Page {
                served_at,
                unreadable_date: wait::unreadable_date(&response.headers),
                ..page
            }),
            Err(failure) => Err(Failure {
                served_at,
                ..failure
            }),
        }
    }

    fn page(
        &self,
        request: &PageRequest,
        response: &ApiResponse,
        now: Timestamp,
    ) -> Result<Page, Failure> {
        let (span, token) = (request.span, request.token.as_deref());
        let unusable = |problem: &str| {
            let message = format!(
                "{} returned HTTP {} with a body that {problem}",
                self.name, response.status
            );
            Failure::new(FailureClass::Page, message).with_status(response.status)
        };
        let body = text(&response.body);
        let found = body.map(|body| self.records.body.read(body));
        let json = found.as_ref().and_then(|found| found.as_ref().ok());
        if let Some(failure) = self.judge(token, response, json, now) {
            return Err(failure);
        }
        let found = found
            .ok_or_else(|| unusable("is not UTF-8"))?
            .map_err(|error| unusable(&error.to_string()))?;
        let raws = self
            .records
            .elements(&found, body.unwrap_or_default(), token);
        let raws = raws.map_err(|problem| unusable(&problem))?;
        let count = raws.map_or(0, Elements::len);
        let asked = Asked {
            token,
            url: &request.http.url,
            origin: &self.origin,
        };
        let next = self.paging.follow(asked, response, &found, count)?;
        let first = raws.map(Elements::first).unwrap_or_default();
        let (piece, last) = self.piece(&response.body, first, span, None);
        let text = body.unwrap_or_default().as_bytes();
        let rest = raws.and_then(|raws| raws.rest(text));
        Ok(Page {
            records: piece.records,
            rest: rest.map(|rest| Rest {
                text: response.body.slice_ref(rest),
                span,
                last,
            }),
            next,
            served_at: None,
            unreadable_date: None,
            body_bytes: u64::try_from(response.body.len()).unwrap_or(u64::MAX),
            trimmed: piece.trimmed,
            in_order: piece.in_order,
            quota: self.quota(response, now),
        })
    }
}

impl RecordPlan {
    /// The records of a page, `None` without an array, or the error in the array. A page without
    /// the array has another shape, such as an error with HTTP 200, unless the manifest declares it
    /// optional.
    fn elements<'f, 'a>(
        &self,
        found: &'f Found<'a>,
        body: &str,
        token: Option<&str>,
    ) -> Result<Option<&'f Elements<'a>>, String> {
        match found.elements() {
            Ok(raws) => Ok(Some(raws)),
            Err(NoArray::Missing) if self.optional => Ok(None),
            Err(problem @ NoArray::Missing) => {
                let cure = match arrays(body) {
                    none if none.is_empty() => {
                        "if the vendor omits it when there are no records, add `optional: true` \
                         under `records`"
                            .to_owned()
                    }
                    some => {
                        // A vendor may use its page token as the name of a key.
                        let names = without_token(&some.join("`, `"), token);
                        format!("its arrays: `{names}`; correct `records.path`")
                    }
                };
                Err(format!("{problem} at `{}`; {cure}", self.path))
            }
            Err(problem @ (NoArray::Other | NoArray::Several)) => {
                Err(format!("{problem} at `{}`", self.path))
            }
        }
    }

    /// The record `raw` of `body`. `found` is a buffer that all records of a page share.
    pub(super) fn record<'a>(
        &self,
        body: &Bytes,
        raw: &'a RawValue,
        found: &mut Found<'a>,
    ) -> Record {
        self.record.pick(raw.get(), found);
        let time = self
            .time
            .and_then(|(slot, format)| parse_time(&found.get(slot)?, format));
        Record {
            raw: body.slice_ref(raw.get().as_bytes()),
            id: self.id(found),
            time,
        }
    }

    /// The joined id values; separators inside a value are escaped, so that ids stay distinct.
    /// `None` when a value is absent, or when the id exceeds [`limits::ID_BYTES_MAX`].
    fn id(&self, found: &Found<'_>) -> Option<String> {
        if self.id.is_empty() {
            return None;
        }
        let mut id = String::with_capacity(ID_BYTES_USUAL);
        for (i, slot) in self.id.iter().enumerate() {
            let value = found.get(*slot).filter(|value| !value.is_empty())?;
            if id.len() + value.len() > limits::ID_BYTES_MAX {
                return None;
            }
            if i > 0 {
                id.push('|');
            }
            if value.contains(['|', '\\']) {
                id.push_str(&value.replace('\\', "\\\\").replace('|', "\\|"));
            } else {
                id.push_str(&value);
            }
        }
        (!id.is_empty()).then_some(id)
    }

    pub(super) fn is_after(&self, last: Option<Timestamp>, time: Option<Timestamp>) -> bool {
        match (self.order, last, time) {
            (Order::NewestFirst, Some(last), Some(time)) => time <= last,
            (Order::OldestFirst, Some(last), Some(time)) => time >= last,
            _ => true,
        }
    }
}

/// The body as text, without a byte order mark; `None` when it is not UTF-8.
fn text(body: &[u8]) -> Option<&str> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    std::str::from_utf8(body).ok()
}

/// The instant in `text`; `None` when it is unreadable, never a guess.
fn parse_time(text: &str, format: TimeFormat) -> Option<Timestamp> {
    match format {
        TimeFormat::Rfc3339 => rfc3339(text),
        TimeFormat::Zoneless => rfc3339(text).or_else(|| {
            let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
            Some(Timestamp::from(time.and_utc()))
        }),
        TimeFormat::EpochMs => text.parse().ok().map(Timestamp::from_ms),
        TimeFormat::EpochS => {
            let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
            // Only the first three decimals are read below, and number parsing would accept a sign.
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            if !digits(seconds) || !digits(fraction) {
                return None;
            }
            let fraction: u32 = format!("{fraction:0<3.3}").parse().ok()?;
            let seconds: u32 = seconds.parse().ok()?;
            Some(Timestamp::from_ms(
                i64::from(seconds) * 1_000 + i64::from(fraction),
            ))
        }
    }
}

fn rfc3339(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| Timestamp::from_ms(time.timestamp_millis()))
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
