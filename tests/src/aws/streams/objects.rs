//! S3's `PutObject`, path style.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::aws::http::{HttpRequest, HttpResponse};

/// Bucket and key in a path.
pub(super) fn place(path: &str) -> Result<(String, String), String> {
    let decoded = percent_decode_str(path.trim_start_matches('/')).decode_utf8();
    let decoded = decoded.map_err(|error| format!("the path is not text: {error}"))?;
    match decoded.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
            Ok((bucket.to_owned(), key.to_owned()))
        }
        _ => Err(format!("{decoded} is no bucket and key")),
    }
}

/// The bytes of the object: the body, without the chunk frames of a streamed signature. `None` when
/// the frames are inconsistent.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>
pub(super) fn body(request: &HttpRequest) -> Option<Bytes> {
    if !request
        .header("x-amz-content-sha256")
        .starts_with("STREAMING-")
    {
        return Some(request.body.clone());
    }
    let mut rest = &request.body[..];
    let mut whole = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let (head, after) = rest.split_at(end);
        let size = std::str::from_utf8(head).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(whole.into());
        }
        let chunk = after.get(2..)?;
        whole.extend_from_slice(chunk.get(..size)?);
        rest = chunk.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

/// An error in the format of S3.
pub(super) fn error(status: StatusCode, code: &str, message: &str) -> HttpResponse {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>{message}</Message><RequestId>fake</RequestId></Error>"
    );
    HttpResponse {
        body: Bytes::from(xml),
        ..HttpResponse::empty(status)
            .with(CONTENT_TYPE, HeaderValue::from_static("application/xml"))
    }
}

/// An error of the other services, in the format of S3.
pub(super) fn as_xml(refused: &HttpResponse) -> HttpResponse {
    let said: Value = serde_json::from_slice(&refused.body).unwrap_or_default();
    let code = match said["__type"].as_str().unwrap_or("") {
        "AccessDeniedException" => "AccessDenied",
        "ExpiredTokenException" => "ExpiredToken",
        _ => "InvalidAccessKeyId",
    };
    error(
        StatusCode::FORBIDDEN,
        code,
        said["message"].as_str().unwrap_or(""),
    )
}
