use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

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

#[tokio::test]
async fn large_body_is_parsed_on_another_thread() {
    for (bytes, is_inline) in [
        (limits::READ_BYTES_INLINE_MAX, true),
        (limits::READ_BYTES_INLINE_MAX + 1, false),
    ] {
        let client = client(connector(BEARER, None), AtOnce(bytes));
        let mut fetch = pin!(client.fetch(span(), None));
        let mut context = Context::from_waker(Waker::noop());
        let page = match fetch.as_mut().poll(&mut context) {
            Poll::Ready(page) => {
                assert!(is_inline, "{bytes} bytes held up the thread");
                page
            }
            Poll::Pending => {
                assert!(!is_inline, "{bytes} bytes changed the thread");
                fetch.await
            }
        };
        assert_eq!(page.unwrap().records[0].raw.len(), bytes - 2);
    }
}
