//! Instants of a timeline: milliseconds since the Unix epoch, UTC, printed so that they sort as text.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds in one second.
pub const SECOND_MS: i64 = 1_000;
/// Milliseconds in one minute.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// Milliseconds in one hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds in one day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The compact form, in chrono's notation.
const COMPACT: &str = "%Y%m%dT%H%M%S%.3fZ";

/// An instant in UTC with millisecond resolution.
///
/// Always within the years 0000 to 9999, so that its text form (`2026-01-01T00:00:00.000Z`) has
/// one length and sorts like the instant. Arithmetic saturates at those ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The error of text that is not an RFC 3339 instant between the years 0000 and 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time such as 2026-01-01T00:00:00Z")]
pub struct ParseTimestampError(String);

impl Timestamp {
    /// The earliest instant: 0000-01-01T00:00:00.000Z.
    pub const MIN: Self = Self(-62_167_219_200_000);
    /// The latest instant: 9999-12-31T23:59:59.999Z. As a deadline it means "never".
    pub const MAX: Self = Self(253_402_300_799_999);

    /// From milliseconds since the Unix epoch, clamped to [`Self::MIN`]..=[`Self::MAX`].
    pub const fn from_ms(ms: i64) -> Self {
        if ms < Self::MIN.0 {
            Self::MIN
        } else if ms > Self::MAX.0 {
            Self::MAX
        } else {
            Self(ms)
        }
    }

    /// Milliseconds since the Unix epoch; negative before 1970.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(SECOND_MS)
    }

    /// This instant plus `ms` milliseconds (minus, when negative), saturating.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self::from_ms(self.0.saturating_add(ms))
    }

    /// This instant minus `ms` milliseconds, saturating.
    pub const fn minus_ms(self, ms: i64) -> Self {
        Self::from_ms(self.0.saturating_sub(ms))
    }

    /// Milliseconds from `earlier` to this instant; negative when `earlier` is later.
    pub const fn ms_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// The last multiple of `unit_ms` (counted from the Unix epoch) at or before this instant.
    pub const fn floor_to(self, unit_ms: i64) -> Self {
        Self::from_ms(self.0 - self.0.rem_euclid(unit_ms))
    }

    /// The first multiple of `unit_ms` at or after this instant.
    pub const fn ceil_to(self, unit_ms: i64) -> Self {
        match self.0.rem_euclid(unit_ms) {
            0 => self,
            past => Self::from_ms(self.0 + (unit_ms - past)),
        }
    }

    /// Returns whether this instant is a multiple of `unit_ms`.
    pub const fn is_multiple_of(self, unit_ms: i64) -> bool {
        self.0.rem_euclid(unit_ms) == 0
    }

    /// The same instant as chrono's type, for formats that this type does not print.
    pub fn to_datetime(self) -> DateTime<chrono::Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// The form of file names: `20260101T000000.000Z`.
    pub fn compact(self) -> String {
        self.to_datetime().format(COMPACT).to_string()
    }

    /// The instant whose [`Self::compact`] form is `text`; `None` if there is none.
    pub fn from_compact(text: &str) -> Option<Self> {
        let time = NaiveDateTime::parse_from_str(text, COMPACT).ok()?;
        let time = Self::from(time.and_utc());
        (time.compact() == text).then_some(time)
    }
}

impl From<DateTime<chrono::Utc>> for Timestamp {
    fn from(time: DateTime<chrono::Utc>) -> Self {
        Self::from_ms(time.timestamp_millis())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            &self
                .to_datetime()
                .to_rfc3339_opts(SecondsFormat::Millis, true),
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ms = DateTime::parse_from_rfc3339(text)
            .map_err(|_| ParseTimestampError(text.to_owned()))?
            .timestamp_millis();
        let time = Self::from_ms(ms);
        if time.0 == ms {
            Ok(time)
        } else {
            Err(ParseTimestampError(text.to_owned()))
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_sorts_like_time() {
        let early: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let late: Timestamp = "2026-01-01T00:00:00.001Z".parse().unwrap();
        assert_eq!(early.to_string(), "2026-01-01T00:00:00.000Z");
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.compact(), "20260101T000000.000Z");
    }

    #[test]
    fn compact_form_parses_only_itself() {
        for time in [Timestamp::MIN, Timestamp::from_ms(-1), Timestamp::MAX] {
            assert_eq!(Timestamp::from_compact(&time.compact()), Some(time));
        }
        for bad in [
            "",
            "20260101T000000Z",
            "20260101T000000.0Z",
            "20260101T000000.0000Z",
            "20261301T000000.000Z",
            "2026-01-01T00:00:00.000Z",
        ] {
            assert_eq!(Timestamp::from_compact(bad), None, "{bad}");
        }
    }

    #[test]
    fn offset_converts_to_utc() {
        let time: Timestamp = "2026-01-01T02:00:00+02:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-01-01T00:00:00.000Z");
    }

    #[test]
    fn text_without_zone_is_invalid() {
        assert!("2026-01-01T00:00:00".parse::<Timestamp>().is_err());
        assert!("".parse::<Timestamp>().is_err());
    }

    #[test]
    fn rounding_handles_negative_and_exact_multiples() {
        let before = Timestamp::from_ms(-1);
        assert_eq!(before.floor_to(1000).as_ms(), -1000);
        assert_eq!(before.ceil_to(1000).as_ms(), 0);
        assert_eq!(
            Timestamp::from_ms(3000).floor_to(1000),
            Timestamp::from_ms(3000).ceil_to(1000)
        );
        assert!(Timestamp::from_ms(-2000).is_multiple_of(1000));
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX.plus_ms(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.minus_ms(i64::MAX), Timestamp::MIN);
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::MIN.to_string(), "0000-01-01T00:00:00.000Z");
    }
}
