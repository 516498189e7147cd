//! The vendor: a process of its own, so that neither its memory nor its time is counted.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
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

use crate::workload::PageAsked;

/// The argument that makes this program the vendor.
pub(crate) const ROLE: &str = "vendor";
/// The argument after it that makes it keep its pages.
const KEEPS: &str = "keeps";

/// The running vendor. It ends when this is dropped, and when this process ends.
#[derive(Debug)]
pub(crate) struct Vendor {
    child: Child,
    address: SocketAddr,
}

impl Vendor {
    /// Starts this program again, as a vendor that renders every page it is asked for, or one that
    /// `keeps` every page it has rendered.
    pub(crate) fn start(keeps: bool) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ROLE)
            .args(keeps.then_some(KEEPS))
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
        drop(self.child.wait());
    }
}

/// Serves pages, prints the address, and returns when standard input ends.
pub(crate) fn run(mut args: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let keeps = args.next().is_some_and(|arg| arg == KEEPS);
    let kept = Arc::new(keeps.then(Mutex::default));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    // Not joined: it serves until the process ends.
    drop(thread::spawn(move || {
        runtime.block_on(serve(listener, kept));
    }));
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// Pages rendered before, unless every request is to be rendered.
type Kept = Option<Mutex<HashMap<PageAsked, Bytes>>>;

async fn serve(listener: TcpListener, kept: Arc<Kept>) {
    while let Ok((stream, _)) = listener.accept().await {
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let kept = Arc::clone(&kept);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let reply = answer(&kept, &request);
                async move { Ok::<_, Infallible>(reply) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A client that leaves in the middle has failed, and says so itself.
            drop(connection.await);
        });
    }
}

fn answer(kept: &Kept, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let Some(asked) = PageAsked::read(request.uri().query().unwrap_or_default()) else {
        let mut refusal = Response::new(Full::new(Bytes::new()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return refusal;
    };
    let render = || Bytes::from(asked.render());
    let page = match kept {
        Some(kept) => {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.entry(asked).or_insert_with(render).clone()
        }
        None => render(),
    };
    Response::new(Full::new(page))
}
