//! A disk that fills up: the error names it, every acknowledged record is on the disk, and the pull
//! resumes once there is space.

use anyhow::ensure;
use windlass_tests::vendor::Shape;
use windlass_tests::windlass::{Project, Pull, exit};

use crate::scene::{Scene, check_complete};

/// A shell in its own mount namespace, so that its mounts end with it.
const SHELL: [&str; 3] = ["unshare", "-rm", "sh"];
/// Mounts a file system on `out` that holds a fraction of a window.
const SMALL_DISK: &str = "mkdir -p out && mount -t tmpfs -o size=128k tmpfs out";

/// Returns true if this machine lets tests mount file systems.
fn may_mount(project: &Project) -> bool {
    std::process::Command::new(SHELL[0])
        .args(&SHELL[1..])
        .args(["-c", SMALL_DISK])
        .current_dir(project.root())
        .output()
        .is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn full_disk_is_reported_and_loses_nothing() -> anyhow::Result<()> {
    let vendor = Scene::new(Shape::Google, 1, 30).start().await;
    let project = Project::new(Pull::of(&vendor))?;
    if !may_mount(&project) {
        // As on a machine without user namespaces; the sink's own tests cover the error there.
        println!("skipped: no permission to mount a small file system");
        return Ok(());
    }
    let script = format!("{SMALL_DISK} && exec \"$@\"");
    let outcome = project.start_run_in(&SHELL, &script)?.finish().await?;
    outcome.expect_failure(exit::BLOCKED, &["full", "free some space"])?;
    let status = project.status().await?;
    ensure!(
        status.complete_through == vendor.timeline().span().from(),
        "{status:?}"
    );
    ensure!(status.holes == 0 && status.state == "blocked", "{status:?}");

    // The small disk is gone with every acknowledged record on it. The folder below is not the one
    // that the state delivered into, and an operator must confirm its use.
    ensure!(
        project.ledger()?.is_empty(),
        "the small disk is still there"
    );
    let said = ["is its disk mounted?", "windlass adopt"];
    project
        .run(&[])
        .await?
        .expect_failure(exit::BLOCKED, &said)?;
    let adopt = project.start(&["adopt", "--yes"])?.finish().await?;
    adopt.expect_success()?;
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await
}
