//! `PutObject` of S3: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>.

use std::net::IpAddr;

use aws_runtime::auth::SigningOptions;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_xml::decode::{Document, XmlDecodeError, try_data};
use aws_types::SdkConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::CallError;
use crate::endpoint::{configured, suffix_of};
use crate::operation::{Call, ServiceError, body_of, region_of};

/// The characters of a key that are percent-encoded: all but the unreserved ones and `/`, as signatures
/// of S3 require.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// An object to put.
#[derive(Debug)]
struct Object {
    path: String,
    content_type: &'static str,
    body: Bytes,
}

/// A bucket of S3, or of a service with its API.
#[derive(Debug)]
pub struct Bucket {
    put: Operation<Object, (), ServiceError>,
    /// Prefix of the path of every request: `/`, and the bucket's name where the host has it not.
    root: String,
}

impl Bucket {
    /// The bucket `name` in the region of `sdk`, with its credentials, retries and timeouts. Makes no
    /// call.
    pub fn new(sdk: &SdkConfig, name: &str) -> Self {
        let call = Call {
            service: "s3",
            operation: "PutObject",
            signing_name: "s3",
            signing: signing(),
            read: |_| Ok(()),
            read_error,
        };
        let (endpoint, root) = place(sdk, name);
        Self {
            put: call.on(sdk, &endpoint, request_for),
            root,
        }
    }

    /// Puts `body` under `key`, and replaces an existing object. S3 verifies the body by its digest.
    ///
    /// # Errors
    /// The service's error, such as `NoSuchBucket`, or that of the way to it.
    pub async fn put(
        &self,
        key: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<(), CallError> {
        let path = format!("{}{}", self.root, utf8_percent_encode(key, ENCODED));
        let object = Object {
            path,
            content_type,
            body,
        };
        // Boxed: the future of a call is larger than everything around it.
        Box::pin(self.put.invoke(object)).await
    }
}

/// Signatures of S3 take the path as it is sent, and have the body's digest in a header.
fn signing() -> SigningOptions {
    let mut options = SigningOptions::default();
    options.double_uri_encode = false;
    options.content_sha256_header = true;
    options.normalize_uri_path = false;
    options
}

/// The endpoint of a bucket, and the prefix of its paths. The host has the bucket's name, except at a
/// configured endpoint, which rarely serves a host per bucket, and for a name with dots, which no
/// certificate of S3 covers: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>.
fn place(sdk: &SdkConfig, bucket: &str) -> (String, String) {
    if let Some(endpoint) = configured(sdk, "S3") {
        return (endpoint, format!("/{bucket}/"));
    }
    let region = region_of(sdk);
    let fips = if sdk.use_fips() == Some(true) {
        "-fips"
    } else {
        ""
    };
    let stack = match sdk.use_dual_stack() {
        Some(true) => ".dualstack",
        _ => "",
    };
    let host = format!("s3{fips}{stack}.{region}.{}", suffix_of(&region));
    if bucket.contains('.') || bucket.parse::<IpAddr>().is_ok() {
        return (format!("https://{host}"), format!("/{bucket}/"));
    }
    (format!("https://{bucket}.{host}"), "/".to_owned())
}

fn request_for(object: Object) -> Result<HttpRequest, BoxError> {
    // Buckets with Object Lock require a checksum.
    let checksum = STANDARD.encode(Sha256::digest(&object.body));
    let mut request = HttpRequest::new(SdkBody::from(object.body));
    request.set_method("PUT")?;
    request.set_uri(object.path)?;
    let headers = request.headers_mut();
    headers.insert("content-type", object.content_type);
    headers.insert("x-amz-checksum-sha256", checksum);
    Ok(request)
}

/// The error in a response of S3:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#RESTErrorResponses>.
fn read_error(response: &HttpResponse) -> ServiceError {
    // A body of something before the service is no XML, and its error has no code.
    let (code, message) = code_and_message(body_of(response)).unwrap_or_default();
    ServiceError::new(code, message)
}

fn code_and_message(body: &[u8]) -> Result<(Option<String>, Option<String>), XmlDecodeError> {
    let mut document = Document::try_from(body)?;
    let mut root = document.root_element()?;
    let (mut code, mut message) = (None, None);
    while let Some(mut field) = root.next_tag() {
        let target = match field.start_el().local() {
            "Code" => &mut code,
            "Message" => &mut message,
            _ => continue,
        };
        *target = Some(try_data(&mut field)?.into_owned());
    }
    Ok((code, message))
}

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;
