//! From a reply to a page.

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime};
use serde_json::value::RawValue;
use windlass_core::Timestamp;
use windlass_core::limits;
use windlass_core::retry::FailureClass;

use super::{Connector, Page, PageRequest, Record, RecordPlan, Rest};
use crate::elements::Elements;
use crate::exchange::{ApiResponse, Failure};
use crate::manifest::records::{Order, TimeFormat};
use crate::paging::Asked;
use crate::records::{Found, NoArray};
use crate::wait;

/// Room for an id before it grows: most vendors' fit.
const ID_BYTES_USUAL: usize = 96;

impl Connector {
    /// Reads the reply to `request`. Instants in its headers are compared with its own `Date`, and with
    /// `now` only where it has none.
    ///
    /// Fails with the class the manifest's rules or the status give; with [`FailureClass::Page`]
    /// when the body cannot be used; with [`FailureClass::Restart`] when the token does not
    /// advance; with [`FailureClass::Block`] when the next link leaves the origin.
    pub fn read(
        &self,
        request: &PageRequest,
        reply: &ApiResponse,
        now: Timestamp,
    ) -> Result<Page, Failure> {
        let served_at = wait::served_at(&reply.headers);
        let page = self.page(request, reply, served_at.unwrap_or(now));
        match page {
            Ok(page) => Ok(Page { served_at, ..page }),
            Err(failure) => Err(Failure {
                served_at,
                ..failure
            }),
        }
    }

    fn page(
        &self,
        request: &PageRequest,
        reply: &ApiResponse,
        now: Timestamp,
    ) -> Result<Page, Failure> {
        let (span, token) = (request.span, request.token.as_deref());
        let unusable = |problem: &str| {
            let message = format!(
                "{} answered {} with a body that {problem}",
                self.name, reply.status
            );
            Failure::new(FailureClass::Page, message).with_status(reply.status)
        };
        let body = text(&reply.body);
        let found = body.map(|body| self.records.body.read(body));
        let json = found.as_ref().and_then(|found| found.as_ref().ok());
        if let Some(failure) = self.judge(token, reply, json, now) {
            return Err(failure);
        }
        let found = found
            .ok_or_else(|| unusable("is not UTF-8"))?
            .map_err(|error| unusable(&error.to_string()))?;
        let raws = self.records.elements(&found);
        let raws = raws.map_err(|problem| unusable(&problem))?;
        let count = raws.map_or(0, Elements::len);
        let asked = Asked {
            token,
            url: &request.http.url,
            origin: &self.origin,
        };
        let next = self.paging.follow(asked, reply, &found, count)?;
        let first = raws.map(Elements::first).unwrap_or_default();
        let (piece, last) = self.piece(&reply.body, first, span, None);
        let text = body.unwrap_or_default().as_bytes();
        let rest = raws.and_then(|raws| raws.rest(text));
        Ok(Page {
            records: piece.records,
            rest: rest.map(|rest| Rest {
                text: reply.body.slice_ref(rest),
                span,
                last,
            }),
            next,
            served_at: None,
            body_bytes: u64::try_from(reply.body.len()).unwrap_or(u64::MAX),
            trimmed: piece.trimmed,
            in_order: piece.in_order,
            budget: self.budget(reply, now),
        })
    }
}

impl RecordPlan {
    /// The records of a page, `None` without an array of them, or what is wrong with it. A page without the array is one of another
    /// shape, such as an error with status 200, unless the manifest knows that the vendor does so.
    fn elements<'f, 'a>(&self, found: &'f Found<'a>) -> Result<Option<&'f Elements<'a>>, String> {
        match found.elements() {
            Ok(raws) => Ok(Some(raws)),
            Err(NoArray::Missing) if self.optional => Ok(None),
            Err(problem @ NoArray::Missing) => Err(format!(
                "{problem} at `{}`; if the vendor leaves it out when there is nothing, add \
                 `optional: true` under records",
                self.path
            )),
            Err(problem @ (NoArray::Other | NoArray::Several)) => {
                Err(format!("{problem} at `{}`", self.path))
            }
        }
    }

    /// The record `raw` of `body`. `found` is room that all records of a page share.
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

    /// The id values joined; a separator inside a value is escaped, so no two ids are one. `None`
    /// when one is absent, or when they are longer than [`limits::ID_BYTES_MAX`] together.
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

/// An instant, or `None` for what cannot be read; never a guess.
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
            // Only the first three places are read below, and numbers also with a sign.
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
