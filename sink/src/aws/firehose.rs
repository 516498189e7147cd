//! PutRecordBatch of Amazon Data Firehose.

use aws_config::SdkConfig;
use aws_sdk_firehose::Client;
use aws_sdk_firehose::types::{PutRecordBatchResponseEntry, Record};
use aws_smithy_types::Blob;

use super::error::{Target, of_entry};
use super::resend::{Entry, Put, Verdict, Verdicts};
use crate::call::CallError;
use crate::stream_config::StreamConfig;

/// One Firehose stream.
#[derive(Debug)]
pub(super) struct Firehose {
    client: Client,
    stream: String,
    target: Target,
}

impl Firehose {
    /// `stream`, with a client from `account`.
    pub(super) fn new(stream: &StreamConfig, account: &SdkConfig) -> Self {
        let name = stream.stream.clone();
        let region = account.region().map_or("no region", AsRef::as_ref);
        Self {
            client: Client::new(account),
            target: Target {
                name: format!("Firehose stream `{name}`"),
                resource: format!("deliverystream/{name} in {region}"),
                region: region.to_owned(),
                is_regional: true,
                action: "firehose:PutRecordBatch",
                role: stream.role_arn.clone(),
                setting: "the sink's stream and region",
            },
            stream: name,
        }
    }
}

impl Put for Firehose {
    async fn put(&self, entries: &[&Entry]) -> Result<Verdicts, CallError> {
        let record = |entry: &&Entry| {
            Record::builder()
                .data(Blob::from_maybe_shared(entry.data.clone()))
                .build()
                .expect("a record is nothing but its data")
        };
        let call = self.client.put_record_batch();
        let call = call.delivery_stream_name(&self.stream);
        let call = call.set_records(Some(entries.iter().map(record).collect()));
        // Boxed: the future of a call is larger than everything around it.
        let output = Box::pin(call.send()).await;
        let output = output.map_err(|error| self.target.explain(&error))?;
        Ok(Verdicts {
            each: output.request_responses().iter().map(verdict).collect(),
            failed: usize::try_from(output.failed_put_count()).unwrap_or(0),
        })
    }

    fn what(&self) -> String {
        self.target.what()
    }
}

/// A record is accepted if it has an id and no error.
fn verdict(entry: &PutRecordBatchResponseEntry) -> Verdict {
    match (entry.error_code(), entry.record_id()) {
        (Some(code), _) => Err(of_entry(code, entry.error_message())),
        (None, Some(_)) => Ok(()),
        (None, None) => Err("the response has neither a record id nor an error".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_accepted_only_with_id_and_no_error() {
        let entry = PutRecordBatchResponseEntry::builder;
        assert_eq!(verdict(&entry().record_id("1").build()), Ok(()));
        let both = entry().record_id("1").error_code("InternalFailure");
        assert_eq!(verdict(&both.build()), Err("InternalFailure".to_owned()));
        assert!(verdict(&entry().build()).is_err());
    }
}
