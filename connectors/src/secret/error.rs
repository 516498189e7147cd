//! Errors of secrets, each with its cure.

use std::io;

use windlass_core::limits;

use super::SecretRef;

/// A secret that cannot be read. The message names the reference, never its value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The text is not a reference. It may be a pasted secret, so it is not repeated.
    #[error(
        "not a secret reference; write `env:NAME` (capitals, digits and `_`), `file:./PATH`, \
         `secretsmanager:NAME` or `ssm:NAME`, never the secret itself"
    )]
    Malformed,
    /// The store is known but not available in this process.
    #[error("`{0}:` secrets are not supported by this build; use `env:NAME` or `file:PATH`")]
    Unavailable(&'static str),
    /// The variable or file does not exist.
    #[error("`{0}` is not set; set the environment variable and start again")]
    Missing(SecretRef),
    /// The file cannot be read.
    #[error("`{reference}` cannot be read: {source}")]
    Unreadable {
        /// The reference to the secret.
        reference: SecretRef,
        /// The I/O error.
        source: io::Error,
    },
    /// Reading from anything but a regular file can block forever.
    #[error("`{reference}` is {kind} and not a regular file; put the secret into a regular file")]
    NotAFile {
        /// The reference to the secret.
        reference: SecretRef,
        /// `a FIFO`, `a directory`, ...
        kind: &'static str,
    },
    /// The secret exists and is empty.
    #[error("`{0}` is empty")]
    Empty(SecretRef),
    /// The secret is longer than [`limits::FILE_BYTES_MAX`].
    #[error(
        "`{0}` is longer than {max} bytes, the limit for a secret",
        max = limits::FILE_BYTES_MAX
    )]
    TooLarge(SecretRef),
    /// The secret is not UTF-8, or AWS holds it as binary.
    #[error("`{0}` is not UTF-8 text")]
    NotText(SecretRef),
    /// The reference names a field, but the secret is not a JSON object.
    #[error("`{0}`: the secret is not a JSON object; store one, or remove `#` and the field")]
    NotJson(SecretRef),
    /// The reference names a field that is absent or not text.
    #[error("`{0}`: the secret's JSON has no text in that field; add it")]
    NoField(SecretRef),
    /// AWS has no secret or parameter with this name.
    #[error("`{reference}` does not exist in {region}; check name and region, or create it")]
    NotFound {
        /// The reference to the secret.
        reference: SecretRef,
        /// The region of the request.
        region: String,
    },
    /// The process lacks a permission.
    #[error("`{reference}`: access denied in {region}; allow {action} on {resource}")]
    Denied {
        /// The reference to the secret.
        reference: SecretRef,
        /// The region of the request.
        region: String,
        /// The missing permission, as an IAM policy writes it.
        action: &'static str,
        /// The resource that the permission must cover.
        resource: String,
    },
    /// The AWS credentials of this process are missing, wrong or expired. The source is not at
    /// fault, and a new process may have new credentials.
    #[error(
        "`{reference}`: the AWS credentials of this process are invalid ({problem}); renew them"
    )]
    Credentials {
        /// The reference to the secret.
        reference: SecretRef,
        /// The error text of AWS.
        problem: String,
    },
    /// AWS is unavailable, throttles or cannot be reached, or a file's disk does not respond.
    #[error("`{reference}` cannot be read at the moment: {problem}")]
    Outage {
        /// The reference to the secret.
        reference: SecretRef,
        /// The error of the service, network or disk.
        problem: String,
    },
    /// AWS rejects the request for another reason: a secret scheduled for deletion, a disabled key.
    #[error("`{reference}` cannot be read in {region}: {problem}")]
    Refused {
        /// The reference to the secret.
        reference: SecretRef,
        /// The region of the request.
        region: String,
        /// AWS's code and message.
        problem: String,
    },
}

impl SecretError {
    /// Returns true if the reference may become readable without a change: the source waits, and is
    /// not blocked.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Outage { .. } | Self::Credentials { .. })
    }

    /// Returns true if AWS rejects the reference: often temporary, while a policy or a new secret
    /// takes effect, so the source waits some minutes before it is blocked.
    pub fn is_denied(&self) -> bool {
        matches!(
            self,
            Self::Denied { .. } | Self::NotFound { .. } | Self::Refused { .. }
        )
    }
}
