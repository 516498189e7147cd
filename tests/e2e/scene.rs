//! The vendors of this suite, and the expected result of every pull.

use std::ops::RangeInclusive;

use anyhow::{bail, ensure};
use windlass_tests::timeline::{BOUND_MS, Bounds, Timeline, TimelineSpec, recent_span};
use windlass_tests::vendor::{Settings, Shape, Vendor};
use windlass_tests::windlass::{Ended, KillAt, Project};

/// Approximate size of one record in a vendor's audit log.
const RECORD_BYTES: usize = 850;

/// The amount of a vendor's records, and its latency.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) shape: Shape,
    pub(crate) seed: u64,
    /// Number of windows of ten minutes.
    pub(crate) windows: usize,
    /// Average number of pages per window.
    pub(crate) pages: usize,
    /// Records per page.
    pub(crate) page_cap: usize,
    pub(crate) latency_ms: RangeInclusive<u64>,
    pub(crate) bounds: Bounds,
}

impl Scene {
    /// A vendor with pages of twenty records, without latency.
    pub(crate) fn new(shape: Shape, windows: usize, pages: usize) -> Self {
        Self {
            shape,
            seed: 1,
            windows,
            pages,
            page_cap: 20,
            latency_ms: 0..=0,
            bounds: Bounds::INCLUSIVE,
        }
    }

    pub(crate) fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    pub(crate) fn latency_ms(self, latency_ms: RangeInclusive<u64>) -> Self {
        Self { latency_ms, ..self }
    }

    pub(crate) fn bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// Starts the vendor.
    pub(crate) async fn start(self) -> Vendor {
        let windows = i64::try_from(self.windows).unwrap_or(1);
        let timeline = Timeline::generate(&TimelineSpec {
            seed: self.seed,
            span: recent_span(windows * BOUND_MS),
            events: self.windows * self.pages * self.page_cap,
            record_bytes: RECORD_BYTES,
        });
        let settings = Settings {
            seed: self.seed,
            latency_ms: self.latency_ms,
            bounds: self.bounds,
            ..Settings::new(self.shape, self.page_cap)
        };
        Vendor::start(settings, timeline).await
    }
}

/// Fails unless every record was delivered exactly once, nothing is unfinished, the status shows
/// that, and no secret is in a wrong place.
pub(crate) async fn check_complete(project: &Project, vendor: &Vendor) -> anyhow::Result<()> {
    let parts = project.parts()?;
    ensure!(parts.is_empty(), "left behind: {parts:?}");
    let verdict = project.compare(vendor)?;
    ensure!(verdict.is_exact(), "{verdict}");
    let status = project.status().await?;
    let end = vendor.timeline().span().to();
    ensure!(
        status.complete_through == end && status.holes == 0,
        "not complete: {status:?}"
    );
    project.check_secrets()
}

/// Runs `project` and kills it repeatedly, each time after a number of pages drawn from `between`,
/// up to the maximum of `kills`. Returns the number of kills. On a slow machine kills come late:
/// the pull may then end before the maximum, but not before the minimum of `kills`.
pub(crate) async fn kill_repeatedly(
    project: &Project,
    vendor: &Vendor,
    seed: u64,
    kills: RangeInclusive<usize>,
    between: RangeInclusive<u64>,
) -> anyhow::Result<usize> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut killed = 0;
    while killed < *kills.end() {
        let at = KillAt {
            pages: rng.u64(between.clone()),
            then_ms: rng.i64(0..=15),
        };
        match project.start_run()?.kill(vendor, at).await? {
            Ended::Killed => killed += 1,
            Ended::Finished(outcome) if kills.contains(&killed) => {
                outcome.expect_success()?;
                break;
            }
            Ended::Finished(outcome) => bail!("it ended after {killed} kills: {outcome:#?}"),
        }
        vendor.next_run();
    }
    Ok(killed)
}
