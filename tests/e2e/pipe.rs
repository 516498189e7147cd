//! Records in a pipe: standard output carries only records.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use windlass_tests::vendor::{Quirk, Shape, Vendor};
use windlass_tests::windlass::{Project, Pull, exit};

use crate::scene::{Scene, check_complete};

#[tokio::test]
async fn pipe_gets_records_and_stderr_gets_summary() -> anyhow::Result<()> {
    for args in [&[][..], &["--json"]] {
        let vendor = Scene::new(Shape::Okta, 2, 2).start().await;
        let project = Project::new(Pull::of(&vendor))?;
        let files = format!("{{ ndjson: {{ dir: {}/out }} }}", project.root().display());
        project.reconfigure(&files, "{ stdout: {} }")?;
        let outcome = project.run(args).await?.expect_success()?;
        let mut records = 0;
        for line in outcome.stdout.lines() {
            let record: Value = serde_json::from_str(line).context(line.to_owned())?;
            ensure!(record.get("_windlass").is_some(), "no record: {line}");
            records += 1;
        }
        ensure!(records > 0, "nothing in the pipe: {outcome:#?}");
        ensure!(
            outcome.stderr.contains("complete"),
            "no summary: {outcome:#?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn unwritable_stderr_ends_no_run() -> anyhow::Result<()> {
    let script = r#"exec "$@" 2>/dev/full"#;
    let vendor = Scene::new(Shape::Okta, 2, 2).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    let run = project.start_run_in(&["sh"], script)?.finish().await?;
    run.expect_success()?;
    check_complete(&project, &vendor).await?;

    vendor.set_quirk(Quirk::Redirect("http://127.0.0.1:1/".to_owned()));
    let refused = Project::new(Pull::of(&vendor))?;
    let run = refused.start_run_in(&["sh"], script)?.finish().await?;
    run.expect_failure(exit::BLOCKED, &["redirect"])?;
    Ok(())
}

#[tokio::test]
async fn unprintable_result_is_an_error() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, 1, 1).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    let script = r#"exec "$@" >/dev/full"#;
    let run = project.start_run_in(&["sh"], script)?.finish().await?;
    run.expect_failure(exit::UNEXPECTED, &["cannot be printed", "no space"])?;
    Ok(())
}

/// A scene that delivers to standard output.
async fn to_stdout() -> anyhow::Result<(Project, Vendor)> {
    let vendor = Scene::new(Shape::Okta, 2, 2).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    let files = format!("{{ ndjson: {{ dir: {}/out }} }}", project.root().display());
    project.reconfigure(&files, "{ stdout: {} }")?;
    Ok((project, vendor))
}

#[tokio::test]
async fn unwritable_stdout_blocks_until_next_run_can_write() -> anyhow::Result<()> {
    let (project, vendor) = to_stdout().await?;
    for script in [r#"exec "$@" >&-"#, r#"exec "$@" 1</dev/null"#] {
        let run = project.start_run_in(&["sh"], script)?.finish().await?;
        run.expect_failure(exit::BLOCKED, &["cannot write to standard output"])?;
    }
    ensure!(vendor.log().entries().is_empty(), "the vendor was asked");
    let script = r#"exec "$@" > records"#;
    let run = project.start_run_in(&["sh"], script)?.finish().await?;
    run.expect_success()?;
    let delivered = std::fs::read_to_string(project.root().join("records"))?;
    let all = vendor.timeline().expected().count();
    ensure!(delivered.lines().count() == all, "{delivered}");
    Ok(())
}

#[tokio::test]
async fn torn_stdout_line_swallows_no_record() -> anyhow::Result<()> {
    let (project, vendor) = to_stdout().await?;
    let script = r#"printf '{"torn":"' > records; exec "$@" >> records"#;
    let run = project.start_run_in(&["sh"], script)?.finish().await?;
    run.expect_success()?;
    let text = std::fs::read_to_string(project.root().join("records"))?;
    let (torn, records) = text.split_once('\n').context("one line")?;
    ensure!(torn == r#"{"torn":""#, "{torn}");
    let mut delivered = 0;
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).context(line.to_owned())?;
        ensure!(record.get("_windlass").is_some(), "no record: {line}");
        delivered += 1;
    }
    let all = vendor.timeline().expected().count();
    ensure!(delivered == all, "{delivered} of {all}");
    Ok(())
}
