//! Durations as text: exact for settings, rounded down for lags, waits and differences.

use std::fmt;

use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// The units of the configuration and their length in milliseconds, longest first.
const UNITS: [(&str, i64); 5] = [
    ("d", DAY_MS),
    ("h", HOUR_MS),
    ("m", MINUTE_MS),
    ("s", SECOND_MS),
    ("ms", 1),
];
/// The shortest unit of a rounded duration.
const ROUNDED_TO: &str = "s";

/// A duration in milliseconds that prints like the configuration: in the longest unit that divides
/// it, such as `36h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exact(pub i64);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(ms) = *self;
        if ms == 0 {
            return f.write_str("0s");
        }
        let whole = UNITS.into_iter().find(|(_, length)| ms % length == 0);
        let (unit, length) = whole.unwrap_or(("ms", 1));
        write!(f, "{}{unit}", ms / length)
    }
}

/// A duration in milliseconds that prints rounded down to its longest unit and the next smaller
/// one: `3d 4h`, `12m 3s`, `5h`, `0s`. A negative one prints as `0s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounded(pub i64);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(ms) = *self;
        let units = UNITS.iter().position(|(unit, _)| *unit == ROUNDED_TO);
        let units = &UNITS[..=units.unwrap_or_default()];
        let Some(first) = units.iter().position(|(_, length)| ms >= *length) else {
            return f.write_str("0s");
        };
        let (unit, length) = units[first];
        write!(f, "{}{unit}", ms / length)?;
        match units.get(first + 1) {
            Some((below, part)) if ms % length >= *part => {
                write!(f, " {}{below}", ms % length / part)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_prints_longest_whole_unit() {
        for (ms, text) in [
            (0, "0s"),
            (2 * DAY_MS, "2d"),
            (36 * HOUR_MS, "36h"),
            (90 * MINUTE_MS, "90m"),
            (1_500, "1500ms"),
            (-5 * MINUTE_MS, "-5m"),
        ] {
            assert_eq!(Exact(ms).to_string(), text);
        }
    }

    #[test]
    fn rounded_prints_two_neighboring_units() {
        for (ms, text) in [
            (-5, "0s"),
            (999, "0s"),
            (61_000, "1m 1s"),
            (DAY_MS + HOUR_MS + MINUTE_MS, "1d 1h"),
            (DAY_MS + 59 * MINUTE_MS, "1d"),
            (200 * DAY_MS + 3_000, "200d"),
            (5 * HOUR_MS, "5h"),
        ] {
            assert_eq!(Rounded(ms).to_string(), text);
        }
    }
}
