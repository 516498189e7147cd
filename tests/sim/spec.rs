//! The specification of a world, drawn from its seed before the world begins.

use std::collections::BTreeMap;

use windlass_connectors::{Connector, Defaults, Manifest, Settings};
use windlass_core::ids::{Generation, SourceName};
use windlass_core::limits;
use windlass_core::source::{Policy, SourceDefinition};
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

use crate::op::{self, Op, What, pick};
use crate::stream::StreamSpec;
use crate::true_time::WORLD_EPOCH;
use crate::vendor::{Vendor, VendorSpec};
use crate::wrong_clock;

/// A world before it begins.
#[derive(Debug, Clone)]
pub(crate) struct WorldSpec {
    /// The seed that it is drawn from.
    pub(crate) seed: u64,
    /// Length of the time with faults, in milliseconds.
    pub(crate) faults_ms: i64,
    /// Its vendors.
    pub(crate) vendors: Vec<VendorSpec>,
    /// The configuration of each feed, vendor by vendor.
    pub(crate) settings: Vec<SourceSettings>,
    /// True if records go to files on one machine instead of the stream.
    pub(crate) files: bool,
    /// Its stream.
    pub(crate) stream: StreamSpec,
    /// True if the stream is packed.
    pub(crate) packed: bool,
    /// Lifetime of a worker, in milliseconds.
    pub(crate) timeout_ms: i64,
    /// Most quiet windows that share a worker.
    pub(crate) tasks_per_invocation: usize,
    /// Its operations.
    pub(crate) ops: Vec<Op>,
}

/// The configuration of one feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceSettings {
    /// Index of the vendor.
    pub(crate) vendor: usize,
    /// Number of the feed within the vendor.
    pub(crate) feed: u32,
    /// Milliseconds from its `start` to the world's beginning.
    pub(crate) start_before_ms: i64,
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    pub(crate) every_ms: i64,
    pub(crate) max_in_flight: u32,
    pub(crate) max_open_windows: u32,
    pub(crate) sweeps_ms: Vec<i64>,
}

/// Fewest records that a vendor whose sources are swept serves per span: those of one joined window
/// of a sweep, and the late-arriving ones.
const SWEPT_RECORDS_MIN: usize = 1_100;

impl WorldSpec {
    /// Draws the world of `seed`.
    pub(crate) fn draw(seed: u64) -> Self {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let faults_ms = *pick(rng, &[2, 4, 8, 8, 16, 30]) * HOUR_MS;
        let mut vendors = Vec::new();
        let mut settings = Vec::new();
        for number in 0..*pick(rng, &[1, 1, 1, 2]) {
            let mut vendor = VendorSpec::draw(rng);
            vendor.name = format!("{}{number}", vendor.name);
            let sweeps = *pick(
                rng,
                &[
                    &[][..],
                    &[][..],
                    &[2 * HOUR_MS],
                    &[2 * HOUR_MS, 6 * HOUR_MS],
                ],
            );
            if !sweeps.is_empty() && vendor.late_per_mille > 0 {
                // One of a hundred is too few for sweeps that are interrupted.
                vendor.late_per_mille = *pick(rng, &[10, 60, 200]);
            }
            if !sweeps.is_empty() {
                // A sweep window that does not fit stays parked, and the world would not be swept.
                let most = vendor.span_records_max;
                vendor.span_records_max = most.map(|most| most.max(SWEPT_RECORDS_MIN));
            }
            for feed in 0..vendor.feeds {
                settings.push(SourceSettings::draw(rng, number, feed, &vendor, sweeps));
            }
            vendors.push(vendor);
        }
        let mut ops = op::draw(rng, faults_ms, vendors.len(), settings.len());
        if vendors.iter().any(|vendor: &VendorSpec| vendor.skips) {
            // The behavior of such a vendor shows only after runs that end badly.
            let what = What::KillWorkers { percent: 20 };
            let (at_ms, for_ms) = (0, faults_ms);
            ops.push(Op {
                at_ms,
                for_ms,
                what,
            });
        }
        // Drawn separately, so that every other world stays as it is.
        let apart = &mut fastrand::Rng::with_seed(seed ^ 0xd15c);
        let files = apart.u8(0..4) == 0;
        if files {
            op::on_one_machine(apart, faults_ms, &mut ops);
        }
        let apart = &mut fastrand::Rng::with_seed(seed ^ 0x1a57);
        let is_swept = settings.iter().any(|it| !it.sweeps_ms.is_empty());
        let is_late = vendors.iter().any(|vendor| vendor.late_per_mille > 0);
        if is_swept && is_late {
            // Few pages of a sweep hold a late-arriving record, and few kills strike between two of
            // its writes.
            let percent = *pick(apart, &[5, 15]);
            let what = What::LastWrites { percent };
            let (at_ms, for_ms) = (0, faults_ms);
            ops.push(Op {
                at_ms,
                for_ms,
                what,
            });
        }
        let apart = &mut fastrand::Rng::with_seed(seed ^ 0xc10c);
        ops.extend(wrong_clock::draw(apart, faults_ms, vendors.len(), files));
        let timeout_ms = *pick(rng, &[30, 60, 60, 300, 900]) * SECOND_MS;
        Self {
            seed,
            faults_ms,
            vendors,
            settings,
            files,
            stream: StreamSpec::draw(rng),
            packed: rng.u8(0..4) > 0,
            timeout_ms,
            tasks_per_invocation: *pick(rng, &[1, limits::TASKS_PER_INVOCATION_MAX]),
            ops,
        }
    }

