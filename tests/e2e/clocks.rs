//! Wrong machine clocks, by minutes or by months, ahead or behind, once or alternating: after the
//! clock is right again, every record is delivered once. The layer that fakes the clock is for
//! Linux.

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use windlass_core::time::{DAY_MS, MINUTE_MS};
use windlass_tests::timeline::{BOUND_MS, Timeline, TimelineSpec, recent_span};
use windlass_tests::vendor::{Settings, Shape, Vendor};
use windlass_tests::windlass::{Project, Pull};
use windlass_tests::wrong_clock::WrongClock;

/// Records of one pull.
const RECORDS: usize = 2_000;
/// Records per page: so few that the pull has pages left at each jump.
const PAGE_CAP: usize = 10;
/// Number of jumps of an alternating clock.
const JUMPS: u64 = 6;
/// Number of pages with the right clock between two jumps to a wrong one.
const PAGES_RIGHT: u64 = 4;

/// A pull with a wrong clock.
#[derive(Debug, Clone, Copy)]
struct Case {
    off_ms: i64,
    alternating: bool,
    /// True if the pull ends with its span; false if it follows the present.
    bounded: bool,
}

async fn vendor() -> Vendor {
    let timeline = Timeline::generate(&TimelineSpec {
        seed: 17,
        span: recent_span(60 * BOUND_MS),
        events: RECORDS,
        record_bytes: 300,
    });
    Vendor::start(Settings::new(Shape::Okta, PAGE_CAP), timeline).await
}

fn project(vendor: &Vendor, case: Case) -> anyhow::Result<Project> {
    let project = Project::new(Pull::of(vendor))?;
    if !case.bounded {
        let end = format!("    end: {}\n", project.pull().span.to());
        project.reconfigure(&end, "")?;
    }
    Ok(project)
}

/// Asserts that every record is in the files once, and that no time was skipped.
fn check(project: &Project, vendor: &Vendor, case: Case) -> anyhow::Result<()> {
    let mut verdict = project.compare(vendor)?;
    let span = vendor.timeline().span();
    let after = vendor.timeline().events().iter();
    let after = after.filter(|event| event.time >= span.to()).count();
    if !case.bounded {
        // A pull without an end also delivers the timeline's records after its span.
        ensure!(verdict.foreign.len() == after, "{verdict}");
        verdict.foreign.clear();
    }
    ensure!(verdict.is_exact(), "{verdict}");
    Ok(())
}

async fn pull(case: Case) -> anyhow::Result<()> {
    let vendor = vendor().await;
    let project = project(&vendor, case)?;
    let clock = WrongClock::new(case.off_ms)?;
    // The first page shows the vendor clock, and no second one follows before its evaluation.
    vendor.hold_after(1);
    let mut run = clock.start_run(&project)?;
    run.until_logged("this machine's clock is").await?;
    let mut pages = vendor.pages_served();
    if case.alternating {
        for jump in 0..JUMPS {
            let wrong = jump % 2 == 1;
            clock.set(if wrong { case.off_ms } else { 0 })?;
            let served = *pages.borrow() + if wrong { 1 } else { PAGES_RIGHT };
            vendor.hold_after(served);
            pages.wait_for(|pages| *pages >= served).await?;
        }
    }
    clock.set(0)?;
    vendor.release();
    run.finish().await?.expect_success()?;
    check(&project, &vendor, case)?;
    let status = project.status().await?;
    let end = vendor.timeline().span().to();
    ensure!(status.holes == 0, "{status:?}");
    ensure!(status.complete_through >= end, "{status:?}");
    let verify = project.start(&["verify"])?.finish().await?;
    verify.expect_success().map(drop)
}

/// Pulls with a clock that is wrong by `off_ms`, in every variant.
async fn pulls(off_ms: i64) -> anyhow::Result<()> {
    let ways = [(false, false), (false, true), (true, false), (true, true)];
    let pulls = ways.map(|(alternating, bounded)| async move {
        let case = Case {
            off_ms,
            alternating,
            bounded,
        };
        pull(case).await.with_context(|| format!("{case:?}"))
    });
    try_join_all(pulls).await.map(drop)
}

/// P1: Once this machine's clock is right again, everything that was settled is delivered.
#[tokio::test]
async fn clock_200_days_ahead_delivers_exactly_once() -> anyhow::Result<()> {
    pulls(200 * DAY_MS).await
}

#[tokio::test]
async fn clock_200_days_behind_delivers_exactly_once() -> anyhow::Result<()> {
    pulls(-200 * DAY_MS).await
}

#[tokio::test]
async fn clock_ten_minutes_ahead_delivers_exactly_once() -> anyhow::Result<()> {
    pulls(10 * MINUTE_MS).await
}

#[tokio::test]
async fn clock_ten_minutes_behind_delivers_exactly_once() -> anyhow::Result<()> {
    pulls(-10 * MINUTE_MS).await
}
