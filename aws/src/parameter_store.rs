//! `GetParameter` of the Parameter Store of Systems Manager:
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>.

use aws_runtime::auth::SigningOptions;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use aws_types::region::Region;
use serde_json::{Value, json};

use crate::CallError;
use crate::endpoint::{configured, suffix_of};
use crate::operation::{Call, ServiceError, body_of, region_of};

/// The Parameter Store of one region.
#[derive(Debug, Clone)]
pub struct ParameterStore {
    get: Operation<String, Option<String>, ServiceError>,
    region: Option<Region>,
}

impl ParameterStore {
    /// The store of the region of `sdk`, with its credentials, retries and timeouts. Makes no call.
    pub fn new(sdk: &SdkConfig) -> Self {
        let call = Call {
            service: "ssm",
            operation: "GetParameter",
            signing_name: "ssm",
            signing: SigningOptions::default(),
            read: value_in,
            read_error,
        };
        let endpoint = configured(sdk, "SSM").unwrap_or_else(|| public_endpoint(sdk));
        Self {
            get: call.on(sdk, &endpoint, request_for),
            region: sdk.region().cloned(),
        }
    }

    /// The region of the store; `None` if the configuration names none.
    pub fn region(&self) -> Option<&str> {
        self.region.as_ref().map(AsRef::as_ref)
    }

    /// The decrypted value of the parameter `name`; `None` if the response has none.
    ///
    /// # Errors
    /// The service's error, such as `ParameterNotFound`, or that of the way to it.
    pub async fn get(&self, name: &str) -> Result<Option<String>, CallError> {
        let request = json!({ "Name": name, "WithDecryption": true });
        // Boxed: the future of a call is larger than everything around it.
        Box::pin(self.get.invoke(request.to_string())).await
    }
}

/// <https://docs.aws.amazon.com/general/latest/gr/ssm.html>.
fn public_endpoint(sdk: &SdkConfig) -> String {
    let region = region_of(sdk);
    let fips = if sdk.use_fips() == Some(true) {
        "-fips"
    } else {
        ""
    };
    let suffix = match sdk.use_dual_stack() {
        Some(true) => "api.aws",
        _ => suffix_of(&region),
    };
    format!("https://ssm{fips}.{region}.{suffix}")
}

fn request_for(body: String) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/x-amz-json-1.1");
    headers.insert("x-amz-target", "AmazonSSM.GetParameter");
    Ok(request)
}

fn value_in(response: &HttpResponse) -> Result<Option<String>, BoxError> {
    let response: Value = serde_json::from_slice(body_of(response))?;
    let value = response["Parameter"]["Value"].as_str();
    Ok(value.map(str::to_owned))
}

/// The error in a response of the AWS JSON 1.1 protocol:
/// <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>.
fn read_error(response: &HttpResponse) -> ServiceError {
    let body: Value = serde_json::from_slice(body_of(response)).unwrap_or_default();
    let header = response.headers().get("x-amzn-errortype");
    let code = header.or_else(|| body["__type"].as_str().or_else(|| body["code"].as_str()));
    // Of `aws.protocoltests#Name:http://...`, the name.
    let code = code.map(|code| {
        let code = code.split(':').next().unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default().to_owned()
    });
    let message = body["message"]
        .as_str()
        .or_else(|| body["Message"].as_str());
    ServiceError::new(code, message.map(str::to_owned))
}

#[cfg(test)]
#[path = "parameter_store_tests.rs"]
mod tests;
