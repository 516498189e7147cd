//! Rejects as objects in a bucket: one per page with rejects, or per piece of a large page.

use aws_config::SdkConfig;
use bytes::Bytes;
use windlass_aws::Bucket;
use windlass_core::ids::WindowId;

use super::error::Target;
use super::resend::Means;
use crate::call::CallError;
use crate::stream_config::{RejectsPlace, StreamConfig};

/// The content type of an object: one JSON object per line.
const CONTENT_TYPE: &str = "application/x-ndjson";

/// The bucket for the rejects of one stream.
#[derive(Debug)]
pub(super) struct RejectsBucket {
    bucket: Bucket,
    place: RejectsPlace,
    target: Target,
}

impl RejectsBucket {
    /// The bucket of `stream`, with a client from `account`.
    pub(super) fn new(stream: &StreamConfig, account: &SdkConfig) -> Self {
        let place = stream.rejects.clone();
        let region = account.region().map_or("no region", AsRef::as_ref);
        Self {
            bucket: Bucket::new(account, place.bucket()),
            target: Target {
                name: format!("bucket `{}` for rejects", place.bucket()),
                resource: format!("{}/{}/*", place.bucket(), place.prefix()),
                region: region.to_owned(),
                is_regional: false,
                action: "s3:PutObject",
                role: stream.role_arn.clone(),
                setting: "the sink's rejects",
            },
            place,
        }
    }

    /// The bucket's name.
    pub(super) fn bucket(&self) -> &str {
        self.place.bucket()
    }

    /// The key for the rejects of the piece of `page` of `window` that begins with record `first`:
    /// stable for the same piece, and unique among pieces.
    pub(super) fn key(&self, window: &WindowId, page: u64, first: usize) -> String {
        let prefix = self.place.prefix();
        let timeline = &window.timeline;
        let day = window.from.to_datetime().format("%Y-%m-%d");
        // No part contains `_`, and a time without its colons still names a single instant.
        let name = format!(
            "{}_{}_{}_{}",
            timeline.source,
            timeline.generation,
            timeline.lane,
            window.from.to_string().replace(':', "")
        );
        let piece = if first == 0 {
            String::new()
        } else {
            // Sorts after the first piece in every listing: `_` sorts behind `.`.
            format!("_{first:010}")
        };
        format!(
            "{prefix}/{}/{day}/{name}/{page:020}{piece}.jsonl",
            timeline.source
        )
    }

    /// Puts `lines` under `key`, and replaces an existing object.
    pub(super) async fn put(
        &self,
        key: &str,
        lines: Vec<u8>,
        mut by: Means<'_>,
    ) -> Result<(), CallError> {
        let lines = Bytes::from(lines);
        loop {
            let put = self.bucket.put(key, CONTENT_TYPE, lines.clone());
            let call = async { put.await.map_err(|error| self.target.explain(&error)) };
            by.retry_limit.requested();
            let allowance = by.uplink.allowance();
            let put = by.uplink.in_time(allowance, lines.len(), by.clock, call);
            let failure = match put.await {
                Ok(()) => return Ok(()),
                Err(refused @ CallError::Refused(_)) => return Err(refused),
                Err(failure) => failure,
            };
            if !by.wait_after(&failure).await {
                let spent = by.retry_limit.spent();
                return Err(failure.map(|problem| format!("{problem} (after {spent})")));
            }
        }
    }
}
