use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::client::tests::{BEARER, client, connector, span};
use crate::exchange::{ApiRequest, Headers};
use crate::http::{Transport, TransportError};

/// Returns at once, for every request, one record in a body of this many bytes.
struct AtOnce(usize);

impl Transport for AtOnce {
    async fn send(&self, _: &ApiRequest) -> Result<ApiResponse, TransportError> {
        let body = format!(r#"["{}"]"#, "x".repeat(self.0 - 4));
        Ok(ApiResponse {
            status: 200,
            headers: Headers::default(),
            body: body.into(),
        })
    }
}

/// A runtime whose only blocking thread waits until the sender is dropped, so that a read on that
/// thread cannot be done at the first poll.
fn runtime_with_busy_thread() -> (Runtime, Sender<()>) {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(1).build().unwrap();
    let (release, released) = channel::<()>();
    runtime.spawn_blocking(move || released.recv().is_ok());
    (runtime, release)
}

#[test]
fn large_body_is_parsed_on_another_thread() {
    for (bytes, is_inline) in [
        (limits::READ_BYTES_INLINE_MAX, true),
        (limits::READ_BYTES_INLINE_MAX + 1, false),
    ] {
        let (runtime, release) = runtime_with_busy_thread();
        let client = client(connector(BEARER, None), AtOnce(bytes));
        let page = runtime.block_on(async {
            let mut fetch = pin!(client.fetch(span(), None));
            let mut context = Context::from_waker(Waker::noop());
            let polled = fetch.as_mut().poll(&mut context);
            drop(release);
            match polled {
                Poll::Ready(page) => {
                    assert!(is_inline, "{bytes} bytes held up the thread");
                    page
                }
                Poll::Pending => {
                    assert!(!is_inline, "{bytes} bytes changed the thread");
                    fetch.await
                }
            }
        });
        assert_eq!(page.unwrap().records[0].raw.len(), bytes - 2);
    }
}
