//! Operator commands on a state file: pause, resume, retry, apply, with the real program, beside
//! runs and between them.

use std::fs;

use anyhow::{Context, ensure};
use serde_json::Value;
use windlass_core::clock::Clock;
use windlass_core::ids::{Timeline, WindowId};
use windlass_core::system::SystemClock;
use windlass_core::transition::Event;
use windlass_core::{Lane, Timestamp, Window};
use windlass_state::{SqliteStore, StateStore};
use windlass_tests::aws::calls::Calls;
use windlass_tests::aws::refusals::Refusals;
use windlass_tests::aws::streams::{StreamKind, Streams};
use windlass_tests::ledger::Ledger;
use windlass_tests::timeline::BOUND_MS;
use windlass_tests::vendor::Shape;
use windlass_tests::windlass::{Outcome, Project, Pull, exit};

use crate::scene::{Scene, check_complete};

/// Windows of a pull that lasts long enough for the commands.
const WINDOWS: usize = 20;
/// The exit code of a `diff` that found a difference.
const DIFFERENT: i32 = 8;

/// Runs `windlass ARGS` from start to end.
async fn windlass(project: &Project, args: &[&str]) -> anyhow::Result<Outcome> {
    project.start(args)?.finish().await
}

/// The output of `windlass ARGS --json`.
async fn json(project: &Project, args: &[&str]) -> anyhow::Result<Value> {
    let args = [args, &["--json"]].concat();
    let outcome = windlass(project, &args).await?.expect_success()?;
    serde_json::from_str(&outcome.stdout).with_context(|| format!("{outcome:#?}"))
}

/// Stores a parked window of ten minutes at `from`.
async fn park(project: &Project, from: Timestamp) -> anyhow::Result<WindowId> {
    let store = SqliteStore::open(&project.state())?;
    let sources = store.all_sources().await?;
    let source = sources.first().context("nothing is applied")?;
    let timeline = Timeline {
        source: source.definition.name.clone(),
        generation: source.definition.generation.clone(),
        lane: Lane::Live,
    };
    let id = WindowId { timeline, from };
    let now = SystemClock.now();
    let window = Window::new(id.clone(), from.plus_ms(BOUND_MS), now)?;
    store.create(&window).await?;
    let reason = "page 2 leads to itself".to_owned();
    store.decide(&window, &Event::Park { reason, now }).await?;
    Ok(id)
}

#[tokio::test]
async fn retried_gap_completes_pull() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, 3, 5).start().await;
    let span = vendor.timeline().span();
    let middle = span.from().plus_ms(BOUND_MS);
    let project = Project::new(Pull::of(&vendor))?;
    // The first run knows only the first window, so that the second one does not exist yet. The
    // fault tests cover the parking of a window by a vendor.
    project.reconfigure(&format!("end: {}", span.to()), &format!("end: {middle}"))?;
    project.run(&[]).await?.expect_success()?;
    let hole = park(&project, middle).await?.to_string();
    project.reconfigure(&format!("end: {middle}"), &format!("end: {}", span.to()))?;
    project.run(&[]).await?.expect_failure(exit::HOLES, &[])?;
    let status = project.status().await?;
    ensure!(
        (status.complete_through, status.holes) == (middle, 1),
        "{status:?}"
    );

    let retried = json(&project, &["retry", "--all", "pull"]).await?;
    let windows = retried["windows"].as_array().context("no windows")?;
    ensure!(
        windows.len() == 1 && windows[0]["window"] == *hole,
        "{retried:#}"
    );
    // The window is no longer parked.
    windlass(&project, &["retry", &hole])
        .await?
        .expect_failure(exit::USAGE, &["ready", "only a parked window"])?;
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await
}

#[tokio::test]
async fn paused_source_starts_nothing_until_resume() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Google, 2, 3).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    windlass(&project, &["pause", "pull"])
        .await?
        .expect_failure(exit::STATE, &["there is no state"])?;
    ensure!(!project.state().exists(), "holding back made a state");

    windlass(&project, &["apply", "--yes"])
        .await?
        .expect_success()?;
    windlass(&project, &["pause", "pull"])
        .await?
        .expect_success()?;
    project.run(&[]).await?.expect_success()?;
    ensure!(vendor.log().entries().is_empty(), "the vendor was asked");
    ensure!(project.status().await?.state == "held", "it is not held");

    windlass(&project, &["resume", "pull"])
        .await?
        .expect_success()?;
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await
}

