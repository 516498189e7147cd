//! The vendor: a process of its own, so that neither its memory nor its time is counted.

use std::convert::Infallible;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
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

use crate::workload::{PageAsked, Template};

/// The argument that makes this program the vendor.
pub(crate) const ROLE: &str = "vendor";

/// The running vendor. It ends when this is dropped, and when this process ends.
#[derive(Debug)]
pub(crate) struct Vendor {
    child: Child,
    address: SocketAddr,
}

impl Vendor {
    /// Starts this program again, as the vendor.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ROLE)
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
        // Its input has ended, so it ends too; there is nobody to tell when it has already.
        if self.child.wait().is_err() {}
    }
}

/// Serves pages, prints the address, and returns when standard input ends.
pub(crate) fn run() -> anyhow::Result<()> {
    let template = Arc::new(Template::new()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    // Not joined: it serves until the process ends.
    drop(thread::spawn(move || {
        runtime.block_on(serve(listener, template));
    }));
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

async fn serve(listener: TcpListener, template: Arc<Template>) {
    while let Ok((stream, _)) = listener.accept().await {
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let template = Arc::clone(&template);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let reply = answer(&template, &request);
                async move { Ok::<_, Infallible>(reply) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A client that leaves in the middle has failed, and says so itself.
            if connection.await.is_err() {}
        });
    }
}

fn answer(template: &Template, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    match PageAsked::read(request.uri().query().unwrap_or_default()) {
        Some(asked) => Response::new(Full::new(template.page(asked))),
        None => {
            let mut response = Response::new(Full::new(Bytes::new()));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
    }
}
