//! `windlass demo`: a pull from a built-in sample vendor, with a process killed in the middle of
//! its windows, and a count of lost and duplicated records.

mod count;
mod vendor;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use serde_json::json;
use tokio::process::{Child, Command};
use windlass_core::clock::Clock;
use windlass_core::system::SystemClock;
use windlass_core::window::Status;
use windlass_orchestrator::read_source;
use windlass_state::StateStore;
use windlass_state::sqlite::SqliteStore;

use self::vendor::{SampleVendor, Timeline};
use crate::args::DemoArgs;
use crate::exit_code::{ExitCode, UsageError};
use crate::output::{Output, grouped};
use crate::signals::StopSignals;

/// Interval between two looks for a half-delivered window.
const LOOK_EVERY_MS: i64 = 10;
/// Maximum number of these looks.
const LOOKS_MAX: usize = 3_000;

/// The result of a demo.
struct DemoResult {
    made: u64,
    counted: count::Counted,
    interrupted: usize,
    pages_fetched: u64,
    pages_needed: u64,
    seconds: f64,
}

/// Runs the demo.
pub(crate) async fn run(args: &DemoArgs, output: Output) -> anyhow::Result<ExitCode> {
    let mut signals = StopSignals::catch()?;
    let temporary;
    let dir: &Path = if let Some(dir) = &args.keep {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        if std::fs::read_dir(dir)?.next().is_some() {
            let dir = dir.display();
            let problem = format!("folder {dir} is not empty; name a new or empty folder");
            return Err(UsageError(problem).into());
        }
        dir
    } else {
        temporary = tempfile::tempdir().context("cannot create a temporary folder")?;
        temporary.path()
    };
    let started = SystemClock.now();
    let vendor = SampleVendor::start(Timeline::new(args.records), args.port).await?;
    let project = Project::write(dir, &vendor)?;
    output.note(&format!(
        "a sample vendor (Google Reports shape) has {} records at {}",
        grouped(args.records),
        vendor.address()
    ));
    let mut child = None;
    // The signal first: Ctrl-C also reaches the child, so its end is then expected.
    let pulled = tokio::select! {
        biased;
        () = signals.next() => None,
        pulled = pull(&project, &vendor, &mut child, output) => Some(pulled?),
    };
    let Some((interrupted, counted)) = pulled else {
        if let Some(child) = &mut child
            && child.try_wait()?.is_none()
        {
            child.kill().await.context("cannot kill `windlass run`")?;
        }
        output.note("the demo was stopped");
        return Ok(ExitCode::Unfinished);
    };
    let result = DemoResult {
        made: args.records,
        counted,
        interrupted,
        pages_fetched: vendor.pages_served(),
        pages_needed: vendor.timeline().pages_needed(),
        seconds: seconds(SystemClock.now().ms_since(started)),
    };
    report(&result, args.keep.as_ref(), output)
}

/// Pulls everything, with a kill in between, and counts. `running` is the run in progress, so that
/// a caller who drops this future can end it. Also returns the number of windows that the kill
/// interrupted.
async fn pull(
    project: &Project,
    vendor: &SampleVendor,
    running: &mut Option<Child>,
    output: Output,
) -> anyhow::Result<(usize, count::Counted)> {
    vendor.hold_after(vendor.timeline().pages_needed() / 2);
    let child = running.insert(project.spawn(output)?);
    let interrupted = interrupt(child, project, vendor, output).await?;
    output.note("the same command again: each window resumes after its last checkpoint");
    let status = running.insert(project.spawn(output)?).wait().await?;
    if !status.success() {
        bail!("`windlass run` ended with {status}");
    }
    let (out, timeline) = (project.out(), vendor.timeline());
    let counted = tokio::task::spawn_blocking(move || count::count(&out, timeline)).await??;
    Ok((interrupted, counted))
}