    /// The same world with only the operations numbered in `kept`.
    pub(crate) fn keeping(&self, kept: &[usize]) -> Self {
        let ops = kept.iter().filter_map(|number| self.ops.get(*number));
        Self {
            ops: ops.cloned().collect(),
            ..self.clone()
        }
    }
}

impl SourceSettings {
    fn draw(
        rng: &mut fastrand::Rng,
        vendor: usize,
        feed: u32,
        spec: &VendorSpec,
        sweeps_ms: &[i64],
    ) -> Self {
        let min_ms = *pick(rng, &[MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS]);
        let kept_ms = spec.retention.map_or(i64::MAX, |kept| kept.kept_ms);
        // Where bounds filter on arrival no record is late, and sweeps have nothing to find.
        let fits =
            |after_ms: &i64| !spec.arrival && *after_ms > spec.settle_ms && *after_ms < kept_ms;
        Self {
            vendor,
            feed,
            start_before_ms: rng.i64(0..=spec.history_ms),
            min_ms,
            max_ms: (*pick(rng, &[30 * MINUTE_MS, 3 * HOUR_MS, DAY_MS])).max(min_ms),
            every_ms: *pick(rng, &[MINUTE_MS, 5 * MINUTE_MS, 20 * MINUTE_MS]),
            max_in_flight: rng.u32(1..=6),
            max_open_windows: *pick(rng, &[4, 16, 64]),
            sweeps_ms: sweeps_ms.iter().copied().filter(fits).collect(),
        }
    }

    /// The source's name.
    pub(crate) fn name(&self) -> SourceName {
        let text = format!("feed-{}-{}", self.vendor, self.feed);
        text.parse().expect("letters, digits and -")
    }

    /// The connector and the definition of this feed of `vendor`.
    pub(crate) fn define(
        &self,
        vendor: &Vendor,
        destination: &BTreeMap<String, String>,
    ) -> Result<(Connector, SourceDefinition), String> {
        let text = vendor.manifest();
        let manifest = Manifest::load("sim.yaml", &text).map_err(|error| error.to_string())?;
        let settings = Settings {
            params: vendor.params(self.feed),
            ..Settings::default()
        };
        let connector =
            Connector::compile(&manifest, &settings).map_err(|error| error.to_string())?;
        let policy = self.policy(connector.defaults());
        policy.check().map_err(|error| error.to_string())?;
        let origin = connector.origin().to_string();
        let params = connector.params().clone();
        let definition = SourceDefinition {
            name: self.name(),
            connector: connector.name().to_owned(),
            generation: Generation::of(connector.name(), &params, &origin),
            params,
            secret: Some("env:SIM".to_owned()),
            base_url: None,
            token_url: None,
            file: None,
            manifest_hash: None,
            start: WORLD_EPOCH.minus_ms(self.start_before_ms),
            end: None,
            sink: SINK.to_owned(),
            destination: destination.clone(),
            metadata: true,
            paused: false,
            policy,
        };
        Ok((connector, definition))
    }

    fn policy(&self, defaults: &Defaults) -> Policy {
        let unit_ms = defaults.unit_ms;
        let widest_ms = defaults.max_span_ms.unwrap_or(i64::MAX);
        let max_ms = self.max_ms.min(widest_ms).max(unit_ms);
        let min_ms = self.min_ms.min(max_ms).max(unit_ms);
        Policy {
            unit_ms,
            initial_ms: defaults.initial_ms.clamp(min_ms, max_ms),
            min_ms,
            max_ms,
            every_ms: self.every_ms.max(unit_ms),
            settle_ms: defaults.settle_ms,
            max_lookback_ms: defaults.max_lookback_ms,
            max_in_flight: self.max_in_flight,
            max_open_windows: self.max_open_windows,
            rate_group: defaults.rate_group.clone(),
            group_in_flight: defaults.group_in_flight,
            requests_per_minute: defaults.requests_per_minute,
            history_ms: limits::HISTORY_MS_DEFAULT,
            strict_order: defaults.strict_order,
            sweeps_ms: self.sweeps_ms.clone(),
            clock: None,
        }
    }
}

/// The sink's name.
const SINK: &str = "lake";
