use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::pin::pin;
use std::thread;

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const MEBIBYTE: usize = 1024 * 1024;

fn transport() -> HttpTransport {
    HttpTransport::new().unwrap()
}

fn get(url: &str) -> ApiRequest {
    ApiRequest::get(url.parse().unwrap())
}

async fn server(reply: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(reply).mount(&server).await;
    server
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// The address of a server that reads one request, sends `reply` and closes.
fn raw_server(reply: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(reply).unwrap();
    });
    format!("http://{address}/")
}

/// A zstd frame (RFC 8878) of `blocks` times 128 KiB of the letter `a`, four bytes each.
fn zstd_bomb(blocks: usize) -> Vec<u8> {
    const BLOCK_BYTES: u32 = 128 * 1024;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3];
    for block in 1..=blocks {
        let header = u32::from(block == blocks) | 1 << 1 | BLOCK_BYTES << 3;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(b'a');
    }
    frame
}

/// A gzip file (RFC 1952) of one fixed-Huffman block: a zero byte, then `runs` times 258 more in 13
/// bits each. The block never ends, so a reader of the whole file receives an error.
fn gzip_bomb(runs: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    let literal_zero = [false, false, true, true, false, false, false, false];
    bits.extend(literal_zero);
    let length_258 = [true, true, false, false, false, true, false, true];
    let distance_1 = [false; 5];
    for _ in 0..runs {
        bits.extend(length_258);
        bits.extend(distance_1);
    }
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    file.extend(bits.chunks(8).map(|byte| {
        byte.iter()
            .enumerate()
            .fold(0, |value, (at, bit)| value | u8::from(*bit) << at)
    }));
    file
}

fn compressed(encoding: &str, body: Vec<u8>) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .insert_header("content-encoding", encoding)
        .set_body_bytes(body)
}

