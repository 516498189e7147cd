//! One sink that cannot be used blocks its own sources, and they go on beside the others once it works.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use windlass_core::clock::Clock;
use windlass_core::ids::{MarkId, StateId};
use windlass_core::ownership::Marker;
use windlass_core::system::SystemClock;
use windlass_sink::ndjson::{Folder, Readers};
use windlass_tests::ledger::Ledger;
use windlass_tests::vendor::{Shape, Vendor};
use windlass_tests::windlass::{Project, Pull, SourceStatus, exit};

use crate::scene::Scene;

/// Interval between two looks at the status, in milliseconds.
const LOOK_MS: i64 = 200;
/// The sources, each with a sink and a folder of its name.
const GOOD: &str = "good";
const BAD: [&str; 5] = ["file", "foreign", "torn", "dangling", "secret"];

/// A project whose sources pull the same vendor, each into a sink of its own.
fn project(vendor: &Vendor) -> anyhow::Result<Project> {
    let pull = |name: &str| Pull {
        source: name.to_owned(),
        max_in_flight: 1,
        ..Pull::of(vendor)
    };
    let project = Project::new(pull(GOOD))?;
    let root = project.root().display().to_string();
    let text = project.pull().to_yaml(project.root());
    let secret = "secret: env:WINDLASS_TEST_OKTA_TOKEN";
    ensure!(text.contains(secret), "{text}");
    let mut sinks = format!("sinks:\n  lake: {{ ndjson: {{ dir: {root}/{GOOD} }} }}\n");
    let mut sources = project.pull().source_yaml("env:WINDLASS_TEST_OKTA_TOKEN");
    for name in BAD {
        let sink = match name {
            // Posts to the vendor, which it never does without its secret.
            "secret" => format!(
                "{{ http: {{ url: '{0}/in', rejects: '{0}/in', secret: 'file:absent.token' }} }}",
                vendor.uri()
            ),
            _ => format!("{{ ndjson: {{ dir: {root}/{name} }} }}"),
        };
        sinks.push_str(&format!("  {name}: {sink}\n"));
        let source = pull(name).source_yaml("env:WINDLASS_TEST_OKTA_TOKEN");
        sources.push_str(&source.replace("sink: lake", &format!("sink: {name}")));
    }
    project.configure(&format!(
        "state: {{ sqlite: {root}/windlass.db }}\n{sinks}sources:\n{sources}"
    ))?;
    Ok(project)
}

/// Makes the folder of each bad sink unusable, for the superuser too.
fn break_sinks(root: &Path) -> anyhow::Result<()> {
    fs::write(root.join("file"), "no folder")?;
    fs::create_dir(root.join("foreign"))?;
    let folder = Folder::take("other", &root.join("foreign"), Readers::Owner)?;
    folder.mark(&Marker {
        state: StateId::from_random(7),
        run: 1,
        mark: MarkId::from_random(7),
    })?;
    fs::create_dir(root.join("torn"))?;
    fs::write(root.join("torn/.windlass-owner"), "state 01")?;
    std::os::unix::fs::symlink(root.join("unmounted"), root.join("dangling"))?;
    Ok(())
}

fn mend_sinks(root: &Path) -> anyhow::Result<()> {
    fs::remove_file(root.join("file"))?;
    fs::rename(root.join("foreign"), root.join("foreign.away"))?;
    fs::remove_file(root.join("torn/.windlass-owner"))?;
    fs::create_dir(root.join("unmounted"))?;
    Ok(())
}

async fn status(project: &Project, source: &str) -> anyhow::Result<SourceStatus> {
    let outcome = project.start(&["status", "--json"])?.finish().await?;
    SourceStatus::read(&outcome.expect_success()?.stdout, source)
}

/// The lines of the complete files below `dir`.
fn lines(dir: &Path) -> anyhow::Result<Vec<String>> {
    let (mut open, mut lines) = (vec![dir.to_owned()], Vec::new());
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let path: PathBuf = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "ndjson") {
                lines.extend(fs::read_to_string(&path)?.lines().map(str::to_owned));
            }
        }
    }
    Ok(lines)
}

fn check(project: &Project, vendor: &Vendor, source: &str) -> anyhow::Result<()> {
    let lines = lines(&project.root().join(source))?;
    let verdict = Ledger::of_lines(lines, vendor.shape())?.compare(vendor.timeline(), source);
    ensure!(verdict.is_exact(), "{source}: {verdict}");
    Ok(())
}

#[tokio::test]
async fn unusable_sinks_block_only_own_sources() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, 2, 2).start().await;
    let project = project(&vendor)?;
    break_sinks(project.root())?;
    let root = project.root().display().to_string();
    let run = project.run(&[]).await?;
    let run = run.expect_failure(exit::BLOCKED, &["it is tried again each minute"])?;
    check(&project, &vendor, GOOD)?;
    for (name, problem, cure) in [
        (
            "file",
            "cannot write into output folder",
            "remove what is in its place",
        ),
        ("foreign", "belongs to another state", "windlass adopt"),
        ("torn", "names no owner", "windlass adopt"),
        ("dangling", "has no target", "mount the disk"),
        ("secret", "the sink's secret", "absent.token"),
    ] {
        let status = status(&project, name).await?;
        let reason = status
            .problem
            .with_context(|| format!("{name} is not blocked"))?;
        ensure!(status.state == "blocked", "{name}: {}", status.state);
        let mut parts = vec![
            format!("sink `{name}` is unusable"),
            problem.into(),
            cure.into(),
        ];
        if name != "secret" {
            parts.push(format!("{root}/{name}"));
        }
        for part in parts {
            ensure!(reason.contains(&part), "`{part}` is not in: {reason}");
        }
        ensure!(run.stdout.contains(&reason), "{name}: {}", run.stdout);
    }
    Ok(())
}

#[tokio::test]
async fn repaired_sinks_resume_during_run() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Okta, 2, 2).start().await;
    let project = project(&vendor)?;
    break_sinks(project.root())?;
    let end = vendor.timeline().span().to();
    let mut run = project.start(&["run", "--log-format", "json"])?;
    run.until_logged("it is tried again each minute").await?;
    while status(&project, GOOD).await?.complete_through < end {
        SystemClock.sleep(LOOK_MS).await;
    }
    mend_sinks(project.root())?;
    for name in ["file", "foreign", "torn", "dangling"] {
        // Sooner than the next probe; an attempt that has just failed still stands.
        while status(&project, name).await?.complete_through < end {
            project.start(&["retry", name])?.finish().await?;
            SystemClock.sleep(LOOK_MS).await;
        }
        check(&project, &vendor, name)?;
    }
    ensure!(status(&project, "secret").await?.state == "blocked");
    run.terminate()?;
    run.finish().await?.expect_success()?;
    check(&project, &vendor, GOOD)
}
