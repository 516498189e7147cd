//! PutRecords of Amazon Kinesis Data Streams.

use aws_config::SdkConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};
use aws_smithy_types::Blob;
use windlass_core::ids::WindowId;

use super::error::{Target, of_entry};
use super::resend::{Entry, Put, Verdict, Verdicts};
use crate::call::CallError;
use crate::stream_config::StreamConfig;

/// One Kinesis stream.
#[derive(Debug)]
pub(super) struct Kinesis {
    client: Client,
    stream: String,
    target: Target,
}

/// A Kinesis stream, for the records of one page.
#[derive(Debug)]
pub(super) struct PageOfKinesis<'a> {
    stream: &'a Kinesis,
    /// The common prefix of the page's partition keys.
    key: String,
}

impl Kinesis {
    /// `stream`, with a client from `account`.
    pub(super) fn new(stream: &StreamConfig, account: &SdkConfig) -> Self {
        let name = stream.stream.clone();
        let region = account.region().map_or("no region", AsRef::as_ref);
        Self {
            client: Client::new(account),
            target: Target {
                name: format!("Kinesis stream `{name}`"),
                resource: format!("stream/{name} in {region}"),
                region: region.to_owned(),
                is_regional: true,
                action: "kinesis:PutRecords",
                role: stream.role_arn.clone(),
                setting: "the sink's stream and region",
            },
            stream: name,
        }
    }

    /// The stream for the records of `page` of `window`.
    ///
    /// Their partition keys are the source, the window's first instant, the page and the record's
    /// number in the page: equal when a page is delivered again, and different for any two records,
    /// so that they spread over the shards.
    pub(super) fn of_page(&self, window: &WindowId, page: u64) -> PageOfKinesis<'_> {
        PageOfKinesis {
            stream: self,
            key: format!("{}/{}/{page}", window.timeline.source, window.from),
        }
    }
}

impl Put for PageOfKinesis<'_> {
    async fn put(&self, entries: &[&Entry]) -> Result<Verdicts, CallError> {
        let Kinesis {
            client,
            stream,
            target,
        } = self.stream;
        let record = |entry: &&Entry| {
            PutRecordsRequestEntry::builder()
                .data(Blob::from_maybe_shared(entry.data.clone()))
                .partition_key(format!("{}/{}", self.key, entry.number))
                .build()
                .expect("a record is its data and its key")
        };
        let call = client.put_records().stream_name(stream);
        let call = call.set_records(Some(entries.iter().map(record).collect()));
        // Boxed: the future of a call is larger than everything around it.
        let output = Box::pin(call.send()).await;
        let output = output.map_err(|error| target.explain(&error))?;
        let failed = output.failed_record_count().unwrap_or(0);
        Ok(Verdicts {
            each: output.records().iter().map(verdict).collect(),
            failed: usize::try_from(failed).unwrap_or(0),
        })
    }

    fn what(&self) -> String {
        self.stream.target.what()
    }
}

/// A record is accepted if it has a sequence number and no error.
fn verdict(entry: &PutRecordsResultEntry) -> Verdict {
    match (entry.error_code(), entry.sequence_number()) {
        (Some(code), _) => Err(of_entry(code, entry.error_message())),
        (None, Some(_)) => Ok(()),
        (None, None) => Err("the response has neither a sequence number nor an error".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_accepted_only_with_sequence_number() {
        let entry = PutRecordsResultEntry::builder;
        assert_eq!(verdict(&entry().sequence_number("1").build()), Ok(()));
        let both = entry().sequence_number("1").error_code("InternalFailure");
        assert_eq!(verdict(&both.build()), Err("InternalFailure".to_owned()));
        assert!(verdict(&entry().build()).is_err());
    }
}
