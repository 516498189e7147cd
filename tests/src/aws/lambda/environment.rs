//! One execution environment: a bootstrap process, and its runtime API.

use std::fs;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::Instant;
use windlass_core::clock::Clock;
use windlass_core::system::SystemClock;

use super::function::{Deployed, Function};
use super::record::{Invocation, LogLine};
use super::runtime_api::{InvocationEnd, RuntimeApi};
use crate::aws::emulator::{ACCOUNT, REGION};
use crate::aws::signal::Signal;

/// Maximum time until a bootstrap requests work, in milliseconds: ten seconds in the real service.
/// Ends a hanging test and decides nothing else.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>
const HANG_GUARD_MS: i64 = 600_000;
/// The prefix of a function's ARN.
pub(super) const ARN_PREFIX: &str = "arn:aws:lambda:us-east-1:000000000000:function:";

/// A bootstrap that waits for work. Killed on drop.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) number: u32,
    pub(super) access_key_id: String,
    pub(super) api: RuntimeApi,
    child: Child,
    process: u32,
}

/// An environment that was stopped in the middle of an invocation.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) environment: Environment,
    /// The record so far.
    pub(super) invocation: Invocation,
    pub(super) ended: oneshot::Receiver<InvocationEnd>,
}

impl Environment {
    /// Starts a bootstrap of `function` and waits until it requests work. Also returns the duration
    /// of the start.
    pub(super) async fn start(deployed: &Deployed) -> anyhow::Result<(Self, Duration)> {
        let function = &deployed.function;
        let number = deployed.next_environment();
        let access_key_id = format!("{}{number:06}", function.key_prefix);
        let api = RuntimeApi::start().await?;
        let mut command = Command::new(&function.bootstrap);
        command
            .env_clear()
            .envs(variables(
                function,
                number,
                &access_key_id,
                &api.authority(),
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let started = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", function.bootstrap.display()))?;
        let process = child
            .id()
            .context("a process that was just started is over")?;
        let book = deployed.log_book();
        if let Some(output) = child.stdout.take() {
            tokio::spawn(write_down(output, number, Arc::clone(&book)));
        }
        if let Some(output) = child.stderr.take() {
            tokio::spawn(write_down(output, number, book));
        }
        let mut environment = Self {
            number,
            access_key_id,
            api,
            child,
            process,
        };
        let init = environment.init().await;
        init.with_context(|| format!("{} did not start", function.name))?;
        Ok((environment, started.elapsed()))
    }

    async fn init(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            started = self.api.started() => started.map_err(anyhow::Error::msg),
            status = self.child.wait() => anyhow::bail!("it ended: {}", status?),
            () = SystemClock.sleep(HANG_GUARD_MS) => {
                anyhow::bail!("it did not ask for work within {HANG_GUARD_MS} ms")
            }
        }
    }

    /// Returns true if its process is still running.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Completes when the process exits by itself.
    pub(super) async fn exit(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Kills the process, and waits for its end.
    pub(super) async fn kill(&mut self) {
        // An error means that it has already ended.
        let killed = self.child.kill().await;
        drop(killed);
    }

    /// Stops or resumes the process.
    pub(super) fn send(&self, signal: Signal) -> anyhow::Result<()> {
        signal.send(self.process)
    }

    /// Peak resident memory so far, in KB; `None` where the system does not report it.
    pub(super) fn max_rss_kb(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    }
}

/// The environment of a bootstrap.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
fn variables(
    function: &Function,
    number: u32,
    access_key_id: &str,
    api: &str,
) -> Vec<(String, String)> {
    let root = function.bootstrap.parent().unwrap_or(&function.bootstrap);
    let of_lambda = [
        ("AWS_LAMBDA_RUNTIME_API", api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            function.memory_mb.to_string(),
        ),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{}", function.name),
        ),
        (
            "AWS_LAMBDA_LOG_STREAM_NAME",
            format!("environment-{number}"),
        ),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ACCOUNT_ID", ACCOUNT.to_owned()),
        ("AWS_ACCESS_KEY_ID", access_key_id.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret".to_owned()),
        ("AWS_SESSION_TOKEN", format!("session-of-{access_key_id}")),
        ("LAMBDA_TASK_ROOT", root.display().to_string()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ];
    let here = ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"];
    let here = here
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let of_lambda = of_lambda.map(|(name, value)| (name.to_owned(), value));
    let own = function.variables.clone();
    here.chain(of_lambda).chain(own).collect()
}

/// Records `output` to its end, so that the pipe never fills up.
async fn write_down(output: impl AsyncRead + Unpin, number: u32, book: Arc<Mutex<Vec<LogLine>>>) {
    let mut lines = BufReader::new(output).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = LogLine {
            environment: number,
            text: String::from_utf8_lossy(&line).into_owned(),
        };
        book.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }
}
