//! Power losses at random file operations: unsynced data is gone, torn or present, and the next
//! runs still deliver everything exactly once.

use std::env;

use anyhow::{Context, bail, ensure};
use windlass_tests::power_loss::{self, Cut};
use windlass_tests::preload;
use windlass_tests::timeline::{BOUND_MS, Timeline, TimelineSpec, recent_span};
use windlass_tests::vendor::{Fault, Faults, Settings, Shape, Vendor};
use windlass_tests::windlass::{Project, Pull, exit};

/// Default number of cuts without [`CUTS_VARIABLE`], for a suite that runs often.
const CUTS: usize = 20;
/// The variable with the number of cuts.
const CUTS_VARIABLE: &str = "WINDLASS_TEST_POWER_CUTS";
/// Cuts of one pull: each continues from the disk that the previous one left.
const CUTS_PER_PULL: usize = 5;
/// Records of one pull.
const RECORDS: usize = 6_000;
/// Approximate size of a record in bytes: small, for many operations and few bytes.
const RECORD_BYTES: usize = 300;
/// Records per page.
const PAGE_CAP: usize = 50;
/// Maximum number of file operations of a run before its cut: about a fifth of those of a pull.
const OPERATIONS_MAX: u64 = 1_200;
/// Percentage of page tokens that the vendor rejects, so that windows restart and are halved.
const REJECTED_PERCENT: u8 = 4;

/// The result of one pull.
#[derive(Debug, Default)]
struct Pulled {
    cuts: usize,
    /// Cuts with unsynced data.
    unsynced: usize,
    /// Runs that ended before their cut.
    finished: usize,
}

/// A day with records in bursts: its windows become wider and narrower.
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

/// A project with adaptive widths. Without sweeps, the state writes nothing between a page and its
/// checkpoint.
fn project(vendor: &Vendor, has_sweeps: bool) -> anyhow::Result<Project> {
    let project = Project::new(Pull::of(vendor))?;
    let sweeps = if has_sweeps { "" } else { "\n    sweeps: []" };
    project.reconfigure(
        "{ initial: 10m, min: 10m, max: 10m }",
        &format!("{{ initial: 10m, min: 1m, max: 2h }}{sweeps}"),
    )?;
    Ok(project)
}

/// Fails unless everything was delivered exactly once, every file matches the state, and no part
/// file is left, not even one of a restart that the state has forgotten.
async fn check(project: &Project, vendor: &Vendor) -> anyhow::Result<()> {
    let verdict = project.compare(vendor)?;
    ensure!(verdict.is_exact(), "{verdict}");
    let status = project.status().await?;
    let end = vendor.timeline().span().to();
    ensure!(
        status.complete_through == end && status.holes == 0,
        "not complete: {status:?}"
    );
    let verify = project.start(&["verify"])?.finish().await?;
    verify.expect_success()?;
    let parts = project.parts()?;
    ensure!(parts.is_empty(), "parts are left over: {parts:?}");
    project.check_secrets()
}

/// Pulls everything through `cuts` power losses, and checks the result.
async fn survive(seed: u64, cuts: usize, syncs_ignored: bool) -> anyhow::Result<Pulled> {
    // Four consecutive pulls cover both shapes, each with and without sweeps.
    let shape = Shape::ALL[usize::from(seed % 2 == 1)];
    let vendor = vendor(shape, seed).await;
    let project = project(&vendor, seed % 4 < 2)?;
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut pulled = Pulled::default();
    for _ in 0..cuts {
        let cut = Cut {
            operation: rng.u64(1..=OPERATIONS_MAX),
            seed: rng.u64(..),
            syncs_ignored,
        };
        let run = power_loss::run_until(&project, cut).await?;
        pulled.cuts += 1;
        pulled.unsynced += usize::from(run.unsynced > 0);
        if run.finished() {
            pulled.finished += 1;
            run.outcome
                .expect_success()
                .with_context(|| format!("{cut:?}"))?;
        }
        let looked_at = project.start(&["verify"])?.finish().await?;
        // Before its tables are durable, there is no state to read.
        let no_state = looked_at.code == Some(exit::STATE);
        ensure!(
            looked_at.is_success() || no_state || syncs_ignored,
            "{cut:?}: verify said {looked_at:#?}"
        );
        vendor.next_run();
    }
    project.run(&[]).await?.expect_success()?;
    check(&project, &vendor).await?;
    Ok(pulled)
}

fn cuts_wanted() -> anyhow::Result<usize> {
    match env::var(CUTS_VARIABLE) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{CUTS_VARIABLE} is `{text}`")),
        Err(_) => Ok(CUTS),
    }
}

#[tokio::test]
async fn power_losses_lose_repeat_and_block_nothing() -> anyhow::Result<()> {
    if !preload::is_supported() {
        println!("skipped: the layer is for Linux");
        return Ok(());
    }
    let wanted = cuts_wanted()?;
    let (mut all, mut problems) = (Pulled::default(), Vec::new());
    for seed in 1.. {
        if all.cuts >= wanted {
            break;
        }
        let cuts = CUTS_PER_PULL.min(wanted - all.cuts);
        match survive(seed, cuts, false).await {
            Ok(pulled) => {
                all.unsynced += pulled.unsynced;
                all.finished += pulled.finished;
            }
            Err(problem) => problems.push(format!("seed {seed}: {problem:#}")),
        }
        all.cuts += cuts;
    }
    println!("{all:?}");
    ensure!(
        problems.is_empty(),
        "{} pulls failed:\n{}",
        problems.len(),
        problems.join("\n")
    );
    // With fewer losses, the test would prove nothing.
    ensure!(
        2 * all.unsynced >= all.cuts,
        "the cuts lost too little: {all:?}"
    );
    ensure!(
        4 * all.finished <= all.cuts,
        "the cuts came too late: {all:?}"
    );
    Ok(())
}

#[tokio::test]
async fn power_losses_without_syncs_are_detected() -> anyhow::Result<()> {
    if !preload::is_supported() {
        println!("skipped: the layer is for Linux");
        return Ok(());
    }
    for seed in 1..=10 {
        let Err(problem) = survive(seed, CUTS_PER_PULL, true).await else {
            continue;
        };
        // A verdict, or a failed run; not a failure of the test itself.
        let said = format!("{problem:#}");
        if said.contains("duplicated") || said.contains("windlass failed") {
            return Ok(());
        }
        return Err(problem);
    }
    bail!("ten pulls without one sync lost nothing to power losses")
}
