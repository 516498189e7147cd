use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder};

use super::*;

const TEXT: &[u8] = b"[{\"id\":1},{\"id\":2},{\"id\":3}]";
const LIMIT: usize = 1024 * 1024;

async fn compressed(coding: Coding, body: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Gzip => read(&mut GzipEncoder::new(body), LIMIT).await,
        Coding::Brotli => read(&mut BrotliEncoder::new(body), LIMIT).await,
        Coding::Zstd => read(&mut ZstdEncoder::new(body), LIMIT).await,
    }
    .unwrap()
}

/// The plain form of `body`, received in chunks of `chunk` bytes.
async fn plain(body: &[u8], codings: &[Coding], chunk: usize) -> Result<Bytes, TransportError> {
    let chunks = body.chunks(chunk).map(|it| Ok(Bytes::copy_from_slice(it)));
    decoded(stream::iter(chunks), codings, LIMIT).await
}

const ALL: [Coding; 3] = [Coding::Gzip, Coding::Brotli, Coding::Zstd];

#[tokio::test]
async fn every_member_of_body_is_decoded() {
    let (first, second) = TEXT.split_at(7);
    for coding in [Coding::Gzip, Coding::Zstd] {
        let mut body = compressed(coding, first).await;
        body.extend(compressed(coding, b"").await);
        body.extend(compressed(coding, second).await);
        for chunk in 1..=body.len() {
            let plain = plain(&body, &[coding], chunk).await.unwrap();
            assert_eq!(plain, TEXT, "{coding:?} by {chunk}");
        }
    }
}

#[tokio::test]
async fn bytes_after_compressed_body_are_error() {
    for coding in ALL {
        let body = compressed(coding, TEXT).await;
        for garbage in [&b"\0"[..], b"\x1f", b"\x1f\x8b\x08", b"[{\"id\":4}]"] {
            let body = [&body, garbage].concat();
            for chunk in 1..=body.len() {
                let error = plain(&body, &[coding], chunk).await;
                assert!(
                    matches!(error, Err(TransportError::Undecodable(_))),
                    "{coding:?} by {chunk} with {garbage:?}: {error:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn truncated_body_is_error() {
    for coding in ALL {
        let body = compressed(coding, TEXT).await;
        for length in 1..body.len() {
            let error = plain(&body[..length], &[coding], 5).await;
            assert!(
                matches!(error, Err(TransportError::Undecodable(_))),
                "{coding:?} of {length}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn two_codings_are_removed_in_reverse() {
    for inner in ALL {
        for outer in ALL {
            let once = compressed(inner, TEXT).await;
            let twice = compressed(outer, &once).await;
            let plain = plain(&twice, &[inner, outer], 9).await.unwrap();
            assert_eq!(plain, TEXT, "{inner:?} in {outer:?}");
        }
    }
}

#[tokio::test]
async fn each_decoder_stops_at_the_limit() {
    for coding in ALL {
        let fits = compressed(coding, &vec![b'a'; LIMIT]).await;
        assert_eq!(plain(&fits, &[coding], 99).await.unwrap().len(), LIMIT);
        let bomb = compressed(coding, &vec![b'a'; LIMIT + 1]).await;
        let error = plain(&bomb, &[coding], 99).await.unwrap_err();
        assert_eq!(error, TransportError::TooLarge { limit: LIMIT });
        // The inner body is small.
        let padded = [vec![b' '; LIMIT + 1], compressed(Coding::Gzip, b"").await].concat();
        let padded = compressed(coding, &padded).await;
        let error = plain(&padded, &[Coding::Gzip, coding], 99).await;
        assert_eq!(error, Err(TransportError::TooLarge { limit: LIMIT }));
    }
}

#[tokio::test]
async fn network_failure_keeps_its_class() {
    let body = compressed(Coding::Gzip, TEXT).await;
    let broken = TransportError::Timeout("the reply did not come".to_owned());
    let chunks = [
        Ok(Bytes::copy_from_slice(&body[..9])),
        Err(io::Error::other(broken.clone())),
    ];
    let error = decoded(stream::iter(chunks), &[Coding::Gzip], LIMIT).await;
    assert_eq!(error, Err(broken));
}

#[test]
fn codings_come_from_all_headers() {
    let of = |values: &[&str]| {
        let headers: Headers = values.iter().map(|it| ("Content-Encoding", *it)).collect();
        codings(&headers)
    };
    assert_eq!(of(&[]).unwrap(), []);
    assert_eq!(of(&["", "identity"]).unwrap(), []);
    assert_eq!(of(&["X-GZIP"]).unwrap(), [Coding::Gzip]);
    let two = [Coding::Gzip, Coding::Brotli];
    assert_eq!(of(&["gzip ,Br"]).unwrap(), two);
    assert_eq!(of(&["gzip", "br"]).unwrap(), two);
    for refused in [&["gzip, lzma\u{1b}[m"][..], &["gzip", "gzip, gzip"]] {
        let error = of(refused).unwrap_err().to_string();
        assert!(error.contains("gzip, br and zstd are supported"), "{error}");
        assert!(!error.contains('\u{1b}'), "{error}");
    }
}
