//! User errors and machine faults: each yields one clear message with its cure, a documented exit
//! code, and no harm.

use std::fs;
use std::net::TcpListener;

use anyhow::{Context, ensure};
use windlass_tests::vendor::{Shape, Vendor};
use windlass_tests::windlass::{Outcome, Project, Pull, exit};

use crate::scene::{Scene, check_complete};

async fn project(shape: Shape) -> anyhow::Result<(Project, Vendor)> {
    let vendor = Scene::new(shape, 1, 3).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    Ok((project, vendor))
}

/// Replaces `old` in the configuration and expects `run` to fail before the first request to the
/// vendor, with a message that names the file, the line of `new` and every one of `words`.
async fn refuse(old: &str, new: &str, words: &[&str]) -> anyhow::Result<Outcome> {
    let (project, vendor) = project(Shape::Okta).await?;
    project.reconfigure(old, new)?;
    let yaml = fs::read_to_string(project.config())?;
    let line = 1 + yaml
        .lines()
        .position(|line| line.contains(new))
        .context("not one line")?;
    let outcome = project.run(&[]).await?.expect_failure(exit::USAGE, words)?;
    let place = format!("windlass.yaml:{line}");
    ensure!(
        outcome.said().contains(&place),
        "it does not name {place}: {outcome:#?}"
    );
    ensure!(vendor.log().entries().is_empty(), "the vendor was asked");
    ensure!(!project.state().exists(), "a state was made");
    Ok(outcome)
}

#[tokio::test]
async fn misspelled_field_shows_line_and_suggestion() -> anyhow::Result<()> {
    refuse(
        "max_in_flight:",
        "max_in_fligth:",
        &["max_in_fligth", "max_in_flight"],
    )
    .await
    .map(drop)
}

#[tokio::test]
async fn unknown_field_is_rejected() -> anyhow::Result<()> {
    refuse("    sink: lake\n", "    colour: blue", &["colour"])
        .await
        .map(drop)
}

#[tokio::test]
async fn truncated_yaml_is_rejected() -> anyhow::Result<()> {
    let (project, _vendor) = project(Shape::Okta).await?;
    project.reconfigure("params: { domain: example.okta.com }", "params: { domain: ")?;
    project
        .run(&[])
        .await?
        .expect_failure(exit::USAGE, &["windlass.yaml:"])
        .map(drop)
}

#[tokio::test]
async fn end_before_start_is_rejected() -> anyhow::Result<()> {
    let (project, vendor) = project(Shape::Okta).await?;
    let span = vendor.timeline().span();
    let (end, start) = (
        format!("end: {}", span.to()),
        format!("end: {}", span.from()),
    );
    project.reconfigure(&end, &start)?;
    project
        .run(&[])
        .await?
        .expect_failure(exit::USAGE, &["windlass.yaml:", "end", "start"])
        .map(drop)
}

#[tokio::test]
async fn invalid_duration_is_rejected() -> anyhow::Result<()> {
    refuse("initial: 10m", "initial: ten", &["ten"])
        .await
        .map(drop)
}

#[tokio::test]
async fn contradictory_window_widths_are_rejected() -> anyhow::Result<()> {
    refuse("min: 10m", "min: 11m", &["window"]).await.map(drop)
}

#[tokio::test]
async fn settle_below_vendor_minimum_is_rejected() -> anyhow::Result<()> {
    refuse("max_in_flight: 4", "settle: 1s", &["settle"])
        .await
        .map(drop)
}

#[tokio::test]
async fn unknown_connector_suggests_closest_one() -> anyhow::Result<()> {
    let words = ["okta_sytem_log", "okta_system_log"];
    refuse("okta_system_log", "okta_sytem_log", &words)
        .await
        .map(drop)
}

#[tokio::test]
async fn unknown_sink_lists_known_ones() -> anyhow::Result<()> {
    refuse("sink: lake", "sink: like", &["like", "lake"])
        .await
        .map(drop)
}

