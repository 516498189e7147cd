use std::io::{Read, Write};
use std::net::TcpListener;
use std::pin::pin;
use std::thread;

use windlass_core::retry::FailureClass;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::exchange::Origin;

pub(super) fn transport() -> HttpTransport {
    HttpTransport::new().unwrap()
}

pub(super) fn get(url: &str) -> ApiRequest {
    ApiRequest::get(url.parse().unwrap())
}

pub(crate) async fn server(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

pub(crate) async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// The address of a server that reads one request, sends `response` and closes.
pub(super) fn raw_server(response: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(response).unwrap();
    });
    format!("http://{address}/")
}

#[tokio::test]
async fn any_status_returns_headers_and_body() {
    let response = ResponseTemplate::new(503)
        .append_header("Link", "<a>")
        .append_header("Link", "<b>")
        .set_body_string("down");
    let server = server(response).await;
    let mut request = get(&server.uri());
    request.method = Method::Post;
    request.set_header("X-Key", "k");
    request.body = Some(Bytes::from_static(b"{}"));

    let response = transport().send(&request).await.unwrap();
    assert_eq!(
        (response.status, response.body.as_ref()),
        (503, b"down".as_slice())
    );
    assert_eq!(
        response.headers.all("link").collect::<Vec<_>>(),
        ["<a>", "<b>"]
    );

    let seen = server.received_requests().await.unwrap();
    assert_eq!(seen[0].method.as_str(), "POST");
    assert_eq!(
        (seen[0].body.as_slice(), &seen[0].headers["x-key"]),
        (b"{}".as_slice(), &"k".parse().unwrap())
    );
    let agent = seen[0].headers["user-agent"].to_str().unwrap();
    assert!(agent.starts_with("windlass/"), "{agent}");
}

#[tokio::test]
async fn truncated_body_is_interrupted() {
    for response in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n[1,2"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n[1,2\r\n",
    ] {
        let error = transport()
            .send(&get(&raw_server(response)))
            .await
            .unwrap_err();
        assert!(matches!(error, TransportError::Interrupted(_)), "{error:?}");
    }
}

#[tokio::test]
async fn connection_closed_without_response_is_interrupted() {
    let error = transport().send(&get(&raw_server(b""))).await.unwrap_err();
    assert!(matches!(error, TransportError::Interrupted(_)), "{error:?}");
}

#[tokio::test]
async fn closed_port_is_connect_failure() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = transport()
        .send(&get(&format!("http://{address}/?k=s3cret")))
        .await
        .unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[tokio::test]
async fn only_root_cause_is_reported() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let refused = std::net::TcpStream::connect(address).unwrap_err();
    let url = format!("http://{address}/");
    let error = transport().send(&get(&url)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot connect: {refused}"));
    let asked = Origin::from(&url.parse::<Url>().unwrap());
    let failure = error.into_failure(&asked, "`base_url`");
    assert_eq!(
        failure.message,
        format!("http://{address}: cannot connect: {refused}")
    );
}

#[tokio::test]
async fn silent_server_times_out() {
    // Connections wait in the listener's queue; no response ever comes.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let long = Duration::from_mins(1);
    let short = Duration::from_millis(1);
    let url = format!("http://{}/?k=s3cret", silent.local_addr().unwrap());
    for timeouts in [
        Timeouts {
            connect: long,
            read: Some(short),
            total: Some(long),
        },
        Timeouts {
            connect: long,
            read: Some(long),
            total: Some(short),
        },
    ] {
        let transport = HttpTransport::with_timeouts(&timeouts).unwrap();
        let error = transport.send(&get(&url)).await.unwrap_err();
        assert!(matches!(error, TransportError::Timeout(_)), "{error:?}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

/// The address of a server that answers each request with informational responses for as long as the
/// client reads them, and a thread that ends when it stops.
fn endless_hints() -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).unwrap() > 0);
        let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(1_000);
        while stream.write_all(&hints).is_ok() {}
    });
    (format!("http://{address}/"), server)
}

