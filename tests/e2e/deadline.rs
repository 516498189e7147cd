//! Runs that end before their work: each stops at a checkpoint, and the next one resumes there.

use anyhow::{bail, ensure};
use windlass_tests::vendor::Shape;
use windlass_tests::windlass::{Project, Pull, Running, exit};

use crate::scene::{Scene, check_complete};

const PAGES: usize = 150;
/// Maximum duration of a run in seconds: enough for a page on every machine.
const SECONDS_MAX: u32 = 1_024;
/// Maximum number of pages that a run may fetch although an earlier one did: the page in flight at
/// the deadline, and the one before it.
const REFETCHED_MAX: usize = 2;

#[tokio::test]
async fn long_window_finishes_over_several_runs() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Google, 1, PAGES)
        .latency_ms(30..=50)
        .start()
        .await;
    let project = Project::new(Pull::of(&vendor))?;
    let mut runs = 0;
    let mut pages_before = 0;
    let mut seconds = 2;
    loop {
        runs += 1;
        ensure!(runs <= PAGES, "it advances less than a page a run");
        let outcome = project
            .run(&["--max-runtime", &format!("{seconds}s")])
            .await?;
        let pages = vendor.log().page_fetches().len();
        if pages == pages_before {
            // A slow machine needs longer to start and to fetch a page.
            seconds *= 2;
            ensure!(
                seconds <= SECONDS_MAX,
                "run {runs} did not advance: {outcome:#?}"
            );
        }
        pages_before = pages;
        match outcome.code {
            Some(0) => break,
            Some(exit::UNFINISHED) => vendor.next_run(),
            _ => bail!("run {runs}: {outcome:#?}"),
        };
    }
    ensure!(runs > 1, "the window fitted one run: this proves nothing");
    let log = vendor.log();
    let most = log.page_fetches().len() + REFETCHED_MAX * (runs - 1);
    ensure!(
        log.asked() <= most,
        "{} requests in {runs} runs, {most} allowed",
        log.asked()
    );
    check_complete(&project, &vendor).await
}

#[tokio::test]
async fn stopped_run_resumes_at_checkpoint() -> anyhow::Result<()> {
    stop_and_go_on(Running::terminate).await
}

#[tokio::test]
async fn closed_terminal_stops_run_at_checkpoint() -> anyhow::Result<()> {
    stop_and_go_on(Running::hang_up).await
}

/// Stops a run with `stop` in the middle of its windows, and lets the next run finish.
async fn stop_and_go_on(stop: fn(&Running) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, 2, 40).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    vendor.hold_after(20);
    let run = project.start_run()?;
    let mut pages = vendor.pages_served();
    pages.wait_for(|pages| *pages >= 20).await?;
    stop(&run)?;
    vendor.release();
    run.finish().await?.expect_failure(exit::UNFINISHED, &[])?;
    vendor.next_run();
    project.run(&[]).await?.expect_success()?;
    let log = vendor.log();
    ensure!(
        log.refetched()
            .values()
            .all(|pages| *pages <= REFETCHED_MAX),
        "{:?}",
        log.refetched()
    );
    check_complete(&project, &vendor).await
}
