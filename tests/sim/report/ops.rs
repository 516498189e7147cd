//! The operations of a world as text.

use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

use crate::op::{Change, Op, What, clock_time};
use crate::wrong_clock::Whose;

/// The line of an operation: its number, start, duration and effect.
pub(super) fn line(number: usize, op: &Op) -> String {
    let at = clock_time(op.at_ms);
    let lasts = match op.for_ms {
        0 => String::new(),
        ms => format!("for {}", clock_time(ms)),
    };
    format!("{number:>3}  {at} {lasts:<12}  {}\n", what(op.what))
}

fn what(what: What) -> String {
    match what {
        What::Skew => "the machines' clocks disagree".to_owned(),
        What::VendorFaults => "the vendors fail now and then".to_owned(),
        What::StreamFaults => "the stream fails now and then".to_owned(),
        What::VendorOutage { vendor } => format!("requests to vendor {vendor} fail alike"),
        What::PoisonedPage { vendor, at_ms } => {
            let at = if at_ms < 0 {
                format!("-{}", length(-at_ms / SECOND_MS * SECOND_MS))
            } else {
                clock_time(at_ms)
            };
            format!("pages of vendor {vendor} about {at} kill readers")
        }
        What::StreamOutage => "calls of the stream fail alike".to_owned(),
        What::StoreFaults { percent } => {
            format!("{percent} % of calls of the state fail or get no answer")
        }
        What::SlowStore { ms } => {
            format!("the state takes up to {}", length(ms.cast_signed()))
        }
        What::LoseInvocations { percent } => format!("{percent} % of invocations never come"),
        What::LastWrites { percent } => format!("{percent} % of writes are their process's last"),
        What::DuplicateInvocations { percent } => format!("{percent} % of invocations come twice"),
        What::DelayInvocations { percent, ms } => {
            format!(
                "{percent} % of invocations come up to {} late",
                length(ms.cast_signed())
            )
        }
        What::RefuseInvocations { percent } => {
            format!("{percent} % of invocations fail or get no answer")
        }
        What::Throttle { workers } => format!("workers at once at most: {workers}"),
        What::KillWorkers { percent } => format!("{percent} % of workers are killed"),
        What::FreezeWorkers { percent, ms } => {
            format!(
                "{percent} % of workers freeze for up to {}",
                length(ms.cast_signed())
            )
        }
        What::KillTicks { percent } => format!("{percent} % of ticks are killed"),
        What::FreezeTicks { percent, ms } => {
            format!(
                "{percent} % of ticks freeze for up to {}",
                length(ms.cast_signed())
            )
        }
        What::OverlapTicks { ticks } => format!("ticks come {ticks} at once"),
        What::Vanish { percent } => format!("{percent} % of done windows vanish from the table"),
        What::NoTicks => "no tick comes".to_owned(),
        What::Apply { source, change } => format!("source {source} is applied {}", how(change)),
        What::Hold { source } => format!("source {source} is held back"),
        What::Mend => "an operator retries what is parked".to_owned(),
        What::PowerLoss { unsynced_ms } => {
            format!("power loss, the last {} unsynced", length(unsynced_ms))
        }
        What::WrongClock {
            whose,
            off_ms,
            period_ms,
        } => wrong_clock(whose, off_ms, period_ms),
    }
}

fn wrong_clock(whose: Whose, off_ms: i64, period_ms: i64) -> String {
    let whose = match whose {
        Whose::Machines => "machines".to_owned(),
        Whose::Ticks => "ticks".to_owned(),
        Whose::Workers => "workers".to_owned(),
        Whose::Half => "some machines".to_owned(),
        Whose::Vendor(vendor) => format!("vendor {vendor}"),
    };
    let way = if off_ms > 0 { "ahead" } else { "behind" };
    let off = length(off_ms.abs());
    let periods = match period_ms {
        0 => String::new(),
        ms => format!(", {} at a time", length(ms)),
    };
    format!("clock of {whose} {off} {way}{periods}")
}

fn how(change: Change) -> String {
    match change {
        Change::Nothing => "as it is".to_owned(),
        Change::Widths { min_ms, max_ms } => {
            format!("with windows of {} to {}", length(min_ms), length(max_ms))
        }
        Change::SettleLonger { ms } => format!("to settle {} longer", length(ms)),
        Change::InFlight { workers } => format!("with workers at once: {workers}"),
        Change::Open { windows } => format!("with open windows: {windows}"),
        Change::StartEarlier { ms } => format!("to start {} earlier", length(ms)),
        Change::Slower { percent } => format!("at {percent} % of its rate"),
        Change::Sweeps { first_ms: 0 } => "without sweeps".to_owned(),
        Change::Sweeps { first_ms } => format!("to be swept after {}", length(first_ms)),
    }
}

/// A duration like `1h 30m`, exact to the millisecond.
pub(super) fn length(ms: i64) -> String {
    let mut rest = ms.max(0);
    let mut parts = Vec::new();
    for (unit_ms, unit) in [
        (DAY_MS, "d"),
        (HOUR_MS, "h"),
        (MINUTE_MS, "m"),
        (SECOND_MS, "s"),
        (1, "ms"),
    ] {
        if rest >= unit_ms {
            parts.push(format!("{}{unit}", rest / unit_ms));
            rest %= unit_ms;
        }
    }
    if parts.is_empty() {
        parts.push("0s".to_owned());
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_readable_units() {
        let described = [0, 300, 90_000, 20 * MINUTE_MS, DAY_MS + HOUR_MS].map(length);
        assert_eq!(described, ["0s", "300ms", "1m 30s", "20m", "1d 1h"]);
    }

    #[test]
    fn operation_is_one_line_of_words() {
        let op = Op {
            at_ms: HOUR_MS,
            for_ms: 90_000,
            what: What::SlowStore { ms: 300 },
        };
        let described = "  3  01:00:00 for 00:01:30  the state takes up to 300ms\n";
        assert_eq!(line(3, &op), described);
    }
}
