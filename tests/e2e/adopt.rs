//! Lost and older states: nothing is replaced, `windlass adopt` rebuilds the state from its folder,
//! and the next run delivers exactly the rest. `windlass verify` reports exactly the differences.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::Value;
use windlass_tests::power_loss::{self, Cut};
use windlass_tests::preload;
use windlass_tests::vendor::{Shape, Vendor};
use windlass_tests::windlass::{Ended, KillAt, Outcome, Project, Pull, exit};

use crate::scene::{Scene, check_complete};

/// Number of runs that a service manager starts in a row.
const RUNS: usize = 10;
/// Maximum file operation at which an adoption loses its power: its operations are about twice as
/// many.
const ADOPT_OPERATIONS_MAX: u64 = 40;
/// Number of adoptions that lose their power.
const ADOPT_CUTS: u64 = 6;

async fn delivered(shape: Shape, seed: u64) -> anyhow::Result<(Vendor, Project)> {
    let vendor = Scene::new(shape, 6, 8).seed(seed).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    project.run(&[]).await?.expect_success()?;
    Ok((vendor, project))
}

async fn command(project: &Project, args: &[&str]) -> anyhow::Result<Outcome> {
    project.start(args)?.finish().await
}

/// The exit code and the counts of `verify --json`.
async fn verified(project: &Project) -> anyhow::Result<(Option<i32>, Value)> {
    let outcome = command(project, &["verify", "--json"]).await?;
    let report: Value = serde_json::from_str(&outcome.stdout)
        .with_context(|| format!("verify said: {outcome:#?}"))?;
    Ok((outcome.code, report["counts"].clone()))
}

async fn check_clean(project: &Project) -> anyhow::Result<()> {
    let (code, counts) = verified(project).await?;
    ensure!(code == Some(0), "verify found {counts}");
    Ok(())
}

fn lose_state(project: &Project) -> anyhow::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let path = PathBuf::from(format!("{}{suffix}", project.state().display()));
        if path.exists() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Asserts that every run fails and names the cure, and that no record changes.
async fn check_refused(project: &Project) -> anyhow::Result<()> {
    let before = project.files_of_output()?;
    for _ in 0..RUNS {
        let refused = project.run(&[]).await?;
        refused.expect_failure(exit::BLOCKED, &["windlass adopt"])?;
    }
    ensure!(
        project.files_of_output()? == before,
        "a run changed the folder"
    );
    Ok(())
}

async fn adopt_and_go_on(project: &Project, vendor: &Vendor) -> anyhow::Result<()> {
    command(project, &["adopt", "--yes"])
        .await?
        .expect_success()?;
    check_clean(project).await?;
    project.run(&[]).await?.expect_success()?;
    check_complete(project, vendor).await?;
    check_clean(project).await
}

#[tokio::test]
async fn lost_state_replaces_nothing_and_resumes_after_adopt() -> anyhow::Result<()> {
    for (shape, seed) in [(Shape::Google, 91), (Shape::Okta, 92)] {
        let (vendor, project) = delivered(shape, seed).await?;
        lose_state(&project)?;
        check_refused(&project).await?;
        adopt_and_go_on(&project, &vendor).await?;
        // Nothing is left to adopt.
        let again = command(&project, &["adopt", "--yes", "--json"]).await?;
        let again: Value = serde_json::from_str(&again.expect_success()?.stdout)?;
        ensure!(again["found"]["total"]["adopted"] == 0, "{again:#}");
        project.run(&[]).await?.expect_success()?;
        check_complete(&project, &vendor).await?;
    }
    Ok(())
}

/// Old days may be moved to another disk: a walk and a write follow the link alike.
#[tokio::test]
async fn linked_day_folders_are_adopted_and_written() -> anyhow::Result<()> {
    let (vendor, project) = delivered(Shape::Okta, 99).await?;
    let (path, _) = project
        .files_of_output()?
        .into_iter()
        .next()
        .context("no file")?;
    let day = path.parent().context("a file is in its day")?;
    let moved = project.root().join("big");
    fs::rename(day, &moved)?;
    std::os::unix::fs::symlink(&moved, day)?;
    check_clean(&project).await?;
    lose_state(&project)?;
    check_refused(&project).await?;
    adopt_and_go_on(&project, &vendor).await?;
    fs::remove_file(day)?;
    fs::rename(&moved, day)?;
    let verdict = project.compare(&vendor)?;
    ensure!(verdict.is_exact(), "{verdict}");
    Ok(())
}