#[tokio::test]
async fn endless_1xx_responses_time_out() {
    let (url, server) = endless_hints();
    let timeouts = Timeouts {
        connect: Duration::from_mins(1),
        read: Some(Duration::from_millis(50)),
        total: None,
    };
    let transport = HttpTransport::with_timeouts(&timeouts).unwrap();
    let request = get(&url);
    let mut send = pin!(transport.send(&request));
    // The connection is a task of its own, and this one still gets its turns.
    let error = loop {
        tokio::select! {
            biased;
            response = &mut send => break response.unwrap_err(),
            () = tokio::task::yield_now() => {}
        }
    };
    assert!(matches!(error, TransportError::Timeout(_)), "{error:?}");
    // The connection is closed with it, and the vendor's data is read no longer.
    while !server.is_finished() {
        tokio::task::yield_now().await;
    }
    server.join().unwrap();
}

#[tokio::test]
async fn upload_succeeds_by_status_alone() {
    let url = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n{");
    let uploads = transport().for_uploads().unwrap();
    let response = uploads.send(&get(&url)).await.unwrap();
    assert_eq!((response.status, response.body.len()), (200, 0));
}

#[tokio::test]
async fn server_without_tls_is_no_certificate_problem() {
    let url = raw_server(b"HTTP/1.1 400 Bad Request\r\n\r\n").replace("http:", "https:");
    let error = transport().send(&get(&url)).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
}

#[test]
fn certificate_problem_differs_from_connect_failure() {
    // The text of rustls 0.23, `Error::InvalidCertificate`.
    assert!(is_certificate_problem("invalid peer certificate: Expired"));
    assert!(!is_certificate_problem("Connection refused (os error 111)"));
}

#[test]
fn each_transport_error_has_failure_class() {
    let asked = Origin::from(&"https://api.vendor.test/x".parse::<Url>().unwrap());
    let text = || "why".to_owned();
    for (error, class) in [
        (TransportError::Connect(text()), FailureClass::Outage),
        (TransportError::Timeout(text()), FailureClass::Outage),
        (TransportError::Interrupted(text()), FailureClass::Outage),
        (TransportError::TooLarge { limit: 1 }, FailureClass::Split),
        (
            TransportError::Redirect {
                status: 302,
                to: Some("b.test".to_owned()),
            },
            FailureClass::Block,
        ),
        (TransportError::Undecodable(text()), FailureClass::Outage),
        (TransportError::Certificate(text()), FailureClass::Block),
        (TransportError::Refused(text()), FailureClass::Block),
    ] {
        let failure = error.into_failure(&asked, "`base_url`");
        assert_eq!(failure.class, class, "{failure}");
        assert!(
            failure.message.starts_with("https://api.vendor.test: "),
            "{failure}"
        );
        assert_eq!(failure.wait_ms, None);
    }
}

#[test]
fn redirect_and_certificate_errors_name_host_setting() {
    let asked = Origin::from(&"https://acme.okta.com/x".parse::<Url>().unwrap());
    let redirect = |to: Option<&str>| TransportError::Redirect {
        status: 302,
        to: to.map(str::to_owned),
    };
    for (error, text) in [
        (
            redirect(Some("acme.okta-emea.com")),
            "HTTP 302 redirects to acme.okta-emea.com, and redirects are not followed; if the \
             vendor has moved there, set `params.domain` of the source to that host",
        ),
        (
            redirect(None),
            "HTTP 302 redirects to a host that is omitted here, and redirects are not followed; \
             if the vendor has moved there, set `params.domain` of the source to that host",
        ),
        (
            redirect(Some("acme.okta.com")),
            "HTTP 302 redirects to acme.okta.com, and redirects are not followed; check the path \
             in the manifest, and the credentials: some vendors redirect to a login page",
        ),
        (
            TransportError::Certificate("invalid peer certificate: UnknownIssuer".to_owned()),
            "the server's certificate is not trusted: invalid peer certificate: UnknownIssuer; \
             check `params.domain` of the source, this machine's clock, and its certificate \
             store; nothing was sent",
        ),
    ] {
        let failure = error.into_failure(&asked, "`params.domain`");
        assert_eq!(failure.message, format!("https://acme.okta.com: {text}"));
    }
}
