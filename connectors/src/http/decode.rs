//! Content codings of response bodies (RFC 9110, section 8.4), decoded to their end: every member of
//! a gzip file and every zstd frame, and an error for bytes that belong to none.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use bytes::{Buf, BufMut, Bytes};
use futures_util::{Stream, stream};
use tokio::io::{AsyncBufRead, AsyncRead};
use tokio::task::{consume_budget, yield_now};
use tokio_util::io::{StreamReader, read_buf};
use windlass_core::printable::is_printable;

use super::{TransportError, trimmed};
use crate::exchange::Headers;

/// The codings that a response may have, as requests list them.
pub(super) const ACCEPTED: &str = "zstd, gzip, br";
/// Maximum number of codings of one body: one by the vendor's application, one by its proxy.
const CODINGS_MAX: usize = 2;
/// Maximum length of a content encoding in a message.
const ENCODING_CHARS_MAX: usize = 40;
/// Bytes decoded between two points at which other tasks may run: tokio lets a task do 128 such steps,
/// and so decode a mebibyte, before it has to wait.
const STEP_BYTES: usize = 8 * 1024;
/// Bytes of a body that a second decoder receives at once. A member without content is 20 bytes and
/// costs microseconds, so this is some milliseconds at most.
const PIECE_BYTES: usize = 64 * 1024;

/// A coding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

/// A body of unknown length, in chunks.
type Chunks<'a> = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + 'a>>;

/// The codings of a response with `headers`, in the order in which they were applied; empty for a
/// plain body. Fails on a coding that was not asked for.
pub(super) fn codings(headers: &Headers) -> Result<Vec<Coding>, TransportError> {
    let mut codings = Vec::new();
    let names = || headers.all("content-encoding").flat_map(|it| it.split(','));
    for name in names().map(str::trim) {
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => {}
            "gzip" | "x-gzip" => codings.push(Coding::Gzip),
            "br" => codings.push(Coding::Brotli),
            "zstd" => codings.push(Coding::Zstd),
            _ => return Err(unsupported(headers)),
        }
    }
    if codings.len() > CODINGS_MAX {
        return Err(unsupported(headers));
    }
    Ok(codings)
}

fn unsupported(headers: &Headers) -> TransportError {
    let named: Vec<_> = headers.all("content-encoding").collect();
    let named = named.join(", ");
    let named = named.chars().filter(|c| is_printable(*c));
    let named: String = named.take(ENCODING_CHARS_MAX).collect();
    TransportError::Undecodable(format!(
        "its content encoding is `{named}`; gzip, br and zstd are supported, {CODINGS_MAX} at most"
    ))
}

/// The plain body of `chunks`, to which `codings` were applied. Each decoder yields at most `limit`
/// bytes.
pub(super) async fn decoded(
    chunks: impl Stream<Item = io::Result<Bytes>> + Send,
    codings: &[Coding],
    limit: usize,
) -> Result<Bytes, TransportError> {
    let mut chunks: Chunks<'_> = Box::pin(chunks);
    let mut body = Bytes::new();
    for coding in codings.iter().rev() {
        body = trimmed(inflated(chunks, *coding, limit).await?);
        chunks = Box::pin(pieces(body.clone()));
    }
    Ok(body)
}

/// `body` in pieces, between which other tasks run.
fn pieces(body: Bytes) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(body, |mut rest| async move {
        yield_now().await;
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        Ok((!piece.is_empty()).then_some((piece, rest)))
    })
}

async fn inflated(
    chunks: Chunks<'_>,
    coding: Coding,
    limit: usize,
) -> Result<Vec<u8>, TransportError> {
    let reader = StreamReader::new(chunks);
    match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(reader);
            decoder.multiple_members(true);
            let body = read(&mut decoder, limit).await?;
            end(decoder.get_mut()).await.map(|()| body)
        }
        Coding::Brotli => {
            let mut decoder = BrotliDecoder::new(reader);
            let body = read(&mut decoder, limit).await?;
            end(decoder.get_mut()).await.map(|()| body)
        }
        Coding::Zstd => {
            let mut decoder = ZstdDecoder::new(reader);
            decoder.multiple_members(true);
            let body = read(&mut decoder, limit).await?;
            end(decoder.get_mut()).await.map(|()| body)
        }
    }
}

/// Everything that `decoder` yields, up to `limit` bytes.
async fn read(
    decoder: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> Result<Vec<u8>, TransportError> {
    let mut body = Vec::with_capacity(STEP_BYTES.min(limit));
    loop {
        // One byte more than may be there shows that there is more.
        let step = STEP_BYTES.min(limit - body.len() + 1);
        body.reserve(step);
        let read = read_buf(decoder, &mut BufMut::limit(&mut body, step)).await;
        if read.map_err(failure)? == 0 {
            return Ok(body);
        }
        if body.len() > limit {
            return Err(TransportError::TooLarge { limit });
        }
        consume_budget().await;
    }
}

/// Fails on bytes after the end of the compressed body.
async fn end(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<(), TransportError> {
    let mut reader = pin!(reader);
    let rest = poll_fn(|context| {
        let rest = reader.as_mut().poll_fill_buf(context);
        rest.map_ok(|rest| rest.has_remaining())
    });
    if rest.await.map_err(failure)? {
        let problem = "bytes follow the end of the compressed body";
        return Err(TransportError::Undecodable(problem.to_owned()));
    }
    Ok(())
}

/// The network's own failure, or the one of the decoder.
fn failure(error: io::Error) -> TransportError {
    match error.downcast() {
        Ok(failure) => failure,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            let problem = "the compressed body ends early";
            TransportError::Undecodable(problem.to_owned())
        }
        Err(error) => TransportError::Undecodable(error.to_string()),
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