#[tokio::test]
async fn pause_during_run_lets_open_windows_finish() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, WINDOWS, 10).start().await;
    let project = Project::new(Pull {
        max_in_flight: 1,
        ..Pull::of(&vendor)
    })?;
    vendor.hold_after(3);
    let run = project.start_run()?;
    let mut pages = vendor.pages_served();
    pages.wait_for(|pages| *pages >= 3).await?;
    windlass(&project, &["pause", "pull"])
        .await?
        .expect_success()?;
    vendor.release();
    run.finish().await?.expect_success()?;
    let windows = json(&project, &["windows", "pull"]).await?;
    let windows = windows.as_array().context("no list")?;
    let status = |word: &str| windows.iter().filter(|it| it["status"] == word).count();
    ensure!(
        (1..WINDOWS).contains(&status("done")) && status("done") + status("ready") == windows.len(),
        "{windows:#?}"
    );
    ensure!(project.parts()?.is_empty(), "a window was left half-done");

    windlass(&project, &["resume", "pull"])
        .await?
        .expect_success()?;
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await
}

#[tokio::test]
async fn diff_sets_exit_code_and_run_excludes_apply() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Google, 1, 5).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    windlass(&project, &["diff"])
        .await?
        .expect_failure(DIFFERENT, &["+ pull", "1 new"])?;
    ensure!(!project.state().exists(), "looking made a state");
    windlass(&project, &["apply"])
        .await?
        .expect_failure(exit::USAGE, &["no terminal for the confirmation", "--yes"])?;
    ensure!(!project.state().exists(), "nothing was confirmed");

    vendor.hold_after(1);
    let run = project.start_run()?;
    let mut pages = vendor.pages_served();
    pages.wait_for(|pages| *pages > 0).await?;
    // The run has applied the same definitions, so there is nothing to write.
    windlass(&project, &["apply"]).await?.expect_success()?;
    project.reconfigure("max_in_flight: 4", "max_in_flight: 3")?;
    let holder = run.id().context("the run is over")?.to_string();
    windlass(&project, &["diff"])
        .await?
        .expect_failure(DIFFERENT, &["max_in_flight", "4 -> 3"])?;
    windlass(&project, &["apply", "--yes"])
        .await?
        .expect_failure(exit::STATE, &[&holder])?;
    vendor.release();
    run.finish().await?.expect_success()?;
    windlass(&project, &["apply", "--yes"])
        .await?
        .expect_success()?;
    windlass(&project, &["diff"]).await?.expect_success()?;
    check_complete(&project, &vendor).await
}

#[tokio::test]
async fn state_option_needs_no_configuration() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, 1, 2).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    project.run(&[]).await?.expect_success()?;
    fs::remove_file(project.config())?;
    for args in [
        "status",
        "status pull",
        "windows pull",
        "pause pull",
        "resume pull",
        "retry --all pull",
    ] {
        let script = format!("exec \"$1\" {args} --state sqlite:windlass.db");
        let command = project.start_run_in(&["sh"], &script)?.finish().await?;
        command.expect_success()?;
    }
    Ok(())
}

/// A run on one machine delivers to a stream like a worker on Lambda: one engine.
#[tokio::test]
async fn local_run_delivers_to_stream() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Google, 2, 4).start().await;
    let streams = Streams::start(Calls::default(), Refusals::default()).await?;
    streams.create(StreamKind::Firehose, "audit");
    let project = Project::new(Pull::of(&vendor))?;
    let files = format!("{{ ndjson: {{ dir: {}/out }} }}", project.root().display());
    let stream = "{ firehose: { stream: audit, rejects: \"s3://rejects-of-tests/here\" } }";
    project.reconfigure(&files, stream)?;
    let script = format!(
        "export AWS_ENDPOINT_URL={} AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test \
         AWS_SECRET_ACCESS_KEY=test; exec \"$@\"",
        streams.uri()
    );
    let run = project.start_run_in(&["sh"], &script)?.finish().await?;
    run.expect_success()?;
    let lines = streams.lines(StreamKind::Firehose, "audit")?;
    let verdict = Ledger::of_lines(lines, Shape::Google)?.compare(vendor.timeline(), "pull");
    ensure!(verdict.is_exact(), "{verdict}");
    Ok(())
}