/// Waits until `child` is in the middle of its windows, and kills it. Returns the number of windows
/// with a delivered page that were not done.
async fn interrupt(
    child: &mut Child,
    project: &Project,
    vendor: &SampleVendor,
    output: Output,
) -> anyhow::Result<usize> {
    for _ in 0..LOOKS_MAX {
        if let Some(status) = child.try_wait()? {
            bail!("`windlass run` ended with {status} before it could be interrupted");
        }
        let halfway = if vendor.is_holding() {
            project.halfway().await?
        } else {
            0
        };
        if halfway > 0 {
            child.kill().await.context("cannot kill `windlass run`")?;
            vendor.release();
            let windows = if halfway == 1 { "window" } else { "windows" };
            output.note(&format!(
                "killed `windlass run` (SIGKILL) in the middle of {halfway} {windows}"
            ));
            return Ok(halfway);
        }
        SystemClock.sleep(LOOK_EVERY_MS).await;
    }
    bail!("`windlass run` ended before it could be interrupted within a window")
}

/// The demo's configuration, manifest, state and output, in one folder.
struct Project {
    dir: PathBuf,
}

impl Project {
    fn write(dir: &Path, vendor: &SampleVendor) -> anyhow::Result<Self> {
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        write(
            "sample_vendor.yaml",
            include_str!("demo/sample_vendor.yaml"),
        )?;
        let (start, end) = Timeline::bounds();
        let config = format!(
            include_str!("demo/windlass.yaml"),
            address = vendor.address(),
            start = start,
            end = end
        );
        write("windlass.yaml", &config)?;
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    fn out(&self) -> PathBuf {
        self.dir.join("out")
    }

    fn spawn(&self, output: Output) -> anyhow::Result<Child> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command
            .args(["run", "--until-caught-up", "--config"])
            .arg(self.dir.join("windlass.yaml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        if output.is_json() {
            command.arg("--json");
        }
        command.spawn().context("cannot start `windlass run`")
    }

    /// The number of windows with a checkpointed page and more pages to come.
    async fn halfway(&self) -> anyhow::Result<usize> {
        let store = SqliteStore::open_read_only(&self.dir.join("windlass.db"))?;
        let mut halfway = 0;
        for record in store.all_sources().await? {
            let view = read_source(&store, record, SystemClock.now()).await?;
            halfway += view
                .windows()
                .filter(|window| window.status() == Status::Running && window.cursor().is_some())
                .count();
        }
        Ok(halfway)
    }
}

fn report(result: &DemoResult, kept: Option<&PathBuf>, output: Output) -> anyhow::Result<ExitCode> {
    let count::Counted {
        delivered,
        lost,
        duplicated,
    } = result.counted;
    let json = json!({
        "made": result.made,
        "delivered": delivered,
        "lost": lost,
        "duplicated": duplicated,
        "interrupted": result.interrupted,
        "pages_fetched": result.pages_fetched,
        "seconds": result.seconds,
    });
    output.result(&json, || {
        let mut text = format!(
            "\nmade        {:>12}\ndelivered   {:>12}\nlost        {:>12}\nduplicated  {:>12}\n",
            grouped(result.made),
            grouped(delivered),
            grouped(lost),
            grouped(duplicated)
        );
        text.push_str(&format!(
            "interrupted {:>12}  windows, by SIGKILL\npages       {:>12}  fetched; {} needed \
             without the kill\nseconds     {:>12.1}\n",
            result.interrupted,
            grouped(result.pages_fetched),
            grouped(result.pages_needed),
            result.seconds
        ));
        if let Some(dir) = kept {
            text.push_str(&format!(
                "\nkept in {dir}: try `windlass --config {dir}/windlass.yaml status`\n",
                dir = dir.display()
            ));
        }
        text
    })?;
    let complete = lost == 0 && duplicated == 0 && delivered == result.made;
    Ok(if complete {
        ExitCode::Success
    } else {
        ExitCode::DemoFailed
    })
}

/// The duration in seconds.
fn seconds(ms: i64) -> f64 {
    f64::from(i32::try_from(ms).unwrap_or(i32::MAX)) / 1_000.0
}
