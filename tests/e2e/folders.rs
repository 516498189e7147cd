//! Output folders and the state that owns them: no other state replaces delivered files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use windlass_core::ownership::FolderTaken;
use windlass_sink::ndjson::{Folder, Readers};
use windlass_state::SqliteStore;
use windlass_tests::timeline::BOUND_MS;
use windlass_tests::vendor::{Shape, Vendor};
use windlass_tests::windlass::{Outcome, Project, Pull, exit};

use crate::scene::{Scene, check_complete};

/// Number of runs that a timer or a supervisor starts before an operator looks.
const RUNS: usize = 10;

/// Every file of the output folder with its bytes, including the lock and the marker.
fn output(project: &Project) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![project.out()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.clone(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

fn remove_state(state: &Path) -> anyhow::Result<()> {
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mut path = state.as_os_str().to_owned();
        path.push(suffix);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("cannot remove the state");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Runs repeatedly, with an outcome that `check` accepts each time, and asserts that nothing
/// changes.
async fn refused_every_time(
    project: &Project,
    check: impl Fn(Outcome) -> anyhow::Result<Outcome>,
) -> anyhow::Result<()> {
    let delivered = output(project)?;
    for _ in 0..RUNS {
        check(project.run(&[]).await?)?;
        ensure!(output(project)? == delivered, "the output has changed");
    }
    Ok(())
}

async fn scene() -> anyhow::Result<(Project, Vendor)> {
    let vendor = Scene::new(Shape::Okta, 4, 3).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    Ok((project, vendor))
}

/// Delivers half of the timeline and then the rest, and puts back the state as it was in between.
/// Returns the bytes of the newest state.
async fn put_older_copy_back(project: &Project, vendor: &Vendor) -> anyhow::Result<Vec<u8>> {
    let to = vendor.timeline().span().to();
    let middle = to.minus_ms(2 * BOUND_MS);
    project.reconfigure(&format!("end: {to}"), &format!("end: {middle}"))?;
    project.run(&[]).await?.expect_success()?;
    let copy = fs::read(project.state())?;
    project.reconfigure(&format!("end: {middle}"), &format!("end: {to}"))?;
    project.run(&[]).await?.expect_success()?;
    let newest = fs::read(project.state())?;
    remove_state(&project.state())?;
    fs::write(project.state(), copy)?;
    Ok(newest)
}

/// Makes the state know the mark that the folder carries.
fn learn_mark(project: &Project) -> anyhow::Result<()> {
    let folder = Folder::take("lake", &project.out(), Readers::Owner)?;
    let marker = folder.owner()?.context("the folder has no owner")?;
    let taken = FolderTaken {
        place: folder.place(),
        found: None,
        next: marker.mark,
    };
    SqliteStore::open(&project.state())?.begin_run(0, &[taken])?;
    Ok(())
}

#[tokio::test]
async fn lost_state_replaces_no_file() -> anyhow::Result<()> {
    let (project, vendor) = scene().await?;
    project.run(&[]).await?.expect_success()?;
    remove_state(&project.state())?;
    refused_every_time(&project, |outcome| {
        let said = ["belongs to another state", "windlass adopt"];
        outcome.expect_failure(exit::BLOCKED, &said)
    })
    .await?;
    // The same for a folder that was filled before folders had owners.
    fs::remove_file(project.out().join(".windlass-owner"))?;
    remove_state(&project.state())?;
    refused_every_time(&project, |outcome| {
        let said = ["has no owner", "4 files of 1 source", "windlass adopt"];
        outcome.expect_failure(exit::BLOCKED, &said)
    })
    .await?;
    ensure!(project.compare(&vendor)?.is_exact(), "records are missing");
    Ok(())
}

#[tokio::test]
async fn older_state_copy_replaces_no_file() -> anyhow::Result<()> {
    let (project, vendor) = scene().await?;
    let newest = put_older_copy_back(&project, &vendor).await?;
    refused_every_time(&project, |outcome| {
        let said = ["is an older copy", "windlass adopt"];
        outcome.expect_failure(exit::BLOCKED, &said)
    })
    .await?;
    remove_state(&project.state())?;
    fs::write(project.state(), newest)?;
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await
}

/// A restored copy may count runs in another folder, but not while its sources are paused: it never
/// learns the mark of the folder.
#[tokio::test]
async fn older_copy_run_elsewhere_replaces_no_file() -> anyhow::Result<()> {
    let (project, vendor) = scene().await?;
    put_older_copy_back(&project, &vendor).await?;
    let root = project.root().display().to_string();
    project.reconfigure(&format!("{root}/out"), &format!("{root}/elsewhere"))?;
    for _ in 0..3 {
        project.run(&[]).await?.expect_success()?;
    }
    project.reconfigure(&format!("{root}/elsewhere"), &format!("{root}/out"))?;
    refused_every_time(&project, |outcome| {
        outcome.expect_failure(exit::BLOCKED, &["is an older copy", "windlass adopt"])
    })
    .await
}

#[tokio::test]
async fn empty_or_older_folder_needs_adopt() -> anyhow::Result<()> {
    let (project, vendor) = scene().await?;
    let to = vendor.timeline().span().to();
    let middle = to.minus_ms(2 * BOUND_MS);
    project.reconfigure(&format!("end: {to}"), &format!("end: {middle}"))?;
    project.run(&[]).await?.expect_success()?;
    let marker = project.out().join(".windlass-owner");
    let older = fs::read(&marker)?;
    project.reconfigure(&format!("end: {middle}"), &format!("end: {to}"))?;
    project.run(&[]).await?.expect_success()?;
    let disk = project.root().join("disk");
    fs::rename(project.out(), &disk)?;
    for _ in 0..3 {
        let said = ["is its disk mounted?", "windlass adopt"];
        project
            .run(&[])
            .await?
            .expect_failure(exit::BLOCKED, &said)?;
    }
    fs::remove_dir_all(project.out())?;
    fs::rename(&disk, project.out())?;
    let newest = fs::read(&marker)?;
    fs::write(&marker, older)?;
    let said = ["the state or the folder is an older copy", "windlass adopt"];
    project
        .run(&[])
        .await?
        .expect_failure(exit::BLOCKED, &said)?;
    fs::write(&marker, newest)?;
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await
}

#[tokio::test]
async fn state_removed_during_run_stops_it() -> anyhow::Result<()> {
    let (project, vendor) = scene().await?;
    vendor.hold_after(5);
    let run = project.start_run()?;
    let mut pages = vendor.pages_served();
    pages.wait_for(|pages| *pages >= 5).await?;
    remove_state(&project.state())?;
    vendor.release();
    let said = ["was removed or replaced", "windlass adopt"];
    run.finish().await?.expect_failure(exit::STATE, &said)?;
    Ok(())
}

#[tokio::test]
async fn state_copy_from_within_run_replaces_no_file() -> anyhow::Result<()> {
    let (project, vendor) = scene().await?;
    put_older_copy_back(&project, &vendor).await?;
    // As if the copy had been made after the second run had begun.
    learn_mark(&project)?;
    refused_every_time(&project, |outcome| {
        let said = ["2 files of 1 source that this state has not delivered"];
        outcome.expect_failure(exit::BLOCKED, &said)
    })
    .await
}

/// Only windows in flight exist when the copy is taken, so that every file has a window that the
/// copy has claimed.
#[tokio::test]
async fn state_copy_with_windows_in_flight_replaces_no_file() -> anyhow::Result<()> {
    let (project, vendor) = scene().await?;
    vendor.hold_after(8);
    let run = project.start_run()?;
    let mut pages = vendor.pages_served();
    pages.wait_for(|pages| *pages >= 8).await?;
    let copy = project.root().join("copy.db");
    let to = copy.to_str().context("the path is text")?;
    let backup = project.start(&["backup", to])?.finish().await?;
    backup.expect_success()?;
    vendor.release();
    run.finish().await?.expect_success()?;
    remove_state(&project.state())?;
    fs::copy(&copy, project.state())?;
    // As if the file had been copied by hand: a backup contains no mark.
    learn_mark(&project)?;
    refused_every_time(&project, |outcome| {
        let said = ["that this state has not delivered", "windlass adopt"];
        outcome.expect_failure(exit::BLOCKED, &said)
    })
    .await?;
    let adopt = project.start(&["adopt", "--yes"])?.finish().await?;
    adopt.expect_success()?;
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await
}

#[tokio::test]
async fn second_state_on_folder_is_rejected() -> anyhow::Result<()> {
    let (project, vendor) = scene().await?;
    project.run(&[]).await?.expect_success()?;
    let state = format!("sqlite:{}/other.db", project.root().display());
    let args = ["--state", &state];
    let first = Folder::take("lake", &project.out(), Readers::Owner)?;
    project
        .run(&args)
        .await?
        .expect_failure(exit::BLOCKED, &["is in use by another process"])?;
    drop(first);
    project
        .run(&args)
        .await?
        .expect_failure(exit::BLOCKED, &["belongs to another state"])?;
    check_complete(&project, &vendor).await
}

#[tokio::test]
async fn state_and_folder_can_move_together() -> anyhow::Result<()> {
    let (project, vendor) = scene().await?;
    let to = vendor.timeline().span().to();
    let middle = to.minus_ms(BOUND_MS);
    project.reconfigure(&format!("end: {to}"), &format!("end: {middle}"))?;
    project.run(&[]).await?.expect_success()?;
    let moved = project.root().join("moved");
    fs::create_dir(&moved)?;
    fs::rename(project.out(), moved.join("out"))?;
    fs::rename(project.state(), moved.join("windlass.db"))?;
    let root = project.root().display().to_string();
    let elsewhere = moved.display().to_string();
    project.reconfigure(
        &format!("{root}/windlass.db"),
        &format!("{elsewhere}/windlass.db"),
    )?;
    project.reconfigure(&format!("{root}/out"), &format!("{elsewhere}/out"))?;
    project.reconfigure(&format!("end: {middle}"), &format!("end: {to}"))?;
    project.run(&[]).await?.expect_success()?;
    fs::rename(moved.join("out"), project.out())?;
    ensure!(project.compare(&vendor)?.is_exact(), "records are missing");
    Ok(())
}

#[tokio::test]
async fn torn_owner_file_is_replaced_by_adopt() -> anyhow::Result<()> {
    let (project, vendor) = scene().await?;
    project.run(&[]).await?.expect_success()?;
    for torn in [&b""[..], b"state 0123", b"\xff\xfe\0"] {
        fs::write(project.out().join(".windlass-owner"), torn)?;
        let said = [
            "sink `lake` is unusable",
            "names no owner",
            "windlass adopt",
        ];
        let run = project.run(&[]).await?;
        run.expect_failure(exit::BLOCKED, &said)?;
        let adopt = project.start(&["adopt", "--yes"])?.finish().await?;
        adopt.expect_success()?;
        project.run(&[]).await?.expect_success()?;
    }
    check_complete(&project, &vendor).await
}
