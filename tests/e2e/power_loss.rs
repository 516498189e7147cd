//! Power losses at seeded file operations: what was not synced is gone, torn or there, and the next runs
//! deliver everything exactly once all the same.

use anyhow::{Context, bail};
use windlass_tests::power_loss::{self, Cut};
use windlass_tests::timeline::{BOUND_MS, Timeline, TimelineSpec, recent_span};
use windlass_tests::vendor::{Fault, Faults, Settings, Shape, Vendor};
use windlass_tests::windlass::{Project, Pull};

use crate::scene::check_complete;

/// Cuts of one pull: each goes on from the disk that the one before left.
const CUTS_PER_PULL: usize = 5;
/// Records of one pull.
const RECORDS: usize = 6_000;
/// About how many bytes a record has: small, so that the operations are many and the bytes few.
const RECORD_BYTES: usize = 300;
/// Records of one page.
const PAGE_CAP: usize = 50;
/// File operations of a run at most before its cut: about as many as a fifth of a pull makes.
const OPERATIONS_MAX: u64 = 1_200;
/// Page tokens in a hundred that the vendor rejects, so that windows restart and are halved.
const REJECTED_PERCENT: u8 = 4;

/// A day with records in bursts: its windows get wider and narrower.
async fn vendor(shape: Shape, seed: u64) -> Vendor {
    let timeline = Timeline::generate(&TimelineSpec {
        seed,
        span: recent_span(60 * BOUND_MS),
        events: RECORDS,
        record_bytes: RECORD_BYTES,
    });
    let settings = Settings {
        seed,
        faults: Faults::new(seed, REJECTED_PERCENT, &[Fault::TokenRejected]),
        ..Settings::new(shape, PAGE_CAP)
    };
    Vendor::start(settings, timeline).await
}

fn project(vendor: &Vendor) -> anyhow::Result<Project> {
    let project = Project::new(Pull::of(vendor))?;
    project.reconfigure(
        "{ initial: 10m, min: 10m, max: 10m }",
        "{ initial: 10m, min: 1m, max: 2h }",
    )?;
    Ok(project)
}

/// Pulls everything through `cuts` power losses, and checks what it came to.
async fn survive(seed: u64, cuts: usize, syncs_ignored: bool) -> anyhow::Result<()> {
    let shape = Shape::ALL[usize::from(seed % 2 == 1)];
    let vendor = vendor(shape, seed).await;
    let project = project(&vendor)?;
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..cuts {
        let cut = Cut {
            operation: rng.u64(1..=OPERATIONS_MAX),
            seed: rng.u64(..),
            syncs_ignored,
        };
        let run = power_loss::run_until(&project, cut).await?;
        if run.finished() {
            run.outcome
                .expect_success()
                .with_context(|| format!("{cut:?}"))?;
        }
        vendor.next_run();
    }
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await?;
    Ok(())
}

#[tokio::test]
async fn power_losses_are_noticed_when_syncs_do_nothing() -> anyhow::Result<()> {
    if !power_loss::is_supported() {
        println!("skipped: the layer is for Linux");
        return Ok(());
    }
    for seed in 1..=10 {
        if survive(seed, CUTS_PER_PULL, true).await.is_err() {
            return Ok(());
        }
    }
    bail!("ten pulls without one sync lost nothing to power losses")
}
