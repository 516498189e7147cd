//! Host names of AWS services.

use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::ServiceConfigKey;

/// DNS suffixes of the partitions other than `aws`, by the prefix of their regions:
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html> and
/// `partitions.json` of the SDKs. Of two prefixes that match, the longer one stands first.
const SUFFIXES: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
];

/// The DNS suffix of `region`, such as `amazonaws.com`.
pub(crate) fn suffix_of(region: &Region) -> &'static str {
    let partition = SUFFIXES
        .iter()
        .find(|(prefix, _)| region.as_ref().starts_with(prefix));
    partition.map_or("amazonaws.com", |(_, suffix)| suffix)
}

/// The endpoint that the configuration names for the service, in place of the public one: from
/// `AWS_ENDPOINT_URL_<SERVICE>`, the profile, or `AWS_ENDPOINT_URL`. `id` is the service's name in
/// these settings.
pub(crate) fn configured(sdk: &SdkConfig, id: &str) -> Option<String> {
    let of_all = || sdk.endpoint_url().map(str::to_owned);
    if sdk.get_origin("endpoint_url").is_client_config() {
        return of_all();
    }
    let key = ServiceConfigKey::builder()
        .service_id(id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    let of_service = sdk.service_config().and_then(|all| all.load_config(key));
    of_service.or_else(of_all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_decides_dns_suffix() {
        for (region, expected) in [
            ("eu-west-1", "amazonaws.com"),
            ("us-gov-west-1", "amazonaws.com"),
            ("cn-north-1", "amazonaws.com.cn"),
            ("eusc-de-east-1", "amazonaws.eu"),
            ("us-iso-east-1", "c2s.ic.gov"),
            ("us-isob-east-1", "sc2s.sgov.gov"),
            ("us-isof-south-1", "csp.hci.ic.gov"),
            ("eu-isoe-west-1", "cloud.adc-e.uk"),
        ] {
            assert_eq!(suffix_of(&Region::new(region)), expected, "{region}");
        }
    }

    #[test]
    fn configured_endpoint_replaces_public_one() {
        assert_eq!(configured(&SdkConfig::builder().build(), "S3"), None);
        let sdk = SdkConfig::builder()
            .endpoint_url("http://localhost:4566")
            .build();
        assert_eq!(
            configured(&sdk, "S3").as_deref(),
            Some("http://localhost:4566")
        );
    }
}
