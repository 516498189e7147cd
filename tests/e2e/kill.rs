//! `kill -9` at random moments: nothing is lost, nothing is duplicated in the output, and few pages
//! are fetched again.

use std::ops::RangeInclusive;

use anyhow::ensure;
use windlass_tests::vendor::{Shape, Vendor};
use windlass_tests::windlass::{Ended, KillAt, Project, Pull};

use crate::scene::{Scene, check_complete, kill_repeatedly};

const KILLS: usize = 20;
/// Minimum number of kills on every machine.
const KILLS_MIN: usize = 8;
/// Number of pages that the vendor serves between two kills.
const PAGES_BETWEEN_KILLS: RangeInclusive<u64> = 4..=24;
/// So few pages that most kills hit windows without one: no number of them parks a window.
const HARDLY_ANY_PAGES: RangeInclusive<u64> = 1..=4;
/// Maximum number of pages per window that one kill makes the next run fetch again: the page in
/// flight and the prefetched one.
const REFETCHED_MAX: usize = 2;

/// Kills a pull [`KILLS`] times, lets it finish, and checks the result.
async fn survive(shape: Shape, seed: u64, between: RangeInclusive<u64>) -> anyhow::Result<()> {
    let vendor = Scene::new(shape, 12, 40)
        .seed(seed)
        .latency_ms(5..=20)
        .start()
        .await;
    let project = Project::new(Pull::of(&vendor))?;
    kill_repeatedly(&project, &vendor, seed, KILLS_MIN..=KILLS, between).await?;
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await?;
    check_refetched(&vendor)
}

fn check_refetched(vendor: &Vendor) -> anyhow::Result<()> {
    let log = vendor.log();
    for ((run, window), pages) in log.refetched() {
        ensure!(
            pages <= REFETCHED_MAX,
            "run {run} fetched {pages} pages of {window:?} again"
        );
    }
    ensure!(
        log.repeated_within_a_run() == 0,
        "a page was fetched twice in one run"
    );
    ensure!(log.refused().count() == 0, "the vendor refused a request");
    Ok(())
}

/// P2 resume: whatever stops a worker, its window resumes after its last checkpoint.
#[tokio::test]
async fn twenty_kills_keep_newest_first_pull_exact() -> anyhow::Result<()> {
    survive(Shape::Google, 41, PAGES_BETWEEN_KILLS).await
}

#[tokio::test]
async fn twenty_kills_keep_oldest_first_pull_exact() -> anyhow::Result<()> {
    survive(Shape::Okta, 42, PAGES_BETWEEN_KILLS).await
}

#[tokio::test]
async fn kills_before_first_page_never_park_window() -> anyhow::Result<()> {
    survive(Shape::Google, 43, HARDLY_ANY_PAGES).await
}

#[tokio::test]
async fn killed_run_leaves_readable_state() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Google, 2, 30).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    vendor.hold_after(20);
    let ended = project
        .start_run()?
        .kill(
            &vendor,
            KillAt {
                pages: 20,
                then_ms: 0,
            },
        )
        .await?;
    ensure!(matches!(ended, Ended::Killed), "{ended:?}");
    let status = project.status().await?;
    ensure!(
        status.complete_through < vendor.timeline().span().to(),
        "{status:?}"
    );
    ensure!(status.holes == 0 && status.problem.is_none(), "{status:?}");
    let windows = project.start(&["windows", &project.pull().source, "--json"])?;
    windows.finish().await?.expect_success()?;
    project.check_secrets()
}
