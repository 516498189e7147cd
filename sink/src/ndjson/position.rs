//! The position of a window's output at a checkpoint, in its stored form.

use std::fmt;
use std::str::FromStr;

/// A position directly after a line end, in the output of one window between two restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Number of restarts of the window.
    pub(crate) restarts: u32,
    /// Length of the lines in bytes.
    pub(crate) lines: u64,
    /// Length of the rejects in bytes.
    pub(crate) rejects: u64,
}

impl Position {
    /// The start position after `restarts` restarts.
    const fn start(restarts: u32) -> Self {
        Self {
            restarts,
            lines: 0,
            rejects: 0,
        }
    }

    /// Parses `stored` for a window with `restarts` restarts; the start position if nothing is
    /// stored. The error explains why `stored` cannot be continued.
    pub(crate) fn read(stored: Option<&str>, restarts: u32) -> Result<Self, String> {
        let Some(stored) = stored else {
            return Ok(Self::start(restarts));
        };
        match stored.parse::<Self>() {
            Ok(position) if position.restarts == restarts => Ok(position),
            Ok(_) => Err(format!(
                "`{stored}` is a position from before restart {restarts}"
            )),
            Err(NotAPosition) => {
                // Only the beginning of the text goes into a message.
                let shown: String = stored.chars().take(64).collect();
                Err(format!("{shown:?} is not a position of this sink"))
            }
        }
    }
}

/// The text does not have the form of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAPosition;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}:{}:{}", self.restarts, self.lines, self.rejects)
    }
}

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let mut numbers = text.strip_prefix('r').ok_or(NotAPosition)?.splitn(3, ':');
        let mut next = || numbers.next().ok_or(NotAPosition);
        let position = Self {
            restarts: next()?.parse().map_err(|_| NotAPosition)?,
            lines: next()?.parse().map_err(|_| NotAPosition)?,
            rejects: next()?.parse().map_err(|_| NotAPosition)?,
        };
        // Signs and leading zeros would also parse as numbers; only the printed form is accepted.
        if position.to_string() == text {
            Ok(position)
        } else {
            Err(NotAPosition)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_round_trips_through_text() {
        let position = Position {
            restarts: 3,
            lines: u64::MAX,
            rejects: 7,
        };
        assert_eq!(position.to_string(), "r3:18446744073709551615:7");
        assert_eq!(position.to_string().parse(), Ok(position));
    }

    #[test]
    fn position_parses_only_own_form() {
        for bad in [
            "",
            "r",
            "r0",
            "r0:1",
            "0:1:2",
            "r0:1:2:3",
            "r0:1:2 ",
            "r0:01:2",
            "r0:+1:2",
            "r-1:1:2",
            "r0:1:",
            "R0:1:2",
            "r0:1:18446744073709551616",
            "r4294967296:0:0",
            "s3://bucket",
        ] {
            assert_eq!(bad.parse::<Position>(), Err(NotAPosition), "{bad}");
        }
    }

    #[test]
    fn absent_position_means_start() {
        assert_eq!(Position::read(None, 2), Ok(Position::start(2)));
    }

    #[test]
    fn position_of_other_restart_or_sink_is_refused() {
        assert!(Position::read(Some("r1:10:0"), 2).is_err());
        let foreign = Position::read(Some(&"x".repeat(1000)), 0).unwrap_err();
        assert!(foreign.len() < 200, "{foreign}");
    }
}
