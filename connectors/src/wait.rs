//! The wait that a vendor requests, in the many formats of vendors, and the vendor's clock. Pure:
//! text and now in, milliseconds from now out. An instant is compared with the clock of its writer,
//! so `now` is [`served_at`] wherever the response has a `Date`. Text that cannot be parsed is
//! `None`, never a guess and never a panic. Nothing is capped here: `windlass_core::retry` bounds
//! the wait.

use std::time::UNIX_EPOCH;

use chrono::DateTime;
use serde::Deserialize;
use windlass_core::Timestamp;

use crate::exchange::Headers;

/// The format in which a vendor writes the reset time of its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetFormat {
    /// Seconds since the Unix epoch, possibly with a fraction.
    EpochSeconds,
    /// Milliseconds since the Unix epoch.
    EpochMs,
    /// Seconds from now, possibly with a fraction.
    Seconds,
    /// An ISO 8601 time with a zone, with or without seconds.
    Iso8601,
}

/// Characters of an unreadable `Date` that a message shows: more than an HTTP date has.
const DATE_CHARS_MAX: usize = 40;

/// Times with a zone that RFC 3339 does not allow but vendors send: without seconds, or with an
/// offset without a colon.
const ISO_FORMATS: [&str; 2] = ["%Y-%m-%dT%H:%M%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"];

/// Milliseconds to wait by a `Retry-After` header: seconds or an HTTP date
/// (<https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>), and the other formats that vendors
/// send: fractional seconds, or an ISO 8601 time. A past time is 0; other text is `None`.
pub fn retry_after_ms(text: &str, now: Timestamp) -> Option<i64> {
    let text = text.trim();
    decimal_ms(text)
        .or_else(|| http_date(text).map(|until| until.ms_since(now)))
        .or_else(|| iso8601(text).map(|until| until.ms_since(now)))
        .map(|ms| ms.max(0))
}

/// Milliseconds to wait by a header with the reset time of the quota. A past time is 0; other text
/// is `None`.
pub fn reset_ms(text: &str, format: ResetFormat, now: Timestamp) -> Option<i64> {
    let text = text.trim();
    let wait_ms = match format {
        ResetFormat::Seconds => decimal_ms(text)?,
        ResetFormat::EpochSeconds => decimal_ms(text)?.saturating_sub(now.as_ms()),
        ResetFormat::EpochMs => whole(text)?.saturating_sub(now.as_ms()),
        ResetFormat::Iso8601 => iso8601(text)?.ms_since(now),
    };
    Some(wait_ms.max(0))
}

/// An HTTP date in any of its three forms, such as `Sun, 06 Nov 1994 08:49:37 GMT`
/// (<https://www.rfc-editor.org/rfc/rfc9110#http.date>).
pub fn http_date(text: &str) -> Option<Timestamp> {
    let time = httpdate::parse_http_date(text.trim()).ok()?;
    let since_epoch = time.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_ms(
        i64::try_from(since_epoch.as_millis()).ok()?,
    ))
}

/// The vendor's clock when it sent a response: `Date`, plus `Age` for a cached response
/// (<https://www.rfc-editor.org/rfc/rfc9110#field.date>,
/// <https://www.rfc-editor.org/rfc/rfc9111#field.age>). `None` without a readable `Date`.
pub fn served_at(headers: &Headers) -> Option<Timestamp> {
    let date = headers.get("date").and_then(http_date)?;
    let age_ms = headers.get("age").and_then(|text| decimal_ms(text.trim()));
    Some(date.plus_ms(age_ms.unwrap_or(0).max(0)))
}

/// The beginning of a `Date` that is not an HTTP date, for a message.
pub fn unreadable_date(headers: &Headers) -> Option<String> {
    let text = headers
        .get("date")
        .filter(|text| http_date(text).is_none())?;
    let plain = text.chars().filter(|c| !c.is_control());
    Some(plain.take(DATE_CHARS_MAX).collect())
}

/// An ISO 8601 time with a zone; without one, it could mean any hour of a day.
fn iso8601(text: &str) -> Option<Timestamp> {
    let rfc3339 = DateTime::parse_from_rfc3339(text).ok();
    let parsed = rfc3339.or_else(|| {
        ISO_FORMATS
            .iter()
            .find_map(|format| DateTime::parse_from_str(text, format).ok())
    })?;
    Some(Timestamp::from_ms(parsed.timestamp_millis()))
}

/// A decimal number of seconds as milliseconds, rounded up so that no request is sent too early.
fn decimal_ms(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = whole(seconds)?;
    if text.starts_with('-') {
        return Some(seconds.saturating_mul(1_000));
    }
    let mut ms = 0;
    for digit in fraction.bytes().chain(std::iter::repeat(b'0')).take(3) {
        ms = ms * 10 + i64::from(digit - b'0');
    }
    let more = fraction.bytes().skip(3).any(|digit| digit != b'0');
    Some(
        seconds
            .saturating_mul(1_000)
            .saturating_add(ms + i64::from(more)),
    )
}

/// An integer, clamped to the range of `i64`.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nearest = if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    Some(text.parse().unwrap_or(nearest))
}

#[cfg(test)]
#[path = "wait_tests.rs"]
mod tests;
