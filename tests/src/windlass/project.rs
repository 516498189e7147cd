//! A project: a temporary directory with a configuration, secrets, state and output.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use windlass_core::span::Span;

use super::{Outcome, Running, SourceStatus, binary};
use crate::ledger::{Ledger, Verdict};
use crate::test_key::PRIVATE_KEY_PEM;
use crate::vendor::{ACCESS_TOKEN_PREFIX, OKTA_TOKEN, Shape, Vendor};

/// The variable that holds the Okta token.
const OKTA_VARIABLE: &str = "WINDLASS_TEST_OKTA_TOKEN";
/// The command that pulls everything.
const RUN: [&str; 4] = ["run", "--until-caught-up", "--log-format", "json"];
/// The file with the Google service account, inside the project.
const GOOGLE_SECRET_FILE: &str = "service-account.json";

/// One configured source: a bounded pull of a vendor's whole timeline.
#[derive(Debug, Clone)]
pub struct Pull {
    /// The name of the source.
    pub source: String,
    /// The API that the vendor resembles.
    pub shape: Shape,
    /// The address of the vendor, or of a proxy in front of it.
    pub base_url: String,
    /// The span to pull.
    pub span: Span,
    /// The width of every window, such as `10m`.
    pub window: String,
    /// Maximum concurrent workers.
    pub max_in_flight: u32,
    /// The request rate. Far more than a real vendor allows, so that tests end soon.
    pub requests_per_minute: u32,
}

impl Pull {
    /// A pull of the whole timeline of `vendor`, in windows of ten minutes, four in flight.
    pub fn of(vendor: &Vendor) -> Self {
        Self {
            source: "pull".to_owned(),
            shape: vendor.shape(),
            base_url: vendor.uri(),
            span: vendor.timeline().span(),
            window: "10m".to_owned(),
            max_in_flight: 4,
            requests_per_minute: 60_000,
        }
    }

    /// The configuration of a project at `root` with this one source.
    pub fn to_yaml(&self, root: &Path) -> String {
        let root = root.display();
        let secret = match self.shape {
            Shape::Google => format!("file:{root}/{GOOGLE_SECRET_FILE}"),
            Shape::Okta => format!("env:{OKTA_VARIABLE}"),
        };
        format!(
            "state: {{ sqlite: {root}/windlass.db }}\n\
             sinks:\n  lake: {{ ndjson: {{ dir: {root}/out }} }}\n\
             sources:\n{}",
            self.source_yaml(&secret)
        )
    }

    /// The source as an entry below `sources:`. It delivers to the sink `lake`.
    pub fn source_yaml(&self, secret: &str) -> String {
        let params = match self.shape {
            Shape::Google => "application: login, admin_email: admin@example.com",
            Shape::Okta => "domain: example.okta.com",
        };
        let token_url = match self.shape {
            Shape::Google => format!("    token_url: {}/token\n", self.base_url),
            Shape::Okta => String::new(),
        };
        format!(
            "  {source}:\n\
             \x20   connector: {connector}\n\
             \x20   params: {{ {params} }}\n\
             \x20   secret: {secret}\n\
             \x20   base_url: {base_url}\n{token_url}\
             \x20   start: {from}\n\
             \x20   end: {to}\n\
             \x20   window: {{ initial: {window}, min: {window}, max: {window} }}\n\
             \x20   max_in_flight: {max_in_flight}\n\
             \x20   requests_per_minute: {rate}\n\
             \x20   sink: lake\n",
            source = self.source,
            connector = self.shape.connector(),
            base_url = self.base_url,
            from = self.span.from(),
            to = self.span.to(),
            window = self.window,
            max_in_flight = self.max_in_flight,
            rate = self.requests_per_minute,
        )
    }

    /// The secret that the vendor accepts, in its stored form.
    pub fn secret(&self) -> String {
        match self.shape {
            Shape::Okta => OKTA_TOKEN.to_owned(),
            Shape::Google => json!({
                "type": "service_account",
                "client_email": "puller@test.iam.example.com",
                "private_key_id": "test",
                "private_key": PRIVATE_KEY_PEM,
                // Must never be contacted: only the configuration names the token endpoint.
                "token_uri": "http://127.0.0.1:9/never",
            })
            .to_string(),
        }
    }
}

/// A working directory of windlass. Deleted on drop.
#[derive(Debug)]
pub struct Project {
    root: TempDir,
    pull: Pull,
    runs: AtomicU32,
}

impl Project {
    /// A project for `pull`; its configuration is at [`Self::config`].
    pub fn new(pull: Pull) -> anyhow::Result<Self> {
        let root = tempfile::tempdir().context("no temporary directory")?;
        let project = Self {
            root,
            pull,
            runs: AtomicU32::new(0),
        };
        let account = Pull {
            shape: Shape::Google,
            ..project.pull.clone()
        };
        project.write(GOOGLE_SECRET_FILE, &account.secret())?;
        project.configure(&project.pull.to_yaml(project.root()))?;
        Ok(project)
    }

    /// Path of the directory.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The configured pull.
    pub fn pull(&self) -> &Pull {
        &self.pull
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.root().join("windlass.yaml")
    }

