//! A TCP proxy that breaks connections at random requests: before the request arrives, after the
//! server has processed it, and in the middle of the response.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Maximum number of bytes forwarded at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// The place at which a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cut {
    /// Reset before the server receives the request.
    BeforeRequest,
    /// Reset at the start of the response: the server has applied the request, and the client does
    /// not learn the outcome.
    BeforeResponse,
    /// Closed after half of the first chunk of the response.
    InsideResponse,
}

impl Cut {
    /// Every kind of cut.
    pub const ALL: [Self; 3] = [
        Self::BeforeRequest,
        Self::BeforeResponse,
        Self::InsideResponse,
    ];
}

/// A proxy in front of one server. Stops on drop.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    draws: Arc<Draws>,
    task: JoinHandle<()>,
}

/// The random choice of requests to cut.
#[derive(Debug)]
struct Draws {
    rng: Mutex<fastrand::Rng>,
    percent: u8,
    cuts: Mutex<Vec<Cut>>,
}

impl FaultProxy {
    /// Listens on a free loopback port and forwards to `target`, cutting `percent` % of requests.
    pub async fn start(target: SocketAddr, seed: u64, percent: u8) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("no port for the proxy")?;
        let address = listener.local_addr().context("the proxy has no address")?;
        let draws = Arc::new(Draws {
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            percent,
            cuts: Mutex::new(Vec::new()),
        });
        let task = tokio::spawn(listen(listener, target, Arc::clone(&draws)));
        Ok(Self {
            address,
            draws,
            task,
        })
    }

    /// The start of URLs through the proxy, without a trailing slash.
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The cuts so far, in order.
    pub fn cuts(&self) -> Vec<Cut> {
        self.draws
            .cuts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Draws {
    fn draw(&self) -> Option<Cut> {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        if rng.u8(0..100) >= self.percent {
            return None;
        }
        let cut = Cut::ALL[rng.usize(0..Cut::ALL.len())];
        self.cuts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(cut);
        Some(cut)
    }
}

async fn listen(listener: TcpListener, target: SocketAddr, draws: Arc<Draws>) {
    // Dropped with this task, which closes every connection.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(client, target, Arc::clone(&draws)));
        while connections.try_join_next().is_some() {}
    }
}

/// Forwards one connection until either side or a cut ends it. HTTP/1.1 without pipelining
/// alternates, so the first bytes from the client after a response are the next request.
async fn carry(
    mut client: TcpStream,
    target: SocketAddr,
    draws: Arc<Draws>,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(target).await?;
    let mut request = vec![0; CHUNK_BYTES];
    let mut response = vec![0; CHUNK_BYTES];
    let mut between_requests = true;
    let mut cut = None;
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                if between_requests {
                    between_requests = false;
                    cut = draws.draw();
                }
                if cut == Some(Cut::BeforeRequest) {
                    return client.set_zero_linger();
                }
                server.write_all(request.get(..read).unwrap_or_default()).await?;
            }
            read = server.read(&mut response) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                between_requests = true;
                let carried = match cut {
                    Some(Cut::BeforeRequest | Cut::BeforeResponse) => return client.set_zero_linger(),
                    Some(Cut::InsideResponse) => read / 2,
                    None => read,
                };
                client.write_all(response.get(..carried).unwrap_or_default()).await?;
                if cut.is_some() {
                    return client.shutdown().await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd";

    /// A server that counts requests and responds to each read with [`REPLY`].
    async fn server(served: Arc<Mutex<usize>>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut buffer = [0; 64];
                while let Ok(1..) = stream.read(&mut buffer).await {
                    *served.lock().unwrap() += 1;
                    if stream.write_all(REPLY).await.is_err() {
                        break;
                    }
                }
            }
        });
        address
    }

    async fn ask(proxy: &FaultProxy) -> (Vec<u8>, std::io::Result<usize>) {
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut response = vec![0; REPLY.len()];
        let mut filled = 0;
        loop {
            if filled == response.len() {
                break (response, Ok(filled));
            }
            match stream.read(&mut response[filled..]).await {
                Ok(0) => break (response[..filled].to_vec(), Ok(filled)),
                Ok(read) => filled += read,
                Err(error) => break (response[..filled].to_vec(), Err(error)),
            }
        }
    }

    #[tokio::test]
    async fn every_byte_passes_without_cuts() {
        let served = Arc::new(Mutex::new(0));
        let proxy = FaultProxy::start(server(Arc::clone(&served)).await, 1, 0)
            .await
            .unwrap();
        assert_eq!(ask(&proxy).await.0, REPLY);
        assert!(proxy.cuts().is_empty());
    }

    #[tokio::test]
    async fn each_cut_breaks_connection_at_its_place() {
        let served = Arc::new(Mutex::new(0));
        let proxy = FaultProxy::start(server(Arc::clone(&served)).await, 1, 100)
            .await
            .unwrap();
        let mut met = std::collections::BTreeSet::new();
        for _ in 0..30 {
            let before = *served.lock().unwrap();
            let (response, end) = ask(&proxy).await;
            let cut = *proxy.cuts().last().unwrap();
            let reached_server = *served.lock().unwrap() > before;
            match cut {
                Cut::BeforeRequest => assert!(response.is_empty() && !reached_server),
                Cut::BeforeResponse => assert!(response.is_empty() && reached_server),
                Cut::InsideResponse => assert_eq!(response, REPLY[..REPLY.len() / 2]),
            }
            assert_eq!(end.is_ok(), cut == Cut::InsideResponse, "{cut:?}: {end:?}");
            met.insert(cut);
        }
        assert_eq!(met.len(), Cut::ALL.len());
    }
}
