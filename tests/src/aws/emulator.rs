//! The emulator: one ministack process on a loopback port, with its own temporary state. It ends
//! with the process that started it, even if that is killed.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use windlass_core::clock::Clock;
use windlass_core::system::SystemClock;

use super::http::{self, HttpRequest};
use super::signal::Signal;
use super::tools;

/// The region of all resources.
pub const REGION: &str = "us-east-1";
/// The account of all resources.
pub const ACCOUNT: &str = "000000000000";
/// The path of ministack's health check.
const HEALTH: &str = "/_ministack/health";
/// Maximum time until the first response: half a second on an idle machine. Ends a hanging test and
/// decides nothing else.
const HANG_GUARD_MS: i64 = 600_000;
/// Interval between two health checks, in milliseconds.
const LOOK_MS: i64 = 50;
/// Maximum number of starts: another process may take a free port before ministack does.
const STARTS_MAX: usize = 3;
/// Maximum length of its log in a message.
const LOG_CHARS_MAX: usize = 4_000;

/// Runs ministack until standard input closes, which happens when the parent process is gone, even
/// by `SIGKILL`; then kills the whole process group.
const LAUNCHER: &str = "\
import os, sys, threading
def outlive_nobody():
    sys.stdin.buffer.read()
    os.killpg(0, 9)
threading.Thread(target=outlive_nobody, daemon=True).start()
from ministack.app import main
main()
";

static SHARED: OnceCell<Emulator> = OnceCell::const_new();

/// The settings of an emulator.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmulatorSettings {
    /// True if signatures and policies are enforced.
    pub auth: bool,
}

/// A running emulator. It and all its child processes are killed on drop.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl Emulator {
    /// The emulator that all tests of this process share; they use distinct table names. It
    /// enforces no policies.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        SHARED
            .get_or_try_init(|| Self::start(EmulatorSettings::default()))
            .await
    }

    /// Starts an emulator and waits until it responds.
    pub async fn start(settings: EmulatorSettings) -> anyhow::Result<Self> {
        let mut tries = 1;
        loop {
            let mut emulator = Self::spawn(settings)?;
            match emulator.wait().await {
                Ok(()) => return Ok(emulator),
                Err(error) if tries == STARTS_MAX => return Err(error),
                Err(_) => tries += 1,
            }
        }
    }

    fn spawn(settings: EmulatorSettings) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("no temporary directory")?;
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.context("no loopback port is free")?;
        let log = File::create(folder.path().join("log")).context("cannot make a log")?;
        let below = |name: &str| folder.path().join(name);
        let venv = tools::venv()?;
        let child = Command::new(venv.join("bin/python"))
            .args(["-c", LAUNCHER])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env("STATE_DIR", below("state"))
            .env("S3_DATA_DIR", below("s3"))
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", address.port().to_string())
            .env("AWS_ENDPOINT_URL", format!("http://{address}"))
            .env("MINISTACK_REGION", REGION)
            .env("AUTH", settings.auth.to_string())
            // These two listen on every interface, and no test uses MQTT or SFTP.
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("LOG_LEVEL", "WARNING")
            .stdin(Stdio::piped())
            .stdout(log.try_clone().context("cannot share a log")?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start Python in {}", venv.display()))?;
        Ok(Self {
            address,
            child,
            folder,
        })
    }

    async fn wait(&mut self) -> anyhow::Result<()> {
        for _ in 0..HANG_GUARD_MS / LOOK_MS {
            if let Some(status) = self.child.try_wait().context("cannot look at ministack")? {
                bail!("ministack ended ({status}); its log: {}", self.log());
            }
            let response = http::send(self.address, get(HEALTH)).await;
            if response.is_ok_and(|response| response.status == StatusCode::OK) {
                return Ok(());
            }
            SystemClock.sleep(LOOK_MS).await;
        }
        bail!(
            "ministack does not answer after {HANG_GUARD_MS} ms; its log: {}",
            self.log()
        )
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The start of its URLs, without a trailing slash.
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The path of its log file.
    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The end of its log, for messages.
    pub fn log(&self) -> String {
        match fs::read(self.log_file()) {
            Ok(log) => {
                let log = String::from_utf8_lossy(&log);
                tools::last_chars(&log, LOG_CHARS_MAX).to_owned()
            }
            Err(error) => format!("(cannot be read: {error})"),
        }
    }

    /// Calls an operation of a JSON service, such as `DynamoDB_20120810.PutItem`, unsigned. Every
    /// response other than success is an error with its body.
    pub async fn call(&self, target: &str, body: &Value) -> anyhow::Result<Value> {
        call(self.address, target, body).await
    }
}

/// See [`Emulator::call`].
pub(crate) async fn call(address: SocketAddr, target: &str, body: &Value) -> anyhow::Result<Value> {
    let response = http::send(address, post(target, body)?).await?;
    let said = String::from_utf8_lossy(&response.body);
    ensure!(
        response.status.is_success(),
        "{target}: {} {said}",
        response.status
    );
    if said.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&said).with_context(|| format!("{target} said no JSON: {said}"))
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // If the kill fails, closing its standard input ends it.
        let killed = Signal::Kill.send_to_group(self.child.id());
        drop(self.child.stdin.take());
        if killed.is_ok() {
            let ended = self.child.wait();
            drop(ended);
        }
    }
}

fn get(path: &'static str) -> HttpRequest {
    HttpRequest {
        method: Method::GET,
        uri: Uri::from_static(path),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    }
}

/// A request for an operation of a JSON service.
/// <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>
pub(crate) fn post(target: &str, body: &Value) -> anyhow::Result<HttpRequest> {
    let target = HeaderValue::from_str(target).context("an operation's name is a header")?;
    let json = HeaderValue::from_static("application/x-amz-json-1.0");
    let name = HeaderName::from_static("x-amz-target");
    Ok(HttpRequest {
        method: Method::POST,
        uri: Uri::from_static("/"),
        headers: HeaderMap::from_iter([(name, target), (CONTENT_TYPE, json)]),
        body: Bytes::from(body.to_string()),
    })
}
