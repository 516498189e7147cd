//! An address that must never be contacted: it responds like a friendly server and records every
//! connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The response: a well-formed empty page, so that an error does not stop the visitor.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]";
/// Maximum recorded length of a request.
const REQUEST_BYTES_MAX: usize = 4_096;

/// A listener that records its visitors. Stops on drop.
#[derive(Debug)]
pub struct Trap {
    address: SocketAddr,
    visits: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Trap {
    /// Listens on a free loopback port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("no port for the trap")?;
        let address = listener.local_addr().context("the trap has no address")?;
        let visits = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(listen(listener, Arc::clone(&visits)));
        Ok(Self {
            address,
            visits,
            task,
        })
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The start of each visitor's request; empty without visitors.
    pub fn visits(&self) -> Vec<String> {
        self.visits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Handles one visitor at a time; a visit counts from its connection on.
async fn listen(listener: TcpListener, visits: Arc<Mutex<Vec<String>>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let remember = |said: String| {
            let mut visits = visits.lock().unwrap_or_else(PoisonError::into_inner);
            visits.pop();
            visits.push(said);
        };
        visits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push("connected".to_owned());
        let mut buffer = vec![0; REQUEST_BYTES_MAX];
        if let Ok(read) = stream.read(&mut buffer).await {
            buffer.truncate(read);
            remember(String::from_utf8_lossy(&buffer).into_owned());
        }
        if let Err(gone) = stream.write_all(ANSWER).await {
            remember(format!("gone before the answer: {gone}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn visit_is_served_and_recorded() {
        let trap = Trap::start().await.unwrap();
        assert!(trap.visits().is_empty());
        let mut stream = TcpStream::connect(trap.address()).await.unwrap();
        stream
            .write_all(b"GET /secret HTTP/1.1\r\n\r\n")
            .await
            .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 200"));
        assert_eq!(trap.visits().len(), 1);
        assert!(trap.visits()[0].contains("/secret"));
    }
}