    /// The state file.
    pub fn state(&self) -> PathBuf {
        self.root().join("windlass.db")
    }

    /// The directory of the NDJSON sink.
    pub fn out(&self) -> PathBuf {
        self.root().join("out")
    }

    /// Replaces the configuration.
    pub fn configure(&self, yaml: &str) -> anyhow::Result<()> {
        self.write("windlass.yaml", yaml)
    }

    /// Replaces `old` in the configuration, which must contain it.
    pub fn reconfigure(&self, old: &str, new: &str) -> anyhow::Result<()> {
        let yaml = fs::read_to_string(self.config()).context("cannot read the configuration")?;
        anyhow::ensure!(
            yaml.contains(old),
            "the configuration has no `{old}`:\n{yaml}"
        );
        self.configure(&yaml.replace(old, new))
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.root().join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Starts `windlass ARGS --config ...`.
    pub fn start(&self, args: &[&str]) -> anyhow::Result<Running> {
        let mut command = Command::new(binary()?);
        command.args(self.arguments(args));
        self.start_command(command)
    }

    /// Starts the shell in `shell` with `script`; `"$@"` in it is the command line of
    /// [`Self::start_run`].
    pub fn start_run_in(&self, shell: &[&str], script: &str) -> anyhow::Result<Running> {
        let (program, before) = shell.split_first().context("no shell given")?;
        let mut command = Command::new(program);
        command
            .args(before)
            .args(["-c", script, "sh"])
            .arg(binary()?)
            .args(self.arguments(&RUN));
        self.start_command(command)
    }

    fn arguments(&self, args: &[&str]) -> Vec<std::ffi::OsString> {
        let mut all: Vec<_> = args.iter().map(Into::into).collect();
        all.extend(["--config".into(), self.config().into_os_string()]);
        all
    }

    fn start_command(&self, mut command: Command) -> anyhow::Result<Running> {
        // The environment keeps only the variables that are needed to find programs.
        let kept = ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"];
        let kept: BTreeMap<_, _> = kept
            .iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)))
            .collect();
        command
            .current_dir(self.root())
            .env_clear()
            .envs(kept)
            .env(OKTA_VARIABLE, OKTA_TOKEN)
            .env("WINDLASS_LOG", "info")
            .env("RUST_BACKTRACE", "1");
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        Running::start(command, &self.root().join(format!("process-{run}")))
    }

    /// Starts `windlass run --until-caught-up`.
    pub fn start_run(&self) -> anyhow::Result<Running> {
        self.start(&RUN)
    }

    /// Runs `windlass run --until-caught-up` with further `args`, from start to end.
    pub async fn run(&self, args: &[&str]) -> anyhow::Result<Outcome> {
        let all = [&RUN, args].concat();
        self.start(&all)?.finish().await
    }

    /// The status of the source in `windlass status --json`.
    pub async fn status(&self) -> anyhow::Result<SourceStatus> {
        let outcome = self.start(&["status", "--json"])?.finish().await?;
        SourceStatus::read(&outcome.stdout, &self.pull.source)
            .with_context(|| format!("status said: {outcome:#?}"))
    }

    /// The delivered records.
    pub fn ledger(&self) -> anyhow::Result<Ledger> {
        Ledger::read(&self.out(), self.pull.shape)
    }

    /// The output compared with the records of `vendor`.
    pub fn compare(&self, vendor: &Vendor) -> anyhow::Result<Verdict> {
        Ok(self.ledger()?.compare(vendor.timeline(), &self.pull.source))
    }

    /// Fails if a secret is anywhere but in its own file: in the state, in the output, or in
    /// anything printed or logged.
    pub fn check_secrets(&self) -> anyhow::Result<()> {
        let key = PRIVATE_KEY_PEM
            .lines()
            .nth(1)
            .context("the key has no second line")?;
        let mut leaks = self.files_with(OKTA_TOKEN)?;
        leaks.extend(self.files_with(ACCESS_TOKEN_PREFIX)?);
        leaks.extend(self.files_with(key)?);
        leaks.retain(|path| !path.ends_with(GOOGLE_SECRET_FILE));
        anyhow::ensure!(leaks.is_empty(), "a secret is in {leaks:?}");
        Ok(())
    }

    /// Every file of the project that contains `text`.
    pub fn files_with(&self, text: &str) -> anyhow::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for path in files_below(self.root())? {
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            if bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
            {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// Every file below the output folder with its content, in a fixed order.
    pub fn files_of_output(&self) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
        let files = files_below(&self.out())?.into_iter();
        let read = |path: PathBuf| {
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok((path, bytes))
        };
        files.map(read).collect()
    }

    /// Output files that are still in progress.
    pub fn parts(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = files_below(&self.out())?;
        files.retain(|path| path.extension() == Some(OsStr::new("part")));
        Ok(files)
    }
}

/// Every regular file below `root`, in a fixed order; empty if it does not exist.
pub(crate) fn files_below(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        if !directory.is_dir() {
            continue;
        }
        let entries = fs::read_dir(&directory)
            .with_context(|| format!("cannot list {}", directory.display()))?;
        for entry in entries {
            let path = entry.context("cannot list a directory")?.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
