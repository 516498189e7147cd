//! Clocks that are wrong for a while, by minutes, hours, days or years, ahead or behind, once or
//! repeatedly: the selection of clocks, offsets and times.

use std::sync::Arc;

use windlass_core::Timestamp;
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS};

use crate::op::{Op, What, pick};
use crate::true_time::WORLD_EPOCH;

/// Approximately a year, in milliseconds.
pub(crate) const YEAR_MS: i64 = 365 * DAY_MS;

/// The clocks that are wrong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of all machines: orchestrators and workers agree with each other.
    Machines,
    /// Those of the orchestrators.
    Ticks,
    /// Those of the workers.
    Workers,
    /// Those of about half of the machines.
    Half,
    /// The `Date` of the n-th vendor.
    Vendor(usize),
}

/// The place of a clock in its world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// An orchestrator's machine.
    Tick {
        /// True if it belongs to [`Whose::Half`].
        odd: bool,
    },
    /// A worker's machine.
    Worker {
        /// True if it belongs to [`Whose::Half`].
        odd: bool,
    },
    /// The n-th vendor.
    Vendor(usize),
}

impl Whose {
    /// Returns true if the clock at `seat` is one of them.
    const fn has(self, seat: Seat) -> bool {
        match (self, seat) {
            (Self::Machines, Seat::Tick { .. } | Seat::Worker { .. })
            | (Self::Ticks, Seat::Tick { .. })
            | (Self::Workers, Seat::Worker { .. })
            | (Self::Half, Seat::Tick { odd: true } | Seat::Worker { odd: true }) => true,
            (Self::Vendor(one), Seat::Vendor(other)) => one == other,
            _ => false,
        }
    }

    /// Returns true if machines disagree with each other while these are wrong.
    const fn divides(self) -> bool {
        matches!(self, Self::Ticks | Self::Workers | Self::Half)
    }

    /// The name of a jump by `off_ms` in counts of faults.
    pub(crate) const fn fault(self, off_ms: i64) -> &'static str {
        let (vendor, size) = (matches!(self, Self::Vendor(_)), off_ms.abs());
        match (vendor, size) {
            (false, YEAR_MS..) => "machine_clock_years",
            (false, DAY_MS..) => "machine_clock_days",
            (false, HOUR_MS..) => "machine_clock_hours",
            (false, _) => "machine_clock_minutes",
            (true, YEAR_MS..) => "vendor_clock_years",
            (true, DAY_MS..) => "vendor_clock_days",
            (true, HOUR_MS..) => "vendor_clock_hours",
            (true, _) => "vendor_clock_minutes",
        }
    }
}

/// The wrong clocks of a world: its operations [`What::WrongClock`]. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct WrongClocks(Arc<[Op]>);

impl WrongClocks {
    /// The wrong clocks in `ops`.
    pub(crate) fn of(ops: &[Op]) -> Self {
        let is_wrong = |op: &&Op| matches!(op.what, What::WrongClock { .. });
        Self(ops.iter().filter(is_wrong).cloned().collect())
    }

    /// Offset of the clock at `seat` from the true time at `now`, in milliseconds; negative when it
    /// is behind. The first active operation counts.
    pub(crate) fn off_ms(&self, seat: Seat, now: Timestamp) -> i64 {
        let now_ms = now.ms_since(WORLD_EPOCH);
        let mut off = self.all().filter_map(|(op, whose, off_ms, period_ms)| {
            let is_on = whose.has(seat) && op.is_on(now_ms);
            let periods = (now_ms - op.at_ms).checked_div(period_ms).unwrap_or(0);
            (is_on && periods % 2 == 0).then_some(off_ms)
        });
        off.next().unwrap_or(0)
    }

    /// Time of wrong clocks, summed over the operations, in milliseconds.
    pub(crate) fn total_ms(&self) -> i64 {
        let wrong_ms = |(op, _, _, period_ms): (&Op, Whose, i64, i64)| {
            let jumps = jumps(op, period_ms);
            let pairs = jumps.windows(2).filter(|pair| pair[0].1);
            pairs.map(|pair| pair[1].0 - pair[0].0).sum::<i64>()
        };
        self.all().map(wrong_ms).sum()
    }

    /// Returns true if the clock of some machine is ever wrong.
    pub(crate) fn has_machines(&self) -> bool {
        self.all()
            .any(|(_, whose, ..)| !matches!(whose, Whose::Vendor(_)))
    }

