//! The vendor: a process of its own, so that neither its memory nor its time counts.

use std::convert::Infallible;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use windlass_core::clock::Clock as _;
use windlass_core::system::SystemClock;

use crate::workload::PageAsked;

/// The argument that selects the vendor.
pub(crate) const ROLE: &str = "vendor";

/// The running vendor. It ends on drop, and when this process ends.
#[derive(Debug)]
pub(crate) struct Vendor {
    child: Child,
    address: SocketAddr,
}

impl Vendor {
    /// Starts this program again, as a vendor with a latency of `latency_ms`.
    pub(crate) fn start(latency_ms: i64) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ROLE)
            .arg(latency_ms.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the vendor does not start")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the vendor has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().parse();
        let address = address.context("the vendor did not say where it listens")?;
        Ok(Self { child, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // The closed input ends it; it may have ended before, which needs no report.
        drop(self.child.wait());
    }
}

/// Serves pages, prints the address, and returns when standard input closes.
pub(crate) fn run(mut args: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let latency_ms = args.next().context("no time to answer given")?.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    // Not joined: it serves until the process ends.
    drop(thread::spawn(move || {
        runtime.block_on(serve(listener, latency_ms));
    }));
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

async fn serve(listener: TcpListener, latency_ms: i64) {
    while let Ok((stream, _)) = listener.accept().await {
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        tokio::spawn(async move {
            let service = service_fn(|request| async move {
                SystemClock.sleep(latency_ms).await;
                Ok::<_, Infallible>(response(&request))
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A client that disconnects in the middle has failed, and reports that itself.
            drop(connection.await);
        });
    }
}

fn response(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let asked = PageAsked::read(request.uri().query().unwrap_or_default());
    let status = asked.map_or(StatusCode::BAD_REQUEST, |_| StatusCode::OK);
    let body = asked.map(PageAsked::render).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}