#[tokio::test]
async fn adopted_unfinished_pull_delivers_rest_once() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, 6, 8)
        .seed(93)
        .latency_ms(2..=5)
        .start()
        .await;
    let project = Project::new(Pull::of(&vendor))?;
    let at = KillAt {
        pages: 25,
        then_ms: 3,
    };
    ensure!(matches!(
        project.start_run()?.kill(&vendor, at).await?,
        Ended::Killed
    ));
    check_clean(&project).await?;
    lose_state(&project)?;
    adopt_and_go_on(&project, &vendor).await
}

#[tokio::test]
async fn older_state_replaces_nothing_and_resumes_after_adopt() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Google, 6, 8)
        .seed(94)
        .latency_ms(2..=5)
        .start()
        .await;
    let project = Project::new(Pull::of(&vendor))?;
    let at = KillAt {
        pages: 20,
        then_ms: 3,
    };
    ensure!(matches!(
        project.start_run()?.kill(&vendor, at).await?,
        Ended::Killed
    ));
    // Reading the state first makes the copied files complete.
    project.status().await?;
    let copies: Vec<_> = ["", "-wal"]
        .into_iter()
        .filter_map(|suffix| {
            let path = PathBuf::from(format!("{}{suffix}", project.state().display()));
            Some((path.clone(), fs::read(path).ok()?))
        })
        .collect();
    project.run(&[]).await?.expect_success()?;
    lose_state(&project)?;
    for (path, bytes) in copies {
        fs::write(path, bytes)?;
    }
    check_refused(&project).await?;
    adopt_and_go_on(&project, &vendor).await
}

/// Renames every complete file to its old form, without the end of the window.
fn rename_as_before(project: &Project) -> anyhow::Result<Vec<PathBuf>> {
    let mut renamed = Vec::new();
    for (path, _) in project.files_of_output()? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some((from, (_, rest))) = name
            .split_once('_')
            .and_then(|(from, rest)| Some((from, rest.split_once('-')?)))
        else {
            continue;
        };
        let older = path.with_file_name(format!("{from}-{rest}"));
        fs::rename(&path, &older)?;
        renamed.push(older);
    }
    Ok(renamed)
}

#[tokio::test]
async fn old_style_files_get_only_missing_records() -> anyhow::Result<()> {
    for (shape, seed) in [(Shape::Google, 95), (Shape::Okta, 96)] {
        let (vendor, project) = delivered(shape, seed).await?;
        let files = rename_as_before(&project)?;
        lose_state(&project)?;
        fs::remove_file(project.out().join(".windlass-owner"))?;
        // The second file lacks its first, a middle and its last line.
        let damaged = files.get(1).context("too few files")?;
        let text = fs::read_to_string(damaged)?;
        let lines: Vec<_> = text.lines().collect();
        let kept = lines
            .iter()
            .enumerate()
            .filter(|(number, _)| ![0, lines.len() / 2, lines.len() - 1].contains(number));
        let kept: String = kept.flat_map(|(_, line)| [*line, "\n"]).collect();
        fs::write(damaged, kept)?;
        check_refused(&project).await?;
        adopt_and_go_on(&project, &vendor).await?;
    }
    Ok(())
}

/// The complete files of the output, ascending.
fn complete_files(project: &Project) -> anyhow::Result<Vec<PathBuf>> {
    let files = project.files_of_output()?.into_iter().map(|(path, _)| path);
    Ok(files
        .filter(|path| path.extension().is_some_and(|it| it == "ndjson"))
        .collect())
}

#[tokio::test]
async fn damaged_files_get_missing_records() -> anyhow::Result<()> {
    for with_state in [false, true] {
        let (vendor, project) = delivered(Shape::Okta, 100).await?;
        let files = complete_files(&project)?;
        let [cut, empty, zeros, ..] = &files[..] else {
            anyhow::bail!("too few files: {files:?}");
        };
        let bytes = fs::read(cut)?;
        fs::write(cut, &bytes[..bytes.len() / 3])?;
        fs::write(empty, "")?;
        fs::write(zeros, vec![0; fs::read(zeros)?.len()])?;
        if !with_state {
            lose_state(&project)?;
        }
        let planted = cut.to_string_lossy().into_owned();
        let (start, rest) = planted.split_once('_').context("a name has two bounds")?;
        let (_, generation) = rest.split_once('-').context("a name has a generation")?;
        let planted = format!("{start}_99990101T000000.000Z-{generation}");
        fs::write(&planted, "{}\n")?;
        let adopted = command(&project, &["adopt", "--yes"]).await?;
        let said = adopted.expect_success()?.stdout;
        for expected in ["3 files cut or empty", "1 file with an end after now"] {
            ensure!(said.contains(expected), "{said}");
        }
        fs::remove_file(&planted)?;
        project.run(&[]).await?.expect_success()?;
        check_complete(&project, &vendor).await?;
        // The file with the records that the cut one lacked.
        fs::remove_file(cut)?;
        let (_, counts) = verified(&project).await?;
        ensure!(counts["missing"] == 1, "{counts}");
        command(&project, &["adopt", "--yes", "--missing"])
            .await?
            .expect_success()?;
        project.run(&[]).await?.expect_success()?;
        check_complete(&project, &vendor).await?;
    }
    Ok(())
}

