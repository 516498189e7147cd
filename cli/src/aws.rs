//! The AWS configuration of this machine, loaded on first use: commands that work on files alone
//! never look for credentials, and never wait for an instance's metadata service.

use std::error::Error;

use aws_config::default_provider::region;
use aws_config::meta::region::ProvideRegion;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;

use crate::exit_code::StateUnusable;
use crate::output::shortened;

/// Maximum length of a cause.
const CAUSE_CHARS_MAX: usize = 300;

/// The region as AWS's own tools find it: from the environment, the profile, or the instance.
///
/// # Errors
/// No region is configured. [`load`] is then of no use: each of its parts would search again, and
/// wait again for the instance's response.
pub(crate) async fn region() -> Result<Region, StateUnusable> {
    let region = region::default_provider().region().await;
    region.ok_or_else(|| {
        let problem = "no AWS region; set AWS_REGION, or set AWS_PROFILE to a profile with a \
                       region";
        StateUnusable(problem.to_owned())
    })
}

/// Credentials and endpoints as AWS's own tools find them: environment, profile, and the metadata
/// services of the host. `endpoint_url` takes precedence.
pub(crate) async fn load(region: Option<Region>, endpoint_url: Option<&str>) -> SdkConfig {
    let mut loader = aws_config::from_env().region(region);
    if let Some(url) = endpoint_url {
        loader = loader.endpoint_url(url);
    }
    loader.load().await
}

/// The reason why `sdk` has no credentials, with the places that can supply them; `None` if it has
/// some.
pub(crate) async fn why_no_credentials(sdk: &SdkConfig) -> Option<String> {
    let provider = sdk.credentials_provider()?;
    let error = provider.provide_credentials().await.err()?;
    let profile = std::env::var("AWS_PROFILE").ok();
    Some(of_credentials(&error, profile.as_deref()))
}

/// The reason for missing credentials, on one line.
fn of_credentials(error: &CredentialsError, profile: Option<&str>) -> String {
    let profile = profile.filter(|name| !name.is_empty());
    let profile = profile.map(|name| format!(" (AWS_PROFILE is `{name}`)"));
    let profile = profile.unwrap_or_default();
    match error {
        CredentialsError::CredentialsNotLoaded(_) => format!(
            "no AWS credentials{profile}; sign in, set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY"
        ),
        CredentialsError::InvalidConfiguration(_) => format!(
            "the AWS configuration cannot be used{profile}: {}; check ~/.aws/config and \
             ~/.aws/credentials",
            causes(error)
        ),
        _ => format!(
            "no AWS credentials{profile}: {}; sign in again, or set AWS_PROFILE to another profile",
            causes(error)
        ),
    }
}

/// The causes of `error`, outermost first.
fn causes(error: &CredentialsError) -> String {
    // The error itself adds nothing to its causes.
    let causes = std::iter::successors(error.source(), |&error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    shortened(causes.join(": ").trim_end_matches('.'), CAUSE_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;

    use super::*;

    #[test]
    fn missing_credentials_are_one_line_with_cure() {
        let none = CredentialsError::not_loaded_no_source();
        let said = of_credentials(&none, Some("prod"));
        assert!(
            said.starts_with("no AWS credentials (AWS_PROFILE is `prod`); sign in"),
            "{said}"
        );
        let expired = CredentialsError::provider_error("the SSO\n  session has expired");
        let said = of_credentials(&expired, None);
        assert!(
            said.contains("the SSO session has expired; sign in again"),
            "{said}"
        );
        let broken = CredentialsError::invalid_configuration("profile a refers to itself");
        let said = of_credentials(&broken, Some(""));
        assert!(
            said.contains("profile a refers to itself; check ~/.aws"),
            "{said}"
        );
    }

    #[tokio::test]
    async fn present_credentials_report_no_problem() {
        let credentials = Credentials::new("id", "secret", None, None, "test");
        let credentials = SharedCredentialsProvider::new(credentials);
        let sdk = SdkConfig::builder().credentials_provider(credentials);
        assert_eq!(why_no_credentials(&sdk.build()).await, None);
    }
}
