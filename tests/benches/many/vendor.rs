//! The vendor: an HTTP server on loopback without records that counts its requests.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The running vendor. It serves until this process ends.
#[derive(Debug)]
pub(crate) struct Vendor {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Vendor {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        // Not joined: it serves until the process ends.
        drop(thread::spawn(move || {
            runtime.block_on(serve(listener, counted));
        }));
        Ok(Self { address, requests })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Number of requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, requests: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let requests = Arc::clone(&requests);
        tokio::spawn(async move {
            let service = service_fn(|_| {
                requests.fetch_add(1, Ordering::SeqCst);
                async {
                    let body = Full::new(Bytes::from_static(br#"{"items":[]}"#));
                    Ok::<_, Infallible>(Response::new(body))
                }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A client that disconnects in the middle has failed, and reports that itself.
            drop(connection.await);
        });
    }
}
