//! Delivery to a faulty collector over HTTP, while the process is killed: nothing is lost, and
//! duplicates stay within the promise for sinks that cannot take back records.

use anyhow::ensure;
use windlass_tests::collector::{COLLECTOR_TOKEN, Collector, CollectorFault};
use windlass_tests::ledger::Ledger;
use windlass_tests::vendor::{Shape, Vendor};
use windlass_tests::windlass::{Project, Pull, exit};

use crate::scene::{Scene, kill_repeatedly};

/// Percentage of calls that fail in the collector.
const FAULTS_PERCENT: u8 = 10;
const KILLS: usize = 10;
/// Minimum number of kills on every machine.
const KILLS_MIN: usize = 4;
/// The file with the collector's token.
const TOKEN_FILE: &str = "collector.token";

/// A project that delivers to `collector`.
fn project(vendor: &Vendor, collector: &Collector) -> anyhow::Result<Project> {
    let project = Project::new(Pull::of(vendor))?;
    let root = project.root().display().to_string();
    project.write(TOKEN_FILE, &format!("{COLLECTOR_TOKEN}\n"))?;
    let uri = collector.uri();
    project.reconfigure(
        &format!("{{ ndjson: {{ dir: {root}/out }} }}"),
        &format!(
            "{{ http: {{ url: '{uri}/in', rejects: '{uri}/rejects', secret: 'file:{TOKEN_FILE}' }} }}"
        ),
    )?;
    Ok(project)
}

/// Fails unless `collector` has every record of `vendor`, with at most `repeats_max` duplicates.
async fn check(
    project: &Project,
    vendor: &Vendor,
    collector: &Collector,
    repeats_max: usize,
) -> anyhow::Result<()> {
    let ledger = Ledger::of_lines(collector.lines(), vendor.shape())?;
    let verdict = ledger.compare(vendor.timeline(), &project.pull().source);
    ensure!(verdict.is_complete(), "{verdict}");
    ensure!(collector.rejects().is_empty(), "{:?}", collector.rejects());
    ensure!(collector.wrong().is_empty(), "{:?}", collector.wrong());
    let repeats = ledger.repeats();
    ensure!(
        repeats <= repeats_max,
        "{repeats} repeats, at most {repeats_max} are promised"
    );
    let status = project.status().await?;
    let end = vendor.timeline().span().to();
    ensure!(
        status.complete_through == end && status.holes == 0,
        "not complete: {status:?}"
    );
    project.check_secrets()?;
    let holders = project.files_with(COLLECTOR_TOKEN)?;
    ensure!(
        holders == [project.root().join(TOKEN_FILE)],
        "the token is in {holders:?}"
    );
    Ok(())
}

#[tokio::test]
async fn failing_collector_repeats_only_unacknowledged_pages() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, 4, 60).seed(61).start().await;
    let collector = Collector::start(61, FAULTS_PERCENT).await?;
    let project = project(&vendor, &collector)?;
    project.run(&[]).await?.expect_success()?;
    check(
        &project,
        &vendor,
        &collector,
        collector.lines_without_response(),
    )
    .await?;
    // With fewer faults, the test would prove nothing.
    let drawn = collector.drawn();
    ensure!(
        drawn.len() == CollectorFault::ALL.len(),
        "too calm: {drawn:?}"
    );
    Ok(())
}

#[tokio::test]
async fn kills_beside_failing_collector_repeat_one_page_per_window() -> anyhow::Result<()> {
    let scene = Scene::new(Shape::Google, 8, 40).seed(62).latency_ms(2..=10);
    let page_cap = scene.page_cap;
    let vendor = scene.start().await;
    let collector = Collector::start(62, FAULTS_PERCENT).await?;
    let project = project(&vendor, &collector)?;
    let kills = kill_repeatedly(&project, &vendor, 62, KILLS_MIN..=KILLS, 6..=24).await?;
    project.run(&[]).await?.expect_success()?;
    let in_flight = usize::try_from(project.pull().max_in_flight)?;
    let repeats_max = collector.lines_without_response() + kills * in_flight * page_cap;
    check(&project, &vendor, &collector, repeats_max).await
}

#[tokio::test]
async fn rejecting_collector_blocks_source_with_reason() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, 1, 1).start().await;
    let collector = Collector::start(63, 0).await?;
    let project = project(&vendor, &collector)?;
    // The vendor's own address accepts no batches.
    project.reconfigure(
        &format!("{}/in", collector.uri()),
        &format!("{}/in", vendor.uri()),
    )?;
    project.reconfigure(
        &format!("{}/rejects", collector.uri()),
        &format!("{}/rejects", vendor.uri()),
    )?;
    let run = project.run(&[]).await?;
    run.expect_failure(
        exit::BLOCKED,
        &["collector http://127.0.0.1", "returned HTTP 4"],
    )?;
    Ok(())
}

/// Lets `project` post its lines to `path` of `collector`.
fn post_to(project: &Project, collector: &Collector, path: &str) -> anyhow::Result<()> {
    let uri = collector.uri();
    project.reconfigure(&format!("'{uri}/in'"), &format!("'{uri}{path}'"))
}

#[tokio::test]
async fn http_413_for_everything_blocks_source() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, 1, 2).start().await;
    let collector = Collector::start(64, 0).await?;
    let project = project(&vendor, &collector)?;
    post_to(&project, &collector, "/full")?;
    let said = [
        "sink `lake` cannot be used",
        "returned HTTP 413 for 3 records in a row",
        "none of them became a reject",
        "raise its limit",
    ];
    project
        .run(&[])
        .await?
        .expect_failure(exit::BLOCKED, &said)?;
    ensure!(collector.rejects().is_empty() && collector.lines().is_empty());
    let status = project.status().await?;
    ensure!(status.state == "blocked", "{status:?}");
    let uri = collector.uri();
    project.reconfigure(&format!("'{uri}/full'"), &format!("'{uri}/in'"))?;
    project.run(&[]).await?.expect_success()?;
    check(&project, &vendor, &collector, 0).await
}

#[tokio::test]
async fn single_rejected_record_is_counted_and_logged() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, 1, 2).start().await;
    let collector = Collector::start(65, 0).await?;
    let project = project(&vendor, &collector)?;
    post_to(&project, &collector, "/poisoned")?;
    let run = project.run(&[]).await?.expect_success()?;
    let (lines, rejects) = (collector.lines().len(), collector.rejects().len());
    ensure!(rejects == 1, "{:?}", collector.rejects());
    let said = run.said();
    ensure!(said.contains(&format!("{lines} records in")), "{said}");
    ensure!(said.contains("1 rejected"), "{said}");
    let warned = said.lines().any(|line| {
        line.contains("WARN") && line.contains("1 of ") && line.contains("became rejects")
    });
    ensure!(warned && said.contains("\"sink\":\"lake\""), "{said}");
    Ok(())
}
