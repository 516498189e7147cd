//! One operation of a service, on the SDK's runtime.

use std::fmt;

use aws_runtime::auth::sigv4::{self, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::orchestrator::{
    HttpRequest, HttpResponse, OrchestratorError, SensitiveOutput,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_types::region::{Region, SigningRegion};
use aws_types::{SdkConfig, SigningName};

/// An error that a service returned: its code and message, as far as the response has them.
#[derive(Debug)]
pub struct ServiceError(ErrorMetadata);

impl ServiceError {
    pub(crate) fn new(code: Option<String>, message: Option<String>) -> Self {
        let mut meta = ErrorMetadata::builder();
        if let Some(code) = code {
            meta = meta.code(code);
        }
        if let Some(message) = message {
            meta = meta.message(message);
        }
        Self(meta.build())
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ServiceError {}

impl ProvideErrorMetadata for ServiceError {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// The constants of a service and its operation, whose result is an `O`.
pub(crate) struct Call<O> {
    /// The service's name in traces and in the client's user agent.
    pub(crate) service: &'static str,
    /// The operation's name in traces.
    pub(crate) operation: &'static str,
    /// The service's name in signatures.
    pub(crate) signing_name: &'static str,
    /// The form of the request in signatures.
    pub(crate) signing: SigningOptions,
    /// Reads a successful response.
    pub(crate) read: fn(&HttpResponse) -> Result<O, BoxError>,
    /// Reads an error response.
    pub(crate) read_error: fn(&HttpResponse) -> ServiceError,
}

impl<O: fmt::Debug + Send + Sync + 'static> Call<O> {
    /// The operation at `endpoint`, with the credentials, retries and timeouts of `sdk`.
    pub(crate) fn on<I: fmt::Debug + Send + Sync + 'static>(
        self,
        sdk: &SdkConfig,
        endpoint: &str,
        write: impl Fn(I) -> Result<HttpRequest, BoxError> + Send + Sync + 'static,
    ) -> Operation<I, O, ServiceError> {
        let (config, components) = (self.config(sdk), self.components(sdk));
        let plugin = StaticRuntimePlugin::new()
            .with_config(config.freeze())
            .with_runtime_components(components);
        let latest = BehaviorVersion::latest();
        let (read, read_error) = (self.read, self.read_error);
        Operation::builder()
            .service_name(self.service)
            .operation_name(self.operation)
            .behavior_version(sdk.behavior_version().unwrap_or(latest))
            .endpoint_url(endpoint)
            .runtime_plugin(plugin)
            .serializer(write)
            .deserializer(move |response: &HttpResponse| {
                if response.status().is_success() {
                    return read(response).map_err(OrchestratorError::other);
                }
                Err(OrchestratorError::operation(read_error(response)))
            })
            .build()
    }

    fn config(&self, sdk: &SdkConfig) -> Layer {
        let mut config = Layer::new(self.operation);
        config.store_put(AuthSchemeOptionResolverParams::new(()));
        config.store_put(SigV4OperationSigningConfig {
            signing_options: self.signing.clone(),
            region: sdk.region().cloned().map(SigningRegion::from),
            region_set: None,
            name: Some(SigningName::from_static(self.signing_name)),
        });
        config.store_put(ApiMetadata::new(self.service, env!("CARGO_PKG_VERSION")));
        // A value of the Parameter Store is a secret: the runtime keeps it out of traces.
        config.store_put(SensitiveOutput);
        // An absent one stays the runtime's default.
        if let Some(retries) = sdk.retry_config() {
            config.store_put(retries.clone());
        }
        if let Some(timeouts) = sdk.timeout_config() {
            config.store_put(timeouts.clone());
        }
        if let Some(protection) = sdk.stalled_stream_protection() {
            config.store_put(protection);
        }
        if let Some(name) = sdk.app_name() {
            config.store_put(name.clone());
        }
        config
    }

    fn components(&self, sdk: &SdkConfig) -> RuntimeComponentsBuilder {
        let mut components = RuntimeComponentsBuilder::new(self.operation);
        let schemes = StaticAuthSchemeOptionResolver::new(vec![sigv4::SCHEME_ID]);
        components.set_auth_scheme_option_resolver(Some(schemes));
        components.push_auth_scheme(SigV4AuthScheme::new());
        if let Some(credentials) = sdk.credentials_provider() {
            components.set_identity_resolver(sigv4::SCHEME_ID, credentials);
        }
        if let Some(cache) = sdk.identity_cache() {
            components.set_identity_cache(Some(cache));
        }
        if let Some(client) = sdk.http_client() {
            components.set_http_client(Some(client));
        }
        if let Some(sleep) = sdk.sleep_impl() {
            components.set_sleep_impl(Some(sleep));
        }
        if let Some(time) = sdk.time_source() {
            components.set_time_source(Some(time));
        }
        components.push_retry_classifier(HttpStatusCodeClassifier::default());
        components.push_retry_classifier(TransientErrorClassifier::<ServiceError>::new());
        components.push_retry_classifier(AwsErrorCodeClassifier::<ServiceError>::new());
        components.push_retry_classifier(ServiceClockSkewClassifier::<ServiceError>::new());
        components.push_interceptor(ConnectionPoisoningInterceptor::new());
        components.push_interceptor(ServiceClockSkewInterceptor::new());
        components.push_interceptor(RequestInfoInterceptor::new());
        components.push_interceptor(UserAgentInterceptor::new());
        components.push_interceptor(InvocationIdInterceptor::new());
        components
    }
}

/// The body of a response; empty while it is not read.
pub(crate) fn body_of(response: &HttpResponse) -> &[u8] {
    response.body().bytes().unwrap_or_default()
}

/// The region of `sdk`; without one, a host name that does not resolve keeps the call from leaving.
pub(crate) fn region_of(sdk: &SdkConfig) -> Region {
    let region = sdk.region().cloned();
    region.unwrap_or(Region::from_static("no-region"))
}

#[cfg(test)]
pub(crate) mod testing {
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_types::SdkConfig;
    use aws_types::region::Region;
    use aws_types::sdk_config::Builder;

    /// A configuration with credentials and a region, and nothing else.
    pub(crate) fn sdk() -> Builder {
        let credentials = Credentials::new("id", "key", Some("token".to_owned()), None, "test");
        SdkConfig::builder()
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
    }

    /// The same, with its services at `url`.
    pub(crate) fn sdk_at(url: &str) -> SdkConfig {
        sdk().endpoint_url(url).build()
    }
}