#[tokio::test]
async fn missing_files_are_delivered_again_on_request() -> anyhow::Result<()> {
    let (vendor, project) = delivered(Shape::Okta, 101).await?;
    let files = complete_files(&project)?;
    let gone = files.first().context("no file")?;
    fs::remove_file(gone)?;
    let warned = project.run(&[]).await?.expect_success()?;
    ensure!(
        warned.stderr.contains("windlass adopt --missing"),
        "{warned:?}"
    );
    let adopted = command(&project, &["adopt", "--yes"]).await?;
    let said = adopted.expect_success()?.stdout;
    ensure!(said.contains("1 file missing"), "{said}");
    project.run(&[]).await?.expect_success()?;
    ensure!(!gone.exists(), "a file came back unasked");
    let again = command(&project, &["adopt", "--yes", "--missing"]).await?;
    again.expect_success()?;
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await?;
    check_clean(&project).await
}

#[tokio::test]
async fn adopt_after_power_loss_is_repaired_by_next() -> anyhow::Result<()> {
    if !preload::is_supported() {
        println!("skipped: the layer is for Linux");
        return Ok(());
    }
    let mut rng = fastrand::Rng::with_seed(97);
    for seed in 1..=ADOPT_CUTS {
        let (vendor, project) = delivered(Shape::Okta, seed).await?;
        lose_state(&project)?;
        let cut = Cut {
            operation: rng.u64(1..=ADOPT_OPERATIONS_MAX),
            seed,
            syncs_ignored: false,
        };
        power_loss::command_until(&project, Some("adopt --yes"), cut).await?;
        adopt_and_go_on(&project, &vendor).await?;
    }
    Ok(())
}

#[tokio::test]
async fn adopt_is_rejected_during_run() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, 6, 8)
        .latency_ms(20..=40)
        .start()
        .await;
    let project = Project::new(Pull::of(&vendor))?;
    let run = project.start_run()?;
    let mut pages = vendor.pages_served();
    pages.wait_for(|served| *served > 2).await?;
    let refused = command(&project, &["adopt", "--yes"]).await?;
    refused.expect_failure(exit::STATE, &["is running on this state"])?;
    check_clean(&project).await?;
    run.finish().await?.expect_success()?;
    check_complete(&project, &vendor).await
}

#[tokio::test]
async fn verify_names_every_kind_of_problem_file() -> anyhow::Result<()> {
    let (_vendor, project) = delivered(Shape::Okta, 98).await?;
    check_clean(&project).await?;
    let files: Vec<_> = project.files_of_output()?;
    let paths: Vec<_> = files
        .iter()
        .map(|(path, _)| path)
        .filter(|path| path.extension().is_some_and(|it| it == "ndjson"))
        .collect();
    let [missing, cut, grown, torn, linked, copied, ..] = paths[..] else {
        anyhow::bail!("too few files: {paths:?}");
    };
    fs::remove_file(missing)?;
    let text = fs::read_to_string(cut)?;
    let half: String = text.lines().skip(1).flat_map(|line| [line, "\n"]).collect();
    fs::write(cut, half)?;
    let text = fs::read_to_string(grown)?;
    fs::write(grown, format!("{text}{{}}\n"))?;
    let mut bytes = fs::read(torn)?;
    let end = bytes.len() - 3;
    bytes[end..].fill(0);
    fs::write(torn, bytes)?;
    let name = torn
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .replace("000Z-", "001Z-");
    fs::write(torn.with_file_name(name), "{}\n")?;
    let elsewhere = project.root().join("elsewhere");
    fs::rename(linked, &elsewhere)?;
    std::os::unix::fs::symlink(&elsewhere, linked)?;
    // A copy under a later start, which lies inside the time of its original.
    let name = copied.file_name().unwrap_or_default().to_string_lossy();
    let later = name.replacen("000Z_", "001Z_", 1);
    fs::copy(copied, copied.with_file_name(later))?;
    fs::write(copied.with_extension("ndjson.gz"), "")?;
    let (code, counts) = verified(&project).await?;
    ensure!(code == Some(exit::MISMATCH), "{counts}");
    let expected = serde_json::json!({
        "missing": 2, "cut": 1, "grown": 1, "foreign": 2, "unreadable": 1, "overlapping": 1
    });
    ensure!(counts == expected, "{counts}");
    Ok(())
}