#[tokio::test]
async fn missing_secret_blocks_only_its_source() -> anyhow::Result<()> {
    for (secret, named) in [
        ("env:WINDLASS_TEST_ABSENT", "WINDLASS_TEST_ABSENT"),
        ("file:absent.token", "absent.token"),
        ("file:/", "file:/"),
    ] {
        let (project, vendor) = project(Shape::Okta).await?;
        let bad = Pull {
            source: "bad".to_owned(),
            ..Pull::of(&vendor)
        };
        let sources = format!("sources:\n{}", bad.source_yaml(secret));
        project.reconfigure("sources:\n", &sources)?;
        let outcome = project.run(&[]).await?;
        outcome.expect_failure(exit::BLOCKED, &[named, "windlass.yaml:8"])?;
        check_complete(&project, &vendor).await?;
    }
    Ok(())
}

#[tokio::test]
async fn pasted_secret_is_rejected_unquoted() -> anyhow::Result<()> {
    let pasted = "hunter2hunter2";
    let outcome = refuse("env:WINDLASS_TEST_OKTA_TOKEN", pasted, &["env:", "file:"]).await?;
    ensure!(!outcome.said().contains(pasted), "it repeats the secret");
    Ok(())
}

#[tokio::test]
async fn remote_plain_http_is_rejected() -> anyhow::Result<()> {
    let (project, vendor) = project(Shape::Okta).await?;
    project.reconfigure(&vendor.uri(), "http://vendor.example")?;
    project
        .run(&[])
        .await?
        .expect_failure(exit::USAGE, &["base_url", "https"])
        .map(drop)
}

#[tokio::test]
async fn missing_configuration_is_named() -> anyhow::Result<()> {
    let (project, _vendor) = project(Shape::Okta).await?;
    fs::remove_file(project.config())?;
    project
        .run(&[])
        .await?
        .expect_failure(exit::USAGE, &["windlass.yaml"])
        .map(drop)
}

#[tokio::test]
async fn rejected_credentials_block_source_and_keep_windows() -> anyhow::Result<()> {
    let (project, vendor) = project(Shape::Okta).await?;
    project.write("wrong.token", "not-the-token-of-this-vendor")?;
    project.reconfigure("env:WINDLASS_TEST_OKTA_TOKEN", "file:wrong.token")?;
    project
        .run(&[])
        .await?
        .expect_failure(exit::BLOCKED, &["401"])?;
    let status = project.status().await?;
    ensure!(status.state == "blocked" && status.holes == 0, "{status:?}");
    project.reconfigure("file:wrong.token", "env:WINDLASS_TEST_OKTA_TOKEN")?;
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await
}

#[tokio::test]
async fn unreachable_vendor_is_named_and_loses_nothing() -> anyhow::Result<()> {
    let (project, vendor) = project(Shape::Okta).await?;
    // A recently free port without a listener.
    let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    project.reconfigure(&vendor.uri(), &format!("http://{nobody}"))?;
    let check = project
        .start(&["check", &project.pull().source])?
        .finish()
        .await?;
    ensure!(
        check.code == Some(1) && check.stdout.is_empty(),
        "{check:#?}"
    );
    ensure!(
        check.stderr.contains("error: pull: ") && check.stderr.contains("connect"),
        "{check:#?}"
    );
    let mut run = project.start_run()?;
    run.until_logged("connect").await?;
    run.terminate()?;
    run.finish()
        .await?
        .expect_failure(exit::UNFINISHED, &["connect"])?;
    let status = project.status().await?;
    ensure!(status.holes == 0 && status.problem.is_none(), "{status:?}");
    ensure!(project.ledger()?.is_empty(), "there is output");
    Ok(())
}

/// File modes do not stop the superuser, so the obstacle is a file in place of a folder.
#[tokio::test]
async fn uncreatable_output_folder_is_named() -> anyhow::Result<()> {
    let (project, vendor) = project(Shape::Okta).await?;
    project.write("out", "in the way")?;
    project
        .run(&[])
        .await?
        .expect_failure(exit::BLOCKED, &["sink `lake` is unusable", "out"])?;
    ensure!(vendor.log().entries().is_empty(), "the vendor was asked");
    ensure!(
        fs::read_to_string(project.out())? == "in the way",
        "the file was touched"
    );
    Ok(())
}