#[tokio::test]
async fn a_reply_comes_back_with_status_headers_and_body_whatever_its_status() {
    let reply = ResponseTemplate::new(503)
        .append_header("Link", "<a>")
        .append_header("Link", "<b>")
        .set_body_string("down");
    let server = server(reply).await;
    let mut request = get(&server.uri());
    request.method = Method::Post;
    request.set_header("X-Key", "k");
    request.body = Some(Bytes::from_static(b"{}"));

    let reply = transport().send(&request).await.unwrap();
    assert_eq!(
        (reply.status, reply.body.as_ref()),
        (503, b"down".as_slice())
    );
    assert_eq!(
        reply.headers.all("link").collect::<Vec<_>>(),
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
async fn a_compressed_body_arrives_decompressed() {
    let server = server(compressed("zstd", zstd_bomb(8))).await;
    let reply = transport().send(&get(&server.uri())).await.unwrap();
    assert_eq!(reply.body.len(), MEBIBYTE);
    assert!(reply.body.iter().all(|byte| *byte == b'a'));
}

#[tokio::test]
async fn a_bomb_stops_at_the_cap_and_exactly_the_cap_is_allowed() {
    let blocks = limits::BODY_BYTES_MAX / (128 * 1024);
    let fits = server(compressed("zstd", zstd_bomb(blocks))).await;
    let reply = transport().send(&get(&fits.uri())).await.unwrap();
    assert_eq!(reply.body.len(), limits::BODY_BYTES_MAX);

    let bomb = server(compressed("zstd", zstd_bomb(blocks * 16))).await;
    let error = transport().send(&get(&bomb.uri())).await.unwrap_err();
    assert_eq!(
        error,
        TransportError::TooLarge {
            limit: limits::BODY_BYTES_MAX
        }
    );
}

#[tokio::test]
async fn a_gzip_bomb_stops_at_the_cap_too() {
    let bomb = server(compressed("gzip", gzip_bomb(2 * MEBIBYTE / 258))).await;
    let small = HttpTransport {
        body_bytes_max: Some(MEBIBYTE),
        ..transport()
    };
    let error = small.send(&get(&bomb.uri())).await.unwrap_err();
    assert_eq!(error, TransportError::TooLarge { limit: MEBIBYTE });
}

#[tokio::test]
async fn body_that_inflates_lets_other_tasks_run_at_each_mebibyte() {
    let body = gzip_bomb(32 * MEBIBYTE / 258);
    let bomb = server(compressed("gzip", body)).await;
    let transport = HttpTransport {
        body_bytes_max: Some(16 * MEBIBYTE),
        ..transport()
    };
    let request = get(&bomb.uri());
    let mut send = pin!(transport.send(&request));
    let mut polls = 0;
    let reply = poll_fn(|context| {
        polls += 1;
        send.as_mut().poll(context)
    });
    assert!(matches!(reply.await, Err(TransportError::TooLarge { .. })));
    assert!(polls >= 16, "the whole body was read in {polls} steps");
}

#[tokio::test]
async fn a_body_announced_above_the_cap_is_not_read() {
    let url = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n");
    let error = transport().send(&get(&url)).await.unwrap_err();
    assert_eq!(
        error,
        TransportError::TooLarge {
            limit: limits::BODY_BYTES_MAX
        }
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_other_server_hears_nothing() {
    let other = server(ResponseTemplate::new(200)).await;
    for status in [301, 302, 307, 308] {
        let location = format!("{}/x?key=s3cret", other.uri());
        let reply = ResponseTemplate::new(status).insert_header("location", location.as_str());
        let first = server(reply).await;
        let error = transport().send(&get(&first.uri())).await.unwrap_err();
        let to = Some("127.0.0.1".to_owned());
        assert_eq!(error, TransportError::Redirect { status, to });
        assert!(!error.to_string().contains("s3cret"));
    }
    assert_eq!(requests(&other).await, 0);
}

#[tokio::test]
async fn a_body_that_ends_early_is_interrupted() {
    for reply in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n[1,2"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n[1,2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: zstd\r\ncontent-length: 4\r\n\r\n\x28\xb5\x2f\xfd",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope",
    ] {
        let error = transport()
            .send(&get(&raw_server(reply)))
            .await
            .unwrap_err();
        assert!(matches!(error, TransportError::Interrupted(_)), "{error:?}");
    }
}

#[tokio::test]
async fn an_unsupported_content_encoding_is_named() {
    for encoding in ["deflate", "gzip, gzip"] {
        let reply = ResponseTemplate::new(200).set_body_string("[]");
        let server = server(reply.insert_header("content-encoding", encoding)).await;
        let error = transport().send(&get(&server.uri())).await.unwrap_err();
        assert!(matches!(error, TransportError::Interrupted(_)), "{error:?}");
        assert!(
            error.to_string().contains(&format!("`{encoding}`")),
            "{error}"
        );
    }
    let plain = ResponseTemplate::new(200).insert_header("content-encoding", "identity");
    let server = server(plain.set_body_string("[]")).await;
    assert!(transport().send(&get(&server.uri())).await.is_ok());
}

#[tokio::test]
async fn a_connection_closed_without_a_reply_is_interrupted() {
    let error = transport().send(&get(&raw_server(b""))).await.unwrap_err();
    assert!(matches!(error, TransportError::Interrupted(_)), "{error:?}");
}

#[tokio::test]
async fn a_port_nobody_listens_on_is_a_failure_to_connect() {
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
async fn only_the_bottom_of_an_error_is_told() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let refused = std::net::TcpStream::connect(address).unwrap_err();
    let url = format!("http://{address}/");
    let error = transport().send(&get(&url)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot connect: {refused}"));
    let asked = Origin::from(&url.parse::<Url>().unwrap());
    let failure = error.into_failure(&asked);
    assert_eq!(
        failure.message,
        format!("http://{address}: cannot connect: {refused}")
    );
}

#[tokio::test]
async fn a_server_that_stays_silent_times_out() {
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

#[tokio::test]
async fn upload_is_taken_by_its_status_whatever_body_comes_after() {
    let url = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n{");
    let uploads = transport().for_uploads().unwrap();
    let reply = uploads.send(&get(&url)).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (200, 0));
}

#[tokio::test]
async fn uploads_go_to_the_same_hosts_only() {
    let confined = transport().confined_to("vendor.test".parse().unwrap());
    let uploads = confined.for_uploads().unwrap();
    let error = uploads.send(&get("https://other.test/")).await.unwrap_err();
    assert!(matches!(error, TransportError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn plain_http_beyond_this_machine_is_refused_before_any_connection() {
    let server = server(ResponseTemplate::new(200)).await;
    let port = server.address().port();
    for host in ["192.0.2.1", "vendor.test", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let error = transport()
            .send(&get(&format!("http://{host}:{port}/")))
            .await
            .unwrap_err();
        assert!(
            matches!(error, TransportError::Refused(_)),
            "{host}: {error:?}"
        );
    }
    assert_eq!(requests(&server).await, 0);
    assert!(
        transport()
            .send(&get(&format!("http://localhost:{port}/")))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_url_with_a_user_name_or_password_is_refused_before_any_connection() {
    let server = server(ResponseTemplate::new(200)).await;
    let port = server.address().port();
    for userinfo in ["user", "user:s3cret", ":s3cret"] {
        let request = get(&format!("http://{userinfo}@127.0.0.1:{port}/"));
        let error = transport().send(&request).await.unwrap_err();
        assert!(matches!(error, TransportError::Refused(_)), "{error:?}");
        assert!(!error.to_string().contains("s3cret"));
    }
    assert_eq!(requests(&server).await, 0);
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_no_certificate_problem() {
    let url = raw_server(b"HTTP/1.1 400 Bad Request\r\n\r\n").replace("http:", "https:");
    let error = transport().send(&get(&url)).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
}

#[test]
fn a_certificate_problem_is_told_from_other_connection_problems() {
    // The text of rustls 0.23, `Error::InvalidCertificate`.
    assert!(is_certificate_problem("invalid peer certificate: Expired"));
    assert!(!is_certificate_problem("Connection refused (os error 111)"));
}

#[test]
fn each_error_tells_the_worker_what_can_be_done() {
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
        (TransportError::Refused(text()), FailureClass::Block),
    ] {
        let failure = error.into_failure(&asked);
        assert_eq!(failure.class, class, "{failure}");
        assert!(
            failure.message.starts_with("https://api.vendor.test: "),
            "{failure}"
        );
        assert_eq!(failure.wait_ms, None);
    }
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_refused_before_any_connection() {
    let other = server(ResponseTemplate::new(200)).await;
    let own = server(ResponseTemplate::new(200)).await;
    let allowed = own.address().to_string().parse().unwrap();
    let confined = transport().confined_to(allowed);
    assert!(confined.send(&get(&own.uri())).await.is_ok());

    let port = other.address().port();
    for url in [
        other.uri(),
        format!("http://localhost:{}/", own.address().port()),
        format!("http://127.0.0.2:{port}/"),
        format!("https://127.0.0.1:{port}/?k=s3cret"),
        "https://evil.test/".to_owned(),
    ] {
        // The token endpoint has the same restriction.
        let mut request = get(&url);
        request.method = Method::Post;
        let error = confined.send(&request).await.unwrap_err();
        let TransportError::Refused(text) = &error else {
            panic!("{url}: {error:?}")
        };
        assert!(
            text.contains("is not among the allowed hosts"),
            "{url}: {text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert_eq!((requests(&own).await, requests(&other).await), (1, 0));
}

#[tokio::test]
async fn who_is_refused_is_told_which_host_to_add_where() {
    let confined = transport().confined_to("api.vendor.test".parse().unwrap());
    for (url, host) in [
        ("https://evil.test/x?k=s3cret", "evil.test"),
        ("https://api.vendor.test:8443/", "api.vendor.test:8443"),
    ] {
        let request = get(url);
        let error = confined.send(&request).await.unwrap_err();
        let failure = error.into_failure(&Origin::from(&request.url));
        assert_eq!(failure.class, FailureClass::Block);
        assert_eq!(
            failure.message,
            format!(
                "https://{host}: {host} is not among the allowed hosts; add it to \
                 WINDLASS_ALLOWED_HOSTS (a template parameter); nothing was sent"
            )
        );
    }
}
