//! Bodies: compression, and the cap on their size.

use std::future::poll_fn;
use std::pin::pin;

use wiremock::ResponseTemplate;

use super::tests::{get, raw_server, server, transport};
use super::*;

const MEBIBYTE: usize = 1024 * 1024;

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
async fn compressed_body_arrives_decompressed() {
    let server = server(compressed("zstd", zstd_bomb(8))).await;
    let response = transport().send(&get(&server.uri())).await.unwrap();
    assert_eq!(response.body.len(), MEBIBYTE);
    assert!(response.body.iter().all(|byte| *byte == b'a'));
}

#[tokio::test]
async fn decompression_stops_past_body_cap() {
    let blocks = limits::BODY_BYTES_MAX / (128 * 1024);
    let fits = server(compressed("zstd", zstd_bomb(blocks))).await;
    let response = transport().send(&get(&fits.uri())).await.unwrap();
    assert_eq!(response.body.len(), limits::BODY_BYTES_MAX);

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
async fn gzip_bomb_stops_at_cap() {
    let bomb = server(compressed("gzip", gzip_bomb(2 * MEBIBYTE / 258))).await;
    let small = HttpTransport {
        body_bytes_max: Some(MEBIBYTE),
        ..transport()
    };
    let error = small.send(&get(&bomb.uri())).await.unwrap_err();
    assert_eq!(error, TransportError::TooLarge { limit: MEBIBYTE });
}

#[tokio::test]
async fn decompression_yields_every_mebibyte() {
    let body = gzip_bomb(32 * MEBIBYTE / 258);
    let bomb = server(compressed("gzip", body)).await;
    let transport = HttpTransport {
        body_bytes_max: Some(16 * MEBIBYTE),
        ..transport()
    };
    let request = get(&bomb.uri());
    let mut send = pin!(transport.send(&request));
    let mut polls = 0;
    let response = poll_fn(|context| {
        polls += 1;
        send.as_mut().poll(context)
    });
    assert!(matches!(
        response.await,
        Err(TransportError::TooLarge { .. })
    ));
    assert!(polls >= 16, "the whole body was read in {polls} steps");
}

#[tokio::test]
async fn oversized_content_length_is_not_read() {
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
async fn unsupported_content_encoding_is_named() {
    for encoding in ["deflate", "gzip, compress", "gzip, gzip, br"] {
        let response = ResponseTemplate::new(200).set_body_string("[]");
        let server = server(response.insert_header("content-encoding", encoding)).await;
        let error = transport().send(&get(&server.uri())).await.unwrap_err();
        assert!(matches!(error, TransportError::Undecodable(_)), "{error:?}");
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
async fn empty_body_may_declare_an_encoding() {
    let server = server(compressed("gzip", Vec::new())).await;
    let response = transport().send(&get(&server.uri())).await.unwrap();
    assert!(response.body.is_empty());
}

#[tokio::test]
async fn request_lists_decodable_encodings() {
    let server = server(ResponseTemplate::new(200)).await;
    transport().send(&get(&server.uri())).await.unwrap();
    let asked = server.received_requests().await.unwrap().remove(0);
    assert_eq!(asked.headers["accept-encoding"], "zstd, gzip, br");
}

#[tokio::test]
async fn error_status_survives_unusable_body() {
    for (encoding, body) in [
        ("gzip", b"<html>".to_vec()),
        ("deflate", b"x".to_vec()),
        ("identity", vec![b' '; limits::BODY_BYTES_MAX + 1]),
    ] {
        let with = |status| {
            ResponseTemplate::new(status)
                .insert_header("content-encoding", encoding)
                .insert_header("retry-after", "7")
                .set_body_bytes(body.clone())
        };
        let page = server(with(200)).await;
        assert!(transport().send(&get(&page.uri())).await.is_err());
        let error = server(with(429)).await;
        let reply = transport().send(&get(&error.uri())).await.unwrap();
        assert_eq!((reply.status, reply.body.len()), (429, 0), "{encoding}");
        assert_eq!(reply.headers.get("retry-after"), Some("7"), "{encoding}");
    }
}