    /// Returns true if machines ever disagree with each other.
    pub(crate) fn has_divided(&self) -> bool {
        self.all().any(|(_, whose, ..)| whose.divides())
    }

    /// Returns true if some vendor's clock is ever ahead.
    pub(crate) fn has_vendor_ahead(&self) -> bool {
        let is_ahead = |(_, whose, off_ms, _)| matches!(whose, Whose::Vendor(_)) && off_ms > 0;
        self.all().any(is_ahead)
    }

    /// Returns true if only about half of the machines are ever wrong together.
    pub(crate) fn has_half(&self) -> bool {
        self.all().any(|(_, whose, ..)| whose == Whose::Half)
    }

    fn all(&self) -> impl Iterator<Item = (&Op, Whose, i64, i64)> {
        self.0.iter().filter_map(|op| match op.what {
            What::WrongClock {
                whose,
                off_ms,
                period_ms,
            } => Some((op, whose, off_ms, period_ms)),
            _ => None,
        })
    }
}

/// The jumps of a clock that `op` makes wrong in alternating periods of `period_ms`, in milliseconds
/// after the world began, and whether the clock is wrong from there on.
pub(crate) fn jumps(op: &Op, period_ms: i64) -> Vec<(i64, bool)> {
    let end_ms = op.at_ms + op.for_ms;
    let period_ms = if period_ms > 0 { period_ms } else { op.for_ms };
    let periods = (op.for_ms + period_ms - 1)
        .checked_div(period_ms)
        .unwrap_or(0);
    let mut jumps: Vec<_> = (0..periods)
        .map(|period| (op.at_ms + period * period_ms, period % 2 == 0))
        .collect();
    jumps.push((end_ms, false));
    jumps
}

/// One of so many worlds has wrong clocks.
const WORLDS_ONE_IN: u8 = 3;

/// The wrong clocks of a world whose faults last `faults_ms`, with so many vendors; none in most
/// worlds. Either its machines or its vendors are ever ahead, not both. With `files`, which one
/// machine writes without clock-based leases, only vendors are wrong.
pub(crate) fn draw(
    rng: &mut fastrand::Rng,
    faults_ms: i64,
    vendors: usize,
    files: bool,
) -> Vec<Op> {
    if rng.u8(0..WORLDS_ONE_IN) > 0 {
        return Vec::new();
    }
    let vendor = Whose::Vendor(rng.usize(..vendors));
    let (has_machines, has_vendor) = match rng.u8(0..4) {
        _ if files => (false, true),
        0 | 1 => (true, false),
        2 => (false, true),
        _ => (true, true),
    };
    let may_vendor_be_ahead = !has_machines || (has_vendor && rng.bool());
    let mut ops = Vec::new();
    for _ in 0..rng.usize(1..=4) {
        let is_vendor = has_vendor && (!has_machines || rng.bool());
        let whose = if is_vendor { vendor } else { machines(rng) };
        let is_ahead = rng.bool() && is_vendor == may_vendor_be_ahead;
        let size_ms = size_ms(rng);
        let at_ms = rng.i64(0..faults_ms);
        let longest_ms = *pick(rng, &[20 * MINUTE_MS, 3 * HOUR_MS, faults_ms]);
        ops.push(Op {
            at_ms,
            for_ms: rng.i64(MINUTE_MS..=longest_ms).min(faults_ms - at_ms),
            what: What::WrongClock {
                whose,
                off_ms: if is_ahead { size_ms } else { -size_ms },
                period_ms: *pick(rng, &[0, 0, MINUTE_MS, 7 * MINUTE_MS, 50 * MINUTE_MS]),
            },
        });
    }
    ops.sort_by_key(|op| op.at_ms);
    ops
}

fn machines(rng: &mut fastrand::Rng) -> Whose {
    *pick(
        rng,
        &[
            Whose::Machines,
            Whose::Machines,
            Whose::Ticks,
            Whose::Workers,
            Whose::Half,
        ],
    )
}

/// More than the difference of two correct clocks.
fn size_ms(rng: &mut fastrand::Rng) -> i64 {
    match rng.u8(0..8) {
        0..3 => rng.i64(2..=59) * MINUTE_MS,
        3..5 => rng.i64(1..=40) * HOUR_MS,
        5..7 => rng.i64(1..=300) * DAY_MS,
        _ => rng.i64(1..=40) * YEAR_MS,
    }
}

#[cfg(test)]
#[path = "wrong_clock_tests.rs"]
mod tests;
