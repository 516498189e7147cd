//! A copy of the state, taken in the middle of a run and restored.

use std::fs;

use anyhow::{Context, ensure};
use windlass_tests::vendor::{Shape, Vendor};
use windlass_tests::windlass::{Outcome, Project, Pull, exit};

use crate::scene::{Scene, check_complete};

/// Runs `windlass backup NAME` in the project's folder.
async fn backup(project: &Project, name: &str) -> anyhow::Result<Outcome> {
    let to = project.root().join(name);
    let to = to.to_str().context("the path is text")?;
    project.start(&["backup", to])?.finish().await
}

/// Restores the copy `name` as the state, as in the runbook.
fn put_back(project: &Project, name: &str) -> anyhow::Result<()> {
    for suffix in ["-wal", "-shm"] {
        let beside = format!("{}{suffix}", project.state().display());
        // These files do not exist after a run that ended.
        drop(fs::remove_file(beside));
    }
    fs::copy(project.root().join(name), project.state())?;
    Ok(())
}

/// A completed pull, with a copy of the state from its middle.
async fn pulled_with_a_copy() -> anyhow::Result<(Vendor, Project)> {
    let vendor = Scene::new(Shape::Okta, 3, 4).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    vendor.hold_after(5);
    let run = project.start_run()?;
    let mut pages = vendor.pages_served();
    pages.wait_for(|pages| *pages >= 5).await?;
    backup(&project, "backup.db").await?.expect_success()?;
    vendor.release();
    run.finish().await?.expect_success()?;
    check_complete(&project, &vendor).await?;
    Ok((vendor, project))
}

#[tokio::test]
async fn restored_backup_replaces_no_delivered_file() -> anyhow::Result<()> {
    let (vendor, project) = pulled_with_a_copy().await?;
    put_back(&project, "backup.db")?;
    let status = project.status().await?;
    ensure!(
        status.complete_through < vendor.timeline().span().to(),
        "{status:?}"
    );
    let asked = vendor.log().asked();
    project
        .run(&[])
        .await?
        .expect_failure(exit::BLOCKED, &["windlass adopt"])?;
    ensure!(vendor.log().asked() == asked, "the vendor was asked");
    let verdict = project.compare(&vendor)?;
    ensure!(verdict.is_exact(), "{verdict}");
    Ok(())
}

#[tokio::test]
async fn backup_resumes_in_new_folder() -> anyhow::Result<()> {
    let (vendor, project) = pulled_with_a_copy().await?;
    put_back(&project, "backup.db")?;
    fs::rename(project.out(), project.root().join("earlier"))?;
    project.run(&[]).await?;
    let again = backup(&project, "backup.db").await?;
    again.expect_failure(exit::USAGE, &["never replaces a file"])?;
    let status = project.status().await?;
    ensure!(
        status.complete_through == vendor.timeline().span().to(),
        "{status:?}"
    );
    Ok(())
}
