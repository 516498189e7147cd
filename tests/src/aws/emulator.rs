//! The emulator: one ministack process on a loopback port, with its own temporary state, which ends
//! with the process that started it, however that ends.

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

/// The region that everything lives in.
pub const REGION: &str = "us-east-1";
/// The account that everything lives in.
pub const ACCOUNT: &str = "000000000000";
/// Where ministack says that it is ready.
const HEALTH: &str = "/_ministack/health";
/// How long it may take to answer: half a second on an idle machine. It ends a test that hangs and
/// decides nothing else.
const HANG_GUARD_MS: i64 = 600_000;
/// Between two looks.
const LOOK_MS: i64 = 50;
/// Starts, at most: a port that was free may be taken before ministack has it.
const STARTS_MAX: usize = 3;
/// Most characters of its log in a message.
const LOG_CHARS_MAX: usize = 4_000;

/// Runs ministack until standard input ends, which it does when whoever started this is gone, even by
/// `SIGKILL`; then nothing of the process group is left.
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

/// How an emulator runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmulatorSettings {
    /// Whether signatures and policies are enforced.
    pub auth: bool,
}

/// A running emulator. Killed, with all that it started, when dropped.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl Emulator {
    /// The one that all tests of this process share; they tell their tables apart by name. It
    /// enforces no policies.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        SHARED
            .get_or_try_init(|| Self::start(EmulatorSettings::default()))
            .await
    }

    /// Starts one and waits until it answers.
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
            // These two listen on every interface, and nothing here speaks MQTT or SFTP.
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
            let answer = http::send(self.address, get(HEALTH)).await;
            if answer.is_ok_and(|answer| answer.status == StatusCode::OK) {
                return Ok(());
            }
            SystemClock.sleep(LOOK_MS).await;
        }
        bail!(
            "ministack does not answer after {HANG_GUARD_MS} ms; its log: {}",
            self.log()
        )
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as the start of a URL, without a slash at the end.
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The file that it logs to.
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

    /// Calls an operation of a service that speaks JSON, such as `DynamoDB_20120810.PutItem`,
    /// unsigned. Anything but success is an error with what it said.
    pub async fn call(&self, target: &str, body: &Value) -> anyhow::Result<Value> {
        call(self.address, target, body).await
    }
}

/// See [`Emulator::call`].
pub(crate) async fn call(address: SocketAddr, target: &str, body: &Value) -> anyhow::Result<Value> {
    let answer = http::send(address, post(target, body)?).await?;
    let said = String::from_utf8_lossy(&answer.body);
    ensure!(
        answer.status.is_success(),
        "{target}: {} {said}",
        answer.status
    );
    if said.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&said).with_context(|| format!("{target} said no JSON: {said}"))
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Whatever does not work here, the end of its standard input does.
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

/// A request for an operation of a service that speaks JSON.
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