#[tokio::test]
async fn unusable_state_path_is_named() -> anyhow::Result<()> {
    let (folder, _vendor) = project(Shape::Okta).await?;
    fs::create_dir(folder.state())?;
    folder
        .run(&[])
        .await?
        .expect_failure(exit::STATE, &["windlass.db"])?;
    let (none, _vendor) = project(Shape::Okta).await?;
    none.reconfigure("windlass.db", "no-such-folder/windlass.db")?;
    none.run(&[])
        .await?
        .expect_failure(exit::STATE, &["no-such-folder"])
        .map(drop)
}

/// Expects `run` and `status` to reject `database` as the state with these words, and to leave it
/// unchanged.
async fn refuse_state(database: &[u8], words: &[&str]) -> anyhow::Result<()> {
    let (project, vendor) = project(Shape::Okta).await?;
    fs::write(project.state(), database)?;
    project.run(&[]).await?.expect_failure(exit::STATE, words)?;
    let status = project.start(&["status"])?.finish().await?;
    status.expect_failure(exit::STATE, words)?;
    ensure!(
        fs::read(project.state())? == database,
        "the file was changed"
    );
    ensure!(vendor.log().entries().is_empty(), "the vendor was asked");
    Ok(())
}

#[tokio::test]
async fn state_that_is_no_database_is_untouched() -> anyhow::Result<()> {
    let letter = "this is somebody's letter\n".repeat(40);
    refuse_state(letter.as_bytes(), &["windlass.db"]).await
}

#[tokio::test]
async fn foreign_database_is_untouched() -> anyhow::Result<()> {
    refuse_state(
        &empty_database(*b"MAIL", 1),
        &["windlass.db", "another program"],
    )
    .await
}

#[tokio::test]
async fn state_of_newer_version_is_untouched() -> anyhow::Result<()> {
    refuse_state(&empty_database(*b"WIND", 987), &["version 987"]).await
}

#[tokio::test]
async fn status_before_first_run_names_next_step() -> anyhow::Result<()> {
    let (project, _vendor) = project(Shape::Okta).await?;
    let status = project.start(&["status"])?.finish().await?;
    status.expect_failure(exit::STATE, &["windlass run"])?;
    ensure!(!project.state().exists(), "looking made a state");
    Ok(())
}

#[tokio::test]
async fn second_run_names_first_and_leaves_it_running() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Google, 1, 20).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    vendor.hold_after(1);
    let first = project.start_run()?;
    let mut pages = vendor.pages_served();
    pages.wait_for(|pages| *pages > 0).await?;
    let holder = first.id().context("the first run is over")?.to_string();
    project
        .run(&[])
        .await?
        .expect_failure(exit::STATE, &[&holder])?;
    // `status` needs no lock.
    project.status().await?;
    vendor.release();
    first.finish().await?.expect_success()?;
    check_complete(&project, &vendor).await
}

/// A database without tables, with the given application id and version: one page of 4 KiB.
/// <https://www.sqlite.org/fileformat2.html#the_database_header>
fn empty_database(application_id: [u8; 4], user_version: u32) -> Vec<u8> {
    let mut page = vec![0_u8; 4096];
    let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"SQLite format 3\0");
    // Page size; written and read by rollback journal; no reserved bytes; payload fractions.
    put(16, &[0x10, 0, 1, 1, 0, 64, 32, 32]);
    // Change counter and size in pages.
    put(24, &[0, 0, 0, 1, 0, 0, 0, 1]);
    // Schema format 4 and UTF-8.
    put(44, &[0, 0, 0, 4]);
    put(56, &[0, 0, 0, 1]);
    put(60, &user_version.to_be_bytes());
    put(68, &application_id);
    // The change counter for which the size is valid.
    put(92, &[0, 0, 0, 1]);
    // An empty leaf table whose content begins at the end of the page.
    put(100, &[0x0d, 0, 0, 0, 0, 0x10, 0, 0]);
    page
}
